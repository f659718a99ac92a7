"""Zones and scale of an experiment file: read, checked, and written back with its comments kept."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml.comments import CommentedMap

from tracker.arena import ArenaSettings
from tracker.errors import ConfigError
from tracker.experiment_file import ExperimentFile, part_of_rig


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn.

    Attributes:
        zones: By name, as an experiment file has them (sensor px).
        px_per_cm: None: as it was.
        corners: Points of the floor as (x px, y px, x cm, y cm), which say the scale in place of
            anything else; None: as it was.
        arena: Zone whose border is the wall; None: as it was.
    """

    zones: Mapping[str, Mapping[str, Any]]
    px_per_cm: float | None = None
    corners: Sequence[tuple[float, float, float, float]] | None = None
    arena: str | None = None


def read_arena(path: Path) -> ArenaSettings:
    """Return scale and zones of an experiment file.

    Raises:
        ConfigError: If it cannot be read, or they are not right.
    """
    return _checked(part_of_rig(ExperimentFile.read(path).content, "arena", path), path)


def write_arena(path: Path, drawn: Drawn) -> None:
    """Write scale and zones into an experiment file; everything else stays as it is.

    The file is replaced in one step, so that a program that dies leaves the old one.

    Raises:
        ConfigError: If what was drawn is not right, or the file cannot be written.
    """
    file = ExperimentFile.read(path)
    arena = part_of_rig(file.content, "arena", path)
    _set_scale(arena, drawn)
    _set_zones(arena, drawn.zones)
    if drawn.arena is not None:
        arena["floor"] = drawn.arena
    _checked(arena, path)
    file.replace(path)


def _set_scale(arena: CommentedMap, drawn: Drawn) -> None:
    """Write one way to say how long a cm is, and take away the others."""
    if drawn.px_per_cm is None and drawn.corners is None:
        return
    arena["px_per_cm"] = None if drawn.px_per_cm is None else round(drawn.px_per_cm, 4)
    for other in ("known_length", "plane"):
        arena.pop(other, None)
    if drawn.corners is not None:
        points = [
            CommentedMap(zip(("x_px", "y_px", "x_cm", "y_cm"), point, strict=True))
            for point in drawn.corners
        ]
        for point in points:
            point.fa.set_flow_style()
        arena["plane"] = CommentedMap({"points": points})


def _set_zones(arena: CommentedMap, drawn: Mapping[str, Mapping[str, Any]]) -> None:
    zones = arena.setdefault("zones", CommentedMap())
    for gone in [name for name in zones if name not in drawn]:
        del zones[gone]
    for name, zone in drawn.items():
        if name not in zones or dict(zones[name]) != dict(zone):
            made = CommentedMap(zone)
            made.fa.set_flow_style()
            zones[name] = made


def corners_of(
    points: Sequence[tuple[float, float]], width_cm: float, depth_cm: float
) -> list[tuple[float, float, float, float]]:
    """Return the corners of a rectangle on the floor as `Drawn` has them.

    Args:
        points: Four of them (sensor px), clockwise from the upper left.
        width_cm: From the first to the second.
        depth_cm: From the second to the third.

    Raises:
        ConfigError: If there are not four, or the rectangle is nothing.
    """
    if len(points) != 4 or not (width_cm > 0 and depth_cm > 0):
        raise ConfigError(
            f"{len(points)} corners of a rectangle of {width_cm:g} x {depth_cm:g} cm: expected "
            f"four, and lengths above 0"
        )
    floor = ((0.0, 0.0), (width_cm, 0.0), (width_cm, depth_cm), (0.0, depth_cm))
    return [(*point, *cm) for point, cm in zip(points, floor, strict=True)]


def px_per_cm_of(x0: float, y0: float, x1: float, y1: float, length_cm: float) -> float:
    """Return the scale that a line of known length gives.

    Raises:
        ConfigError: If the line or its length is nothing.
    """
    length_px = math.hypot(x1 - x0, y1 - y0)
    if not (length_px >= 1 and math.isfinite(length_cm) and length_cm > 0):
        raise ConfigError(
            f"a line of {length_px:.0f} px that is {length_cm:g} cm long gives no scale: draw a "
            f"longer one, and give its length in cm"
        )
    return length_px / length_cm


def _checked(arena: CommentedMap, path: Path) -> ArenaSettings:
    try:
        return ArenaSettings.model_validate(arena)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()
        )
        raise ConfigError(f"the arena in {path} is not right: {wrong}") from None
