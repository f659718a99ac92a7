"""From a picture of what is animal and what is not to individuals: area, middle, axes, outline."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from tracker.arena import Circle, Polygon, Rectangle, Zone
from tracker.errors import ConfigError
from tracker.settings import Settings

Contour = NDArray[np.int32]
"""int32, (points, 1, 2), sensor px: outermost pixels, each beside the one before."""

MOST_BLOBS = 2_000
"""More separate pieces in one frame than this are noise, and nothing is seen."""

BAND_ROWS = 16
"""Rows that are looked at for anything before outlines are sought in them."""

CELLS_ACROSS = 20
"""An animal as wide as it is long is looked at for thin parts on a grid of so many squared."""

COARSEST_PX = 4
"""Side of a cell of that grid at most (px)."""

_SHIFT = 8
"""Fractional bits of corners that are drawn."""


class Touching(StrEnum):
    """What becomes of animals that touch."""

    WHOLE = "whole"
    """They stay one piece."""

    WATERSHED = "watershed"
    """They are parted."""


class SilhouetteSettings(Settings):
    """Which pieces of the foreground are animals."""

    max_animals: int = Field(1, ge=1, le=100, description="the largest pieces, at most so many")
    min_area_px2: float = Field(100, ge=1, description="px²; what is smaller is no animal")
    max_area_px2: float | None = Field(
        None, ge=1, description="px²; what is larger is no animal; null: no limit"
    )
    max_aspect: float | None = Field(
        None, ge=1, description="long axis per short axis at most; null: no limit"
    )
    touching: Touching = Field(
        Touching.WHOLE, description="what becomes of animals that touch: one piece, or parted"
    )
    within: Zone | None = Field(
        None, description="where animals can be, in px; null: everywhere in the picture"
    )
    speck_px: int = Field(
        1, ge=1, le=99, description="px; what does not hold a square of this side is noise; 1: none"
    )
    body: float = Field(
        0.4,
        ge=0,
        le=0.9,
        description="parts thinner than this share of the greatest width are tail or legs, not "
        "body; 0: all is body",
    )

    @model_validator(mode="after")
    def _limits_leave_something(self) -> "SilhouetteSettings":
        if self.max_area_px2 is not None and self.max_area_px2 <= self.min_area_px2:
            raise ValueError(
                f"max_area_px2 is {self.max_area_px2:g}, expected more than min_area_px2, "
                f"{self.min_area_px2:g}"
            )
        return self


@dataclass(frozen=True, slots=True, eq=False)
class Silhouette:
    """One individual in one frame, as far as its outline says.

    Attributes:
        contour: int32, (points, 1, 2), sensor px: its outermost pixels, tail included.
        body_contour: The same of the body, without thin parts.
        mask: uint8, (rows, columns), 255 where it is; holes are filled.
        left_px: Sensor column of the mask's first column.
        top_px: Sensor row of the mask's first row.
        area_px2: Pixels of the mask.
        x_px: Middle of the body (centroid of its pixels).
        y_px: The same.
        long_axis_px: Length of the ellipse with the body's second moments.
        short_axis_px: Its width.
        axis: Unit vector along the long axis, either way round.
        thin_px: From the body's middle to that of the whole: towards the tail.
    """

    contour: Contour
    body_contour: Contour
    mask: NDArray[np.uint8]
    left_px: int
    top_px: int
    area_px2: float
    x_px: float
    y_px: float
    long_axis_px: float
    short_axis_px: float
    axis: tuple[float, float]
    thin_px: tuple[float, float]

    @property
    def aspect(self) -> float:
        """Long axis per short axis, 1 or more."""
        return self.long_axis_px / self.short_axis_px


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """What the foreground of one frame consists of.

    Attributes:
        found: All pieces within the limits, the largest first; they may be more than animals.
        animals: Contours of all that may be animals: also of what is too large for one and not
            for all of them together.
    """

    found: list[Silhouette]
    animals: list[Contour]


def pieces_of(
    foreground: NDArray[np.uint8],
    settings: SilhouetteSettings,
    part: Callable[[Contour, float, int], list[Contour]] | None = None,
) -> Pieces | None:
    """Return what a foreground consists of; None if it is all noise.

    Args:
        foreground: uint8, (height, width), 0 where there is no animal. Left as it is.
        settings: The limits.
        part: Returns the contours of the animals in a piece, given its contour, its area, and how
            many it may be at most; None: every piece is one.
    """
    foreground = open_specks(foreground, settings.speck_px)
    contours = [one for each in _occupied(foreground) for one in _outlines_in(foreground, *each)]
    if len(contours) > MOST_BLOBS:
        return None
    largest = math.inf if settings.max_area_px2 is None else settings.max_area_px2
    longest = math.inf if settings.max_aspect is None else settings.max_aspect
    sized = [(pixels_in(contour), contour) for contour in contours]
    sized = [each for each in sized if each[0] >= settings.min_area_px2]
    sized.sort(key=lambda each: -each[0])  # stable: ties stay in the order of the contours
    if part is not None:
        sized = _parted(sized, part, settings.max_animals)
    alone = [silhouette_of(each, area, settings.body) for area, each in sized if area <= largest]
    found = [each for each in alone if each.aspect <= longest]
    heaps = [each for area, each in sized if largest < area <= largest * settings.max_animals]
    return Pieces(found, [*(each.contour for each in found), *heaps])


def _parted(
    sized: list[tuple[float, Contour]],
    part: Callable[[Contour, float, int], list[Contour]],
    most: int,
) -> list[tuple[float, Contour]]:
    """Part what is too large for one animal, the largest first, into no more than there are."""
    spare, parted = max(most - len(sized), 0), []
    for area, contour in sized:
        parts = part(contour, area, spare + 1)
        spare -= len(parts) - 1
        parted += [(pixels_in(each), each) for each in parts]
    return sorted(parted, key=lambda each: -each[0])


def silhouette_of(contour: Contour, area_px2: float, body: float) -> Silhouette:
    """Measure one piece.

    Args:
        contour: int32, (points, 1, 2), sensor px.
        area_px2: Pixels in it.
        body: As of the settings.
    """
    left, top, width, height = cv2.boundingRect(contour)
    cell = max(1, min(int(math.sqrt(area_px2) / CELLS_ACROSS), COARSEST_PX)) if body > 0 else 1
    margin = cell  # px, on each side
    size = (-(-height // cell) + 2) * cell, (-(-width // cell) + 2) * cell
    padded = np.zeros(size, np.uint8)
    origin_x, origin_y = left - margin, top - margin
    cv2.drawContours(padded, [contour], -1, 255, cv2.FILLED, offset=(-origin_x, -origin_y))
    trunk, outline = padded, contour
    if body > 0:
        trunk = _without_thin_parts(padded, body, cell)
        outline = max(outlines_of(trunk, (origin_x, origin_y)), key=len)
    about = cv2.moments(trunk)
    n = about["m00"]
    x, y = about["m10"] / n, about["m01"] / n
    long, short, axis = _ellipse(about["mu20"] / n, about["mu02"] / n, about["mu11"] / n)
    return Silhouette(
        contour=contour,
        body_contour=outline,
        mask=padded[margin : margin + height, margin : margin + width],
        left_px=left,
        top_px=top,
        area_px2=area_px2,
        x_px=x + origin_x,
        y_px=y + origin_y,
        long_axis_px=long,
        short_axis_px=short,
        axis=axis,
        thin_px=_towards_thin(contour, x + origin_x, y + origin_y) if body > 0 else (0.0, 0.0),
    )


def open_specks(foreground: NDArray[np.uint8], speck_px: int) -> NDArray[np.uint8]:
    """Return a foreground without what does not hold a square of this side; 1: itself."""
    if speck_px <= 1:
        return foreground
    return _u8(
        cv2.morphologyEx(foreground, cv2.MORPH_OPEN, np.ones((speck_px, speck_px), np.uint8))
    )


def outlines_of(mask: NDArray[np.uint8], offset: tuple[int, int] = (0, 0)) -> list[Contour]:
    """Return the outer contours of the pieces of a mask, moved by x and y (px)."""
    found, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE, offset=offset)
    return [np.asarray(each, np.int32) for each in found]


def place_mask(within: Zone, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Return 255 for the pixels whose centres lie in a place, its border included; 0 elsewhere.

    Raises:
        ConfigError: If no pixel does.
    """
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    mask: NDArray[Any]
    match within:
        case Rectangle():
            mask = (columns >= within.x_px) & (columns <= within.x_px + within.width_px)
            mask = mask & (rows >= within.y_px) & (rows <= within.y_px + within.height_px)
        case Circle():
            mask = np.hypot(columns - within.x_px, rows - within.y_px) <= within.radius_px
        case Polygon():
            drawn = np.zeros(shape, np.uint8)
            corners = np.rint(np.array(within.points_px) * 2**_SHIFT).astype(np.int32)
            cv2.fillPoly(drawn, [corners[:, None]], 255, cv2.LINE_8, _SHIFT)
            mask = drawn > 0
    if not mask.any():
        raise ConfigError(
            f"observer.within covers no pixel of the camera's {shape[1]}x{shape[0]}: give it in "
            f"px of the picture, from its upper left corner"
        )
    return mask.astype(np.uint8) * np.uint8(255)


def pixels_in(contour: Contour) -> float:
    """Pixels in a contour of all its outermost pixels, by Pick's theorem; holes count as in it."""
    return float(cv2.contourArea(contour)) + len(contour) / 2 + 1


def _towards_thin(contour: Contour, x: float, y: float) -> tuple[float, float]:
    """Return the way from a body's middle to that of all its outline holds (px)."""
    whole = cv2.moments(contour)
    area = whole["m00"]
    return (whole["m10"] / area - x, whole["m01"] / area - y) if area else (0.0, 0.0)


def _without_thin_parts(mask: NDArray[np.uint8], share: float, cell: int) -> NDArray[np.uint8]:
    """Open a mask by a disc of a share of its greatest width; a margin of a cell is expected.

    Where it is thin is found on one pixel of each `cell` by `cell`; what stays keeps its border.
    """
    coarse = mask[cell // 2 :: cell, cell // 2 :: cell]
    inside = cv2.distanceTransform(np.ascontiguousarray(coarse), cv2.DIST_L2, 3)
    radius = share * cv2.minMaxLoc(inside)[1]
    if not radius:
        return mask
    outside_core = cv2.inRange(inside, 0.0, radius)
    to_core = cv2.distanceTransform(outside_core, cv2.DIST_L2, 3)
    near_core = cv2.inRange(to_core, 0.0, radius if cell == 1 else radius + 0.5)
    if cell > 1:
        size = mask.shape[1], mask.shape[0]
        near_core = cv2.resize(near_core, size, interpolation=cv2.INTER_NEAREST)
    return _u8(cv2.bitwise_and(near_core, mask, dst=near_core))


def _occupied(mask: NDArray[np.uint8]) -> list[tuple[int, int]]:
    """Return from which row to which there may be something, as far apart as rows of nothing say.

    Outlines are sought there alone: a fifth of the work for one animal, and the same outlines,
    as no piece reaches over rows of nothing.
    """
    height = mask.shape[0]
    n = height // BAND_ROWS
    if not n or not mask.flags.c_contiguous:
        return [(0, height)]
    bands = mask[: n * BAND_ROWS].reshape(n, -1).view(np.uint64)
    filled = np.bitwise_or.reduce(bands, axis=1).astype(bool).tolist()
    runs: list[tuple[int, int]] = []
    for band in range(n):
        if filled[band]:
            top = runs.pop()[0] if band and filled[band - 1] else band * BAND_ROWS
            runs.append((top, (band + 1) * BAND_ROWS))
    rest = n * BAND_ROWS
    if rest < height:
        top = runs.pop()[0] if filled[-1] else rest
        runs.append((top, height))
    return runs


def _outlines_in(mask: NDArray[np.uint8], top: int, bottom: int) -> list[Contour]:
    return outlines_of(mask[top:bottom], (0, top))


def _ellipse(xx: float, yy: float, xy: float) -> tuple[float, float, tuple[float, float]]:
    """Return length, width and direction of the ellipse with these second moments (px²).

    An ellipse's variance along an axis is a sixteenth of that axis's square; a pixel has a
    variance of its own, 1/12 px² (Haralick and Shapiro, Computer and Robot Vision, 1992).
    """
    xx, yy = xx + 1 / 12, yy + 1 / 12
    mean, half = (xx + yy) / 2, math.hypot((xx - yy) / 2, xy)
    angle = math.atan2(2 * xy, xx - yy) / 2
    long, short = 4 * math.sqrt(mean + half), 4 * math.sqrt(max(mean - half, 1 / 12))
    return long, short, (math.cos(angle), math.sin(angle))


def _u8(values: Any) -> NDArray[np.uint8]:
    return np.asarray(values, np.uint8)
