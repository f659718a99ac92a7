"""The picture of one frame, drawn over the cached box in a small region around the mouse."""

import math
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.cameras.synthetic.background import Noise, draw_box
from tracker.cameras.synthetic.looks import Looks, draw_looks
from tracker.cameras.synthetic.motion import TAIL_SEGMENTS, Body
from tracker.cameras.synthetic.settings import SyntheticCameraSettings
from tracker.cameras.synthetic.shape import HEAD_AT, Shape, shape_px

_SHIFT = 4
_ONE = 1 << _SHIFT
_SHADOW_STEP = 4
_TAIL_HALF_WIDTH_CM = np.linspace(0.23, 0.07, TAIL_SEGMENTS + 1)
_RIGHT = np.array((-1.0, 1.0))


class Painter:
    """Draws frames; holds the box, the noise and the buffers, so no frame allocates much.

    Args:
        settings: Of the camera.
    """

    def __init__(self, settings: SyntheticCameraSettings) -> None:
        self._settings = settings
        self._scale = settings.scale_px_per_cm
        self.looks = draw_looks(settings.seed) if settings.vary_looks else Looks()
        second = self.looks.fur + 0.3 * (self.looks.floor - self.looks.fur)
        self._looks = self.looks, replace(self.looks, fur=second)
        shape = (settings.height, settings.width)
        self._noise = Noise(shape, self.looks.noise, settings.seed)
        box = draw_box(settings, self.looks)
        self._box = cv2.subtract(box, np.full_like(box, self._noise.offset))
        self._grey = np.empty(shape, np.uint8)
        self._sigma = max(0.35, self.looks.blur_px * min(shape) / 480)
        gains = np.arange(256)[None, :, None] * np.array(self.looks.tint)
        self._tint = np.clip(np.rint(gains), 0, 255).astype(np.uint8)

    def paint(self, bodies: Sequence[Body], index: int, out: NDArray[np.uint8]) -> None:
        """Fill `out`, uint8 (height, width) or (height, width, 3) RGB, with frame `index`.

        The second mouse has a lighter fur, so that the two can be told apart.
        """
        grey = self._grey if out.ndim == 3 else out
        np.copyto(grey, self._box)
        for body, looks in zip(bodies, self._looks, strict=False):
            self._paint_mouse(grey, self._shape(body), looks)
        cv2.add(grey, self._noise.tile(index), dst=grey)
        if out.ndim == 3:
            cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB, dst=out)
            cv2.LUT(out, self._tint, dst=out)

    def mask(self, body: Body) -> NDArray[np.uint8]:
        """255 on the mouse (body, head, ears and tail), else 0: uint8 (height, width)."""
        mask = np.zeros((self._settings.height, self._settings.width), np.uint8)
        shape = self._shape(body)
        whole = np.zeros(2)
        _fill(mask, _tail_outline(shape.tail, self._scale), whole, 255, cv2.LINE_8)
        _fill(mask, _outline(shape, 1.0), whole, 255, cv2.LINE_8)
        for centre, axes, angle in _ears(shape, self._scale):
            _ellipse(mask, centre, axes, angle, 255, cv2.LINE_8)
        return mask

    def _shape(self, body: Body) -> Shape:
        return shape_px(body, self._settings.floor, self._scale, self.looks.stoutness)

    def _paint_mouse(self, grey: NDArray[np.uint8], shape: Shape, looks: Looks) -> None:
        left, top, right, bottom = self._region(shape)
        if right - left < 4 or bottom - top < 4:
            return
        region = grey[top:bottom, left:right]
        corner = np.array((left, top), np.float64)
        self._paint_shadow(region, shape, corner)
        self._paint_reflections(grey, shape)
        dark = self._noise.offset
        _fill(region, _tail_outline(shape.tail, self._scale), corner, looks.tail - dark)
        for centre, axes, angle in _feet(shape, self._scale):
            _ellipse(region, centre - corner, axes, angle, looks.ear - dark)
        for share, rise in ((1.0, 0.0), (0.72, 0.3), (0.5, 0.65), (0.26, 1.0)):
            _fill(region, _outline(shape, share), corner, looks.fur + looks.sheen * rise - dark)
        for centre, axes, angle in _ears(shape, self._scale):
            _ellipse(region, centre - corner, axes, angle, 0.4 * looks.ear + 0.6 * looks.fur - dark)
            _ellipse(region, centre - corner, axes * 0.68, angle, looks.ear - dark)
        nose = shape.spine[0] - corner
        spot = np.full(2, 0.16 * self._scale)
        _ellipse(region, nose, spot, 0.0, 0.5 * looks.ear + 0.5 * looks.fur - dark)
        cv2.GaussianBlur(region, (0, 0), self._sigma, dst=region)

    def _region(self, shape: Shape) -> tuple[int, int, int, int]:
        """Left, top, right, bottom (exclusive): the mouse, its shadow, and some room."""
        room = 3.7 * self._scale + 4 * self._sigma
        low = np.minimum(shape.spine.min(axis=0), shape.tail.min(axis=0)) - room
        high = np.maximum(shape.spine.max(axis=0), shape.tail.max(axis=0)) + room
        return (
            max(0, math.floor(low[0])),
            max(0, math.floor(low[1])),
            min(self._settings.width, math.ceil(high[0])),
            min(self._settings.height, math.ceil(high[1])),
        )

    def _paint_shadow(
        self, region: NDArray[np.uint8], shape: Shape, corner: NDArray[np.float64]
    ) -> None:
        """Soft, a little to the side; drawn on a grid four times as coarse."""
        height, width = region.shape
        small = np.full((height // _SHADOW_STEP + 1, width // _SHADOW_STEP + 1), 255, np.uint8)
        side = np.array((self.looks.shadow_x, self.looks.shadow_y)) * self._scale
        outline = (_outline(shape, 1.12) + side - corner) / _SHADOW_STEP
        _fill(small, outline, np.zeros(2), 255 * (1 - self.looks.shadow))
        cv2.GaussianBlur(small, (0, 0), max(0.5, 0.55 * self._scale / _SHADOW_STEP), dst=small)
        wide = cv2.resize(small, None, fx=_SHADOW_STEP, fy=_SHADOW_STEP)
        cv2.multiply(region, wide[:height, :width], dst=region, scale=1 / 255)

    def _paint_reflections(self, grey: NDArray[np.uint8], shape: Shape) -> None:
        """The walls mirror what is close to them, flattened by the view from above."""
        if self.looks.reflection < 0.02:
            return
        floor = self._settings.floor
        edges = (
            (0, floor.x_px, -1),
            (0, floor.x_px + floor.width_px, 1),
            (1, floor.y_px, -1),
            (1, floor.y_px + floor.height_px, 1),
        )
        for axis, edge, out in edges:
            near = (edge - shape.spine[:, axis]).min() if out > 0 else shape.spine[:, axis].min()
            gap = near if out > 0 else near - edge
            if gap < 5 * self._scale:
                self._paint_reflection(grey, shape, (axis, edge, out))

    def _paint_reflection(
        self, grey: NDArray[np.uint8], shape: Shape, wall: tuple[int, float, int]
    ) -> None:
        axis, edge, out = wall
        outline = _outline(shape, 1.0)
        tail = _tail_outline(shape.tail, self._scale)
        for part in (outline, tail):
            part[:, axis] = edge + 0.62 * (edge - part[:, axis])
        both = np.concatenate((outline, tail))
        low = np.floor(both.min(axis=0) - self._scale).astype(int)
        high = np.ceil(both.max(axis=0) + self._scale).astype(int)
        low = np.maximum(low, 0)
        high = np.minimum(high, (self._settings.width, self._settings.height))
        if out > 0:
            low[axis] = max(low[axis], math.ceil(edge) + 1)
        else:
            high[axis] = min(high[axis], math.floor(edge) - 1)
        if (high - low).min() < 2:
            return
        strip = grey[low[1] : high[1], low[0] : high[0]]
        ghost = strip.copy()
        for part in (tail, outline):
            _fill(ghost, part, low.astype(np.float64), self.looks.fur + 10 - self._noise.offset)
        cv2.GaussianBlur(ghost, (0, 0), max(0.5, 0.18 * self._scale), dst=ghost)
        share = self.looks.reflection
        cv2.addWeighted(ghost, share, strip, 1 - share, 0, dst=strip)


def _outline(shape: Shape, share: float) -> NDArray[np.float64]:
    """Points around the body, `share` of its width: (points, 2), px."""
    side = shape.normal * (shape.half_width * share)[:, None]
    return np.concatenate((shape.spine + side, (shape.spine - side)[::-1]))


def _tail_outline(tail: NDArray[np.float64], px_per_cm: float) -> NDArray[np.float64]:
    """Points around the tapered tail: (points, 2), px."""
    along = np.empty_like(tail)
    along[1:-1] = tail[2:] - tail[:-2]
    along[0], along[-1] = tail[1] - tail[0], tail[-1] - tail[-2]
    stretch = _TAIL_HALF_WIDTH_CM * px_per_cm / np.maximum(np.hypot(*along.T), 1e-6)
    side = along[:, ::-1] * _RIGHT * stretch[:, None]
    return np.concatenate((tail + side, (tail - side)[::-1]))


_Ellipse = tuple[NDArray[np.float64], NDArray[np.float64], float]


def _ears(shape: Shape, px_per_cm: float) -> tuple[_Ellipse, ...]:
    """Centre (px), half axes (px) and angle (degrees) of both ears."""
    at, normal = shape.spine[HEAD_AT], shape.normal[HEAD_AT]
    width = shape.half_width[HEAD_AT]
    angle = math.degrees(math.atan2(normal[1], normal[0]))
    back = np.array((-normal[1], normal[0])) * 0.12 * px_per_cm
    axes = np.array((0.56, 0.40)) * px_per_cm
    return (
        (at + normal * width * 0.92 + back, axes, angle + 25),
        (at - normal * width * 0.92 + back, axes, angle - 25),
    )


def _feet(shape: Shape, px_per_cm: float) -> tuple[_Ellipse, ...]:
    """Hind feet, just peeping out beside the rump."""
    place = round(0.86 * (len(shape.spine) - 1))
    at, normal, width = shape.spine[place], shape.normal[place], shape.half_width[place]
    angle = math.degrees(math.atan2(normal[1], normal[0])) + 90
    axes = np.array((0.5, 0.17)) * px_per_cm
    return (
        (at + normal * width * 1.02, axes, angle - 20),
        (at - normal * width * 1.02, axes, angle + 20),
    )


def _fill(
    image: NDArray[np.uint8],
    points: NDArray[np.float64],
    corner: NDArray[np.float64],
    grey: float,
    line: int = cv2.LINE_AA,
) -> None:
    fixed = np.rint((points - corner) * _ONE).astype(np.int32)
    cv2.fillPoly(image, [fixed], max(0.0, grey), line, _SHIFT)


def _ellipse(
    image: NDArray[np.uint8],
    centre: NDArray[np.float64],
    axes: NDArray[np.float64],
    angle_deg: float,
    grey: float,
    line: int = cv2.LINE_AA,
) -> None:
    x, y = (round(float(value) * _ONE) for value in centre)
    a, b = (max(_ONE // 2, round(float(value) * _ONE)) for value in axes)
    grey = max(0.0, grey)
    cv2.ellipse(image, (x, y), (a, b), angle_deg, 0, 360, grey, -1, line, _SHIFT)
