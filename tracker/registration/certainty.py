"""How well two aligned pictures are known to lie, from their noise and from their parts."""

import numpy as np

from tracker.registration.models import Floats, Model, moves

PARTS = 4
"""The picture is cut into so many rows and columns, to see whether its parts agree."""


def from_noise(steps: Floats, weights: Floats, noise: float, shared: float) -> Floats:
    """Return the covariance of a motion's parameters, (p, p), if noise alone makes them uncertain.

    Args:
        steps: How grey values change with each parameter, gain and offset, (n, p + 2).
        weights: Of the pixels, (n,).
        noise: Standard deviation of a grey value.
        shared: How many neighbours share one noise, because of the blur.
    """
    weighted = steps * weights[:, None]
    try:
        spread = np.linalg.inv(weighted.T @ steps) * noise**2 * shared
    except np.linalg.LinAlgError:
        return _unknown(steps)
    return np.asarray(spread[:-2, :-2], np.float64)


def from_parts(steps: Floats, weights: Floats, off: Floats, part: Floats) -> Floats:
    """Return the covariance of a motion's parameters, (p, p), by what single parts say of it.

    Each part of the picture is left out once (the delete-a-group jackknife: Kott, J. Official
    Statistics 17 (2001) 521), by one step from the solution: something that lies otherwise than
    the rest, or a motion that hangs on one part, shows here and not in the noise.

    Args:
        steps: As for `from_noise`.
        weights: Of the pixels, (n,).
        off: Differences of grey values at the solution, (n,).
        part: int, (n,): of which part each pixel is.
    """
    weighted = steps * weights[:, None]
    normal, right = weighted.T @ steps, weighted.T @ off
    found = []
    for each in np.unique(part):
        here = part == each
        one = weighted[here]
        try:
            found.append(np.linalg.solve(normal - one.T @ steps[here], right - one.T @ off[here]))
        except np.linalg.LinAlgError:
            return _unknown(steps)
    if len(found) < 2:
        return _unknown(steps)
    each_step = np.array(found)
    apart = each_step - each_step.mean(axis=0)
    n = len(found)
    return np.asarray(((n - 1) / n * apart.T @ apart)[:-2, :-2], np.float64)


def part_of(xy: Floats, middle: tuple[float, float]) -> Floats:
    """Return of which part of the picture each pixel is, int, (n,).

    Args:
        xy: (2, n), px.
        middle: Of the picture, px.
    """
    column = np.clip(xy[0] / (2 * middle[0] + 1) * PARTS, 0, PARTS - 1).astype(int)
    row = np.clip(xy[1] / (2 * middle[1] + 1) * PARTS, 0, PARTS - 1).astype(int)
    return np.asarray(row * PARTS + column)


def worst_corner(spread: Floats, model: Model, middle: tuple[float, float], half: float) -> float:
    """Return the standard deviation of where the worst-known corner lies (px).

    Args:
        spread: Covariance of the motion's parameters (px at a distance of `half`), (p, p).
        model: Of the motion.
        middle: Of the picture, about which the motion is meant (px).
        half: Unit of length of the motion (px).
    """
    x, y = middle
    corners = np.array(((0.0, 0.0), (2 * x, 0.0), (0.0, 2 * y), (2 * x, 2 * y)))
    right, down = moves(model, (corners - middle) / half)
    with np.errstate(invalid="ignore"):
        variance = np.einsum("np,pq,nq->n", right, spread, right)
        variance = variance + np.einsum("np,pq,nq->n", down, spread, down)
    worst = float(variance.max())
    return float(np.sqrt(worst)) if np.isfinite(worst) and worst >= 0 else float("inf")


def _unknown(steps: Floats) -> Floats:
    n = steps.shape[1] - 2
    return np.full((n, n), np.inf)
