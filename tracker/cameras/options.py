"""Which settings an open camera really has, between which values, and how they are now."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, get_args, get_origin, runtime_checkable

from tracker.settings import Settings

NAN = math.nan


@dataclass(frozen=True, slots=True)
class CameraOption:
    """A setting that an open camera has.

    Attributes:
        name: Its name in the camera's section of an experiment file; the unit is in it, or `px`.
        value: How it is now; None: the camera's own choice.
        least: Smallest value; NaN if that is not known, or if it is no number.
        most: Largest value; NaN likewise.
        choices: What it can be; empty: any value between the two.
        whole: Whether only whole numbers will do.
    """

    name: str
    value: bool | int | float | str | None
    least: float = NAN
    most: float = NAN
    choices: tuple[str, ...] = ()
    whole: bool = False


@runtime_checkable
class HasOptions(Protocol):
    """A camera that says which settings it has."""

    @property
    def options(self) -> tuple[CameraOption, ...]:
        """Those that it has; any thread, and only while it is open. Raises `DeviceError`."""


def options_of(camera: object) -> tuple[CameraOption, ...]:
    """Return the settings that a camera has; none if it does not say."""
    return camera.options if isinstance(camera, HasOptions) else ()


def options_from(
    settings: Settings, names: Sequence[str], now: Mapping[str, float | None] | None = None
) -> tuple[CameraOption, ...]:
    """Return options whose bounds are those of a config: for cameras that are a program.

    Args:
        settings: Of the camera.
        names: Which of them it really has.
        now: What the camera itself says of them, where that is something else.
    """
    found = []
    for name in names:
        info = type(settings).model_fields[name]
        value = (now or {}).get(name, getattr(settings, name))
        kinds = get_args(info.annotation) or (info.annotation,)
        least, most = _bounds(info.metadata)
        choices: tuple[str, ...] = ()
        if bool in kinds:
            choices = ("false", "true")
        elif get_origin(info.annotation) is Literal:
            choices = tuple(str(each) for each in get_args(info.annotation))
        whole = int in kinds and float not in kinds
        found.append(CameraOption(name, value, least, most, choices, whole))
    return tuple(found)


def _bounds(metadata: Sequence[object]) -> tuple[float, float]:
    """Return the bounds that pydantic keeps of a field: objects with one of `ge`, `gt`, ..."""
    found = {
        side: float(bound)
        for each in metadata
        for side in ("ge", "gt", "le", "lt")
        if (bound := getattr(each, side, None)) is not None
    }
    return found.get("ge", found.get("gt", NAN)), found.get("le", found.get("lt", NAN))
