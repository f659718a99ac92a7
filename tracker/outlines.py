"""Borders of masks as a few corners each, to be sent to views and drawn there."""

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.messages import Outline
from tracker.types import Masks

INSIDE = 128
"""From this coverage (0 to 255) on a place belongs to what the mask is of."""

FINE = 4
"""How much finer than a cell of the mask a border is drawn."""

FINEST_PX = 640
"""Longest side of the image in which borders are looked for: a fine mask needs no finer one."""

MOST_OUTLINES = 32
"""Pieces that are kept, the largest first."""

MOST_POINTS = 64
"""Corners of one piece."""


def outlines_of(masks: Masks) -> list[Outline]:
    """Return the borders of all pieces of all masks in sensor pixels, the largest first.

    Holes are left out. A border is off by less than half a cell, unless it has more corners than
    `MOST_POINTS` then: it is made simpler until it has not.
    """
    found: list[tuple[float, Outline]] = []
    for name, coverage in zip(masks.names, masks.coverage, strict=True):
        for border, area in _borders(coverage):
            x = masks.x0_px + border[:, 0] * masks.step_x_px
            y = masks.y0_px + border[:, 1] * masks.step_y_px
            points = list(zip(x.round(1).tolist(), y.round(1).tolist(), strict=True))
            sensor_px2 = area * masks.step_x_px * masks.step_y_px
            found.append((sensor_px2, Outline(name=name, points=points)))
    found.sort(key=lambda each: -each[0])
    return [outline for _, outline in found[:MOST_OUTLINES]]


def _borders(coverage: NDArray[np.uint8]) -> list[tuple[NDArray[np.float64], float]]:
    """Return corners (x, y) in cells, and the area in cells, of each piece of one mask."""
    used = np.flatnonzero(coverage.any(axis=1)), np.flatnonzero(coverage.any(axis=0))
    if not len(used[0]):
        return []
    top, left = int(used[0][0]), int(used[1][0])
    part = coverage[top : used[0][-1] + 1, left : used[1][-1] + 1]
    part = np.pad(part, 1)  # a piece that touches the border of the grid ends there
    fine = max(1, min(FINE, FINEST_PX // max(part.shape)))
    size = part.shape[1] * fine, part.shape[0] * fine
    large = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_LINEAR))
    inside = (large >= INSIDE).astype(np.uint8)
    borders, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    origin = np.array([left - 1, top - 1], np.float64)
    found = []
    for border in borders:
        corners = _simpler(np.asarray(border, np.int32), fine)
        area = cv2.contourArea(border) / fine**2
        if len(corners) >= 3 and area > 0:
            found.append(((corners[:, 0] + 0.5) / fine - 0.5 + origin, area))
    return found


def _simpler(border: NDArray[np.int32], fine: int) -> NDArray[np.int32]:
    """Return it with `MOST_POINTS` corners at most."""
    off = 0.25 * fine
    corners = cv2.approxPolyDP(border, off, closed=True)
    while len(corners) > MOST_POINTS:
        off *= 2
        corners = cv2.approxPolyDP(border, off, closed=True)
    return np.asarray(corners, np.int32)
