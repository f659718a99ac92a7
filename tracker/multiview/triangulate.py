"""Points in 3-D from where several cameras saw them.

First the linear solution (R. Hartley and A. Zisserman, Multiple View Geometry, 2nd ed., 12.2), then
Gauss-Newton steps on what counts: how far each camera saw the point from where it would be.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.calibration.stand import Stand

Points = NDArray[np.float64]

ROUNDS = 3
"""Gauss-Newton steps; the linear solution is off by a fraction of a pixel to begin with."""

LARGEST_RESIDUAL_PX = 8.0
"""A camera that saw a point further from where the others have it saw something else."""


@dataclass(frozen=True, slots=True, eq=False)
class Triangulated:
    """Points of one moment; shape (...) as the keypoints came.

    Attributes:
        xyz_cm: In the world of the stand, (..., 3); NaN where fewer than two cameras saw it, or
            they contradict each other.
        residual_px: How far the cameras saw it from where it would be, root mean square.
        n_views: From how many cameras.
    """

    xyz_cm: Points
    residual_px: Points
    n_views: NDArray[np.int64]


class Triangulator:
    """Triangulates with cameras that stand still. Any thread.

    Args:
        stand: Where they stand.
        names: Which of its cameras, in the order in which keypoints will come.
        largest_residual_px: If cameras see a point further off than this, the one is left out
            without which the others agree best; with two cameras the point is NaN.
    """

    def __init__(
        self,
        stand: Stand,
        names: Sequence[str],
        largest_residual_px: float = LARGEST_RESIDUAL_PX,
    ) -> None:
        self.names = tuple(names)
        self._lenses = [stand.cameras[name].lens for name in names]
        self._largest = largest_residual_px
        self._turns = np.stack([stand.cameras[name].turn for name in names])
        self._moves = np.array([stand.cameras[name].translation_cm for name in names])
        self._focal = np.array([lens.focal_px for lens in self._lenses])
        self._centre = np.array([lens.centre_px for lens in self._lenses])

    def points(self, xy: Mapping[str, NDArray[np.floating]]) -> Triangulated:
        """Return points from what cameras saw at one moment.

        Args:
            xy: By camera: sensor px, (..., 2), NaN where a keypoint was not seen; cameras that
                have no frame are left out. All have the same shape.
        """
        shape = next(iter(xy.values())).shape[:-1]
        n = int(np.prod(shape))
        seen = np.full((len(self.names), n, 2), np.nan)
        for place, name in enumerate(self.names):
            if name in xy:
                flat = np.asarray(xy[name], np.float64).reshape(n, 2)
                straight = self._lenses[place].straighten(flat)
                seen[place] = (straight - self._centre[place]) / self._focal[place]
        used = np.isfinite(seen).all(axis=2)
        found, off = self._solve(seen, used)
        for _ in range(max(0, len(self.names) - 2)):
            doubtful = (np.where(used, off, 0.0) > self._largest).any(axis=0)
            doubtful &= used.sum(axis=0) > 2
            if not doubtful.any():
                break
            used[:, doubtful] = self._without_worst(seen[:, doubtful], used[:, doubtful])
            found, off = self._solve(seen, used)
        n_views = used.sum(axis=0)
        residual = np.sqrt(np.where(used, off**2, 0).sum(axis=0) / np.maximum(n_views, 1))
        with np.errstate(invalid="ignore"):
            good = (n_views >= 2) & ~(residual > self._largest)
        found[~good], residual[n_views < 2] = np.nan, np.nan
        return Triangulated(
            found.reshape(*shape, 3), residual.reshape(shape), n_views.reshape(shape)
        )

    def _without_worst(self, seen: Points, used: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The same cameras of each point but the one without which the others agree best."""
        best, left = used.copy(), np.full(used.shape[1], np.inf)
        for place in range(len(self.names)):
            trial = used.copy()
            trial[place] = False
            off = np.where(trial, self._solve(seen, trial)[1], 0.0)
            apart = np.where(used[place], off.max(axis=0), np.inf)
            better = apart < left
            best[:, better], left[better] = trial[:, better], apart[better]
        return best

    def _solve(self, seen: Points, used: NDArray[np.bool_]) -> tuple[Points, Points]:
        """Points (n, 3), and how far each camera saw them off (cameras, n), px."""
        weights = used.astype(np.float64)
        known = np.where(used[..., None], seen, 0.0)
        enough = used.sum(axis=0) >= 2
        found = np.full((seen.shape[1], 3), np.nan)
        if not enough.any():
            return found, np.full(used.shape, np.nan)
        known, weights = known[:, enough], weights[:, enough]
        found[enough] = self._refined(self._linear(known, weights), known, weights)
        turned = np.einsum("cij,nj->cni", self._turns, found) + self._moves[:, None]
        with np.errstate(invalid="ignore"):
            away = (turned[..., :2] / turned[..., 2:] - seen) * self._focal[:, None]
        return found, np.hypot(away[..., 0], away[..., 1])

    def _linear(self, seen: Points, weights: Points) -> Points:
        """Two planes per camera go through the point: least squares."""
        rows = seen[..., None] * self._turns[:, None, 2:3] - self._turns[:, None, :2]
        right = self._moves[:, None, :2] - seen * self._moves[:, None, 2:]
        rows = rows * weights[..., None, None]
        normal = np.einsum("cnki,cnkj->nij", rows, rows)
        side = np.einsum("cnki,cnk->ni", rows, right * weights[..., None])
        return np.asarray(np.linalg.solve(normal, side[..., None])[..., 0], np.float64)

    def _refined(self, found: Points, seen: Points, weights: Points) -> Points:
        scale = weights[..., None] * self._focal[:, None]
        for _ in range(ROUNDS):
            x = np.einsum("cij,nj->cni", self._turns, found) + self._moves[:, None]
            flat = x[..., :2] / x[..., 2:]
            off = (seen - flat) * scale
            slope = (self._turns[:, None, :2] - flat[..., None] * self._turns[:, None, 2:3]) / x[
                ..., 2:, None
            ]
            slope = slope * scale[..., None]
            normal = np.einsum("cnki,cnkj->nij", slope, slope)
            side = np.einsum("cnki,cnk->ni", slope, off)
            found = found + np.linalg.solve(normal, side[..., None])[..., 0]
        return found
