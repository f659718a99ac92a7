"""Limits of lines that the program plays, and what happens if it comes too late."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from played_lines import MS, Lines, pulses

from tracker.actuators.software_trains import TOO_LATE_NS
from tracker.errors import DeviceError, DeviceLost
from tracker.stimuli import Action, LineLimits


@pytest.fixture
def lines():
    return Lines()


# Limits


def test_a_pulse_of_exactly_the_longest_time_is_played_and_a_longer_one_refused():
    lines = Lines(LineLimits(longest_us=5_000, least_gap_us=0))
    lines.begin(pulses(5))
    lines.go(20)
    with pytest.raises(DeviceError, match=r"s/2: on for 5\.001 ms .* may be for 5 ms"):
        lines.begin(pulses(5.001), name="s/2")
    assert lines.edges() == [(0, 1), (5, 0)]


def test_pulses_without_a_gap_count_as_one():
    lines = Lines(LineLimits(longest_us=10_000, least_gap_us=0))
    with pytest.raises(DeviceError, match="on for 12 ms"):
        lines.begin(pulses(4, 4, 3))


def test_the_time_on_is_counted_through_trains_that_follow_without_an_edge():
    lines = Lines(LineLimits(longest_us=15_000, least_gap_us=0))
    lines.begin(pulses(10))
    lines.go(6)
    with pytest.raises(DeviceError, match="on for 16 ms"):
        lines.begin(pulses(10))
    lines.begin(pulses(9))
    lines.go(40)
    assert lines.edges() == [(0, 1), (15, 0)]


@pytest.mark.parametrize(("at_ms", "is_refused"), [(14, True), (15, False)])
def test_the_next_train_may_begin_once_the_line_has_rested(at_ms, is_refused):
    lines = Lines(LineLimits(longest_us=10_000, least_gap_us=10_000))
    lines.begin(pulses(5))
    lines.go(at_ms)
    if is_refused:
        with pytest.raises(DeviceError, match=r"9 ms after the one before, .* rest for 10 ms"):
            lines.begin(pulses(5))
    else:
        lines.begin(pulses(5))


def test_a_delay_counts_as_rest():
    lines = Lines(LineLimits(longest_us=10_000, least_gap_us=10_000))
    lines.begin(pulses(5))
    lines.go(6)
    lines.begin(pulses(5, delay_ms=9))
    lines.go(40)
    assert lines.edges() == [(0, 1), (5, 0), (15, 1), (20, 0)]


def test_a_line_that_has_to_rest_lets_nothing_take_a_place():
    lines = Lines(LineLimits(longest_us=10_000, least_gap_us=1_000))
    lines.begin(pulses(5, delay_ms=10))
    with pytest.raises(DeviceError, match=r"s/1 is not over yet"):
        lines.begin(pulses(5), name="s/2")


def test_a_train_that_was_stopped_in_its_delay_asks_for_no_rest():
    lines = Lines(LineLimits(longest_us=10_000, least_gap_us=10_000))
    lines.begin(pulses(5, delay_ms=10))
    lines.stop()
    lines.begin(pulses(5))
    assert lines.edges() == [(0, 1)]


def test_a_train_that_was_stopped_has_ended_then():
    lines = Lines(LineLimits(longest_us=10_000, least_gap_us=10_000))
    lines.begin(pulses(5, 10, 5))
    lines.go(2)
    lines.stop()
    lines.go(11)
    with pytest.raises(DeviceError, match="9 ms after"):
        lines.begin(pulses(5))
    lines.go(12)
    lines.begin(pulses(5))


@pytest.mark.parametrize(
    "train",
    [pytest.param(pulses(0.9), id="pulse"), pytest.param(pulses(5, 5.9, 2), id="gap")],
)
def test_what_is_too_short_for_a_program_is_refused(lines, train):
    with pytest.raises(DeviceError, match="less than 1 ms"):
        lines.begin(train)
    assert lines.written == []


def test_an_unknown_line_is_refused(lines):
    with pytest.raises(DeviceError, match="lines a, b, not c"):
        lines.begin(pulses(5), line="c")


def test_an_order_without_a_train_is_refused(lines):
    with pytest.raises(DeviceError, match="without a train"):
        lines.begin(None)


# Lateness


def test_a_pulse_that_began_late_keeps_its_width(lines):
    lines.begin(pulses(5, delay_ms=10))
    lines.clock.advance(12 * MS)
    lines.go(30, step_ms=1)
    assert lines.edges() == [(13, 1), (18, 0)]


def test_a_gap_keeps_half_of_its_length_and_then_the_train_is_at_its_place_again(lines):
    lines.begin(pulses(10, 20, 3))
    lines.go(9, step_ms=1)
    lines.clock.advance(9 * MS)  # the end of the first pulse, due at 10, comes at 19
    lines.go(80, step_ms=1)
    assert lines.edges() == [(0, 1), (19, 0), (24, 1), (34, 0), (40, 1), (50, 0)]


def test_no_pulse_is_left_out_however_late(lines):
    lines.begin(pulses(2, 4, 3))
    lines.clock.advance(15 * MS)
    lines.go(60, step_ms=1)
    assert lines.edges() == [(0, 1), (16, 0), (17, 1), (19, 0), (20, 1), (22, 0)]


def test_how_late_edges_are_is_measured(lines):
    lines.begin(pulses(5))
    lines.clock.advance(7 * MS)
    lines.trains._play(alive=True)
    assert lines.trains.worst_late_ns == 2 * MS


def test_an_edge_that_is_much_too_late_is_a_fault_and_brings_every_line_low(lines):
    lines.begin(pulses(50), line="b")
    lines.begin(pulses(5))
    lines.clock.advance(5 * MS + TOO_LATE_NS + MS)
    with pytest.raises(DeviceLost, match=r"line a: an edge of s/1 came 21 ms too late"):
        lines.trains.tend(alive=True)
    assert lines.edges("a")[-1] == (26, 0)
    assert lines.edges("b")[-1] == (26, 0)


def test_after_a_fault_it_says_so_each_time(lines):
    lines.failure = DeviceLost("unplugged")
    with pytest.raises(DeviceLost, match="unplugged"):
        lines.begin(pulses(5))
    with pytest.raises(DeviceLost, match="unplugged"):
        lines.trains.tend(alive=True)
    with pytest.raises(DeviceLost, match="unplugged: open it again"):
        lines.begin(pulses(5))


def test_a_line_that_cannot_be_written_does_not_keep_the_others_from_going_low(lines):
    lines.begin(pulses(50), line="b")

    def only_b(line, level):
        if line == "a":
            raise DeviceLost("line a is gone")
        lines.written.append((0, line, level))

    lines.trains._write = only_b
    with pytest.raises(DeviceLost, match="line a is gone"):
        lines.begin(pulses(5))
    assert lines.edges("b") == [(0, 1), (0, 0)]


# Whatever is asked for, at whatever times

STEPS = st.one_of(
    st.tuples(
        st.just("order"),
        st.sampled_from([Action.TRAIN, Action.LEVEL]),
        st.integers(1, 40),  # width, ms
        st.integers(1, 20),  # gap, ms
        st.integers(1, 4),  # pulses
        st.sampled_from([0, 0, 3, 17]),  # delay, ms
    ),
    st.tuples(st.just("stop")),
    st.tuples(st.just("wait"), st.floats(0.1, 19)),
    st.tuples(st.just("stall")),
)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(
    steps=st.lists(STEPS, max_size=40),
    longest_ms=st.integers(5, 30),
    gap_ms=st.sampled_from([0, 10, 25]),
)
def test_limits_hold_whatever_is_asked_for(steps, longest_ms, gap_ms):
    lines = Lines(LineLimits(longest_ms * 1000, gap_ms * 1000))
    for number, step in enumerate(steps):
        match step:
            case ("order", action, width, gap, n, delay):
                with suppress(DeviceError):
                    train = pulses(width, width + gap, n, delay_ms=delay)
                    lines.begin(train, "a", action, f"s/{number}")
            case ("stop",):
                lines.stop()
            case ("wait", ms):
                lines.clock.advance(round(ms * MS))
                lines.trains._play(alive=True)
            case ("stall",):
                lines.trains._play(alive=False)
    edges = [*lines.edges(), (lines.clock.now_ns() / MS, 0)]
    ups, downs = ([at for at, on in edges if on == state] for state in (1, 0))
    late_ms = 19  # the longest time that it was left alone
    for up, down in zip(ups, downs, strict=False):
        assert down - up <= longest_ms + late_ms + 1e-6
    for n in range(1, len(ups)):
        if lines.risen[n] != lines.risen[n - 1]:
            assert ups[n] - downs[n - 1] >= gap_ms - 1e-6
