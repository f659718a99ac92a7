"""Part animals that touch: a watershed from where they were, or from how thick the heap is."""

from collections import deque
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.observers.silhouettes import Contour, Silhouette, outlines_of

HEAP = 1.35
"""A piece of more than so many usual areas is more than one animal."""

N_AREAS = 200
"""Animals that stood alone, whose median is the usual area."""

FEWEST_AREAS = 5
"""So many must have been seen before an area is usual."""

CORE = 0.5
"""Share of its greatest depth from which on an animal's inside marks it."""

DEPTHS = tuple(step / 20 for step in range(3, 19))
"""Shares of a heap's greatest depth at which it is looked for separate parts."""

ROUNDS = 6
"""Rounds in which middles are moved to their pixels."""

LEAST = 0.05
"""Share of the usual area that such a part must have."""

Mask = NDArray[np.uint8]


class Watershed:
    """Parts pieces that are too large for one animal; used by one thread.

    Markers are the insides of the animals that were there in the frame before; where that were
    fewer than two, or one has nearly no part of it, the deepest parts of the heap (distance
    transform), if they are as many as its area is usual areas. From there they grow as OpenCV's
    `watershed` has it (Meyer's flooding). Where both fail, as of two that lie across each other,
    pixels go to the nearest of the middles that were nearest in the frame before. What cannot be
    parted stays whole.

    Args:
        min_area_px2: A smaller part is none: then the piece stays whole.
    """

    def __init__(self, min_area_px2: float) -> None:
        self._min_area_px2 = min_area_px2
        self._areas: deque[float] = deque(maxlen=N_AREAS)
        self._last: Sequence[Silhouette] = ()

    def note(self, seen: Sequence[Silhouette]) -> None:
        """Remember which animals were found in the frame whose pieces were parted."""
        self._last = seen

    @property
    def usual_px2(self) -> float | None:
        """The usual area of one animal (px²); None: too few were seen."""
        return None if len(self._areas) < FEWEST_AREAS else float(np.median(self._areas))

    def part(
        self, grey: NDArray[np.uint8], contour: Contour, area_px2: float, most: int
    ) -> list[Contour]:
        """Return the contours of the animals in a piece; itself alone if it is one.

        Args:
            grey: uint8, (height, width): the frame.
            contour: Of the piece.
            area_px2: Pixels in it.
            most: Animals that it may be; where all others were found elsewhere it is one.
        """
        usual = self.usual_px2
        if usual is None or area_px2 <= HEAP * usual or most < 2:
            self._areas.append(area_px2)
            return [contour]
        left, top, width, height = cv2.boundingRect(contour)
        left, top = left - 1, top - 1  # `watershed` leaves the outermost pixels to nobody
        piece = np.zeros((height + 2, width + 2), np.uint8)
        cv2.drawContours(piece, [contour], -1, 255, cv2.FILLED, offset=(-left, -top))
        inner = grey[top + 1 : top + 1 + height, left + 1 : left + 1 + width]
        shown = np.pad(inner, 1, mode="edge")
        n = min(round(area_px2 / usual), most)
        for parts in self._ways(shown, piece, (left, top), n, LEAST * usual):
            if 1 < len(parts) <= most and min(map(np.count_nonzero, parts)) >= self._min_area_px2:
                return [max(outlines_of(part, (left, top)), key=len) for part in parts]
        return [contour]

    def _ways(
        self, shown: Mask, piece: Mask, corner: tuple[int, int], n: int, least_px2: float
    ) -> Iterator[list[Mask]]:
        """What a piece may be parted into, the best way first."""
        yield _flood(shown, piece, self._where_they_were(piece, *corner))
        yield _flood(shown, piece, _deepest(piece, n, least_px2))
        yield _by_nearest(piece, self._nearest(piece, *corner)[:n])

    def _nearest(self, piece: Mask, left: int, top: int) -> list[tuple[float, float]]:
        """Middles (px of the piece) of animals of the frame before, no further than their length.

        The nearest first.
        """
        (outline,) = outlines_of(piece)
        near = []
        for one in self._last:
            x, y = one.x_px - left, one.y_px - top
            inside = cv2.pointPolygonTest(outline, (x, y), measureDist=True)
            if inside > -one.long_axis_px:
                near.append((-inside, x, y))
        return [(x, y) for _, x, y in sorted(near)]

    def _where_they_were(self, piece: Mask, left: int, top: int) -> list[Mask]:
        """Insides of animals of the frame before, as far as they lie in this piece."""
        cores = []
        for one in self._last:
            laid = _laid(one, piece.shape, left, top)
            if laid is None:
                continue
            depth = cv2.distanceTransform(np.pad(laid, 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
            inside = ((depth > CORE * depth.max()) & (piece > 0)).astype(np.uint8)
            if inside.any():
                cores.append(inside)
        return cores


def _laid(one: Silhouette, shape: tuple[int, ...], left: int, top: int) -> Mask | None:
    """Return an animal's mask in a window of the picture; None if it is not in there."""
    x, y = one.left_px - left, one.top_px - top
    height, width = one.mask.shape
    rows = slice(max(y, 0), min(y + height, shape[0]))
    columns = slice(max(x, 0), min(x + width, shape[1]))
    if rows.stop <= rows.start or columns.stop <= columns.start:
        return None
    laid = np.zeros(shape, np.uint8)
    laid[rows, columns] = one.mask[
        rows.start - y : rows.stop - y, columns.start - x : columns.stop - x
    ]
    return laid


def _deepest(piece: Mask, n: int, least_px2: float) -> list[Mask]:
    """Return the parts of a heap at the first depth at which there are as many as animals."""
    depth = cv2.distanceTransform(np.pad(piece, 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    greatest = float(depth.max())
    for share in DEPTHS:
        deep = (depth > share * greatest).astype(np.uint8)
        _, labels, about, _ = cv2.connectedComponentsWithStats(deep)
        large = np.flatnonzero(about[1:, cv2.CC_STAT_AREA] >= least_px2) + 1
        if len(large) == n:
            return [(labels == number).astype(np.uint8) for number in large.tolist()]
    return []


def _by_nearest(piece: Mask, middles: Sequence[tuple[float, float]]) -> list[Mask]:
    """Return parts of a piece, each pixel in that of the nearest middle (Lloyd's k-means)."""
    if len(middles) < 2:
        return []
    rows, columns = np.nonzero(piece)
    pixels = np.stack([columns, rows], axis=1).astype(np.float64)
    centres, number = np.array(middles), np.zeros(len(pixels), np.intp)
    for _ in range(ROUNDS):
        number = ((pixels[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
        if len(np.unique(number)) < len(centres):
            return []
        centres = np.array([pixels[number == k].mean(axis=0) for k in range(len(centres))])
    parts = [np.zeros_like(piece) for _ in middles]
    for part, k in zip(parts, range(len(parts)), strict=True):
        part[rows[number == k], columns[number == k]] = 1
    return parts


def _flood(shown: Mask, piece: Mask, cores: Sequence[Mask]) -> list[Mask]:
    """Return the parts of a piece that grow from these cores; none if there is one core or none."""
    if len(cores) < 2:
        return []
    labels = np.full(piece.shape, len(cores) + 1, np.int32)  # all around
    labels[piece > 0] = 0
    for number, core in enumerate(cores, 1):
        labels[core > 0] = number
    flooded = np.asarray(cv2.watershed(cv2.merge([shown] * 3), labels))
    numbers = range(1, len(cores) + 1)
    return [((flooded == number) & (piece > 0)).astype(np.uint8) for number in numbers]
