"""Which of their pulses is which of ours: numbers alone.

Some may be missing, some too many, and nobody knows when their clock began. Their time t is
`a + slope * (t - b)` on our clock, with a slope close to 1 that changes slowly.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

Times = NDArray[np.float64]
Places = NDArray[np.int64]

MOST_DRIFT = 0.001
"""Clocks of crystals differ by some 100 parts per million; by more than this they are broken."""

FIRST_BLOCK_S = 5.0
LARGEST_BLOCK = 200
"""Pulses matched at once, in the first step by time, later by number."""

LOOK_BACK = 400
"""Pulses that the rate is taken from, for those that come next."""

RUN = 3
"""Intervals in a row that are looked for."""

MOST_RUNS = 3000
MOST_SEEDS = 200

SHIFTS = (-3, -2, -1, 1, 2, 3)
"""By so many pulses another match could be shifted."""


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """Pairs of pulses, in order of time.

    Attributes:
        ours: Places in our pulses, shape (pairs,).
        theirs: Places in theirs, shape (pairs,).
        residual_s: How much later ours is than where their clock, as known from the pulses
            around it, puts it; shape (pairs,).
    """

    ours: Places
    theirs: Places
    residual_s: Times

    @property
    def spread_s(self) -> float:
        """Root mean square of the residuals; infinite without pairs."""
        return float(np.sqrt(np.mean(self.residual_s**2))) if len(self.ours) else float("inf")


def tolerance_of(ours: Times, theirs: Times, most_s: float) -> float:
    """Return how far two pulses of one pair may lie apart (s): a quarter of a usual interval."""
    intervals = [float(np.median(np.diff(times))) for times in (ours, theirs) if len(times) > 1]
    return min([most_s, *(each / 4 for each in intervals)])


def pairs_by_intervals(ours: Times, theirs: Times, tolerance_s: float) -> NDArray[np.int64]:
    """Return pairs of places after which the same three intervals follow, shape (pairs, 2).

    Some of them are wrong: intervals may be alike by chance.
    """
    if min(len(ours), len(theirs)) <= RUN:
        return np.empty((0, 2), np.int64)
    step = max(1, (len(theirs) - RUN) // MOST_RUNS)
    places = np.arange(0, len(theirs) - RUN, step)
    tree = KDTree(_runs(ours))
    limit = tolerance_s * np.sqrt(RUN)
    away, found = tree.query(_runs(theirs)[places], k=min(RUN, tree.n), distance_upper_bound=limit)
    away, found = np.reshape(away, (len(places), -1)), np.reshape(found, (len(places), -1))
    near = np.isfinite(away)
    return np.column_stack([found[near], np.repeat(places, near.sum(axis=1))])


def _runs(times: Times) -> Times:
    intervals = np.diff(times)
    return np.asarray(np.lib.stride_tricks.sliding_window_view(intervals, RUN), np.float64)


def best_anchor(
    ours: Times, theirs: Times, pairs: NDArray[np.int64], tolerance_s: float
) -> tuple[int, int, float] | None:
    """Return the pair that most others agree with, and the slope that they give; None: no pair.

    Two pairs agree if a clock could have gone from one to the other.
    """
    if not len(pairs):
        return None
    a, b = ours[pairs[:, 0]], theirs[pairs[:, 1]]
    best, agreed = 0, np.zeros(0, np.bool_)
    for seed in np.linspace(0, len(pairs) - 1, min(MOST_SEEDS, len(pairs))).astype(int):
        moved_s = b - b[seed]
        agree = np.abs(a - a[seed] - moved_s) <= MOST_DRIFT * np.abs(moved_s) + tolerance_s
        if agree.sum() > agreed.sum():
            best, agreed = int(seed), agree
    moved_s = b[agreed] - b[best]
    far = np.abs(moved_s) > 0.1 * max(np.ptp(b[agreed]), 1.0)
    slope = np.median((a[agreed] - a[best])[far] / moved_s[far]) if far.any() else 1.0
    return int(pairs[best, 0]), int(pairs[best, 1]), float(slope)


def match(
    ours: Times, theirs: Times, anchor: tuple[int, int], slope: float, tolerance_s: float
) -> Match:
    """Return the pairs that follow from one, to both sides.

    Args:
        ours: Our pulses (s), growing.
        theirs: Theirs (s), growing.
        anchor: A place in ours and the same pulse's in theirs.
        slope: Ours per theirs, as far as it is known.
        tolerance_s: How far two pulses of one pair may lie apart.
    """
    ahead = _march(ours, theirs, anchor, slope, tolerance_s)
    last, back = (len(ours) - 1, len(theirs) - 1), (-ours[::-1], -theirs[::-1])
    behind = _march(*back, (last[0] - anchor[0], last[1] - anchor[1]), slope, tolerance_s)
    ours_at = np.concatenate([last[0] - behind[0][::-1], ahead[0]])
    theirs_at = np.concatenate([last[1] - behind[1][::-1], ahead[1]])
    residual_s = np.concatenate([-behind[2][::-1], ahead[2]])
    _, once = np.unique(theirs_at, return_index=True)
    return Match(ours_at[once], theirs_at[once], residual_s[once])


def _march(
    ours: Times, theirs: Times, anchor: tuple[int, int], slope: float, tolerance_s: float
) -> tuple[Places, Places, Times]:
    """Match block after block from the anchor on, each by the clock's rate in those before."""
    found_ours, found_theirs = [anchor[0]], [anchor[1]]
    residuals = [np.zeros(1)]
    for block in _blocks(theirs, anchor[1] + 1):
        recent = slice(-LOOK_BACK, None)
        a, b = ours[found_ours[recent]], theirs[found_theirs[recent]]
        line = _line(a, b, slope)
        expected_s = line[0] + line[1] * (theirs[block] - line[2])
        places = _nearest(ours, expected_s)
        off_s = ours[places] - expected_s
        good = (np.abs(off_s) <= tolerance_s) & (places > found_ours[-1])
        good &= _best_of_each(places, off_s)
        found_ours.extend(places[good].tolist())
        found_theirs.extend(block[good].tolist())
        residuals.append(off_s[good])
    return np.array(found_ours), np.array(found_theirs), np.concatenate(residuals)


def _blocks(theirs: Times, begin: int) -> Iterator[Places]:
    size = 1
    while begin < len(theirs):
        end = min(begin + size, len(theirs))
        in_time = int(np.searchsorted(theirs, theirs[begin] + FIRST_BLOCK_S))
        if size < LARGEST_BLOCK:
            end = max(begin + 1, min(end, in_time))
        yield np.arange(begin, end)
        begin, size = end, min(2 * size, LARGEST_BLOCK)


def _line(a: Times, b: Times, slope: float) -> tuple[float, float, float]:
    """The straight line through pairs: value, slope and place. Few pairs say little of a slope."""
    middle_s = float(np.mean(b))
    about = b - middle_s
    prior_s2 = FIRST_BLOCK_S**2  # as if one pair, so far away, had said the slope so far known
    fitted = (about @ (a - np.mean(a)) + slope * prior_s2) / (about @ about + prior_s2)
    return float(np.mean(a)), float(np.clip(fitted, 1 - MOST_DRIFT, 1 + MOST_DRIFT)), middle_s


def _nearest(times: Times, wanted: Times) -> Places:
    right = np.clip(np.searchsorted(times, wanted), 1, max(1, len(times) - 1))
    if len(times) == 1:
        return np.zeros(len(wanted), np.int64)
    nearer = wanted - times[right - 1] < times[right] - wanted
    return np.asarray(right - nearer, np.int64)


def _best_of_each(places: Places, off_s: Times) -> NDArray[np.bool_]:
    """Of several that claim one place, the nearest."""
    order = np.lexsort((np.abs(off_s), places))
    first = np.ones(len(places), np.bool_)
    first[1:] = places[order][1:] != places[order][:-1]
    best = np.zeros(len(places), np.bool_)
    best[order[first]] = True
    return best


def other_matches(ours: Times, theirs: Times, found: Match, tolerance_s: float) -> tuple[int, ...]:
    """Return by how many pulses the match could as well be shifted: a regular train tells nothing.

    A shifted match is as good if it has nearly as many pairs, hardly farther apart.
    """
    middle = len(found.ours) // 2
    near = slice(max(0, int(found.theirs[middle]) - 1000), int(found.theirs[middle]) + 1000)
    part = theirs[near]
    at = int(found.theirs[middle]) - near.start
    n_here = np.count_nonzero((found.theirs >= near.start) & (found.theirs < near.stop))
    slope = float(np.polyfit(theirs[found.theirs], ours[found.ours], 1)[0])
    as_good = []
    for shift in SHIFTS:
        place = int(found.ours[middle]) + shift
        if not 0 <= place < len(ours):
            continue
        shifted = match(ours, part, (place, at), slope, tolerance_s)
        enough = len(shifted.ours) >= 0.95 * n_here - abs(shift) - 1
        if enough and shifted.spread_s <= 2 * found.spread_s + 20e-6:
            as_good.append(shift)
    return tuple(as_good)
