"""Where each animal was, how it moves, and where it should be now."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LEAD_S = 0.3
"""An animal that is not seen is expected to go on like before for so long, then to stay."""

FOLLOW = 0.5
"""Share of a surprise in position that the velocity takes (beta of an alpha-beta filter)."""

LEARN = 0.1
"""Share of one surprise in the running mean of their squares."""

LEARN_FIRST, N_FIRST = 0.5, 5
"""The same of the first few, so that the error that a track begins with is soon forgotten."""

LEAST_ERROR_BODY = 0.02
"""Share of a body length that no prediction is better than."""

FIRST_ERROR_BODY = 0.25
"""The same of the first prediction of a track, of which no velocity is known yet."""

MEASURE_EVERY_NS = 100_000_000
"""Time between two measurements of body lengths."""

WANDER_BODY_S = 2.0
"""Body lengths per s that an animal may go while it is not seen, though it sat still before."""

APPROACH = 1.02
"""Largest factor in one frame of body length and time per frame: so they are running medians."""

APART_BODY = 0.75
"""Body lengths between the middles of two animals that do not hide each other."""

MOST_COST = 1e4
"""Costs are cut off here: beyond, nothing is less likely than another."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """The individuals of one frame.

    Attributes:
        now_ns: Capture time (ns).
        xy: (individuals, keypoints, 2), sensor px; 0 where not found.
        found: (individuals, keypoints).
        centre: (2, individuals): mean of the keypoints found; at least one is.
    """

    now_ns: int
    xy: Array
    found: NDArray[np.bool_]
    centre: Array

    @classmethod
    def of(cls, now_ns: int, xy: NDArray[np.float32]) -> tuple["Seen", NDArray[np.intp]]:
        """Return the individuals of which something was found, and their rows in `xy`.

        Args:
            now_ns: Capture time (ns).
            xy: (individuals, keypoints, 2), px; NaN where not found.
        """
        points = xy.astype(np.float64, order="C")
        found = np.isfinite(points[:, :, 0] + points[:, :, 1])
        n = found.sum(axis=1)
        rows = n.nonzero()[0]
        if len(rows) < len(n):
            points, found, n = points[rows], found[rows], n[rows]
        points = np.where(found[:, :, None], points, 0.0)
        return cls(now_ns, points, found, points.sum(axis=1).T / n), rows

    def from_left_to_right(self, individuals: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the same individuals in an order that does not depend on that of the rows."""
        x, y = self.centre[:, individuals]
        return individuals[np.lexsort((y, x))]

    def lengths(self) -> Array:
        """Diagonal of the box around each individual (px)."""
        found = self.found[:, :, None]
        high = np.where(found, self.xy, -np.inf).max(axis=1)
        low = np.where(found, self.xy, np.inf).min(axis=1)
        across = high - low
        return np.asarray(np.hypot(across[:, 0], across[:, 1]))


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Which individual may be which animal, and what it would cost.

    Attributes:
        track: (pairs,), number of the animal.
        individual: (pairs,), number of the individual.
        cost: (animals, individuals): minus the logarithm of the likelihood; NaN: out of reach.
    """

    track: NDArray[np.intp]
    individual: NDArray[np.intp]
    cost: Array


class Tracks:
    """Motion of a fixed number of places for animals; one thread.

    Each has its last known keypoints, a velocity, and the running mean square of how far it was
    from where it should have been, which grows in proportion to the time it was not seen.

    Args:
        n: Places.
        n_keypoints: Keypoints of the skeleton.
        gate_px: Farthest from the place expected in the next frame (px); None: by body lengths.
        gate_body_lengths: The same, in running body lengths.
    """

    def __init__(
        self, n: int, n_keypoints: int, gate_px: float | None, gate_body_lengths: float
    ) -> None:
        self.active = np.zeros(n, bool)
        self.seen_ns = np.zeros(n, np.int64)
        self.since_ns = np.zeros(n, np.int64)
        self._xy = np.zeros((n, n_keypoints, 2))
        self._known = np.zeros((n, n_keypoints), bool)
        self._velocity = np.zeros((2, n))
        self._centre = self._middle = np.zeros((2, n))
        self._error2 = np.ones(n)
        self._n = np.zeros(n, np.int64)
        self._gate = gate_px, gate_body_lengths
        self._body_px = 0.0
        self._measure_ns = -(2**63)
        self._now_ns: int | None = None
        self._period_s = 0.0
        self._expected = self._xy
        self._frames = np.ones(n)
        self._away_s = self._missed_s = np.zeros(n)

    @property
    def gate_px(self) -> float:
        """Farthest from the place expected that an animal seen in the last frame may be (px)."""
        fixed, lengths = self._gate
        return lengths * self._body_px if fixed is None else fixed

    def go_to(self, seen: Seen) -> None:
        """Predict where everybody is at the time of a frame; before anything else about it."""
        now_ns = seen.now_ns
        if self._now_ns is not None:
            passed_s = max(now_ns - self._now_ns, 1) / 1e9
            self._period_s = _toward(passed_s, self._period_s)
        self._now_ns = now_ns
        self._measure_bodies(seen)
        away_s = self._away_s = (now_ns - self.seen_ns) / 1e9
        self._frames = np.maximum(away_s / (self._period_s or 1.0), 1.0)
        self._missed_s = np.maximum(away_s - self._period_s, 0.0)
        moved = self._velocity * np.minimum(away_s, LEAD_S)
        self._expected, self._middle = self._xy + moved.T[:, None], self._centre + moved

    def candidates(self, seen: Seen) -> Candidates:
        """Return all pairs of an animal and an individual within its reach."""
        off = self._middle[:, :, None] - seen.centre[:, None]
        off *= off
        apart2 = off[0] + off[1]
        reach = self.gate_px * self._frames
        far = reach + self._body_px  # which keypoints are found moves the middle as well
        near = (apart2 <= (far * far)[:, None]) & self.active[:, None]
        track, individual = near.nonzero()
        away2, is_near = self._distances(seen, track, individual, reach * reach)
        alone = np.isnan(away2)  # no keypoint in common
        if alone.any():
            away2[alone] = apart2[track[alone], individual[alone]]
            is_near |= alone
        if not is_near.all():
            track, individual, away2 = track[is_near], individual[is_near], away2[is_near]
        wandered_px = WANDER_BODY_S * self._body_px * self._missed_s
        spread2 = (self._error2 * self._frames**2 + wandered_px * wandered_px)[track]
        cost = np.full(near.shape, np.nan)
        cost[track, individual] = np.minimum(away2 / (2 * spread2) + np.log(spread2), MOST_COST)
        return Candidates(track, individual, cost)

    def take(self, seen: Seen, track: NDArray[np.intp], individual: NDArray[np.intp]) -> None:
        """Follow these animals, in the order of their numbers, to these individuals."""
        each = slice(None) if len(track) == len(self.active) else track
        found, known = seen.found.take(individual, axis=0), self._known[each]
        expected, xy = self._expected[each], seen.xy.take(individual, axis=0)
        both = found & known
        n = np.maximum(both.sum(axis=1), 1)
        off = np.where(both[:, :, None], xy - expected, 0.0)
        away2 = (off * off).sum(axis=(1, 2)) / n
        passed_s = np.maximum(self._away_s[each], 1e-6)
        self._velocity[:, each] += FOLLOW * off.sum(axis=1).T / n / passed_s
        least = (LEAST_ERROR_BODY * self._body_px) ** 2
        usual = self._error2[each]
        surprise = np.minimum(away2 / self._frames[each] ** 2, 9 * usual)
        share = np.where(self._n[each] < N_FIRST, LEARN_FIRST, LEARN)
        self._error2[each] = np.maximum(usual + share * (surprise - usual), max(least, 1e-2))
        self._n[each] += 1
        self._xy[each] = np.where(found[:, :, None], xy, expected)
        self._known[each] = known | found
        self._centre[:, each] = seen.centre.take(individual, axis=1)
        self.seen_ns[each] = seen.now_ns

    def stand_apart(self, seen: Seen) -> NDArray[np.bool_]:
        """Whether nobody else is near enough to each individual to hide or touch it."""
        x, y = (centre[:, None] - centre for centre in seen.centre)
        apart2 = x * x + y * y
        np.fill_diagonal(apart2, np.inf)
        return np.asarray(apart2.min(axis=1) >= (APART_BODY * self._body_px) ** 2)

    def start(self, seen: Seen, track: int, individual: int) -> None:
        """Follow a new animal."""
        self.active[track] = True
        self.since_ns[track] = self.seen_ns[track] = seen.now_ns
        self._xy[track] = seen.xy[individual]
        self._known[track] = seen.found[individual]
        self._centre[:, track] = seen.centre[:, individual]
        self._velocity[:, track], self._n[track] = 0.0, 0
        first = FIRST_ERROR_BODY * (self._body_px or self.gate_px)
        self._error2[track] = max(first * first, 1.0)

    def end(self, track: int) -> None:
        """Follow this one no more."""
        self.active[track] = False

    def exchange(self, one: int, other: int) -> None:
        """Let two animals exchange their names."""
        each, swapped = [one, other], [other, one]
        for values in (self.active, self.seen_ns, self.since_ns, self._error2, self._n):
            values[each] = values[swapped]
        for points in (self._xy, self._known):
            points[each] = points[swapped]
        for vectors in (self._velocity, self._centre):
            vectors[:, each] = vectors[:, swapped]

    def _measure_bodies(self, seen: Seen) -> None:
        if not seen.centre.shape[1] or seen.now_ns < self._measure_ns:
            return
        self._measure_ns = seen.now_ns + MEASURE_EVERY_NS
        lengths = np.sort(seen.lengths())
        self._body_px = _toward(float(lengths[len(lengths) // 2]), self._body_px)

    def _distances(
        self,
        seen: Seen,
        track: NDArray[np.intp],
        individual: NDArray[np.intp],
        reach2: Array,
    ) -> tuple[Array, NDArray[np.bool_]]:
        """Return mean squared distances of keypoints (px²), NaN without any in common.

        And whether half of the keypoints are within reach; those that are not count as at its
        end, so that one wrong keypoint does not make an animal another.
        """
        both = self._known.take(track, axis=0) & seen.found.take(individual, axis=0)
        off = self._expected.take(track, axis=0) - seen.xy.take(individual, axis=0)
        off *= off
        away2 = off[:, :, 0] + off[:, :, 1]
        most = reach2[track, None]
        n = both.sum(axis=1)
        n_near = ((away2 <= most) & both).sum(axis=1)
        total = np.where(both, np.minimum(away2, most), 0.0).sum(axis=1)
        has_any = n > 0
        mean = np.where(has_any, total / np.maximum(n, 1), np.nan)
        return mean, (2 * n_near >= n) & has_any


def _toward(value: float, median: float) -> float:
    """Return a running median that has seen one more value; 0 is no value yet."""
    if value == 0 or median == 0:
        return value or median
    return min(max(value, median / APPROACH), median * APPROACH)
