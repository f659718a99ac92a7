"""An observer that sees what a script says, whatever the image shows."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tracker.types import Frame, Observation, Skeleton


class FixedObserver:
    """Plays scripted positions of one animal, one set per frame index.

    Args:
        skeleton: Its keypoints.
        script: Asked with each frame's index for positions, shape (keypoints, 2) in sensor
            pixels, NaN where a keypoint is not found; None if nothing is seen. `{0: xy}.get`
            is a script, and so is `lambda index: truth(index).xy`. What it raises (a
            `ModelError`, say) is raised by `observe`.
        network_ns: Stated as the time of the network call (ns).
    """

    def __init__(
        self, skeleton: Skeleton, script: Callable[[int], ArrayLike | None], network_ns: int = 0
    ) -> None:
        self._skeleton = skeleton
        self._script = script
        self._network_ns = network_ns
        self.warmed_up_for: tuple[int, ...] | None = None
        """Shape that `warm_up` was last called with, None before."""

    @property
    def skeleton(self) -> Skeleton:
        """Keypoints of every observation."""
        return self._skeleton

    @property
    def facts(self) -> Mapping[str, Any]:
        """That this is no network, as a session wants to know it."""
        return {"observer": "fixed", "sha256": None, "provider": "none"}

    def warm_up(self, shape: tuple[int, ...]) -> None:
        """Note the shape."""
        self.warmed_up_for = shape

    def observe(self, frame: Frame) -> Observation:
        """Return what the script says: confidence 1 where found, 0 where not.

        Raises:
            ValueError: If the script's array does not have shape (keypoints, 2).
        """
        shape = (len(self._skeleton.keypoints), 2)
        seen = self._script(frame.index)
        xy = np.array(np.full(shape, np.nan) if seen is None else seen, np.float32)
        if xy.shape != shape:
            raise ValueError(f"script of frame {frame.index}: shape {xy.shape}, expected {shape}")
        confidence = np.where(np.isnan(xy).any(axis=1), 0, 1).astype(np.float32)
        return Observation(
            frame_index=frame.index,
            captured_ns=frame.captured_ns,
            xy=xy[np.newaxis],
            confidence=confidence[np.newaxis],
            network_ns=self._network_ns,
        )
