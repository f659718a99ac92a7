"""Drawn pulse trains: which pulse is which is known."""

from dataclasses import dataclass

import numpy as np
import pytest

from tracker.alignment.matching import (
    Match,
    best_anchor,
    match,
    other_matches,
    pairs_by_intervals,
    tolerance_of,
)


@dataclass(frozen=True)
class Drawn:
    """Pulses at random intervals, seen by two recordings with clocks of their own."""

    n: int = 2000
    shortest_s: float = 0.2
    longest_s: float = 2.0
    drift: float = 120e-6
    begins_s: float = 437.2
    missing: float = 0.0
    extra: float = 0.0
    jitter_s: float = 50e-6
    cut: tuple[int, int] = (0, 0)
    warming: float = 0.0
    seed: int = 3

    def recordings(self):
        """Our times and theirs, and which pulse each is (-1: none)."""
        chance = np.random.default_rng(self.seed)
        true_s = np.cumsum(chance.uniform(self.shortest_s, self.longest_s, self.n))
        ours_s = true_s + chance.normal(0, self.jitter_s, self.n)
        theirs_s = (true_s - self.begins_s) / (1 + self.drift) + self.warming * true_s**2
        mine, kept = (np.flatnonzero(chance.random(self.n) >= self.missing) for _ in range(2))
        kept = kept[(kept >= self.cut[0]) & (kept < self.n - self.cut[1])]
        n_extra = round(self.extra * self.n)
        extra_s = chance.uniform(theirs_s[kept[0]], theirs_s[kept[-1]], n_extra)
        all_s = np.concatenate([theirs_s[kept], extra_s])
        which = np.concatenate([kept, np.full(n_extra, -1)])
        order = np.argsort(all_s)
        return ours_s[mine], all_s[order], mine, which[order]


def matched(ours_s, theirs_s) -> Match:
    tolerance_s = tolerance_of(ours_s, theirs_s, 0.010)
    pairs = pairs_by_intervals(ours_s, theirs_s, tolerance_s)
    anchor = best_anchor(ours_s, theirs_s, pairs, tolerance_s)
    assert anchor is not None
    return match(ours_s, theirs_s, anchor[:2], anchor[2], tolerance_s)


TRAINS = {
    "all there": Drawn(),
    "clocks 900 ppm apart": Drawn(drift=-900e-6),
    "1 % missing on either side": Drawn(missing=0.01),
    "1 % missing, 5 % too many": Drawn(missing=0.01, extra=0.05),
    "they began later and ended earlier": Drawn(cut=(700, 400)),
    "fifty pulses": Drawn(n=50),
    "a clock that gets warm, by 9 ms in the end": Drawn(n=8000, warming=1.2e-10),
    "ten pulses a second": Drawn(shortest_s=0.02, longest_s=0.18, missing=0.01),
}


@pytest.mark.parametrize("train", TRAINS.values(), ids=TRAINS.keys())
def test_every_pulse_that_both_have_finds_its_partner_and_no_other_does(train):
    ours_s, theirs_s, mine, which = train.recordings()
    found = matched(ours_s, theirs_s)
    assert mine[found.ours].tolist() == which[found.theirs].tolist()
    assert set(mine[found.ours]) == set(mine) & set(which)
    assert found.spread_s == pytest.approx(train.jitter_s, rel=0.35)


def test_random_pulses_match_in_one_way_alone():
    ours_s, theirs_s, *_ = Drawn(missing=0.01).recordings()
    found = matched(ours_s, theirs_s)
    assert other_matches(ours_s, theirs_s, found, 0.010) == ()


def test_regular_pulses_match_as_well_when_shifted():
    """100 pulses a second, of which the file has the middle ones, 90 ppm apart."""
    times_s = np.arange(1000) / 100
    theirs_s = times_s[100:900] * (1 - 90e-6)
    found = match(times_s, theirs_s, (100, 0), 1 + 90e-6, 0.0025)
    assert found.spread_s < 1e-6
    assert other_matches(times_s, theirs_s, found, 0.0025) == (-3, -2, -1, 1, 2, 3)


def test_a_regular_train_follows_from_one_pair_through_gaps_and_drift():
    """30 pulses a second for 20 minutes, 200 ppm apart; 60 s of theirs are not there."""
    true_s = np.arange(36_000) / 30
    theirs = np.delete(np.arange(36_000), slice(10_000, 11_800))
    theirs_s = (true_s / (1 + 200e-6) - 5.0)[theirs]
    found = match(true_s, theirs_s, (20_000, 18_200), 1.0, 1 / 120)
    assert found.ours.tolist() == theirs.tolist()
    assert found.theirs.tolist() == list(range(34_200))


def test_nothing_in_common_gives_few_pairs():
    ours_s, *_ = Drawn(seed=1).recordings()
    theirs_s = Drawn(seed=2).recordings()[1]
    found = matched(ours_s, theirs_s)
    assert len(found.ours) < 0.1 * len(ours_s)


@pytest.mark.parametrize("n", [0, 3], ids=["none", "as many as a run"])
def test_too_few_pulses_give_no_pair(n):
    few_s = np.arange(n) * 1.0
    many_s = np.arange(10) * 1.0
    assert len(pairs_by_intervals(few_s, many_s, 0.01)) == 0
    assert best_anchor(few_s, many_s, np.empty((0, 2), np.int64), 0.01) is None


@pytest.mark.parametrize(
    ("ours_s", "theirs_s", "expected_s"),
    [
        ([0.0, 1.0, 2.0], [0.0, 1.0], 0.010),
        ([0.0, 0.02, 0.04], [0.0, 1.0], 0.005),
        ([0.0], [0.0, 0.02], 0.005),
    ],
    ids=["the most that is allowed", "a quarter of our interval", "a quarter of theirs"],
)
def test_pulses_of_a_pair_lie_closer_than_pulses_of_two(ours_s, theirs_s, expected_s):
    tolerance_s = tolerance_of(np.array(ours_s), np.array(theirs_s), 0.010)
    assert tolerance_s == pytest.approx(expected_s)
