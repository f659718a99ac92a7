"""Refractory time, point events, what is borne unseen, and dating back. 100 frames a second."""

import math
import random

import pytest
from pydantic import ValidationError

from tracker.episodes import EpisodeBuilder, EpisodeSettings
from tracker.types import Episode, Onset

MS = 1_000_000
NAN = math.nan
GOOD, BAD = 1.0, 0.0


def outcomes(scores, lost=(), finish=False, **settings):
    """Spans of what was said, by the frame that said it: (first, confirmed) or (first, last)."""
    given = {"min_duration_s": 0.02, "max_gap_s": 0.01, **settings}
    builder = EpisodeBuilder("rearing", "mouse", EpisodeSettings(**given))
    said = {}
    for i, score in enumerate(scores):
        if i not in lost:
            said[i] = builder.update(score, i, i * 10 * MS)
    if finish:
        said["finish"] = builder.finish()
    return {i: _span(event) for i, event in said.items() if event is not None}


def _span(event):
    if isinstance(event, Onset):
        assert event.onset_ns == event.onset_index * 10 * MS
        return "new", event.onset_index, event.confirmed_index
    assert isinstance(event, Episode)
    assert event.end_ns == event.end_index * 10 * MS
    return "end", event.onset.onset_index, event.end_index


def scores_of(pattern):
    return [{"+": GOOD, "-": BAD, "?": NAN}[sign] for sign in pattern]


@pytest.mark.parametrize(
    ("refractory_s", "second"),
    [(0, 6), (0.04, 6), (0.05, 7), (0.06, 8), (10, None)],
)
def test_the_next_one_begins_no_sooner_than_the_refractory_time_after_the_last(
    refractory_s, second
):
    said = outcomes(scores_of("+++---+++++++---"), refractory_s=refractory_s)
    begun = [span[1] for span in said.values() if span[0] == "new"]
    assert begun == ([0] if second is None else [0, second])


def test_a_refractory_time_counts_from_the_last_frame_and_frames_in_it_begin_nothing():
    said = outcomes(scores_of("+++--++++"), refractory_s=0.04)
    assert said[8] == ("new", 6, 8)


def test_a_point_is_its_first_frame_and_ends_on_the_next():
    said = outcomes(scores_of("-+++++---"), kind="point")
    assert said == {3: ("new", 1, 3), 4: ("end", 1, 1)}


def test_a_point_comes_again_only_after_a_bad_frame():
    said = outcomes(scores_of("+++++++-+++"), kind="point")
    assert [span for span in said.values() if span[0] == "new"] == [("new", 0, 2), ("new", 8, 10)]


def test_a_point_without_a_least_duration_is_known_at_once():
    said = outcomes(scores_of("-+-+-"), kind="point", min_duration_s=0)
    assert said == {
        1: ("new", 1, 1),
        2: ("end", 1, 1),
        3: ("new", 3, 3),
        4: ("end", 3, 3),
    }


def test_a_point_has_a_refractory_time_from_its_frame():
    said = outcomes(scores_of("+-+-+-+-"), kind="point", min_duration_s=0, refractory_s=0.03)
    assert [i for i, span in said.items() if span[0] == "new"] == [0, 4]


def test_a_point_that_is_not_over_is_closed_at_its_frame():
    said = outcomes(scores_of("+++"), kind="point", finish=True)
    assert said["finish"] == ("end", 0, 0)


@pytest.mark.parametrize(
    ("pattern", "ended"),
    [
        pytest.param("+++???+", {}, id="unseen_is_borne"),
        pytest.param("+++????-", {7: ("end", 0, 2)}, id="unseen_for_too_long"),
        pytest.param("+++---", {4: ("end", 0, 2)}, id="bad_is_not_borne"),
        pytest.param("+++??--+", {6: ("end", 0, 2)}, id="bad_counts_alone"),
        pytest.param("+++??-+", {}, id="one_bad_frame_is_a_dip"),
        pytest.param("+++-??+", {}, id="unseen_after_bad_does_not_count"),
        pytest.param("+++-?-+", {5: ("end", 0, 2)}, id="bad_adds_up"),
        pytest.param("+++-+-+", {}, id="a_good_frame_starts_the_count_anew"),
    ],
)
def test_what_is_not_seen_may_be_borne_longer_than_what_is_bad(pattern, ended):
    said = outcomes(scores_of(pattern), max_blank_s=0.04)
    assert {i: span for i, span in said.items() if span[0] == "end"} == ended


def test_lost_frames_are_borne_as_long_as_unseen_ones():
    assert len(outcomes(scores_of("+++???+++"), lost={3, 4, 5}, max_blank_s=0.04)) == 1
    said = outcomes(scores_of("+++?????++++"), lost={3, 4, 5, 6, 7}, max_blank_s=0.04)
    assert [span[0] for span in said.values()] == ["new", "end", "new"]


def test_unseen_frames_cannot_be_borne_for_less_time_than_bad_ones():
    with pytest.raises(ValidationError, match=r"max_blank_s \(0\.1\) is below max_gap_s \(0\.2\)"):
        EpisodeSettings(max_blank_s=0.1, max_gap_s=0.2)


def test_first_and_last_frame_are_dated_back_by_the_lag_and_confirmed_is_not():
    said = outcomes(scores_of("-----++++---"), lag_s=0.03)
    assert said == {7: ("new", 2, 7), 10: ("end", 2, 5)}


def test_at_the_start_it_is_dated_back_to_the_first_frame_there_is():
    assert outcomes(scores_of("++++"), lag_s=0.03)[2] == ("new", 0, 2)


def test_with_lost_frames_it_is_dated_back_to_one_that_came():
    said = outcomes(scores_of("------+++"), lost={3}, lag_s=0.03)
    assert said[8] == ("new", 2, 8)


def test_what_is_dated_back_does_not_overlap_the_episode_before():
    """Both would begin on the first frame there is; the second one keeps its own."""
    said = outcomes(scores_of("+++---+++--"), lag_s=0.1)
    assert [span for span in said.values() if span[0] == "end"] == [("end", 0, 0), ("end", 6, 8)]


@pytest.mark.parametrize("seed", range(40))
def test_whatever_comes_episodes_are_in_order_and_do_not_overlap(seed):
    dice = random.Random(seed)
    signs = [sign for _ in range(60) for sign in dice.choice("+-?") * dice.randint(1, 8)]
    lost = {i for i in range(len(signs)) if dice.random() < 0.2}
    said = outcomes(
        scores_of(signs),
        lost=lost,
        finish=True,
        lag_s=dice.choice([0, 0.02, 0.05, 0.2]),
        refractory_s=dice.choice([0, 0.03]),
        max_blank_s=dice.choice([None, 0.05]),
        kind=dice.choice(["state", "point"]),
    )
    before = -1
    for when, (word, first, last) in said.items():
        assert first <= last
        assert when == "finish" or last <= when
        if word == "end":
            assert first > before
            before = last


def test_an_end_by_the_session_is_dated_back_as_well():
    assert outcomes(scores_of("----++++"), lag_s=0.02, finish=True)["finish"] == ("end", 2, 5)
