"""How bright given places in the picture are: LEDs that show when something happened."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, StringConstraints

from tracker.errors import ConfigError
from tracker.observers.base import Observer, ObserverAround
from tracker.settings import Settings
from tracker.types import Frame, Observation

LampName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
"""Small letters, digits and _, since it becomes part of a feature's name."""


class LampSettings(Settings):
    """A square in the picture that an LED fills."""

    x_px: float = Field(ge=0, le=100_000, description="px, its middle")
    y_px: float = Field(ge=0, le=100_000, description="px, its middle")
    radius_px: float = Field(3, ge=0.5, le=1_000, description="px, half of its side")


def lamp_measure(name: str) -> str:
    """Return the name of a lamp's measure: mean grey value of its square, 0 to 255."""
    return f"lamp_{name}"


class LampObserver(ObserverAround):
    """An observer that also measures lamps; everything else is the other observer's.

    Args:
        observer: Sees the animal.
        lamps: By name.
    """

    def __init__(self, observer: Observer, lamps: Mapping[str, LampSettings]) -> None:
        super().__init__(observer)
        self._lamps = {lamp_measure(name): place_of(lamp) for name, lamp in lamps.items()}

    def warm_up(self, shape: tuple[int, ...]) -> None:
        """Do all slow first-time work.

        Raises:
            ConfigError: If a lamp lies outside of such images.
            ModelError: If the network failed.
        """
        height, width = shape[:2]
        for name, (rows, columns) in self._lamps.items():
            if rows.stop > height or columns.stop > width:
                raise ConfigError(
                    f"{name} covers pixels up to ({columns.stop - 1}, {rows.stop - 1}), but the "
                    f"camera gives {width}x{height}: move it, or make it smaller"
                )
        super().warm_up(shape)

    def observe(self, frame: Frame) -> Observation:
        """Return what is seen, lamps among the measures; raises as the other observer."""
        lamps = {name: _mean(frame.image[place]) for name, place in self._lamps.items()}
        seen = self._observer.observe(frame)
        return replace(seen, measures={**seen.measures, **lamps})


def place_of(lamp: LampSettings) -> tuple[slice, slice]:
    """Return rows and columns of a lamp's square."""
    return _slice(lamp.y_px, lamp), _slice(lamp.x_px, lamp)


def _slice(middle: float, lamp: LampSettings) -> slice:
    first = max(0, round(middle - lamp.radius_px))
    return slice(first, max(first + 1, round(middle + lamp.radius_px) + 1))


def _mean(pixels: NDArray[np.uint8]) -> float:
    return float(pixels.mean())
