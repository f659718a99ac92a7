"""What each animal looks like, learned while it is sure who is who."""

import numpy as np
from numpy.typing import NDArray

from tracker.tracking.tracks import Array, Seen
from tracker.types import Skeleton

EVERY_S = 0.2
"""Time between two looks: those of one moment all tell the same."""

MEMORY_S = 60.0
"""Time behind the running means, once they are so old."""

ENOUGH_S = 2.0
"""How long an animal must have been looked at before its looks say anything."""

LEAST_DIFFERENCE = 0.5
"""Standard deviations between two animals from which a descriptor is asked: what differs by less
may differ by chance, and chance would add up over many looks."""

MOST_TOLD = 3.0
"""Evidence of one look, and of one descriptor in it, at most: none decides alone."""

INDEPENDENT = 4.0
"""Descriptors that one look counts for at most, since what they tell is much the same."""


class Looks:
    """Running mean of each animal's descriptors, and their variance within animals; one thread.

    Descriptors are what the observer measured, and the lengths of the skeleton's edges.

    Args:
        n: Animals.
        skeleton: Of the individuals.
    """

    def __init__(self, n: int, skeleton: Skeleton) -> None:
        edges = np.array(skeleton.edges, np.intp).reshape(-1, 2)
        self._begin, self._end = edges[:, 0], edges[:, 1]
        self._n = n
        self._age_s = np.zeros(n)
        self._due_ns: int | None = None
        self._mean = np.zeros((0, n))
        self._samples = np.zeros((0, n))
        self._variance = np.zeros(0)
        self._learned = np.zeros(0)

    def is_due(self, now_ns: int) -> bool:
        """Whether it is time to look; says so once."""
        if self._due_ns is not None and now_ns < self._due_ns:
            return False
        self._due_ns = now_ns + round(EVERY_S * 1e9)
        return True

    def describe(
        self, seen: Seen, measured: NDArray[np.float32] | None, of_track: NDArray[np.intp]
    ) -> Array:
        """Return (descriptors, animals); NaN where not known.

        Args:
            seen: The individuals.
            measured: (individuals, descriptors), by the observer; None: nothing.
            of_track: (animals,), the individual that each is; -1: none.
        """
        xy, found = seen.xy.transpose(1, 2, 0), seen.found.T
        off = xy[self._begin] - xy[self._end]
        lengths = np.sqrt(off[:, 0] ** 2 + off[:, 1] ** 2)
        lengths[~(found[self._begin] & found[self._end])] = np.nan
        if measured is None:  # as many descriptors as there were before, not known now
            n_measured = max(len(self._mean) - len(lengths), 0)
            measured = np.full((lengths.shape[1], n_measured), np.nan, np.float32)
        every = np.concatenate([measured.T, lengths])
        described = every[:, of_track].astype(np.float64)
        described[:, of_track < 0] = np.nan
        return described

    def learn(self, described: Array, sure: NDArray[np.bool_]) -> None:
        """Take in what these animals look like; they are surely who they are."""
        self._fit(len(described))
        known = np.isfinite(described) & sure
        self._samples += known
        most = MEMORY_S / EVERY_S
        share = known / np.minimum(np.maximum(self._samples, 1), most)
        off = np.where(known, described - self._mean, 0.0)
        off2 = np.where(self._samples > 1, off * off, 0.0)
        self._mean += share * off
        n = (known & (self._samples > 1)).sum(axis=1)
        self._learned += n
        weight = n / np.minimum(np.maximum(self._learned, 1), most * self._n)
        spread = off2.sum(axis=1) / np.maximum(n, 1)
        self._variance += np.minimum(weight, 1.0) * (spread - self._variance)
        self._age_s += np.where(known.any(axis=0), EVERY_S, 0.0)

    def compare(
        self, described: Array, one: NDArray[np.intp], two: NDArray[np.intp]
    ) -> tuple[NDArray[np.bool_], Array]:
        """Return of which pairs it can be told, and the evidence that they are as called now.

        The evidence is the logarithm of a ratio of Gaussian likelihoods, (pairs,).
        """
        self._fit(len(described))
        ripe = (self._age_s[one] >= ENOUGH_S) & (self._age_s[two] >= ENOUGH_S)
        first, second = described[:, one], described[:, two]
        mean, other = self._mean[:, one], self._mean[:, two]
        wrong = (first - other) ** 2 + (second - mean) ** 2
        right = (first - mean) ** 2 + (second - other) ** 2
        spread = np.maximum(self._variance, 1e-9)[:, None]
        differs = (mean - other) ** 2 >= LEAST_DIFFERENCE**2 * spread
        differs &= self._samples[:, one] * self._samples[:, two] > 0
        tells = np.where(differs, (wrong - right) / (2 * spread), np.nan)
        n = np.isfinite(tells).sum(axis=0)
        tells = np.clip(np.where(np.isfinite(tells), tells, 0.0), -MOST_TOLD, MOST_TOLD)
        total = tells.sum(axis=0) * np.minimum(INDEPENDENT / np.maximum(n, 1), 1.0)
        return ripe & (n > 0), np.clip(total, -MOST_TOLD, MOST_TOLD)

    def forget(self, one: int) -> None:
        """Begin anew with an animal."""
        self._age_s[one] = 0.0
        self._samples[:, one] = 0.0
        self._mean[:, one] = 0.0

    def _fit(self, n_descriptors: int) -> None:
        """Begin anew if another number of descriptors comes: the first time, as a rule."""
        if len(self._mean) != n_descriptors:
            self._mean, self._samples = np.zeros((2, n_descriptors, self._n))
            self._variance, self._learned = np.zeros((2, n_descriptors))
            self._age_s[:] = 0.0
