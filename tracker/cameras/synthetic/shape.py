"""The mouse's outline from the way it holds itself, for the drawing and for the truth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.cameras.synthetic.motion import ANCHOR, BODY_CM, Body
from tracker.cameras.synthetic.settings import FloorRectangle

KEYPOINTS = ("nose", "head", "tail_base")

_N = 29
_U = np.linspace(0.0, 1.0, _N)
HEAD_AT = 6
"""Which point of the spine lies between the ears."""

_STEP_CM = BODY_CM / (_N - 1)
_ANCHOR_AT = round(ANCHOR * (_N - 1))
_IN_HEAD = np.clip((0.30 - _U) / 0.12, 0.0, 1.0)
_IN_FRONT = np.clip((0.80 - _U) / 0.25, 0.0, 1.0)
_ALONG = (ANCHOR - _U) / ANCHOR * 0.5
_HALF_WIDTH_CM = np.interp(
    _U,
    (0.00, 0.03, 0.08, 0.14, 0.21, 0.27, 0.34, 0.44, 0.56, 0.68, 0.78, 0.87, 0.94, 0.98, 1.00),
    (0.14, 0.38, 0.58, 0.78, 0.93, 0.92, 1.02, 1.22, 1.40, 1.52, 1.52, 1.30, 0.84, 0.42, 0.22),
)
_WIDENS = np.interp(_U, (0.0, 0.25, 0.5, 0.85, 1.0), (0.12, 0.15, 0.2, 0.1, 0.0))
_SLIMS = np.interp(_U, (0.0, 0.3, 0.6, 0.9, 1.0), (0.0, 0.05, 0.12, 0.05, 0.0))


@dataclass(frozen=True, slots=True)
class Shape:
    """The body in the picture (sensor pixels).

    Attributes:
        spine: float64 (points, 2), from the nose to the tail base.
        normal: float64 (points, 2), unit vectors to the mouse's right.
        half_width: float64 (points,), px.
        tail: float64 (tail points, 2), starts at the tail base.
    """

    spine: NDArray[np.float64]
    normal: NDArray[np.float64]
    half_width: NDArray[np.float64]
    tail: NDArray[np.float64]


def spine_cm(body: Body) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points of the spine (points, 2) in cm on the floor, and the direction (rad) at each.

    Rearing shortens the front as seen from above; the tail base stays where it was.
    """
    angle = body.theta + body.bend * _ALONG + body.yaw * _IN_HEAD
    direction = np.stack((np.cos(angle), np.sin(angle)), axis=1)
    flat = _STEP_CM * (1 - 0.2 * body.hunch) * (1 + body.reach * _IN_HEAD)
    steps = flat * (1 - 0.55 * body.rear * _IN_FRONT)
    spine = np.zeros((_N, 2))
    walk = 0.5 * (direction[:-1] * steps[:-1, None] + direction[1:] * steps[1:, None])
    np.cumsum(walk, axis=0, out=spine[1:])
    rear_cm = flat[_ANCHOR_AT + 1 :, None] * direction[_ANCHOR_AT + 1 :]
    tail_base = np.array((body.x, body.y)) - rear_cm.sum(axis=0)
    return tail_base + (spine[-1] - spine), angle


def keypoints_px(body: Body, floor: FloorRectangle, px_per_cm: float) -> NDArray[np.float64]:
    """Nose, head (between the ears) and tail base: (3, 2), sensor pixels."""
    spine, _ = spine_cm(body)
    points: NDArray[np.float64] = spine[[0, HEAD_AT, -1]]
    return points * px_per_cm + (floor.x_px, floor.y_px)


def shape_px(body: Body, floor: FloorRectangle, px_per_cm: float, stoutness: float) -> Shape:
    """The whole outline; `stoutness` scales the width alone."""
    spine, angle = spine_cm(body)
    origin = np.array((floor.x_px, floor.y_px))
    width = _HALF_WIDTH_CM * (1 + _WIDENS * (body.rear + 0.8 * body.hunch))
    width *= 1 - _SLIMS * (1 - body.hunch) * min(abs(body.reach), 1.0)
    tail = np.concatenate((spine[-1:], np.reshape(body.tail, (-1, 2))))
    return Shape(
        spine=spine * px_per_cm + origin,
        normal=np.stack((-np.sin(angle), np.cos(angle)), axis=1),
        half_width=width * (px_per_cm * stoutness),
        tail=tail * px_per_cm + origin,
    )
