"""What is animal by growing from where it was: pixels like those that are already in it."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import cv2
import numpy as np
from pydantic import Field

from tracker.observers.shape import Grey
from tracker.observers.silhouettes import Contour, SilhouetteSettings
from tracker.observers.threshold import EVERY_PX, Polarity, is_black

ROUNDS = 5
"""A region's mean has settled after so many rounds, or it is left as it is."""

SMOOTH_PX = 5
"""Seeds are sought in means over squares of this side: no seed on a single odd pixel."""


class RegionGrowingSettings(SilhouetteSettings):
    """Regions of like pixels that grow from where animals were."""

    kind: Literal["region_growing"] = "region_growing"
    polarity: Polarity = Field(
        Polarity.DARK, description="whether animals are darker or lighter than the floor"
    )
    tolerance: float = Field(
        35, ge=1, le=127, description="grey values; how far a pixel may be from its region's mean"
    )
    min_contrast: float = Field(
        40, ge=1, le=254, description="grey values; a seed differs so much from the usual floor"
    )
    reach_px: int = Field(
        20, ge=0, le=1000, description="px; how far an animal can go from frame to frame"
    )


class RegionGrowing:
    """Regions that grow from seeds while pixels are like them (Adams and Bischof 1994).

    A seed is the darkest (or lightest) place around where an animal was; where fewer than
    `max_animals` were, the darkest places elsewhere that stand out from the floor. A region takes
    all pixels next to it whose grey value is within `tolerance` of its mean; then the mean is
    taken anew, until it stands. (Adams and Bischof add one pixel at a time, the likest first; in
    rounds it is the same for regions of one grey value, and fast.)
    """

    def __init__(self, settings: RegionGrowingSettings) -> None:
        self._settings = settings
        self._place = np.zeros((0, 0), np.uint8)

    @property
    def facts(self) -> Mapping[str, Any]:
        """Nothing beyond the settings."""
        return {}

    @property
    def knows_nobody(self) -> bool:
        """True: each frame says it."""
        return True

    def start(self, place: Grey) -> None:
        """Forget where animals were."""
        self._place = place
        inside = np.flatnonzero(place[::EVERY_PX, ::EVERY_PX])
        self._inside = inside if len(inside) else np.zeros(1, np.intp)
        self._animals: Sequence[Contour] = ()

    def foreground(self, grey: Grey, captured_ns: int) -> Grey | None:  # noqa: ARG002
        """Return the regions; None if the picture is black."""
        if is_black(grey):
            return None
        dark, smooth, highest = self._seen(grey)
        free, found = self._place.copy(), np.zeros_like(dark)
        for contour in self._animals:
            self._grow(dark, smooth, free, found, self._around(contour), highest)
        for _ in range(self._settings.max_animals - len(self._animals)):
            everywhere = (slice(None), slice(None))
            if not self._grow(dark, smooth, free, found, everywhere, highest):
                break
        return found

    def pictures(self, grey: Grey) -> Sequence[tuple[str, Grey]]:
        """Return where seeds are sought, and what may be one."""
        dark, smooth, highest = self._seen(grey)
        may_seed = _u8(cv2.inRange(smooth, 0, max(highest, 0)))
        return [
            (f"means over {SMOOTH_PX} px" + ("" if dark is grey else ", turned"), smooth),
            (f"what may be a seed (up to {max(highest, 0):.0f})", may_seed),
        ]

    def learn(self, grey: Grey, captured_ns: int, animals: Sequence[Contour]) -> None:  # noqa: ARG002
        """Note where animals are."""
        self._animals = animals[: self._settings.max_animals]

    def _seen(self, grey: Grey) -> tuple[Grey, Grey, float]:
        """Return a frame with dark animals, its means, and the highest mean that may be a seed."""
        dark = grey if self._settings.polarity is Polarity.DARK else _u8(cv2.bitwise_not(grey))
        floor = float(np.median(dark[::EVERY_PX, ::EVERY_PX].ravel().take(self._inside)))
        smooth = _u8(cv2.blur(dark, (SMOOTH_PX, SMOOTH_PX)))
        return dark, smooth, floor - self._settings.min_contrast

    def _around(self, contour: Contour) -> tuple[slice, slice]:
        x, y, width, height = cv2.boundingRect(contour)
        reach = self._settings.reach_px
        return slice(max(y - reach, 0), y + height + reach), slice(
            max(x - reach, 0), x + width + reach
        )

    def _grow(
        self,
        dark: Grey,
        smooth: Grey,
        free: Grey,
        found: Grey,
        window: tuple[slice, slice],
        highest: float,
    ) -> bool:
        """Grow one region from the darkest free place of a window; False if none stands out."""
        lowest, _, (x, y), _ = cv2.minMaxLoc(smooth[window], free[window])
        if lowest > highest or not free[window].any():
            return False
        seed = x + (window[1].start or 0), y + (window[0].start or 0)
        region = self._region(dark, seed, float(lowest))
        found |= region
        free[region > 0] = 0
        free[seed[1], seed[0]] = 0  # the next seed is another one, whatever has grown
        return True

    def _region(self, dark: Grey, seed: tuple[int, int], mean: float) -> Grey:
        """Return 255 for the pixels that are joined to a seed by pixels like their mean."""
        region, tolerance = np.zeros_like(dark), self._settings.tolerance
        for _ in range(ROUNDS):
            like = _u8(cv2.inRange(dark, max(mean - tolerance, 0), min(mean + tolerance, 255)))
            like &= self._place
            if not like[seed[1], seed[0]]:
                break
            filled = np.zeros((dark.shape[0] + 2, dark.shape[1] + 2), np.uint8)
            how = 8 | cv2.FLOODFILL_MASK_ONLY | cv2.FLOODFILL_FIXED_RANGE | (255 << 8)
            cv2.floodFill(like, filled, seed, 255, 0, 0, how)
            region = filled[1:-1, 1:-1].copy()
            settled = cv2.mean(dark, region)[0]
            if abs(settled - mean) < 0.5:
                break
            mean = settled
        return region


def _u8(values: Any) -> Grey:
    return np.asarray(values, np.uint8)
