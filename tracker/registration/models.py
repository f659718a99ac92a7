"""How a camera may have moved: the motions of its picture, and their slopes."""

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from tracker.geometry import Matrix

Floats = NDArray[np.float64]


class Model(StrEnum):
    """How a camera may have moved."""

    TRANSLATION = "translation"
    RIGID = "rigid"
    SIMILARITY = "similarity"
    AFFINE = "affine"
    HOMOGRAPHY = "homography"


def moves(model: Model, uv: Floats) -> tuple[Floats, Floats]:
    """Return how points (n, 2) move right and down with each parameter of a motion, (n, p)."""
    u, v = uv.T
    one, no = np.ones_like(u), np.zeros_like(u)
    columns: dict[Model, tuple[list[Floats], list[Floats]]] = {
        Model.TRANSLATION: ([one, no], [no, one]),
        Model.RIGID: ([one, no, -v], [no, one, u]),
        Model.SIMILARITY: ([one, no, -v, u], [no, one, u, v]),
        Model.AFFINE: ([one, no, u, v, no, no], [no, one, no, no, u, v]),
        Model.HOMOGRAPHY: (
            [one, no, u, v, no, no, u * u, u * v],
            [no, one, no, no, u, v, u * v, v * v],
        ),
    }
    right, down = columns[model]
    return np.stack(right, axis=1), np.stack(down, axis=1)


def step_matrix(model: Model, p: Floats) -> Matrix:
    """Return the motion (3, 3) of which `moves` is the derivative at nothing."""
    matrix = np.eye(3)
    matrix[:2, 2] = p[:2]
    if model is Model.RIGID:
        cos, sin = np.cos(p[2]), np.sin(p[2])
        matrix[:2, :2] = ((cos, -sin), (sin, cos))
    elif model is Model.SIMILARITY:
        matrix[:2, :2] = ((1 + p[3], -p[2]), (p[2], 1 + p[3]))
    elif model in (Model.AFFINE, Model.HOMOGRAPHY):
        matrix[:2, :2] += ((p[2], p[3]), (p[4], p[5]))
    if model is Model.HOMOGRAPHY:
        matrix[2, :2] = (-p[6], -p[7])
    return matrix
