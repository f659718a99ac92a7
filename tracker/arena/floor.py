"""From the sensor to the floor: lens, then plane, then a scale that is the same everywhere.

Positions on the floor are handed on in floor px: cm times one scale, so that whatever measures in
px and divides by the scale is in cm. Without lens and plane, floor px are sensor px.
"""

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tracker.arena.zones import Coordinate
from tracker.calibration.lens import Lens
from tracker.geometry import jacobian_of
from tracker.settings import Settings

FLATTEST = 1e-3
"""Points whose spread across is a smaller part of that along are taken to lie in line."""

OPEN = 1e-4
"""Of the equations for a plane the weakest is at least such a part of the strongest."""

NEAR_HORIZON = 0.05
"""The horizon is too near where a pixel is worth over 20 times as much as amid the points."""


class PlanePoint(Settings):
    """A point that can be seen, and that was measured on the floor."""

    x_px: Coordinate = Field(description="px on the sensor")
    y_px: Coordinate = Field(description="px on the sensor")
    x_cm: Coordinate = Field(description="cm on the floor")
    y_cm: Coordinate = Field(description="cm on the floor, growing the same way round as in px")


class Plane(Settings):
    """The floor seen at an angle: what the points say of it, by least squares."""

    points: tuple[PlanePoint, ...] = Field(
        min_length=4, max_length=1000, description="four or more, around where the animal goes"
    )
    model: Literal["homography", "similarity"] = Field(
        "homography", description="similarity: the camera looks straight down"
    )
    max_residual_cm: float = Field(
        1.0, gt=0, le=1000, description="cm: a point further from where the others have it is wrong"
    )


class Floor:
    """Turns sensor px into floor px and back.

    Args:
        px_per_cm: Of the sensor, known otherwise; None: not known, or the plane says.
        lens: What bends the picture; None: nothing.
        plane: Points of it; None: the camera looks straight down.

    Attributes:
        scale: Floor px in one cm; 1 where it is not known.
        residuals_cm: By point of the plane: from where the others and it have it together.

    Raises:
        ValueError: If the points give no plane, or one of them does not fit.
    """

    def __init__(self, px_per_cm: float | None, lens: Lens | None, plane: Plane | None) -> None:
        self._lens = lens
        self._to_cm: NDArray[np.float64] | None = None
        self.residuals_cm: tuple[float, ...] = ()
        self.scale = px_per_cm or 1.0
        if plane is not None:
            self._fit(plane)

    @property
    def is_bare(self) -> bool:
        """Whether floor px are sensor px."""
        return self._lens is None and self._to_cm is None

    @property
    def is_exact(self) -> bool:
        """Whether a straight line stays straight."""
        return self._lens is None

    def to_floor(self, xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return floor px of sensor px, same shape (..., 2); NaN beyond lens or horizon."""
        at = np.asarray(xy, np.float64)
        if self._lens is not None:
            at = self._lens.straighten(at)
        if self._to_cm is not None:
            at = self._project(self._to_cm, at) * self.scale
        return at

    def to_sensor(self, xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return sensor px of floor px, same shape (..., 2)."""
        at = np.asarray(xy, np.float64)
        if self._to_cm is not None:
            flat = (at / self.scale).reshape(-1, 2)
            found = np.column_stack((flat, np.ones(len(flat)))) @ np.linalg.inv(self._to_cm).T
            at = (found[:, :2] / found[:, 2:]).reshape(at.shape)
        return at if self._lens is None else self._lens.bend(at)

    def _fit(self, plane: Plane) -> None:
        sensor = np.array([(each.x_px, each.y_px) for each in plane.points])
        floor = np.array([(each.x_cm, each.y_cm) for each in plane.points])
        straight = sensor if self._lens is None else self._lens.straighten(sensor)
        if not np.isfinite(straight).all():
            raise ValueError("a point of the plane lies beyond what the lens can say")
        _refuse_line(straight, "px")
        _refuse_line(floor, "cm")
        to_cm = (
            _homography(straight, floor)
            if plane.model == "homography"
            else _similarity(straight, floor)
        )
        middle = straight.mean(axis=0)
        to_cm = to_cm / (to_cm[2] @ (*middle, 1.0))  # 1 at the middle of the points
        depth = np.column_stack((straight, np.ones(len(straight)))) @ to_cm[2]
        if not (np.isfinite(to_cm).all() and (depth > NEAR_HORIZON).all()):
            raise ValueError(
                "the points of the plane contradict one another: check that each has its own px "
                "and cm, and that no three of four lie in line"
            )
        area = float(np.linalg.det(jacobian_of(to_cm, middle)))
        if area < 0:
            raise ValueError(
                "the cm of the points run the other way round than their px (a mirror image): let "
                "y_cm grow where y_px grows"
            )
        self._to_cm, self.scale = to_cm, 1.0 / np.sqrt(area)
        off = np.hypot(*(self._project(to_cm, straight) - floor).T)
        self.residuals_cm = tuple(off.tolist())
        worst = int(off.argmax())
        if off[worst] > plane.max_residual_cm:
            raise ValueError(
                f"point {worst} of the plane is {off[worst]:.2f} cm from where all of them "
                f"together have it, expected at most {plane.max_residual_cm:g} "
                f"(plane.max_residual_cm): measure it again"
            )

    @staticmethod
    def _project(to_cm: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = at[..., 0], at[..., 1]
        depth = to_cm[2, 0] * x + to_cm[2, 1] * y + to_cm[2, 2]
        depth = np.where(depth > NEAR_HORIZON, depth, np.nan)
        right = to_cm[0, 0] * x + to_cm[0, 1] * y + to_cm[0, 2]
        down = to_cm[1, 0] * x + to_cm[1, 1] * y + to_cm[1, 2]
        return np.stack((right / depth, down / depth), axis=-1)


def _refuse_line(points: NDArray[np.float64], unit: str) -> None:
    """Refuse points that span no area."""
    spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    if not spread[0] > 0 or spread[1] < FLATTEST * spread[0]:
        raise ValueError(
            f"the points of the plane span no area in {unit}: they lie in line or at one place"
        )


def _homography(sensor: NDArray[np.float64], floor: NDArray[np.float64]) -> NDArray[np.float64]:
    """By least squares on the floor; four points of which three lie in line leave it open."""
    (u, v), (x, y) = _about_one(sensor).T, _about_one(floor).T
    one, nothing = np.ones(len(u)), np.zeros((len(u), 3))
    first = np.column_stack((u, v, one, nothing, -x * u, -x * v, -x))
    second = np.column_stack((nothing, u, v, one, -y * u, -y * v, -y))
    strength = np.linalg.svd(np.concatenate((first, second)), compute_uv=False)
    found, _ = cv2.findHomography(sensor, floor, 0)
    if strength[7] < OPEN * strength[0] or found is None:
        raise ValueError(
            "the points of the plane leave it open: expected four of which no three lie in line"
        )
    return np.asarray(found, np.float64)


def _about_one(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Moved and scaled so that numbers are about 1 (Hartley, PAMI 19 (1997) 580)."""
    centred = points - points.mean(axis=0)
    return np.asarray(centred / np.abs(centred).mean())


def _similarity(sensor: NDArray[np.float64], floor: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn, scale and shift by least squares: Umeyama, PAMI 13 (1991) 376, without a mirror."""
    middle, there = sensor.mean(axis=0), floor.mean(axis=0)
    left = (sensor - middle) @ (1, 1j)
    right = (floor - there) @ (1, 1j)
    factor = complex(np.vdot(left, right) / np.vdot(left, left).real)
    turn = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    found = np.eye(3)
    found[:2, :2] = turn
    found[:2, 2] = there - turn @ middle
    return found
