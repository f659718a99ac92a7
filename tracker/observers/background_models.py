"""How the empty arena is learned: three ways, each a function of the frames it was given."""

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
"""float32, (height, width), grey values."""

STEP = 1.0
"""How far a running median moves per frame that it learns from (grey values)."""

HASTE = 0.25
"""Share of the difference by which it moves where something that was no arena has gone."""

N_SAMPLES = 9
"""Frames that a median is taken of."""

HISTORY = 50
"""Frames that a mixture remembers."""

MEDIAN_OF_9 = (
    (1, 2), (4, 5), (7, 8), (0, 1), (3, 4), (6, 7), (1, 2), (4, 5), (7, 8), (0, 3),
    (5, 8), (4, 7), (3, 6), (1, 4), (2, 5), (4, 7), (4, 2), (6, 4), (4, 2),
)  # fmt: skip
"""Pairs to put in order, after which the fifth is the median (Devillard, Fast median search, 1998,
after Paeth, Graphics Gems, 1990)."""


class RunningMedian:
    """Moves each pixel by one grey value towards each frame (McFarlane and Schofield 1995).

    What differs by more than `difference` in the direction in which no animal differs moves by a
    quarter of the difference: an animal that was taken for arena has gone.

    Args:
        difference: Grey values.
        sign: 1 where animals are darker than the arena, -1 where they are lighter.
    """

    def __init__(self, difference: float, sign: int) -> None:
        self._difference = difference
        self._sign = sign

    def learn(self, image: Image, before: Image) -> Image:
        """Return the arena after one more frame."""
        apart = cv2.subtract(image, before)
        if self._sign > 0:
            haste = cv2.threshold(apart, self._difference, 0, cv2.THRESH_TOZERO)[1]
        else:
            haste = cv2.threshold(apart, -self._difference, 0, cv2.THRESH_TOZERO_INV)[1]
        step = cv2.max(cv2.min(apart, STEP), -STEP)  # type: ignore[call-overload]
        moved = cv2.add(before, step)
        return np.asarray(cv2.scaleAdd(haste, HASTE, moved), np.float32)

    def suspects(self, grey: NDArray[np.uint8]) -> NDArray[np.uint8] | None:  # noqa: ARG002
        """Return None: the difference says it all."""
        return None


class SampledMedian:
    """The median of each pixel over the last frames that it learnt from."""

    def __init__(self) -> None:
        self._samples: list[NDArray[np.uint8]] = []
        self._oldest = 0

    def learn(self, image: Image, before: Image) -> Image:  # noqa: ARG002
        """Return the arena after one more frame; the first one stands for all that are missing."""
        sample = np.asarray(cv2.convertScaleAbs(image), np.uint8)
        if not self._samples:
            self._samples = [sample] * N_SAMPLES
        self._samples[self._oldest] = sample
        self._oldest = (self._oldest + 1) % N_SAMPLES
        ordered = list(self._samples)
        for low, high in MEDIAN_OF_9:
            one, two = ordered[low], ordered[high]
            ordered[low] = np.asarray(cv2.min(one, two), np.uint8)
            ordered[high] = np.asarray(cv2.max(one, two), np.uint8)
        return ordered[N_SAMPLES // 2].astype(np.float32)

    def suspects(self, grey: NDArray[np.uint8]) -> NDArray[np.uint8] | None:  # noqa: ARG002
        """Return None: the difference says it all."""
        return None


class Mixture:
    """A mixture of Gaussians per pixel (Zivkovic 2004, MOG2 of OpenCV): what flickers is usual."""

    def __init__(self) -> None:
        self._mixture = cv2.createBackgroundSubtractorMOG2(HISTORY, detectShadows=False)

    def learn(self, image: Image, before: Image) -> Image:  # noqa: ARG002
        """Return the arena after one more frame."""
        self._mixture.apply(cv2.convertScaleAbs(image), learningRate=1 / HISTORY)
        return np.asarray(self._mixture.getBackgroundImage(), np.float32)

    def suspects(self, grey: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
        """Return 255 where no Gaussian of the arena fits; learns nothing."""
        return np.asarray(self._mixture.apply(grey, learningRate=0), np.uint8)
