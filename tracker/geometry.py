"""Homographies: how they move points, and by how much."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
"""A homography, (3, 3), for points (x, y, 1)."""


@dataclass(frozen=True, slots=True)
class Motion:
    """What a homography does to a picture.

    Attributes:
        x_px: How far the picture's middle moves to the right.
        y_px: How far it moves down.
        turned_deg: By how much it turns there, clockwise positive.
        scale: How many times larger things get there.
        largest_px: How far the point of the picture moves that moves most: one of its corners,
            or its middle.
    """

    x_px: float
    y_px: float
    turned_deg: float
    scale: float
    largest_px: float


def mapped(matrix: Matrix, xy: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return where a homography moves points, same shape (..., 2); NaN kept.

    A point on or behind its horizon, as the picture's middle sees it, is NaN.
    """
    x, y = np.asarray(xy[..., 0], np.float64), np.asarray(xy[..., 1], np.float64)
    depth = matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2]
    depth = np.where(depth * matrix[2, 2] > 0, depth, np.nan)
    right = matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2]
    down = matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2]
    return np.stack((right / depth, down / depth), axis=-1)


def motion_of(matrix: Matrix, shape: tuple[int, ...]) -> Motion:
    """Return what a homography does to a picture of this height and width."""
    height, width = shape[:2]
    middle = np.array(((width - 1) / 2, (height - 1) / 2))
    x, y = (mapped(matrix, middle) - middle).tolist()
    jacobian = jacobian_of(matrix, middle)
    turned = math.atan2(jacobian[1, 0] - jacobian[0, 1], jacobian[0, 0] + jacobian[1, 1])
    scale = math.sqrt(abs(float(np.linalg.det(jacobian))))
    return Motion(x, y, math.degrees(turned), scale, apart(matrix, np.eye(3), shape))


def apart(one: Matrix, other: Matrix, shape: tuple[int, ...]) -> float:
    """Return the largest distance (px) of where the two move a corner or the middle."""
    right, bottom = shape[1] - 1.0, shape[0] - 1.0
    corners = ((0, 0), (right, 0), (0, bottom), (right, bottom), (right / 2, bottom / 2))
    points = np.array(corners, np.float64)
    return float(np.hypot(*(mapped(one, points) - mapped(other, points)).T).max())


def jacobian_of(matrix: Matrix, at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how the place to which a point moves changes with the point, (2, 2)."""
    depth = float(matrix[2] @ (*at, 1.0))
    place = mapped(matrix, at)
    return np.asarray((matrix[:2, :2] - np.outer(place, matrix[2, :2])) / depth)
