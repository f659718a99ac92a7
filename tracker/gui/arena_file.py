"""Zones and scale of an experiment file: read, checked, and written back with its comments kept."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml.comments import CommentedMap

from tracker.arena import ArenaSettings
from tracker.errors import ConfigError
from tracker.experiment_file import ExperimentFile


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn.

    Attributes:
        zones: By name, as an experiment file has them (sensor px).
        px_per_cm: None: as it was.
    """

    zones: Mapping[str, Mapping[str, Any]]
    px_per_cm: float | None = None


def read_arena(path: Path) -> ArenaSettings:
    """Return scale and zones of an experiment file.

    Raises:
        ConfigError: If it cannot be read, or they are not right.
    """
    return _checked(_arena_of(ExperimentFile.read(path).content, path), path)


def write_arena(path: Path, drawn: Drawn) -> None:
    """Write scale and zones into an experiment file; everything else stays as it is.

    The file is replaced in one step, so that a program that dies leaves the old one.

    Raises:
        ConfigError: If what was drawn is not right, or the file cannot be written.
    """
    file = ExperimentFile.read(path)
    arena = _arena_of(file.content, path)
    if drawn.px_per_cm is not None:
        arena["px_per_cm"] = round(drawn.px_per_cm, 4)
    zones = arena.setdefault("zones", CommentedMap())
    for gone in [name for name in zones if name not in drawn.zones]:
        del zones[gone]
    for name, zone in drawn.zones.items():
        if name not in zones or dict(zones[name]) != dict(zone):
            made = CommentedMap(zone)
            made.fa.set_flow_style()
            zones[name] = made
    _checked(arena, path)
    file.replace(path)


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


def _arena_of(content: CommentedMap, path: Path) -> CommentedMap:
    rig = content.get("rig")
    arena = rig.get("arena") if isinstance(rig, CommentedMap) else None
    if not isinstance(arena, CommentedMap):
        raise ConfigError(f"{path} has no rig.arena: expected an experiment file")
    return arena


def _checked(arena: CommentedMap, path: Path) -> ArenaSettings:
    try:
        return ArenaSettings.model_validate(arena)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()
        )
        raise ConfigError(f"the arena in {path} is not right: {wrong}") from None
