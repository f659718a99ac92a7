"""What each individual looks like: how bright it is at each of its keypoints."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tracker.observers.base import ObserverAround
from tracker.types import Frame, Observation

REACH = 2
"""Half of the side of the square around a keypoint whose pixels are taken (px): 5 by 5."""

_STEPS = np.arange(-REACH, REACH + 1)


class AppearanceObserver(ObserverAround):
    """An observer that also says what individuals look like; all else is the other observer's.

    Of each keypoint the mean grey value (0 to 255; green of a colour image) of the square around
    it; NaN where the keypoint was not found. At the border of the image its last pixels are
    repeated. What the other observer says of their looks already comes first.

    Args:
        observer: Sees the animals.
    """

    def observe(self, frame: Frame) -> Observation:
        """Return what is seen, with its looks; raises as the other observer."""
        seen = self._observer.observe(frame)
        if not len(seen.confidence):
            return seen
        grey = frame.image if frame.image.ndim == 2 else frame.image[..., 1]
        looks = brightness(grey, seen.xy)
        if seen.appearance is not None:
            looks = np.concatenate([seen.appearance, looks], axis=1)
        return replace(seen, appearance=looks)


def brightness(image: NDArray[np.uint8], xy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean grey value around each point; NaN where there is none.

    Args:
        image: uint8, (height, width).
        xy: (..., 2), sensor px; NaN where not found.
    """
    height, width = image.shape
    found = np.isfinite(xy[..., 0]) & np.isfinite(xy[..., 1])
    places = np.rint(np.where(found[..., None], xy, 0.0)).astype(np.intp)
    columns = np.clip(places[..., 0, None] + _STEPS, 0, width - 1)
    rows = np.clip(places[..., 1, None] + _STEPS, 0, height - 1)
    pixels = image[rows[..., :, None], columns[..., None, :]]
    mean = pixels.sum(axis=(-2, -1), dtype=np.int64) / len(_STEPS) ** 2
    return np.where(found, mean, np.nan).astype(np.float32)
