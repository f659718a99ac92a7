"""Find keypoints with a network."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tracker.clock import Clock
from tracker.errors import ModelError
from tracker.preprocess import Preprocessor
from tracker.runtimes.base import Runtime
from tracker.types import Frame, Observation, Skeleton

WARM_UP_RUNS = 3
"""Runs before the first frame: by then every provider has done its slow first-time work."""


class NetworkObserver:
    """Resizes a frame, runs the network, and brings what it found back to sensor pixels.

    A keypoint below the card's `min_confidence`, or outside the frame, is NaN; its
    confidence is kept.

    Args:
        runtime: The loaded network.
        clock: Times the bare network call.
    """

    def __init__(self, runtime: Runtime, clock: Clock) -> None:
        self._runtime = runtime
        self._clock = clock
        self._skeleton = runtime.card.skeleton
        # Rounded as the network's answers are: 0.3 is not below 0.3.
        self._least_confidence = float(np.float32(runtime.card.min_confidence))
        self._preprocessor: Preprocessor | None = None

    @property
    def skeleton(self) -> Skeleton:
        """Keypoints of every observation it makes."""
        return self._skeleton

    @property
    def facts(self) -> Mapping[str, Any]:
        """The runtime's facts, and `min_confidence`."""
        return {**self._runtime.facts, "min_confidence": self._runtime.card.min_confidence}

    def warm_up(self, shape: tuple[int, ...]) -> None:
        """Build all that depends on the shape of the images, and run the network a few times.

        Raises:
            ModelError: If the network fails, or the shape is not that of a grey or RGB image.
        """
        card = self._runtime.card
        try:
            preprocessor = Preprocessor(shape, card.channels, card.long_side, card.multiple_of)
        except ValueError as error:
            raise ModelError(f"the network cannot take {error}") from error
        self._preprocessor = preprocessor
        self._right, self._bottom = shape[1] - 0.5, shape[0] - 0.5
        blank = Frame(0, 0, 0, np.zeros(shape, np.uint8))
        for _ in range(WARM_UP_RUNS):
            self.observe(blank)

    def observe(self, frame: Frame) -> Observation:
        """Return what is seen in the frame.

        Raises:
            ModelError: If the network failed or gave values that are not finite, or the
                frame has another shape than the one it was warmed up for.
        """
        preprocessor = self._preprocessor
        if preprocessor is None:
            self.warm_up(frame.image.shape)
            return self.observe(frame)
        if frame.image.shape != preprocessor.image_shape:
            raise ModelError(
                f"frame {frame.index} has shape {frame.image.shape}, but the network was warmed "
                f"up for {preprocessor.image_shape}"
            )
        image = preprocessor.prepare(frame.image)
        started_ns = self._clock.now_ns()
        xy, confidence = self._runtime.run(image)
        network_ns = self._clock.now_ns() - started_ns
        xy = preprocessor.geometry.to_sensor(xy)
        # Of so few numbers a loop in Python is done before numpy has begun.
        flat, chances = xy.ravel().tolist(), confidence.ravel().tolist()
        if not math.isfinite(sum(flat) + sum(chances)):
            raise ModelError(f"the network gave values that are not finite on frame {frame.index}")
        places = zip(flat[::2], flat[1::2], chances, strict=True)
        found = [self._is_found(*place) for place in places]
        if not all(found):
            xy[~np.reshape(found, confidence.shape)] = np.nan
        return Observation(
            frame_index=frame.index,
            captured_ns=frame.captured_ns,
            xy=xy,
            confidence=confidence,
            network_ns=network_ns,
        )

    def _is_found(self, x: float, y: float, confidence: float) -> bool:
        """Whether a keypoint is sure enough and lies on a pixel of the sensor."""
        return (
            confidence >= self._least_confidence
            and -0.5 <= x <= self._right
            and -0.5 <= y <= self._bottom
        )
