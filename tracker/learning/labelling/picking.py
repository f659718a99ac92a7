"""Choose frames that are worth a person's time: unsure ones, and unlike each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.learning.labelling.doubts import Doubts, Glimpse, Sign

RANDOM_SHARE = 0.2
"""Share of the frames that is drawn at random, so that the set is not only of odd ones."""

LEAST_WORTH = 0.01
"""Added to each doubt, so that a network that is sure of everything still yields variety."""


@dataclass(frozen=True, slots=True)
class Pick:
    """A frame that was chosen.

    Attributes:
        place: Which of the glimpses.
        why: Its strongest sign; None if it was drawn at random.
    """

    place: int
    why: Sign | None


def pick_frames(
    glimpses: Sequence[Glimpse], doubts: Doubts, n: int, *, gap: int, seed: int
) -> list[Pick]:
    """Return frames to label, in the order of the video.

    One after the other, the frame with the largest doubt times squared distance to the nearest
    frame that is chosen already is taken (farthest-point sampling, Gonzalez 1985, weighted).
    The distance is that of the thumbnails, in units of two usual frames' distance, at most 1.
    Then some are drawn at random. Frames closer than `gap` are taken only if there are no others.

    Args:
        glimpses: The frames to choose from, in the order of the video.
        doubts: How unsure the network was of them.
        n: How many; all frames if there are fewer.
        gap: Smallest distance between two that are chosen (frames of the video).
        seed: Of what is drawn at random.
    """
    n = min(n, len(glimpses))
    n_random = round(RANDOM_SHARE * n)
    index = np.array([each.index for each in glimpses])
    free = _Free(index, gap)
    unsure = _unsure_and_different(_pictures(glimpses), doubts.doubt, n - n_random, free)
    picks = [Pick(place, doubts.strongest(place)) for place in unsure]
    rng = np.random.default_rng(seed)
    for _ in range(n_random):
        place = int(rng.choice(np.flatnonzero(free.places())))
        free.take(place)
        picks.append(Pick(place, None))
    return sorted(picks, key=lambda pick: pick.place)


class _Free:
    """Which frames may still be chosen."""

    def __init__(self, index: NDArray[np.int64], gap: int) -> None:
        self._index = index
        self._gap = gap
        self._taken: list[int] = []

    def take(self, place: int) -> None:
        """Note that a frame is chosen."""
        self._taken.append(place)

    def places(self) -> NDArray[np.bool_]:
        """Return which are free, by ever smaller gaps if need be."""
        if not self._taken:
            return np.ones(len(self._index), bool)
        chosen = self._index[self._taken]
        nearest = np.abs(self._index[:, None] - chosen).min(1)
        gap = self._gap
        while not (nearest >= max(gap, 1)).any():
            gap //= 2
        free: NDArray[np.bool_] = nearest >= max(gap, 1)
        return free


def _pictures(glimpses: Sequence[Glimpse]) -> NDArray[np.float32]:
    """Thumbnails as rows, less what is always there."""
    rows = np.stack([each.thumbnail.ravel() for each in glimpses]).astype(np.float32)
    return np.asarray(rows - np.median(rows, axis=0), np.float32)


def _unsure_and_different(
    pictures: NDArray[np.float32], doubt: NDArray[np.float64], n: int, free: _Free
) -> list[int]:
    usual = float(np.median(np.linalg.norm(pictures, axis=1))) * np.sqrt(2)
    nearest: NDArray[np.floating[Any]] = np.full(len(pictures), np.inf)
    chosen: list[int] = []
    while len(chosen) < n:
        apart = np.minimum(1, nearest / usual) ** 2 if usual > 0 else np.ones(len(pictures))
        worth = np.where(free.places(), (doubt + LEAST_WORTH) * apart, -1)
        place = int(worth.argmax())
        free.take(place)
        chosen.append(place)
        to_this = np.linalg.norm(pictures - pictures[place], axis=1)
        nearest = np.minimum(nearest, to_this)
    return chosen
