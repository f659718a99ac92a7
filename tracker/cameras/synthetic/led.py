"""An LED in a corner of the picture, as bright as the light is."""

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.cameras.synthetic.settings import SyntheticCameraSettings

_FINE = 8
_LENS = 52.0
_RIM = 96.0
_GLOW = (0.72, 0.9, 1.0)
_HALO = (0.25, 0.6, 1.0)


class Led:
    """A lens over the finished picture: dark glass when off, shining with a halo when on.

    Args:
        settings: Of the camera.
    """

    def __init__(self, settings: SyntheticCameraSettings) -> None:
        x, y = settings.led_px
        reach = max(1, x - 1)
        self._place = slice(y - reach, y + reach + 1), slice(x - reach, x + reach + 1)
        away = _distances(reach)
        radius = settings.led_radius_px
        lens = np.clip((radius - away) * _FINE / 2 + 0.5, 0, 1)
        rim = np.clip(1 - abs(away - 0.85 * radius) / max(0.5, 0.15 * radius), 0, 1)
        fade = np.clip(1 - away / (reach + 0.5), 0, 1)
        halo = 0.8 * fade**2 * (1 - lens)
        glow = np.clip(1.1 - 0.35 * away / radius, 0, 1.1) * lens
        colour = settings.colour
        self._keep = _picture(255 * (1 - lens), (1, 1, 1) if colour else None)
        self._glass = _picture((_LENS + (_RIM - _LENS) * rim) * lens, _GLOW if colour else None)
        self._shine = cv2.add(
            _picture(255 * glow, _GLOW if colour else None),
            _picture(255 * halo, _HALO if colour else None),
        )
        self._lamp = self._glass
        self._level = 0.0

    def draw(self, image: NDArray[np.uint8], level: float) -> None:
        """Draw it at a level from 0 (off) to 1, once over each picture of the camera."""
        level = min(max(level, 0.0), 1.0)
        if level != self._level:
            lamp = cv2.addWeighted(self._glass, 1.0, self._shine, level, 0)
            self._lamp, self._level = np.asarray(lamp, np.uint8), level
        corner = image[self._place]
        cv2.multiply(corner, self._keep, dst=corner, scale=1 / 255)
        cv2.add(corner, self._lamp, dst=corner)


def _distances(reach: int) -> NDArray[np.float64]:
    """Distance (px) from the middle of a square, on a grid `_FINE` times as fine."""
    n = (2 * reach + 1) * _FINE
    along = (np.arange(n) + 0.5) / _FINE - (reach + 0.5)
    return np.hypot(along[:, None], along[None, :])


def _picture(
    fine: NDArray[np.float64], tint: tuple[float, float, float] | None
) -> NDArray[np.uint8]:
    """The same in whole pixels: uint8, (side, side), or (side, side, 3) if there is a tint."""
    side = len(fine) // _FINE
    grey = fine.reshape(side, _FINE, side, _FINE).mean(axis=(1, 3))
    levels = grey if tint is None else grey[..., None] * np.array(tint)
    return np.asarray(np.clip(np.rint(levels), 0, 255), np.uint8)
