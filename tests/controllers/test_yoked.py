"""This animal gets what another animal got. Times are ms."""

from dataclasses import replace

import pytest
from controller_frames import MS, PULSES, all_of, asked, frame, made, settings_of
from pydantic import ValidationError

from tracker.controllers.make import make_controller, outputs_of, yoke_of
from tracker.controllers.yoke import (
    LIVE_CAPACITY,
    LiveYoke,
    RecordedYoke,
    YokeSettings,
    cut,
    orders_of,
)
from tracker.errors import ConfigError
from tracker.stimuli import (
    Action,
    Arm,
    Delivery,
    PulseTrain,
    Refusal,
    StimulusCommand,
    StimulusRow,
)

OTHER = PulseTrain(5000, 20_000, 4)
FROM_WAKE = YokeSettings(session="sessions/m11", controller="wake", output="light")
YOKED = {"kind": "yoked", "output": "light", "yoke": {"session": "sessions/m11"}}
START = 400  # capture time of the other session's first frame


def yoked(orders, **given):
    return made("yoke", other=orders, **(YOKED | given))


def test_trains_come_at_the_same_time_since_the_first_frame():
    controller = yoked([(100, PULSES), (250, OTHER)])
    commands = all_of(controller, [frame(ms) for ms in range(1000, 1500, 10)])
    assert [(c.frame_index, c.train) for c in commands] == [(1100, PULSES), (1250, OTHER)]
    assert commands[0] == StimulusCommand(
        stimulus_id="yoke/1",
        controller="yoke",
        output="light",
        action=Action.TRAIN,
        train=PULSES,
        arm=Arm.YOKED,
        trigger="yoked:1",
        frame_index=1100,
        captured_ns=1100 * MS,
    )


def test_a_time_between_two_frames_means_at_the_later_one():
    assert asked(yoked([(101, PULSES)]), [frame(0), frame(100), frame(110)]) == [(110, "train")]


def test_where_the_other_was_stopped_this_one_is_too():
    controller = yoked([(100, PULSES), (250, None)])
    _, stop = all_of(controller, [frame(ms) for ms in range(0, 500, 10)])
    assert (stop.frame_index, stop.action, stop.train) == (250, Action.STOP, None)
    assert (stop.arm, stop.trigger) == (Arm.YOKED, "yoked:1")


def test_after_a_gap_all_that_was_due_comes_in_order():
    controller = yoked([(100, PULSES), (150, None), (250, OTHER)])
    commands = all_of(controller, [frame(0), frame(900)])
    assert [c.train for c in commands] == [PULSES, None, OTHER]
    assert {c.frame_index for c in commands} == {900}


def test_when_the_other_got_nothing_more_this_one_gets_nothing_more():
    assert asked(yoked([(0, PULSES)]), [frame(0), frame(5000), frame(9000)]) == [(0, "train")]


def test_some_may_be_sham():
    allocation = {"arms": {"yoked": 1, "sham": 1}, "block": 4, "blinded": False}
    orders = [(100 * i, PULSES if i % 2 == 0 else None) for i in range(8)]
    commands = all_of(yoked(orders, allocation=allocation), [frame(ms) for ms in range(0, 800, 10)])
    assert sorted(c.arm for c in commands) == [Arm.SHAM] * 4 + [Arm.YOKED] * 4
    assert [c.arm for c in commands[::2]] == [c.arm for c in commands[1::2]]
    assert [c.train for c in commands[::2]] == [PULSES] * 4


def test_the_session_keeps_which_trains_they_were():
    one, same, other = (yoked(orders).facts for orders in ([(1, PULSES)],) * 2 + ([(2, PULSES)],))
    assert one == same
    assert one["yoke"]["trains"] == 1
    assert one["yoke"]["trains_sha256"] != other["yoke"]["trains_sha256"]


# The other session, as its rows tell.


def row(ms, train=PULSES, delivery=Delivery.DELIVERED, **about):
    action = Action.STOP if train is None else Action.TRAIN
    command = StimulusCommand("wake/1", "wake", "light", action, train, captured_ns=ms * MS)
    return StimulusRow(replace(command, **about), delivery, commanded_ns=ms * MS + 5 * MS)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        pytest.param(row(500), [(100 * MS, PULSES)], id="delivered"),
        pytest.param(row(500, None), [(100 * MS, None)], id="stopped"),
        pytest.param(
            row(500, captured_ns=None), [(105 * MS, PULSES)], id="by_hand_when_it_was_commanded"
        ),
        pytest.param(row(500, delivery=Delivery.SHAM), [], id="sham_was_not_given"),
        pytest.param(row(500, delivery=Delivery.REFUSED), [], id="refused_was_not_given"),
        pytest.param(row(500, delivery=Delivery.LATE), [], id="late_was_not_given"),
        pytest.param(row(500, delivery=Delivery.FAILED), [], id="failed_was_not_given"),
        pytest.param(row(500, controller="cue"), [], id="another_controllers"),
        pytest.param(row(500, output="valve"), [], id="another_outputs"),
        pytest.param(row(500, action=Action.LEVEL), [], id="levels_are_left_out"),
    ],
)
def test_what_the_other_animal_got_is_what_was_delivered(other, expected):
    always = row(900, OTHER)
    orders = orders_of([other, always], START * MS, FROM_WAKE)
    assert orders == [*expected, (500 * MS, OTHER)]


def test_without_a_name_every_controller_and_output_counts():
    rows = [row(500, controller="cue"), row(600, OTHER, output="valve")]
    orders = orders_of(rows, START * MS, YokeSettings(session="sessions/m11"))
    assert [train for _, train in orders] == [PULSES, OTHER]


def test_a_session_without_such_trains_is_refused():
    with pytest.raises(ConfigError, match="m11 delivered no train of controller wake on output"):
        orders_of([row(500, None), row(600, output="valve")], 0, FROM_WAKE)


def test_a_session_that_is_blinded_is_refused():
    hidden = row(500).blinded()
    with pytest.raises(ConfigError, match=r"its session is blinded.*tracker unblind"):
        orders_of([hidden], 0, FROM_WAKE)
    with pytest.raises(ConfigError, match="its session is blinded"):
        LiveYoke(FROM_WAKE).offer(hidden)


def test_a_refused_stimulus_of_a_blinded_session_hides_nothing():
    refused = StimulusRow(row(500).command, Delivery.REFUSED, Refusal.REFRACTORY).blinded()
    assert len(orders_of([refused, row(600)], 0, FROM_WAKE)) == 1


# A trial takes a train whole, and so cut as it was cut there.


@pytest.mark.parametrize(
    ("after_us", "expected"),
    [
        pytest.param(0, None, id="at_once"),
        pytest.param(1000, None, id="in_its_delay"),
        pytest.param(1001, PulseTrain(1, 20_000, 1, 1000), id="one_microsecond_later"),
        pytest.param(4000, PulseTrain(3000, 20_000, 1, 1000), id="in_the_first_pulse"),
        pytest.param(10_000, PulseTrain(5000, 20_000, 1, 1000), id="in_the_first_gap"),
        pytest.param(21_000, PulseTrain(5000, 20_000, 1, 1000), id="as_the_second_would_begin"),
        pytest.param(21_001, PulseTrain(5000, 20_000, 2, 1000), id="in_the_second_pulse"),
        pytest.param(66_000, PulseTrain(5000, 20_000, 4, 1000), id="at_its_end"),
        pytest.param(10**9, PulseTrain(5000, 20_000, 4, 1000), id="long_after"),
    ],
)
def test_a_train_is_cut_where_it_was_stopped(after_us, expected):
    assert cut(PulseTrain(5000, 20_000, 4, 1000), after_us) == expected


def test_what_is_cut_keeps_as_much_of_its_ramps_as_fits():
    assert cut(PulseTrain(10_000, 10_000, ramp_us=4000), 6000).ramp_us == 3000


@pytest.mark.parametrize(
    ("orders", "expected"),
    [
        pytest.param([], [None], id="nothing"),
        pytest.param([(0, PULSES), (9, OTHER)], [cut(PULSES, 9000), OTHER], id="replaced"),
        pytest.param([(0, OTHER), (7, None)], [PulseTrain(5000, 20_000, 1), None], id="stopped"),
        pytest.param([(0, OTHER), (70, None)], [OTHER, None], id="stopped_after_its_end"),
        pytest.param([(0, OTHER), (0, PULSES)], [PULSES, None], id="replaced_before_it_began"),
        pytest.param([(0, None), (5, OTHER)], [OTHER], id="a_stop_first"),
        pytest.param([(5, OTHER), (0, PULSES)], [cut(PULSES, 5000), OTHER], id="out_of_order"),
    ],
)
def test_trials_take_the_trains_in_order_as_long_as_they_went_on(orders, expected):
    source = RecordedYoke([(ms * MS, train) for ms, train in orders])
    assert [source.take() for _ in expected] == expected


# Live.


def test_a_live_train_is_due_as_soon_as_it_has_arrived():
    live = LiveYoke(FROM_WAKE)
    assert (live.due(0), live.take()) == ([], None)
    live.offer(row(500))
    live.offer(row(510, output="valve"))
    live.offer(row(600, None))
    assert live.due(0) == [PULSES, None]
    assert live.due(10**12) == []


def test_live_trials_take_one_train_each():
    live = LiveYoke(FROM_WAKE)
    for other in (row(400, None), row(500), row(600, OTHER)):
        live.offer(other)
    assert [live.take() for _ in range(3)] == [PULSES, OTHER, None]


def test_live_trains_that_no_frame_takes_are_lost_and_counted_the_oldest_first():
    live = LiveYoke(FROM_WAKE)
    live.offer(row(0, OTHER))
    for i in range(LIVE_CAPACITY):
        live.offer(row(i))
    assert live.lost == 1
    assert live.due(0) == [PULSES] * LIVE_CAPACITY


def test_a_live_source_says_whose_trains_they_are():
    settings = YokeSettings(address="tcp://127.0.0.1:5556", output="light")
    assert LiveYoke(settings).facts == {"address": "tcp://127.0.0.1:5556", "output": "light"}


# Settings.


@pytest.mark.parametrize(
    ("yoke", "found"),
    [({}, "neither"), ({"session": "x", "address": "tcp://127.0.0.1:1"}, "both")],
)
def test_there_is_one_other_animal(yoke, found):
    with pytest.raises(ValidationError, match=f"one of session and address, found {found}"):
        YokeSettings(**yoke)


def test_real_trials_of_its_own_are_refused():
    with pytest.raises(ValidationError, match="no real trials of its own"):
        yoked([], allocation={"arms": {"real": 1, "yoked": 1}})


def test_whoever_builds_it_can_ask_which_other_animal_it_needs():
    settings = settings_of(**YOKED)
    assert yoke_of(settings) == YokeSettings(session="sessions/m11")
    assert outputs_of(settings) == ("light",)
    with pytest.raises(ConfigError, match="the other animal's stimuli are not there"):
        make_controller("yoke", settings, behaviours={}, features=(), outputs=("light",))


@pytest.mark.parametrize("name", ["manual", "a/b", ""])
def test_names_that_would_be_taken_for_something_else_are_refused(name):
    with pytest.raises(ConfigError, match="expected a name of letters"):
        made(name, other=[], **YOKED)
