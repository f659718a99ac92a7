"""A picture in halves of its size, each made once, when it is first asked for.

Who makes one of a frame hands it on to all who look at that frame.
"""

import threading

import cv2
import numpy as np
from numpy.typing import NDArray


class Pyramid:
    """Level 0 is the grey picture, each next one has half its sides. Any thread.

    A pixel (x, y) of level k lies at `(x + 0.5) * 2**k - 0.5` of level 0, and so for y; a last odd
    row or column is left out.

    Args:
        image: uint8, grey (kept as it is, not copied) or RGB.
    """

    def __init__(self, image: NDArray[np.uint8]) -> None:
        if image.ndim == 3:
            image = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
        self._levels = [image]
        self._lock = threading.Lock()

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of level 0."""
        height, width = self._levels[0].shape
        return height, width

    @property
    def n_levels(self) -> int:
        """Levels that there are, made or not."""
        n, side = 1, min(self.shape)
        while side >= 2:
            n, side = n + 1, side // 2
        return n

    def level(self, k: int) -> NDArray[np.uint8]:
        """Return level k, uint8, grey; not to be changed. Raises `IndexError`."""
        if not 0 <= k < self.n_levels:
            raise IndexError(f"level {k} of a picture with {self.n_levels} levels")
        with self._lock:
            while len(self._levels) <= k:
                above = self._levels[-1]
                height, width = above.shape[0] // 2, above.shape[1] // 2
                even = above[: 2 * height, : 2 * width]
                half = cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA)
                self._levels.append(np.asarray(half, np.uint8))
            return self._levels[k]
