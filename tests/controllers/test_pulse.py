"""A pulse train for each bout: when it comes, when it does not, and what it says of itself.

Frames come every ms where nothing else is said; times in here are ms.
"""

import math

import pytest
from controller_frames import MS, PULSES, TRAIN, all_of, asked, bouts, ended, frame, made, onset
from pydantic import ValidationError

from tracker.controllers.allocation import uniform
from tracker.errors import UnknownName
from tracker.stimuli import Action, Arm, StimulusCommand

PULSE = {"kind": "pulse", "behaviour": "freezing", "output": "light", "train": TRAIN}
FREEZING = onset(1, 100, 150)
OVER = ended(FREEZING, 900)


def pulse(**given):
    return made(**(PULSE | given))


def frames(until, *, every=10, events=None):
    """A frame every 10 ms up to and with `until`; `events` by the ms of their frame."""
    events = events or {}
    return [frame(ms, *events.get(ms, ())) for ms in range(0, until + 1, every)]


def test_an_onset_asks_for_the_train_on_the_frame_on_which_it_is_known():
    (command,) = all_of(pulse(), frames(300, events={150: [FREEZING]}))
    assert command == StimulusCommand(
        stimulus_id="wake/1",
        controller="wake",
        output="light",
        action=Action.TRAIN,
        train=PULSES,
        arm=Arm.REAL,
        trigger="freezing/mouse/1",
        values={"fastest_keypoint_cm_s": 0.5},
        frame_index=150,
        captured_ns=150 * MS,
    )


def test_a_feature_that_is_not_known_stays_unknown():
    (command,) = pulse().update(frame(150, FREEZING, fastest_keypoint_cm_s=math.nan))
    assert math.isnan(command.values["fastest_keypoint_cm_s"])


def test_another_behaviour_asks_for_nothing():
    running = onset(1, 100, behaviour="running")
    events = {100: [running], 200: [ended(running, 150)]}
    for when in ("onset", "end", "while"):
        assert asked(pulse(when=when), frames(300, events=events)) == []


def test_the_end_asks_for_it_on_the_frame_on_which_it_is_known():
    events = {150: [FREEZING], 1000: [OVER]}
    assert asked(pulse(when="end"), frames(1100, events=events)) == [(1000, "train")]


def test_an_episode_that_only_the_session_ended_has_no_end_that_counts():
    events = {1000: [ended(FREEZING, 900, by_session=True)]}
    assert asked(pulse(when="end"), frames(1100, events=events)) == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"after_s": 0.2}, 300, id="counts_from_the_first_frame_not_from_the_known"),
        pytest.param({"after_s": 0.04}, 150, id="shorter_than_debouncing_means_at_once"),
        pytest.param({"after_s": 0.05}, 150, id="exactly_then"),
        pytest.param({"after_s": 0.201}, 310, id="between_two_frames_means_at_the_later"),
        pytest.param({"when": "end", "after_s": 0.3}, 1200, id="end_counts_from_the_last_frame"),
    ],
)
def test_a_delay_is_counted_in_capture_time(given, expected):
    events = {150: [FREEZING], 1000: [OVER]}
    assert asked(pulse(**given), frames(1500, events=events)) == [(expected, "train")]


def test_a_delay_that_ends_in_a_gap_is_over_at_the_next_frame():
    seen = [frame(150, FREEZING), frame(160), frame(700)]
    assert asked(pulse(after_s=0.2), seen) == [(700, "train")]


def test_several_delays_run_at_once():
    seen = frames(500, events={100: [onset(1, 100)], 200: [onset(2, 200)], 450: [onset(3, 450)]})
    commands = all_of(pulse(after_s=0.25), seen)
    assert [(c.frame_index, c.trigger) for c in commands] == [
        (350, "freezing/mouse/1"),
        (450, "freezing/mouse/2"),
    ]


@pytest.mark.parametrize(
    ("cancel", "end_known", "expected"),
    [
        pytest.param(True, 290, [], id="ended_before"),
        pytest.param(True, 300, [], id="known_to_have_ended_on_the_very_frame"),
        pytest.param(True, 310, [(300, "train")], id="ended_after"),
        pytest.param(False, 290, [(300, "train")], id="not_asked_to_cancel"),
    ],
)
def test_a_delayed_train_is_cancelled_by_the_end_of_its_episode(cancel, end_known, expected):
    events = {150: [FREEZING], end_known: [ended(FREEZING, 250)]}
    controller = pulse(after_s=0.2, cancel_if_ended=cancel)
    assert asked(controller, frames(500, events=events)) == expected


def test_only_every_third_counts_and_the_third_is_the_first():
    commands = all_of(pulse(every=3), bouts(7))
    assert [c.trigger for c in commands] == ["freezing/mouse/3", "freezing/mouse/6"]
    assert [c.stimulus_id for c in commands] == ["wake/1", "wake/2"]


def test_probability_is_drawn_by_the_number_of_the_trigger():
    """Draws 1 to 4 of seed 7 are 0.70, 0.61, 0.84 and 0.90."""
    assert [round(uniform("7", "wake", n), 2) for n in (1, 2, 3, 4)] == [0.7, 0.61, 0.84, 0.9]
    controller = made(**PULSE, handed="7", probability=0.65)
    assert [c.trigger for c in all_of(controller, bouts(4))] == ["freezing/mouse/2"]


def test_one_half_is_about_one_half():
    """1000 fair draws: 500, with a standard deviation of 16."""
    assert abs(len(all_of(pulse(probability=0.5), bouts(1000))) - 500) < 4 * 16


@pytest.mark.parametrize(("probability", "expected"), [(0, 0), (1, 20)])
def test_never_and_always_are_exact(probability, expected):
    assert len(all_of(pulse(probability=probability), bouts(20))) == expected


def test_the_seed_of_a_probability_is_kept():
    from_file = made(handed=None, **PULSE, probability=0.5)
    assert len(from_file.facts["seed"]) == 32
    assert "seed" not in pulse().facts


# While: the train lasts 460 ms (nine periods of 50 ms, and 10 ms).


def test_while_begins_a_train_as_each_ends_and_stops_at_the_end():
    events = {150: [FREEZING], 1000: [OVER]}
    assert asked(pulse(when="while"), frames(2000, events=events)) == [
        (150, "train"),
        (610, "train"),
        (1000, "stop"),
    ]


def test_all_trains_of_one_episode_are_one_trial():
    allocation = {"arms": {"real": 1, "sham": 1}, "blinded": False, "seed": 7}
    second = onset(2, 2000)
    events = {150: [FREEZING], 1000: [OVER], 2000: [second], 2500: [ended(second, 2400)]}
    controller = made(**PULSE, when="while", handed=None, allocation=allocation)
    commands = all_of(controller, frames(3000, events=events))
    assert [c.action for c in commands] == ["train", "train", "stop", "train", "train", "stop"]
    arms = [c.arm for c in commands]
    assert len(set(arms[:3])) == len(set(arms[3:])) == 1
    assert arms[0] != arms[3]


def test_a_pause_and_the_devices_own_delay_lengthen_the_cycle():
    controller = pulse(when="while", pause_s=0.1, train=TRAIN | {"delay_ms": 20})
    assert asked(controller, frames(1400, events={150: [FREEZING]})) == [
        (150, "train"),
        (730, "train"),
        (1310, "train"),
    ]


def test_a_gap_does_not_make_up_for_the_trains_that_it_missed():
    seen = [frame(150, FREEZING), frame(5000), frame(5001), frame(5459), frame(5460)]
    assert asked(pulse(when="while"), seen) == [(150, "train"), (5000, "train"), (5460, "train")]


def test_an_episode_that_ends_before_its_delay_asks_for_nothing():
    events = {150: [FREEZING], 300: [ended(FREEZING, 200)]}
    assert asked(pulse(when="while", after_s=0.5), frames(1000, events=events)) == []


def test_the_end_of_the_session_stops_what_goes_on():
    events = {150: [FREEZING], 300: [ended(FREEZING, 300, by_session=True)]}
    assert asked(pulse(when="while"), frames(300, events=events))[-1] == (300, "stop")


def test_the_end_of_another_episode_stops_nothing():
    lost_end = onset(2, 500)
    seen = frames(900, events={150: [FREEZING], 500: [lost_end], 600: [ended(FREEZING, 480)]})
    assert asked(pulse(when="while"), seen) == [(150, "train"), (500, "train")]


def test_a_stop_has_no_train_and_the_reason_of_what_it_stops():
    events = {150: [FREEZING], 300: [ended(FREEZING, 250)]}
    train, stop = all_of(pulse(when="while"), frames(300, events=events))
    assert (stop.action, stop.train, stop.arm) == (Action.STOP, None, Arm.REAL)
    assert (stop.trigger, stop.stimulus_id) == (train.trigger, "wake/2")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"cancel_if_ended": True}, "after_s above 0", id="nothing_to_cancel"),
        pytest.param(
            {"cancel_if_ended": True, "when": "end", "after_s": 1},
            "cancel_if_ended is for when: onset",
            id="ended_anyway",
        ),
        pytest.param({"pause_s": 1}, "pause_s is for when: while", id="no_pause"),
        pytest.param({"when": "always"}, "'onset', 'end' or 'while'", id="another_time"),
        pytest.param({"every": 0}, "greater than or equal to 1", id="every_none"),
        pytest.param({"probability": 1.5}, "less than or equal to 1", id="more_than_certain"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(given, expected):
    with pytest.raises(ValidationError, match=expected):
        pulse(**given)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"behaviour": "freezin"}, "unknown behaviour 'freezin'; did you mean 'freezing'"),
        ({"output": "lihgt"}, "unknown output 'lihgt'; did you mean 'light'"),
    ],
)
def test_names_that_are_not_there_are_refused(given, expected):
    with pytest.raises(UnknownName, match=expected):
        pulse(**given)
