"""Two pictures brought together to a fraction of a pixel, whatever moves in them.

Gauss and Newton's way with the template's gradients (inverse compositional: Baker and Matthews,
IJCV 56 (2004) 221), from coarse to fine, over those pixels that have an edge. Weights after Tukey
let go of what does not fit, above all the animal; a gain and an offset let the light change.
OpenCV's ECC has no such weights: with an animal in the picture it is off by pixels
(benchmarks/registration.py).
"""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.geometry import Matrix
from tracker.pyramid import Pyramid
from tracker.registration.certainty import from_noise, from_parts, part_of, worst_corner
from tracker.registration.models import Floats, Model, moves, step_matrix

MOST_POINTS = 4000
"""Pixels that are looked at on each level."""

CELLS = 12
"""The picture is cut into so many rows and columns; each gives its strongest edges."""

WEAKEST_EDGE = 2.0
"""Grey values per pixel; less is noise."""

BLUR_PX = 1.0
"""Standard deviation of the blur of each level."""

FINEST_PX = 800
"""The finest level is the first that is at most so wide."""

COARSEST_PX = 40
"""The coarsest level is the last that is at least so wide."""

MOST_ROUNDS = 30
LEAST_STEP_PX = 2e-3
"""Of the point that moves most, in pixels of the level."""

LEAST_GAIN, LEAST_OFFSET = 1e-3, 0.05
"""Of the light: part, and grey values."""

TUKEY = 4.685
"""95 % efficiency where everything fits: Holland and Welsch, Comm. Stat. A6 (1977) 813."""

WIDE_AT_FIRST, NARROWS = 2.0, 0.7
"""On the coarsest level weights let go of little at first, and narrow round by round, or a start
that is off by an edge's width could be taken for the end."""

NARROWEST_NOISE, LEAST_NOISE = 1.5, 0.25
"""Grey values: of a cleaner picture weights let go as of one with the first, and nothing is surer
than with the second."""

SHARED = 4 * np.pi * BLUR_PX**2
"""So many neighbouring pixels share one noise, because of the blur."""

_MIDDLE = 128.0


@dataclass(frozen=True, slots=True, eq=False)
class _Points:
    """The pixels of one level that are looked at, and what they say of a motion.

    Attributes:
        xy1: Where they are, (3, n).
        grey: Their grey values.
        edge: Their gradients, (n, 2).
        steps: How their grey values change with each parameter, gain and offset, (n, p + 2).
        middle: About which the motion is meant (px of the level).
        half: Unit of length of the motion (px of the level).
    """

    xy1: Floats
    grey: Floats
    edge: Floats
    steps: Floats
    middle: tuple[float, float]
    half: float


@dataclass(frozen=True, slots=True)
class Aligned:
    """How two pictures fit.

    Attributes:
        matrix: From px of the template to px of the other picture.
        likeness: Of the edges, 1: the same, 0: nothing in common, at the finest level.
        noise: Of the grey values where they fit (robust standard deviation).
        share: Part of the pixels' weight that is kept (0 to 1).
        uncertainty_px: Standard deviation of where the worst-known corner lies (px of level 0).
        n_points: Pixels that lay in both pictures.
    """

    matrix: Matrix
    likeness: float
    noise: float
    share: float
    uncertainty_px: float
    n_points: int


class Template:
    """A picture that others are aligned to; used by one thread.

    Args:
        pyramid: The picture.
        model: How the other may have moved.
        hidden: bool, its shape: where the animal is, which says nothing of the camera; None:
            nowhere.
    """

    def __init__(
        self, pyramid: Pyramid, model: Model, hidden: NDArray[np.bool_] | None = None
    ) -> None:
        self.shape = pyramid.shape
        self.model = model
        width = self.shape[1]
        levels = range(pyramid.n_levels)
        finest = next((k for k in levels if width >> k <= FINEST_PX), 0)
        coarsest = max((k for k in levels if width >> k >= COARSEST_PX), default=0)
        self._levels: dict[int, _Points] = {}
        for k in range(max(finest, coarsest), finest - 1, -1):
            points = _points_of(pyramid.level(k), model, hidden)
            if points is not None:
                self._levels[k] = points
        self._finest = finest

    @property
    def n_points(self) -> int:
        """Pixels with an edge at the finest level."""
        points = self._levels.get(self._finest)
        return 0 if points is None else points.xy1.shape[1]

    def uncertainty_px(self, noise: float) -> float:
        """Return how well a picture with so much noise (grey values) could be placed at best."""
        points = self._levels.get(self._finest)
        if points is None:
            return float("inf")
        every = np.ones(points.xy1.shape[1])
        spread = from_noise(points.steps, every, noise, SHARED)
        worst = worst_corner(spread, self.model, points.middle, points.half)
        return worst * 2.0**self._finest

    def align(self, other: Pyramid, start: Matrix, hidden: Floats | None = None) -> Aligned | None:
        """Return how another picture of the same size fits; None if it cannot be said.

        Args:
            other: The other picture.
            start: From px here to px there, about right.
            hidden: (n, 3): x, y and radius of discs there in which the animal is.
        """
        matrix, light, found = start, (1.0, 0.0), None
        for k, points in self._levels.items():
            blurred = _blurred(other.level(k))
            scaled = _to_level(matrix, k)
            wide = WIDE_AT_FIRST if found is None else 0.0
            fit = _fit(points, blurred, scaled, self.model, _at_level(hidden, k), light, wide)
            if fit is None:
                return None
            matrix, light = _from_level(fit.matrix, k), fit.light
            found = k, points, blurred, fit
        return None if found is None else self._judge(matrix, *found)

    def _judge(
        self, matrix: Matrix, k: int, points: _Points, blurred: NDArray[np.float32], fit: "_Fit"
    ) -> Aligned:
        return Aligned(
            matrix=matrix,
            likeness=_likeness(points, blurred, fit),
            noise=fit.noise,
            share=float(fit.weights[fit.seen].mean()) if fit.seen.any() else 0.0,
            uncertainty_px=self._uncertainty(points, fit) * 2.0**k,
            n_points=int(fit.seen.sum()),
        )

    def _uncertainty(self, points: _Points, fit: "_Fit") -> float:
        """The larger one of what noise and parts say (px of the level)."""
        part = part_of(points.xy1[:2], points.middle)
        spreads = (
            from_noise(points.steps, fit.weights, fit.noise, SHARED),
            from_parts(points.steps, fit.weights, fit.off, part),
        )
        return max(worst_corner(each, self.model, points.middle, points.half) for each in spreads)


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    matrix: Matrix
    noise: float
    off: Floats
    weights: Floats
    seen: NDArray[np.bool_]
    light: tuple[float, float]


def _fit(
    points: _Points,
    other: NDArray[np.float32],
    start: Matrix,
    model: Model,
    hidden: Floats | None,
    light: tuple[float, float],
    wide_at_first: float,
) -> _Fit | None:
    """Align at one level; None if too little is in both pictures or nothing follows from it."""
    matrix = start
    least = max(20, 3 * points.steps.shape[1])
    for number in range(MOST_ROUNDS):
        gain, offset = light
        grey, seen = _looked_at(points, other, matrix, hidden)
        if int(seen.sum()) < least:
            return None
        off = grey * gain + offset - points.grey
        usual, large = np.percentile(np.abs(off[seen]), (50, 90)).tolist()
        noise = max(1.4826 * usual, LEAST_NOISE)
        limit = TUKEY * max(noise, NARROWEST_NOISE)
        wide = max(limit, wide_at_first * large * NARROWS**number)
        inside = np.minimum(np.abs(off) / wide, 1.0)
        weights = np.where(seen, (1 - inside**2) ** 2, 0.0)
        weighted = points.steps * weights[:, None]
        normal = weighted.T @ points.steps
        try:
            step = np.linalg.solve(normal, weighted.T @ off)
        except np.linalg.LinAlgError:
            return None
        moved = step_matrix(model, np.asarray(step[:-2] / points.half, np.float64))
        about = np.array(
            [[points.half, 0, points.middle[0]], [0, points.half, points.middle[1]], [0, 0, 1.0]]
        )
        matrix = matrix @ about @ np.linalg.inv(moved) @ np.linalg.inv(about)
        matrix = matrix / matrix[2, 2]
        gain, offset = gain - step[-2] * gain, offset - step[-1] - step[-2] * (offset - _MIDDLE)
        if not (np.isfinite(matrix).all() and 0.2 < gain < 5):
            return None
        light = gain, offset
        settled = abs(float(step[-2])) < LEAST_GAIN and abs(float(step[-1])) < LEAST_OFFSET
        settled = settled and wide <= limit
        if settled and float(np.abs(step[:-2]).sum()) < LEAST_STEP_PX:
            break
    return _Fit(matrix, noise, off, weights, seen, light)


def _looked_at(
    points: _Points, other: NDArray[np.float32], matrix: Matrix, hidden: Floats | None
) -> tuple[Floats, NDArray[np.bool_]]:
    """Grey values of the other picture where the points come to lie, and which are known."""
    at = matrix @ points.xy1
    with np.errstate(divide="ignore", invalid="ignore"):
        u, v = at[0] / at[2], at[1] / at[2]
    height, width = other.shape
    seen = (at[2] > 0) & (u >= 1) & (v >= 1) & (u <= width - 2) & (v <= height - 2)
    if hidden is not None:
        for x, y, radius in hidden.tolist():
            seen &= (u - x) ** 2 + (v - y) ** 2 > radius**2
    where = np.where(seen, (u, v), 0.0).astype(np.float32)
    grey = cv2.remap(other, where[0][:, None], where[1][:, None], cv2.INTER_LINEAR)
    return np.asarray(grey, np.float64).ravel(), seen


def _likeness(points: _Points, other: NDArray[np.float32], fit: _Fit) -> float:
    """How alike the edges are where grey values fit, direction and strength, whatever the light.

    In another scene grey values fit nowhere, so that all edges count; an animal that went away
    does not.
    """
    across, down = _gradients(other)
    x, seen = _looked_at(points, across, fit.matrix, None)
    y, _ = _looked_at(points, down, fit.matrix, None)
    weights = np.where(seen, fit.weights, 0.0)[:, None]
    there, here = np.stack((x, y), axis=1), points.edge
    turn = fit.matrix[:2, :2]
    there = there @ turn / max(np.sqrt(abs(np.linalg.det(turn))), 1e-6)  # as the template has it
    strength = np.sqrt((weights * here**2).sum() * (weights * there**2).sum())
    return float((weights * here * there).sum() / strength) if strength > 0 else 0.0


def _points_of(
    level: NDArray[np.uint8], model: Model, hidden: NDArray[np.bool_] | None
) -> _Points | None:
    """The pixels of a level with the strongest edges, from all over it; None if there are few."""
    blurred = _blurred(level)
    across, down = _gradients(blurred)
    strength = across**2 + down**2
    strength[:2], strength[-2:], strength[:, :2], strength[:, -2:] = 0, 0, 0, 0
    if hidden is not None:
        height, width = level.shape
        small = cv2.resize(hidden.astype(np.uint8), (width, height), interpolation=cv2.INTER_AREA)
        strength[small > 0] = 0
    strength[strength < WEAKEST_EDGE**2] = 0
    chosen = _strongest(strength)
    if len(chosen) < 20:
        return None
    y, x = np.divmod(chosen, level.shape[1])
    middle = ((level.shape[1] - 1) / 2, (level.shape[0] - 1) / 2)
    half = max(level.shape) / 2
    right, below = moves(model, (np.stack((x, y), axis=1) - middle) / half)
    edge = np.stack((across.ravel()[chosen], down.ravel()[chosen]), axis=1).astype(np.float64)
    grey = blurred.ravel()[chosen].astype(np.float64)
    light = np.stack((grey - _MIDDLE, np.ones_like(grey)), axis=1)
    steps = np.concatenate((edge[:, :1] * right + edge[:, 1:] * below, light), axis=1)
    return _Points(
        np.stack((x, y, np.ones_like(x))).astype(np.float64), grey, edge, steps, middle, half
    )


def _strongest(strength: NDArray[np.float32]) -> NDArray[np.int64]:
    """Flat indices of the strongest edges of each cell."""
    height, width = strength.shape
    rows, columns = (
        np.linspace(0, height, CELLS + 1).astype(int),
        np.linspace(0, width, CELLS + 1).astype(int),
    )
    most = max(4, MOST_POINTS // CELLS**2)
    chosen = []
    for top, bottom in pairwise(rows):
        for left, right in pairwise(columns):
            cell = strength[top:bottom, left:right].ravel()
            there = np.flatnonzero(cell)
            if len(there) > most:
                there = there[np.argpartition(cell[there], -most)[-most:]]
            y, x = np.divmod(there, right - left)
            chosen.append((y + top) * width + x + left)
    return np.sort(np.concatenate(chosen))


def _blurred(level: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(level.astype(np.float32), (0, 0), BLUR_PX), np.float32)


def _gradients(picture: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    across = cv2.Sobel(picture, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(picture, cv2.CV_32F, 0, 1, scale=1 / 8)
    return np.asarray(across, np.float32), np.asarray(down, np.float32)


def _level_matrix(k: int) -> Matrix:
    """From px of level k to px of level 0."""
    size = 2.0**k
    return np.array([[size, 0, (size - 1) / 2], [0, size, (size - 1) / 2], [0, 0, 1.0]])


def _to_level(matrix: Matrix, k: int) -> Matrix:
    change = _level_matrix(k)
    return np.asarray(np.linalg.inv(change) @ matrix @ change)


def _from_level(matrix: Matrix, k: int) -> Matrix:
    change = _level_matrix(k)
    found = change @ matrix @ np.linalg.inv(change)
    return np.asarray(found / found[2, 2])


def _at_level(hidden: Floats | None, k: int) -> Floats | None:
    if hidden is None or not len(hidden):
        return None
    size = 2.0**k
    return np.column_stack(((hidden[:, :2] + 0.5) / size - 0.5, hidden[:, 2] / size))
