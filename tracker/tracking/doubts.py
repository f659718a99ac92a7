"""How sure each name is: which two animals may have exchanged theirs without our noticing.

For each pair the chance that its names are exchanged is carried from frame to frame. Whenever the
other way round was nearly as likely as the one chosen (by a factor exp(-difference of costs)), it
goes toward one half; what the animals look like moves it back, or beyond: then they are exchanged.
"""

import numpy as np
from numpy.typing import NDArray

from tracker.tracking.tracks import Array, Candidates

PLAIN = 1e-3
"""Chances of an exchange below this count as none: they would add up over hours."""

MOST_GAIN = float(np.log(1 / PLAIN - 1))
"""The difference of costs at which the chance is `PLAIN`."""

MISSING_COST = 5.0
"""Cost of the explanation that one animal vanishes while another, not seen before, takes its
place: ln(0.95 · 0.9 / (0.05 · 0.1)) = 5.1, with chances for a frame to lose and to find one."""

LEAST = 1e-4
"""No looks make anybody surer than this."""

TURN = 0.8
"""Above this chance of an exchange the names are exchanged back."""

SETTLED = 0.01
"""Below this chance looks are not asked any more."""


class Doubts:
    """Chances that names were exchanged; one thread. State: one number per pair of animals.

    Args:
        n: Animals that can be followed.
    """

    def __init__(self, n: int) -> None:
        self._swapped = np.zeros((n, n))
        self._nobody = np.zeros(n)
        self._confidence: Array | None = None
        self._rounded: tuple[float, ...] | None = None

    @property
    def confidence(self) -> Array:
        """(animals,): chance that each has its own name, 0 to 1, pairs taken as independent."""
        if self._confidence is None:
            self._confidence = np.prod(1 - self._swapped, axis=1) * (1 - self._nobody)
        return self._confidence

    @property
    def rounded(self) -> tuple[float, ...]:
        """The same, to six decimals."""
        if self._rounded is None:
            self._rounded = tuple(self.confidence.round(6).tolist())
        return self._rounded

    def note(
        self,
        candidates: Candidates,
        of_track: NDArray[np.intp],
        of_individual: NDArray[np.intp],
        was_missing: NDArray[np.bool_],
    ) -> None:
        """Take in an assignment.

        Args:
            candidates: Everything that was possible.
            of_track: (animals,), the individual chosen for each; -1: none.
            of_individual: (individuals,), the animal chosen for each; -1: none.
            was_missing: (animals,): not seen in the frame before.
        """
        other = of_track[candidates.track] != candidates.individual
        one, individual = candidates.track[other], candidates.individual[other]
        if not len(one):
            return
        cost = candidates.cost
        two, mine = of_individual[individual], of_track[one]
        gain = cost[one, individual] - np.where(mine >= 0, cost[one, mine], 0.0)
        back = np.where(mine >= 0, cost[two, mine], 0.0) - cost[two, individual]
        gain += np.where(two >= 0, back, 0.0)
        gain += np.where((mine < 0) & was_missing[one], MISSING_COST, 0.0)
        counts = gain < MOST_GAIN  # False where it is NaN: out of reach
        if not counts.any():
            return
        counts &= (mine < 0) ^ (two < 0) | ((two > one) & (mine >= 0))
        chance = 1 / (1 + np.exp(np.maximum(gain[counts], 0.0)))
        self._exchange(one[counts], two[counts], chance)

    def all_are_here(self) -> None:
        """Note that everybody is seen and nobody else: nobody's name is with a stranger."""
        if self._nobody.any():
            self._nobody[:] = 0.0
            self._confidence = self._rounded = None

    def judge(self, one: NDArray[np.intp], two: NDArray[np.intp], evidence: Array) -> None:
        """Take in what pairs of animals look like.

        Args:
            one: (pairs,).
            two: (pairs,), another animal.
            evidence: (pairs,): logarithm of how much likelier their looks are as they are called
                now than the other way round.
        """
        now = np.clip(self._swapped[one, two], LEAST, 1 - LEAST)
        odds = now / (1 - now) * np.exp(np.clip(-evidence, -20.0, 20.0))
        self._set(one, two, np.clip(odds / (1 + odds), LEAST, 1 - LEAST))

    def open_pairs(self, among: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the pairs, among these animals, that looks could decide."""
        doubtful = (self._swapped > SETTLED) & among[:, None] & among
        one, two = np.nonzero(np.triu(doubtful, 1))
        return one, two

    def turned(self) -> tuple[int, int] | None:
        """Return the pair that is likeliest exchanged, if it is likely enough."""
        worst = int(np.argmax(self._swapped))
        one, two = divmod(worst, len(self._nobody))
        return (one, two) if self._swapped[one, two] > TURN else None

    def exchange(self, one: int, two: int) -> None:
        """Say that the names of these two were exchanged back."""
        each, swapped = [one, two], [two, one]
        chance = 1 - self._swapped[one, two]
        self._swapped[each] = self._swapped[swapped]
        self._swapped[:, each] = self._swapped[:, swapped]
        self._nobody[each] = self._nobody[swapped]
        self._set(np.array([one]), np.array([two]), np.array([chance]))
        np.fill_diagonal(self._swapped, 0.0)

    def forget(self, one: int, *, is_known: bool) -> None:
        """Begin anew with an animal: sure of its name, or not sure at all."""
        self._swapped[one] = self._swapped[:, one] = 0.0
        self._nobody[one] = 0.0 if is_known else 1.0
        self._confidence = self._rounded = None

    def _exchange(self, one: NDArray[np.intp], two: NDArray[np.intp], chance: Array) -> None:
        for i, p in zip(one[two < 0], chance[two < 0], strict=True):
            self._nobody[i] += p * (1 - self._nobody[i])
        one, two, chance = one[two >= 0], two[two >= 0], chance[two >= 0]
        now = self._swapped[one, two]
        self._set(one, two, now + chance - 2 * now * chance)

    def _set(self, one: NDArray[np.intp], two: NDArray[np.intp], chance: Array) -> None:
        self._swapped[one, two] = self._swapped[two, one] = chance
        self._confidence = self._rounded = None
