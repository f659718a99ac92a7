"""What is animal by size and roundness: blobs of a given diameter in scale space."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from tracker.observers.shape import Grey
from tracker.observers.silhouettes import Contour, SilhouetteSettings
from tracker.observers.threshold import Polarity, is_black
from tracker.pyramid import Pyramid

OF_A_DISC = 2 / math.e
"""Response of a disc of contrast 1 in its middle, at its own scale."""

STEP = 2 ** (1 / 3)
"""Factor from one scale to the next: three in an octave."""

FINEST = 4.0
"""From this scale on (px) the picture is halved: two pixels per scale are enough."""

MOST_PEAKS = 1_000
"""The strongest are looked at, so many at most."""

REACH = 1.4
"""A blob reaches no further than this (radii)."""

LONGEST = 6.0
"""A response that is so many times more curved one way than across lies along an edge, and is no
blob (Lowe, IJCV 60 (2004) 91, takes 10 for key points)."""


class BlobSettings(SilhouetteSettings):
    """Round spots between two diameters."""

    kind: Literal["blob"] = "blob"
    polarity: Polarity = Field(
        Polarity.DARK, description="whether animals are darker or lighter than the floor"
    )
    smallest_px: float = Field(8, ge=4, le=1000, description="px, diameter")
    largest_px: float = Field(20, ge=4, le=1000, description="px, diameter")
    contrast: float = Field(
        30, ge=1, le=255, description="grey values; what differs less from around it is no animal"
    )

    @model_validator(mode="after")
    def _diameters_are_in_order(self) -> "BlobSettings":
        if self.largest_px < self.smallest_px:
            raise ValueError(
                f"largest_px is {self.largest_px:g}, expected no less than smallest_px, "
                f"{self.smallest_px:g}"
            )
        return self


@dataclass(frozen=True, slots=True, eq=False)
class _Scale:
    """One scale: of discs with this radius (px of the frame), at this halving of the picture."""

    radius_px: float
    halvings: int

    @property
    def sigma(self) -> float:
        """Standard deviation of the Gaussian (px of its picture): a disc's radius by √2."""
        return float(self.radius_px / math.sqrt(2) / 2**self.halvings)


@dataclass(frozen=True, slots=True)
class _Peak:
    """A maximum of one response: where (px of the frame), at which scale, how strong."""

    x: float
    y: float
    level: int
    radius_px: float
    strength: float


class Blob:
    """Maxima over place and scale of the Laplacian of Gaussian (Lindeberg, IJCV 30 (1998) 79).

    Scales go in thirds of an octave over a pyramid of halved pictures, one below the smallest and
    one above the largest: what is strongest there has another size. Of maxima that overlap the
    strongest is kept. What belongs to it is nearer to the grey value of its middle than to that
    around it. Knows of no frame but the present one.
    """

    def __init__(self, settings: BlobSettings) -> None:
        self._settings = settings
        self._radii = _radii(settings.smallest_px / 2, settings.largest_px / 2)
        self._scales = [_Scale(radius, 0) for radius in self._radii]
        self._sign = 1 if settings.polarity is Polarity.DARK else -1

    @property
    def facts(self) -> Mapping[str, Any]:
        """Diameters that are looked for (px)."""
        return {"diameters_px": [round(2 * radius, 2) for radius in self._radii[1:-1]]}

    @property
    def knows_nobody(self) -> bool:
        """True: each frame says it."""
        return True

    def start(self, place: Grey) -> None:
        """Choose how often the picture is halved for each scale."""
        most = Pyramid(place).n_levels - 1
        self._scales = [_scale(radius, most) for radius in self._radii]

    def foreground(self, grey: Grey, captured_ns: int) -> Grey | None:  # noqa: ARG002
        """Return the extent of each blob; None if the picture is black."""
        if is_black(grey):
            return None
        found = np.zeros_like(grey)
        for peak in self._blobs(Pyramid(grey)):
            self._paint(found, grey, peak)
        return found

    def pictures(self, grey: Grey) -> Sequence[tuple[str, Grey]]:
        """Return how much of a disc of the smallest, and of the largest size, is at each place."""
        pyramid, shown = Pyramid(grey), []
        for scale in (self._scales[1], self._scales[-2]):
            response = _response(pyramid.level(scale.halvings), scale, self._sign) / OF_A_DISC
            contrast = np.clip(2 * response, 0, 255).astype(np.uint8)
            whole = cv2.resize(contrast, grey.shape[::-1], interpolation=cv2.INTER_NEAREST)
            shown.append(
                (f"like a disc of {2 * scale.radius_px:.0f} px (contrast x 2)", _u8(whole))
            )
        return shown

    def learn(self, grey: Grey, captured_ns: int, animals: Sequence[Contour]) -> None:
        """Nothing: each frame stands for itself."""

    def _blobs(self, pyramid: Pyramid) -> list[_Peak]:
        """Return the blobs of the right size, the strongest first."""
        least = OF_A_DISC * self._settings.contrast
        peaks = []
        for level, scale in enumerate(self._scales):
            response = _response(pyramid.level(scale.halvings), scale, self._sign)
            peaks += _peaks(response, scale, level, least)
        peaks = sorted(peaks, key=lambda each: (-each.strength, each.level, each.y, each.x))
        peaks = peaks[:MOST_PEAKS]
        xy = np.array([(each.x, each.y) for each in peaks]).reshape(-1, 2)
        radii = np.array([each.radius_px for each in peaks])
        is_free = np.ones(len(peaks), bool)
        kept = []
        for row, peak in enumerate(peaks):
            if is_free[row]:
                kept.append(peak)
                apart = np.hypot(*(xy - xy[row]).T)
                is_free &= apart >= np.maximum(radii, peak.radius_px)
        last = len(self._scales) - 1
        return [each for each in kept if 0 < each.level < last]

    def _paint(self, found: Grey, grey: Grey, peak: _Peak) -> None:
        """Set to 255 what belongs to a blob, and touches none that was painted before."""
        reach = REACH * peak.radius_px
        top, left = max(0, math.floor(peak.y - reach)), max(0, math.floor(peak.x - reach))
        rows = slice(top, math.ceil(peak.y + reach) + 1)
        columns = slice(left, math.ceil(peak.x + reach) + 1)
        window, shown = found[rows, columns], grey[rows, columns].astype(np.float32)
        x = np.arange(window.shape[1]) + (left - peak.x)
        y = np.arange(window.shape[0])[:, None] + (top - peak.y)
        away = np.hypot(x, y)
        middle = float(shown[away <= max(peak.radius_px / 2, 1.0)].mean())
        contrast = peak.strength / OF_A_DISC
        like = (shown - middle) * self._sign < contrast / 2
        others = np.asarray(cv2.dilate(window, np.ones((3, 3), np.uint8)))
        window[like & (away <= reach) & (others == 0)] = 255


def _peaks(response: NDArray[np.float32], scale: _Scale, level: int, least: float) -> list[_Peak]:
    """Return the maxima of one response that are as curved one way as across."""
    is_peak = (response >= cv2.dilate(response, np.ones((3, 3), np.uint8))) & (response >= least)
    padded = np.pad(response, 1, mode="edge")
    found = []
    for row, column in np.argwhere(is_peak).tolist():
        if _is_compact(padded[row : row + 3, column : column + 3].astype(np.float64)):
            x, y = _to_frame(column, scale), _to_frame(row, scale)
            strength = float(response[row, column])
            found.append(_Peak(x, y, level, scale.radius_px, strength))
    return found


def _is_compact(around: NDArray[np.float64]) -> bool:
    """Whether a maximum, the middle of 3 by 3 values, is no part of a ridge (Lowe 2004, 4.1)."""
    xx = around[1, 0] + around[1, 2] - 2 * around[1, 1]
    yy = around[0, 1] + around[2, 1] - 2 * around[1, 1]
    xy = (around[0, 0] + around[2, 2] - around[0, 2] - around[2, 0]) / 4
    determinant = xx * yy - xy * xy
    return bool((xx + yy) ** 2 * LONGEST < (LONGEST + 1) ** 2 * determinant)


def _radii(smallest_px: float, largest_px: float) -> list[float]:
    """Radii from one to another (px), both included, and one more at each end."""
    n = math.ceil(math.log(largest_px / smallest_px) / math.log(STEP) - 1e-9)
    radii = [smallest_px * (largest_px / smallest_px) ** (k / max(n, 1)) for k in range(n + 1)]
    return [radii[0] / STEP, *radii, radii[-1] * STEP]


def _scale(radius_px: float, most_halvings: int) -> _Scale:
    octaves = math.log2(radius_px / math.sqrt(2) / FINEST)
    return _Scale(radius_px, min(max(0, math.floor(octaves + 1)), most_halvings))


def _response(picture: Grey, scale: _Scale, sign: int) -> NDArray[np.float32]:
    """Return the Laplacian of Gaussian, times the scale's square: positive on animals."""
    smooth = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), scale.sigma)
    curved = cv2.Laplacian(smooth, cv2.CV_32F, ksize=1)
    return np.asarray(curved * np.float32(sign * scale.sigma**2), np.float32)


def _u8(values: Any) -> Grey:
    return np.asarray(values, np.uint8)


def _to_frame(value: float, scale: _Scale) -> float:
    """Return a position in a halved picture as one in the frame (px)."""
    return float((value + 0.5) * 2**scale.halvings - 0.5)
