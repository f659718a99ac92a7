"""Limits of lines whose trains somebody else times."""

import pytest

from tracker.actuators.planned_lines import PlannedLines
from tracker.errors import DeviceError
from tracker.stimuli import Action, LineLimits, Order, PulseTrain
from tracker.testing.manual_clock import ManualClock

MS = 1_000_000


class Lines:
    def __init__(self, longest_ms=1000, gap_ms=0):
        self.clock = ManualClock()
        limits = LineLimits(longest_ms * 1000, gap_ms * 1000)
        self.planned = PlannedLines({"a": limits}, self.clock)

    def begin(self, width_ms, period_ms=None, n=1, *, delay_ms=0, level=1.0, action=Action.TRAIN):
        us = round(width_ms * 1000), round((period_ms or width_ms) * 1000)
        train = PulseTrain(*us, n, round(delay_ms * 1000), level)
        return self.planned.begin(Order("a", action, train, f"s/{self.clock.now_ns() // MS}"))

    def at(self, ms):
        self.clock.advance(ms * MS - self.clock.now_ns())
        return self


def test_a_train_is_planned_from_now_on():
    plan = Lines().at(7).begin(5, 20, 3, delay_ms=10)
    assert (plan.begin_ns, plan.width_ns, plan.period_ns, plan.n) == (17 * MS, 5 * MS, 20 * MS, 3)
    assert plan.end_ns == 62 * MS


@pytest.mark.parametrize(
    ("at_ms", "is_on"), [(9, False), (10, True), (14, True), (15, False), (30, True), (35, False)]
)
def test_a_pulse_includes_its_start_and_not_its_end(at_ms, is_on):
    assert Lines().begin(5, 20, 2, delay_ms=10).is_on(at_ms * MS) is is_on


def test_pulses_without_a_gap_are_on_up_to_their_end():
    plan = Lines().begin(5, 5, 3)
    assert [plan.is_on(at * MS) for at in (0, 5, 14, 15)] == [True, True, True, False]


def test_a_ramp_rises_at_the_start_of_the_train_and_falls_at_its_end():
    train = PulseTrain(100_000, 100_000, level=0.8, ramp_us=40_000)
    plan = Lines().planned.begin(Order("a", Action.TRAIN, train, "s/1"))
    levels = [plan.level_at(ms * MS) for ms in (0, 10, 40, 50, 60, 90, 100)]
    assert levels == pytest.approx([1 / 255, 0.2, 0.8, 0.8, 0.8, 0.2, 1 / 255])


def test_a_pulse_that_is_too_long_is_refused():
    with pytest.raises(DeviceError, match=r"refused s/0: on for 1001 ms .* may be for 1000 ms"):
        Lines().begin(1001)


def test_levels_that_follow_each_other_count_as_one_stretch():
    lines = Lines(longest_ms=100)
    lines.begin(50, action=Action.LEVEL)
    lines.at(40).begin(50, action=Action.LEVEL)
    with pytest.raises(DeviceError, match="on for 110 ms"):
        lines.at(60).begin(50, action=Action.LEVEL)


def test_a_stretch_ends_with_its_pulse():
    lines = Lines(longest_ms=60)
    lines.begin(50, action=Action.LEVEL)
    lines.at(50).begin(50, action=Action.LEVEL)


def test_a_stretch_begins_anew_with_each_pulse():
    lines = Lines(longest_ms=60)
    lines.begin(50, 100, 3)
    lines.at(10).planned.settled("a")
    with pytest.raises(DeviceError, match="on for 61 ms"):
        lines.at(111).begin(50)
    lines.begin(49)


def test_a_gap_is_no_time_on():
    lines = Lines(longest_ms=60)
    lines.begin(50, 100, 3)
    lines.at(10).planned.settled("a")
    lines.at(60).begin(60)


def test_level_zero_is_no_time_on():
    lines = Lines(longest_ms=60)
    lines.begin(50, level=0, action=Action.LEVEL)
    lines.at(20).begin(60, action=Action.LEVEL)


def test_level_zero_ends_it():
    lines = Lines(longest_ms=60)
    lines.begin(50, action=Action.LEVEL)
    lines.at(40).begin(50, level=0, action=Action.LEVEL)
    lines.at(41).begin(60)


@pytest.mark.parametrize(("at_ms", "is_refused"), [(149, True), (150, False)])
def test_a_line_rests_after_its_train(at_ms, is_refused):
    lines = Lines(gap_ms=100)
    lines.begin(50)
    lines.at(at_ms)
    if is_refused:
        with pytest.raises(DeviceError, match=r"99 ms after the one before, .* rest for 100 ms"):
            lines.begin(50)
    else:
        lines.begin(50)


def test_a_line_rests_after_it_was_ended_early():
    lines = Lines(gap_ms=100)
    lines.begin(50)
    assert lines.at(20).planned.end("a")
    with pytest.raises(DeviceError, match="99 ms after"):
        lines.at(119).begin(50)
    lines.at(120).begin(50)


def test_a_train_that_was_ended_in_its_delay_leaves_no_trace():
    lines = Lines(gap_ms=100)
    lines.begin(50, delay_ms=30)
    assert lines.at(20).planned.end("a")
    lines.begin(50)


def test_a_line_that_has_to_rest_lets_nothing_take_a_place():
    lines = Lines(gap_ms=100)
    lines.begin(50)
    with pytest.raises(DeviceError, match="s/0 is not over yet"):
        lines.at(20).begin(50)


def test_ending_says_whether_there_was_anything_to_end():
    lines = Lines()
    assert not lines.planned.end("a")
    lines.begin(50)
    assert not lines.at(50).planned.end("a")


@pytest.mark.parametrize("use", ["begin", "end"])
def test_an_unknown_line_is_refused(use):
    train = PulseTrain(1000, 1000)
    about = Order("b", Action.TRAIN, train, "s/1") if use == "begin" else "b"
    with pytest.raises(DeviceError, match="lines a, not b"):
        getattr(Lines().planned, use)(about)
