"""What is animal by its grey value alone: darker or lighter than the floor."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Literal

import cv2
import numpy as np
from pydantic import Field, model_validator

from tracker.observers.shape import Grey
from tracker.observers.silhouettes import Contour, SilhouetteSettings


class Polarity(StrEnum):
    """How animals differ from the floor."""

    DARK = "dark"
    """They are darker."""

    LIGHT = "light"
    """They are lighter."""


class ThresholdSettings(SilhouetteSettings):
    """Pixels in a window of grey values are animal."""

    kind: Literal["threshold"] = "threshold"
    otsu: bool = Field(
        default=False,
        description="find the limit between animal and floor anew in each frame (Otsu 1979)",
    )
    polarity: Polarity = Field(Polarity.DARK, description="for otsu: which side is animal")
    min_contrast: float = Field(
        30, ge=0, le=255, description="for otsu: mean grey values that differ less are no animal"
    )
    lowest: int = Field(0, ge=0, le=255, description="grey value, without otsu; itself included")
    highest: int = Field(80, ge=0, le=255, description="grey value, without otsu; itself included")

    @model_validator(mode="after")
    def _window_is_open(self) -> "ThresholdSettings":
        if self.highest < self.lowest:
            raise ValueError(
                f"highest is {self.highest}, expected no less than lowest, {self.lowest}"
            )
        return self


class Threshold:
    """Pixels whose grey value lies in a window. Knows of no frame but the present one.

    With Otsu's method the limit is the one that parts the grey values of the place where animals
    can be into two classes that differ most (Otsu, IEEE Trans. SMC 9 (1979) 62); classes whose
    means differ less than `min_contrast` are the floor alone. It says nothing of frames without
    any light.
    """

    def __init__(self, settings: ThresholdSettings) -> None:
        self._settings = settings
        self._place: Grey | None = None

    @property
    def facts(self) -> Mapping[str, Any]:
        """Nothing beyond the settings."""
        return {}

    @property
    def knows_nobody(self) -> bool:
        """True: each frame says it."""
        return True

    def start(self, place: Grey) -> None:
        """Note where animals can be."""
        self._place = None if place.all() else place

    def foreground(self, grey: Grey, captured_ns: int) -> Grey | None:  # noqa: ARG002
        """Return what lies in the window; None if the picture is black."""
        if is_black(grey):
            return None
        lowest, highest = self._window(grey)
        if lowest > highest:
            return np.zeros_like(grey)
        return np.asarray(cv2.inRange(grey, lowest, highest), np.uint8)

    def _window(self, grey: Grey) -> tuple[int, int]:
        """Return the lowest and the highest grey value of an animal; in disorder: there is none."""
        settings = self._settings
        if not settings.otsu:
            return settings.lowest, settings.highest
        counts = cv2.calcHist([grey], [0], self._place, [256], [0, 256]).ravel().astype(np.float64)
        limit, contrast = otsu(counts)
        if contrast < settings.min_contrast:
            return 255, 0
        return (0, limit) if settings.polarity is Polarity.DARK else (limit + 1, 255)

    def pictures(self, grey: Grey) -> Sequence[tuple[str, Grey]]:
        """Return how often each grey value is there, and which of them are animal."""
        settings, (lowest, highest) = self._settings, self._window(grey)
        text = "nothing stands out" if lowest > highest else f"{lowest} to {highest} is animal"
        how = "Otsu, " if settings.otsu else ""
        return [(f"grey values, {how}{text}", _histogram(grey, self._place, lowest, highest))]

    def learn(self, grey: Grey, captured_ns: int, animals: Sequence[Contour]) -> None:
        """Nothing: each frame stands for itself."""


BLACK = 12
"""A picture of which no pixel is lighter than this was taken without light (grey value)."""

EVERY_PX = 8
"""Of so many rows and columns one is looked at where the whole picture is judged."""


def _histogram(grey: Grey, place: Grey | None, lowest: int, highest: int) -> Grey:
    """Return a picture as large as the frame: bars of 256 grey values, white in the window."""
    counts = cv2.calcHist([grey], [0], place, [256], [0, 256]).ravel()
    heights = np.sqrt(counts / max(float(counts.max()), 1.0))  # what is rare shows as well
    height, width = grey.shape
    value = np.arange(width) * 256 // width
    is_bar = np.arange(height)[:, None] >= height * (1 - heights[value])
    shade = np.where((value >= lowest) & (value <= highest), 255, 110)
    return np.where(is_bar, shade, 20).astype(np.uint8)


def is_black(grey: Grey) -> bool:
    """Whether a picture was taken without light, or with the lens covered."""
    return int(grey[::EVERY_PX, ::EVERY_PX].max()) < BLACK


def otsu(counts: Any) -> tuple[int, float]:
    """Return the limit of Otsu, and how far the means of what it parts are from each other.

    Args:
        counts: float64, (256,), pixels by grey value; the lower class is up to the limit, with it.
    """
    values = np.arange(256)
    below, sums = np.cumsum(counts), np.cumsum(counts * values)
    above = below[-1] - below
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = (sums[-1] - sums) / above - sums / below
    between = np.nan_to_num(below * above * apart**2)
    limit = int(np.argmax(between))
    return limit, float(np.nan_to_num(apart[limit]))
