"""The empty box: floor, walls, light and dirt, drawn once."""

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.cameras.synthetic.chance import chance
from tracker.cameras.synthetic.looks import Looks
from tracker.cameras.synthetic.settings import SyntheticCameraSettings

_MARGIN = 64
_GLARE_SALT = 43
_TILES = 4


def draw_box(settings: SyntheticCameraSettings, looks: Looks) -> NDArray[np.uint8]:
    """The box without a mouse and without noise: uint8 (height, width)."""
    width, height = settings.width, settings.height
    floor = settings.floor
    left, top = round(floor.x_px), round(floor.y_px)
    right, bottom = width - 1 - left, height - 1 - top
    canvas = np.full((height, width), looks.floor, np.float32)
    for side, gain in enumerate((1.06, 0.93, 0.86, 0.98)):
        outer = ((0, 0), (width, 0), (width, height), (0, height))
        inner = ((left, top), (right, top), (right, bottom), (left, bottom))
        other = (side + 1) % 4
        corners = np.array((outer[side], outer[other], inner[other], inner[side]), np.int32)
        cv2.fillConvexPoly(canvas, corners, looks.floor * looks.wall * gain)
    _draw_marks(canvas, settings, looks)
    thick = max(1, round(min(width, height) / 240))
    cv2.rectangle(canvas, (left, top), (right, bottom), looks.floor * 0.72, thick)
    inset = 2 * thick
    cv2.rectangle(
        canvas,
        (left + inset, top + inset),
        (right - inset, bottom - inset),
        looks.floor * 1.05,
        max(1, thick // 2),
    )
    canvas *= _light(settings, looks)
    scale = min(width, height) / 480
    canvas = cv2.GaussianBlur(canvas, (0, 0), max(0.3, looks.blur_px * scale)).astype(np.float32)
    return np.clip(canvas, 0, 255).astype(np.uint8)


def _light(settings: SyntheticCameraSettings, looks: Looks) -> NDArray[np.float32]:
    """Uneven light: bright near the lamp, a dark band beside one wall, a glare (height, width)."""
    x = np.linspace(0, 1, settings.width, dtype=np.float32)[None, :]
    y = np.linspace(0, 1, settings.height, dtype=np.float32)[:, None]
    away = (x - looks.light_x) ** 2 + (y - looks.light_y) ** 2
    light = 1 - looks.light_fall * 1.5 * away / (away + 0.5)
    band = np.exp(-(((x - (0.9 if looks.light_x < 0.5 else 0.12)) / 0.06) ** 2))
    spot_x = chance(settings.seed, _GLARE_SALT) * settings.width
    spot_y = 0.55 * settings.height
    away_px = (x * settings.width - spot_x) ** 2 + (y * settings.height - spot_y) ** 2
    glare = np.exp(-away_px / (0.6 * settings.scale_px_per_cm) ** 2)
    return np.asarray(light * (1 - 0.12 * band) + 0.14 * glare, np.float32)


def _draw_marks(
    canvas: NDArray[np.float32], settings: SyntheticCameraSettings, looks: Looks
) -> None:
    """Scratches and droppings, always the same for the same seed."""
    random = np.random.default_rng((settings.seed, 41))
    x0, y0, floor_w, floor_h = settings.floor
    unit = settings.scale_px_per_cm
    for _ in range(looks.marks):
        x = x0 + floor_w * random.uniform(0.05, 0.95)
        y = y0 + floor_h * random.uniform(0.05, 0.95)
        angle = random.uniform(0, np.pi)
        tone = looks.floor * random.uniform(0.9, 1.06)
        if random.random() < 0.5:
            reach = unit * random.uniform(1.5, 9)
            end = (round(x + reach * np.cos(angle)), round(y + reach * np.sin(angle)))
            cv2.line(canvas, (round(x), round(y)), end, tone, 1, cv2.LINE_AA)
        else:
            axes = (max(1, round(0.22 * unit)), max(1, round(0.1 * unit)))
            dark = looks.floor * random.uniform(0.35, 0.85)
            cv2.ellipse(
                canvas, (round(x), round(y)), axes, float(np.degrees(angle)), 0, 360, dark, -1
            )


class Noise:
    """Sensor noise from a small bank of tiles, in another place for every frame.

    A tile holds noise raised by `offset`, so that adding it needs no sign: what it is added
    to must have been lowered by `offset` before.

    Args:
        shape: Height and width of the picture (px).
        sigma: Standard deviation (grey levels).
        seed: Of the tiles and of their places.
    """

    def __init__(self, shape: tuple[int, int], sigma: float, seed: int) -> None:
        random = np.random.default_rng((seed, 42))
        self._shape = shape
        self._seed = seed
        self.offset = round(3 * sigma)
        size = (_TILES, shape[0] + _MARGIN, shape[1] + _MARGIN)
        raw = random.standard_normal(size, dtype=np.float32) * np.float32(sigma)
        self._tiles = np.clip(np.rint(raw + self.offset), 0, 255).astype(np.uint8)

    def tile(self, index: int) -> NDArray[np.uint8]:
        """Noise of frame `index`: uint8 (height, width), a view."""
        place = (index * 0x9E3779B1 + self._seed * 0x85EBCA77) & 0xFFFFFFFF
        place ^= place >> 15
        place = (place * 0x2C1B3C6D) & 0xFFFFFFFF
        place ^= place >> 13
        dx, dy = place % _MARGIN, (place // _MARGIN) % _MARGIN
        which = (place // _MARGIN**2) % _TILES
        height, width = self._shape
        view: NDArray[np.uint8] = self._tiles[which, dy : dy + height, dx : dx + width]
        return view
