import math
import random

import pytest
from pydantic import ValidationError

from tracker.episodes import EpisodeBuilder, EpisodeSettings
from tracker.types import Episode, Onset

MS = 1_000_000  # ns
NAN = math.nan
LOST = None

SETTINGS = EpisodeSettings(enter=0.7, leave=0.5, min_duration_s=0.02, max_gap_s=0.01)


def at(index):
    """Index and capture time of a frame of a 100 Hz camera."""
    return index, index * 10 * MS


def outcomes(scores, settings=SETTINGS, finish=False):
    """What the builder says about one score per 10 ms frame, as {frame: outcome}."""
    builder = EpisodeBuilder("rearing", "mouse", settings)
    said = {i: builder.update(score, *at(i)) for i, score in enumerate(scores) if score is not LOST}
    if finish:
        said["finish"] = builder.finish()
    return {i: outcome for i, outcome in said.items() if outcome is not None}


def onset(first, confirmed, number=1):
    return Onset(f"rearing/mouse/{number}", "rearing", "mouse", *at(first), *at(confirmed))


def episode(first, confirmed, last, number=1):
    return Episode(onset(first, confirmed, number), *at(last))


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        pytest.param([0.6, 0.6, 0.6, 0.6], {}, id="never_reaching_enter_is_nothing"),
        pytest.param([0.9, 0.1, 0.1, 0.1], {}, id="one_noisy_frame_is_nothing"),
        pytest.param([NAN, 0.9, 0.9], {}, id="seeing_nothing_does_not_begin_one"),
        pytest.param([0.7, 0.5, 0.5], {2: onset(0, 2)}, id="both_thresholds_are_inclusive"),
        pytest.param([0.9, 0.9, 0.9], {2: onset(0, 2)}, id="certain_once_it_lasted_long_enough"),
        pytest.param([0.9, 0.6, 0.6], {2: onset(0, 2)}, id="between_leave_and_enter_keeps_it"),
        pytest.param([0.9, 0.9, 0.9, 0.9, 0.9], {2: onset(0, 2)}, id="confirmed_only_once"),
        pytest.param(
            [0.6, 0.9, 0.9, 0.9], {3: onset(1, 3)}, id="it_begins_where_enter_was_reached"
        ),
        pytest.param([0.9, 0.1, 0.9, 0.9], {}, id="a_bad_frame_before_it_is_certain_starts_anew"),
        pytest.param(
            [0.9, 0.1, 0.9, 0.9, 0.9], {4: onset(2, 4)}, id="then_it_begins_after_the_bad_frame"
        ),
        pytest.param(
            [0.9, NAN, 0.9], {2: onset(0, 2)}, id="not_seen_for_a_moment_speaks_not_against_it"
        ),
        pytest.param(
            [0.9, NAN, NAN, 0.9, 0.9], {}, id="not_seen_for_longer_starts_a_candidate_anew"
        ),
        pytest.param(
            [0.9, 0.9, NAN, 0.9], {3: onset(0, 3)}, id="only_a_good_frame_makes_it_certain"
        ),
        pytest.param([0.9, 0.9, 0.9, 0.1, 0.9], {2: onset(0, 2)}, id="a_dip_of_max_gap_is_bridged"),
        pytest.param(
            [0.9, 0.9, 0.9, 0.1, 0.1],
            {2: onset(0, 2), 4: episode(0, 2, 2)},
            id="a_longer_dip_closes_it_at_its_last_good_frame",
        ),
        pytest.param(
            [0.9, 0.9, 0.9, NAN, NAN],
            {2: onset(0, 2), 4: episode(0, 2, 2)},
            id="losing_sight_of_the_animal_counts_as_a_dip",
        ),
        pytest.param(
            [0.9, 0.9, 0.9, 0.5, 0.1, 0.1],
            {2: onset(0, 2), 5: episode(0, 2, 3)},
            id="the_last_frame_at_leave_belongs_to_it",
        ),
        pytest.param(
            [0.9, 0.9, 0.9, 0.1, 0.1, 0.9, 0.9, 0.9],
            {2: onset(0, 2), 4: episode(0, 2, 2), 7: onset(5, 7, number=2)},
            id="the_second_one_has_the_next_number",
        ),
    ],
)
def test_an_episode(scores, expected):
    assert outcomes(scores) == expected


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        pytest.param([0.9, LOST, 0.9], {2: onset(0, 2)}, id="one_lost_frame_is_bridged"),
        pytest.param(
            [0.9, LOST, LOST, 0.9, 0.9], {}, id="a_candidate_starts_anew_after_too_many_lost"
        ),
        pytest.param(
            [0.9, 0.9, 0.9, LOST, 0.9, 0.1, 0.1],
            {2: onset(0, 2), 6: episode(0, 2, 4)},
            id="one_lost_frame_inside_is_bridged",
        ),
        pytest.param(
            [0.9, 0.9, 0.9, LOST, LOST, 0.9],
            {2: onset(0, 2), 5: episode(0, 2, 2)},
            id="too_many_lost_close_it_on_the_next_frame",
        ),
        pytest.param(
            [0.9, 0.9, 0.9, LOST, LOST, 0.9, 0.9, 0.9],
            {2: onset(0, 2), 5: episode(0, 2, 2), 7: onset(5, 7, number=2)},
            id="the_frame_that_closes_one_may_begin_the_next",
        ),
        pytest.param(
            [0.9, 0.9, 0.9, LOST, 0.1],
            {2: onset(0, 2), 4: episode(0, 2, 2)},
            id="lost_and_bad_frames_add_up",
        ),
        pytest.param(
            [0.9, LOST, 0.9, LOST, 0.9, LOST, 0.9],
            {2: onset(0, 2)},
            id="seeing_every_second_frame_is_enough",
        ),
    ],
)
def test_lost_frames(scores, expected):
    assert outcomes(scores) == expected


@pytest.mark.parametrize("seed", range(20))
def test_a_lost_frame_means_the_same_as_one_in_which_nothing_was_seen(seed):
    dice = random.Random(seed)
    settings = EpisodeSettings(enter=0.7, leave=0.4, min_duration_s=0.02, max_gap_s=0.015)
    scores = [dice.choice([0.9, 0.9, 0.9, 0.9, 0.5, 0.5, 0.1, NAN]) for _ in range(300)]
    scores[0] = scores[-1] = 0.1
    lost = [LOST if math.isnan(score) else score for score in scores]
    seen = outcomes(scores, settings).values()
    assert list(outcomes(lost, settings).values()) == list(seen)
    assert len(seen) > 10


@pytest.mark.parametrize("seed", range(20))
def test_every_onset_has_its_end_and_none_overlap(seed):
    dice = random.Random(1000 + seed)
    scores = [dice.choice([0.9, 0.9, 0.6, 0.2, NAN, LOST]) for _ in range(300)]
    events = list(outcomes(scores, finish=True).values())
    onsets, episodes = events[::2], events[1::2]
    assert [ended.onset for ended in episodes] == onsets
    last = -1
    for number, ended in enumerate(episodes, start=1):
        assert ended.onset.episode_id == f"rearing/mouse/{number}"
        assert last < ended.onset.onset_index < ended.onset.confirmed_index <= ended.end_index
        assert ended.onset.confirmed_ns - ended.onset.onset_ns >= 20 * MS
        assert scores[ended.onset.onset_index] >= 0.7
        assert scores[ended.end_index] >= 0.5
        last = ended.end_index


STALL = 300  # ms


@pytest.mark.parametrize(
    ("times_ms", "expected"),
    [
        pytest.param(
            [0, 10, 20, 20 + STALL, 30 + STALL],
            [Onset, Episode],
            id="a_camera_that_stalled_without_counting_closes_it",
        ),
        pytest.param(
            [0, 10, 10 + STALL, 20 + STALL],
            [],
            id="a_stall_before_it_is_certain_starts_it_anew",
        ),
        pytest.param(
            [0, 1000, 2000, 3000], [Onset], id="a_slow_camera_has_no_gap_between_two_frames"
        ),
        pytest.param([0, 10, 23, 30, 40], [Onset], id="uneven_capture_times_are_no_gap"),
        pytest.param([0, 10, 20, 39, 41, 60, 70], [Onset], id="a_late_stamp_is_no_gap"),
    ],
)
def test_time_without_frames(times_ms, expected):
    builder = EpisodeBuilder("rearing", "mouse", SETTINGS)
    said = [builder.update(0.9, i, ms * MS) for i, ms in enumerate(times_ms)]
    assert [type(event) for event in said if event is not None] == expected


def test_after_a_stall_the_episode_ends_at_its_last_good_frame():
    builder = EpisodeBuilder("rearing", "mouse", SETTINGS)
    for i in range(4):
        builder.update(0.9, *at(i))
    ended = builder.update(0.9, 4, 30 * MS + STALL * MS)
    assert (ended.end_index, ended.end_ns) == (3, 30 * MS)
    assert not ended.ended_by_session


def test_without_a_shortest_duration_the_first_frame_is_certain():
    settings = EpisodeSettings(min_duration_s=0, max_gap_s=0)
    assert outcomes([0.9, 0.1], settings) == {0: onset(0, 0), 1: episode(0, 0, 0)}


def test_the_end_of_the_session_closes_what_is_going_on_at_its_last_good_frame():
    ended = outcomes([0.9, 0.9, 0.9, 0.9, 0.1], finish=True)["finish"]
    assert ended == Episode(onset(0, 2), *at(3), ended_by_session=True)


def test_the_end_of_the_session_makes_no_candidate_certain():
    assert outcomes([0.9, 0.9], finish=True) == {}


def test_finishing_twice_tells_once():
    builder = EpisodeBuilder("rearing", "mouse", SETTINGS)
    for i in range(4):
        builder.update(0.9, *at(i))
    assert builder.finish() is not None
    assert builder.finish() is None


@pytest.mark.parametrize(
    ("index", "ms"),
    [pytest.param(5, 60, id="same_index"), pytest.param(6, 50, id="same_time")],
)
def test_frames_out_of_order_are_an_error(index, ms):
    builder = EpisodeBuilder("rearing", "mouse", SETTINGS)
    builder.update(0.1, *at(5))
    with pytest.raises(ValueError, match=f"frame {index} at {ms * MS} ns came after frame 5"):
        builder.update(0.1, index, ms * MS)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param({"min_durations_s": 0.5}, "min_durations_s", id="misspelt"),
        pytest.param(
            {"enter": 0.4, "leave": 0.6}, r"enter \(0.4\) is below leave \(0.6\)", id="swapped"
        ),
        pytest.param({"leave": 0}, "greater than 0", id="a_leave_that_no_score_is_below"),
        pytest.param({"enter": 1.1}, "less than or equal to 1", id="above_every_score"),
        pytest.param({"max_gap_s": -1}, "greater than or equal to 0", id="negative_gap"),
    ],
)
def test_settings_that_make_no_sense_are_an_error(settings, message):
    with pytest.raises(ValidationError, match=message):
        EpisodeSettings(**settings)
