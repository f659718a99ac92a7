"""A level that follows a feature: how high, how often, and when it is off. Times are ms."""

import math

import pytest
from controller_frames import MS, all_of, asked, ended, frame, made, onset
from pydantic import ValidationError

from tracker.errors import UnknownName
from tracker.stimuli import Action, Arm, PulseTrain, StimulusCommand

LEVEL = {"kind": "level", "feature": "speed_cm_s", "low": 2, "high": 10, "output": "light"}
NAN = math.nan


def level(**given):
    return made(**(LEVEL | given))


def at(ms, speed, *events):
    return frame(ms, *events, speed_cm_s=speed)


def levels(controller, frames):
    """(ms, level) of what was asked; None: a stop."""
    return [(c.frame_index, c.train and c.train.level) for c in all_of(controller, frames)]


@pytest.mark.parametrize(
    ("given", "speed", "expected"),
    [
        pytest.param({}, 6, 0.5, id="half_way"),
        pytest.param({}, 10, 1.0, id="high"),
        pytest.param({}, 50, 1.0, id="above_high"),
        pytest.param({}, math.inf, 1.0, id="far_above_high"),
        pytest.param({"level_low": 0.25}, 2, 0.25, id="low"),
        pytest.param({"level_low": 0.25}, -3, 0.25, id="below_low"),
        pytest.param({"level_low": 0.8, "level_high": 0.4}, 4, 0.7, id="falling"),
    ],
)
def test_a_level_is_a_line_in_the_feature_that_is_cut_off_at_both_ends(given, speed, expected):
    ((_, found),) = levels(level(**given), [at(0, speed)])
    assert found == pytest.approx(expected)


def test_a_level_is_one_pulse_as_long_as_it_may_hold():
    assert all_of(level(hold_ms=150), [at(7, 6)]) == [
        StimulusCommand(
            stimulus_id="wake/1",
            controller="wake",
            output="light",
            action=Action.LEVEL,
            train=PulseTrain(150_000, 150_000, level=0.5),
            arm=Arm.REAL,
            trigger="feature:speed_cm_s",
            values={"speed_cm_s": 6},
            frame_index=7,
            captured_ns=7 * MS,
        )
    ]


def test_a_change_by_less_than_a_step_is_not_worth_a_command():
    speeds = [6.0, 6.4, 6.9, 7.0, 6.5, 6.0]  # levels 0.5, 0.55, 0.61, 0.625, 0.56, 0.5
    frames = [at(10 * i, speed) for i, speed in enumerate(speeds)]
    assert levels(level(step=0.1), frames) == [(0, 0.5), (20, 0.6125), (50, 0.5)]


def test_a_level_that_stays_is_renewed_when_half_of_its_hold_is_over():
    frames = [at(ms, 6) for ms in range(0, 301, 10)]
    assert levels(level(hold_ms=200), frames) == [(0, 0.5), (100, 0.5), (200, 0.5), (300, 0.5)]


def test_what_is_renewed_is_the_level_of_now():
    assert levels(level(step=0.5), [at(0, 6), at(100, 6.4)]) == [(0, 0.5), (100, 0.55)]


def test_a_feature_that_is_not_known_stops_it_at_once_and_once():
    frames = [at(0, 6), at(10, NAN), at(20, NAN), at(30, 6)]
    assert levels(level(), frames) == [(0, 0.5), (10, None), (30, 0.5)]


def test_a_level_of_0_is_a_stop():
    assert levels(level(), [at(0, 2), at(10, 6), at(20, 2), at(30, 1)]) == [(10, 0.5), (20, None)]


def test_the_smallest_level_above_0_is_given():
    assert levels(level(step=0.5), [at(0, 2.08)]) == [(0, pytest.approx(0.01))]


FREEZING = onset(1, 20)


def test_during_a_behaviour_means_from_the_frame_that_knows_to_the_frame_that_knows():
    frames = [
        at(10, 6),
        at(20, 6, FREEZING),
        at(30, 6),
        at(40, 6, ended(FREEZING, 25)),
        at(50, 6),
    ]
    assert asked(level(during="freezing"), frames) == [(20, "level"), (40, "stop")]


def test_an_end_without_a_level_asks_for_nothing():
    frames = [at(20, NAN, FREEZING), at(40, NAN, ended(FREEZING, 25))]
    assert asked(level(during="freezing"), frames) == []


def test_other_behaviours_do_not_matter():
    running = onset(1, 30, behaviour="running")
    frames = [at(20, 6, FREEZING), at(30, 6, running), at(40, 6, ended(running, 35)), at(50, 6)]
    assert asked(level(during="freezing"), frames) == [(20, "level")]


def test_an_episode_is_one_trial():
    allocation = {"arms": {"real": 1, "sham": 1}, "blinded": False, "seed": 7}
    second = onset(2, 100)
    frames = [
        *(at(20, 6, FREEZING), at(30, NAN), at(40, 8), at(50, 8, ended(FREEZING, 45))),
        *(at(100, 6, second), at(110, 8), at(120, 6, ended(second, 110))),
    ]
    controller = made(**LEVEL, during="freezing", allocation=allocation, handed=None)
    commands = all_of(controller, frames)
    arms = [command.arm for command in commands]
    assert [c.action for c in commands] == [*("level", "stop") * 2, "level", "level", "stop"]
    assert len(set(arms[:4])) == len(set(arms[4:])) == 1
    assert arms[0] != arms[4]


def test_an_episode_that_begins_before_the_last_one_was_known_to_end_stops_it_first():
    second = onset(2, 40)
    frames = [at(20, 6, FREEZING), at(40, 6, second), at(50, 6, ended(FREEZING, 30)), at(60, 6)]
    assert asked(level(during="freezing"), frames) == [(20, "level"), (40, "stop"), (40, "level")]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"low": 10}, "expected low below high", id="no_range"),
        pytest.param({"level_high": 0}, "level_low and level_high are both 0", id="no_change"),
        pytest.param(
            {"allocation": {"arms": {"sham": 1}}}, "allocation without during", id="no_trials"
        ),
        pytest.param(
            {"during": "freezing", "allocation": {"arms": {"yoked": 1}}},
            "a level cannot be yoked",
            id="yoked",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused(given, expected):
    with pytest.raises(ValidationError, match=expected):
        level(**given)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"feature": "sped_cm_s"}, "unknown feature 'sped_cm_s'; did you mean 'speed_cm_s'"),
        ({"during": "resting"}, "unknown behaviour 'resting'"),
        ({"output": "laser"}, "unknown output 'laser'"),
    ],
)
def test_names_that_are_not_there_are_refused(given, expected):
    with pytest.raises(UnknownName, match=expected):
        level(**given)
