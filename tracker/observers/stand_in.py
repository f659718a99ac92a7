"""What synthetic mice really do, with errors like a network's: a stand-in where no network fits."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.types import Frame, Observation, Skeleton

NAME = "synthetic_truth"
"""What the stand-in is called where an experiment names its network."""

NOISE_PX = 1.0
"""Standard deviation of each coordinate (px): about the error of `mouse_top_view`."""

MISSES = 0.01
"""Share of keypoints that are not found."""

MERGES_PX = 35.0
"""Middles of two animals that are closer are seen as one, as networks do with a heap."""


class StandInObserver:
    """Sees true positions of synthetic animals, whatever the image shows; its facts say so.

    The errors follow from the frame's index alone, so that a replay sees the same. Of two animals
    in a heap one is missing, now the one, now the other; the order of individuals is random.

    Args:
        skeleton: Keypoints of the animals.
        truth: Tells the positions (keypoints, 2) of each animal in the frame of an index, px.
        seed: Of the errors.
    """

    def __init__(
        self,
        skeleton: Skeleton,
        truth: Callable[[int], Sequence[NDArray[np.float32]]],
        seed: int = 0,
    ) -> None:
        self._skeleton = skeleton
        self._truth = truth
        self._seed = seed

    @property
    def skeleton(self) -> Skeleton:
        """Keypoints of every observation."""
        return self._skeleton

    @property
    def facts(self) -> Mapping[str, Any]:
        """That this is no network."""
        return {"observer": NAME, "sha256": None, "provider": "none", "noise_px": NOISE_PX}

    def warm_up(self, shape: tuple[int, ...]) -> None:
        """Do nothing: there is no slow first-time work."""

    def observe(self, frame: Frame) -> Observation:
        """Return where the animals are, give or take."""
        chance = np.random.default_rng((self._seed, frame.index))
        true = np.stack(self._truth(frame.index)).astype(np.float64)
        true = true[chance.permutation(len(true))]
        middle = true.mean(axis=1)
        if len(true) == 2 and np.hypot(*(middle[0] - middle[1])) < MERGES_PX:
            true = true[:1]
        xy = (true + chance.normal(0, NOISE_PX, true.shape)).astype(np.float32)
        confidence = chance.uniform(0.6, 1.0, xy.shape[:2]).astype(np.float32)
        missed = chance.random(xy.shape[:2]) < MISSES
        xy[missed] = np.nan
        confidence[missed] = 0.1
        return Observation(frame.index, frame.captured_ns, xy, confidence)
