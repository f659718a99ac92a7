"""Pulse trains that the program plays, in a time that a test moves by hand."""

import threading
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracker.actuators.software_trains import TOO_LATE_NS, UNTENDED_NS, SoftwareTrains
from tracker.clock import SystemClock
from tracker.errors import DeviceError, DeviceLost
from tracker.stimuli import Action, LineLimits, PulseTrain
from tracker.testing.manual_clock import ManualClock

MS = 1_000_000
FREE = LineLimits(longest_us=10_000_000, least_gap_us=0)


def pulses(width_ms, period_ms=None, n=1, *, delay_ms=0, level=1.0, ramp_ms=0):
    us = [round(each * 1000) for each in (width_ms, period_ms or width_ms)]
    return PulseTrain(*us, n, round(delay_ms * 1000), level, round(ramp_ms * 1000))


class Lines:
    """Lines "a" and "b" that keep what was written to them, and when (ms)."""

    def __init__(self, a=FREE, *, modulated=(), clock=None):
        self.clock = clock or ManualClock()
        self.written = []
        self.risen = []
        self.write_takes_ms = 0
        self.failure = None
        self.looks = 0
        self.trains = SoftwareTrains(
            {"a": a, "b": FREE}, self._write, self.clock, modulated, self._look
        )

    def _write(self, line, level):
        if self.failure is not None:
            raise self.failure
        self.written.append((self.clock.now_ns() / MS, line, level))
        if level and line == "a" and self.trains._lines[line].plan is not None:
            self.risen.append(self.trains._lines[line].plan.stimulus_id)
        self.clock.advance(round(self.write_takes_ms * MS))

    def _look(self):
        self.looks += 1

    def begin(self, train, line="a", action=Action.TRAIN, name="s/1"):
        return self.trains.apply(line, action, train, name)

    def stop(self, line="a"):
        return self.trains.apply(line, Action.STOP, None, "s/9")

    def go(self, until_ms, *, step_ms=0.25, alive=True):
        """Let time pass, tended all the while."""
        while self.clock.now_ns() < until_ms * MS:
            self.clock.advance(round(step_ms * MS))
            self.trains._play(alive=alive)

    def edges(self, line="a"):
        return [(at, level) for at, which, level in self.written if which == line]


@pytest.fixture
def lines():
    return Lines()


# What is played


def test_a_pulse_begins_with_the_order_and_lasts_its_width(lines):
    lines.begin(pulses(5))
    lines.go(20)
    assert lines.edges() == [(0, 1), (5, 0)]


def test_a_train_has_all_its_pulses_at_their_places(lines):
    lines.begin(pulses(2, 10, 3))
    lines.go(40)
    assert lines.edges() == [(0, 1), (2, 0), (10, 1), (12, 0), (20, 1), (22, 0)]


def test_a_train_may_wait_for_its_delay(lines):
    lines.begin(pulses(2, delay_ms=7))
    lines.go(20)
    assert lines.edges() == [(7, 1), (9, 0)]


def test_pulses_without_a_gap_are_one(lines):
    lines.begin(pulses(5, 5, 4))
    lines.go(30)
    assert lines.edges() == [(0, 1), (20, 0)]


def test_a_level_is_one_pulse_whatever_else_its_train_says(lines):
    lines.begin(pulses(5, 10, 3, delay_ms=50), action=Action.LEVEL)
    lines.go(80)
    assert lines.edges() == [(0, 1), (5, 0)]


def test_two_lines_do_not_know_each_other(lines):
    lines.begin(pulses(5))
    lines.begin(pulses(3, 6, 2), line="b")
    lines.go(20)
    assert lines.edges("a") == [(0, 1), (5, 0)]
    assert lines.edges("b") == [(0, 1), (3, 0), (6, 1), (9, 0)]


def test_a_stop_ends_it_at_once_and_nothing_follows(lines):
    lines.begin(pulses(5, 10, 3))
    lines.go(2)
    lines.stop()
    lines.go(40)
    assert lines.edges() == [(0, 1), (2, 0)]


def test_a_stop_of_a_train_that_waits_leaves_no_trace(lines):
    lines.begin(pulses(5, delay_ms=10))
    lines.stop()
    lines.go(40)
    assert lines.edges() == []


def test_a_train_takes_the_place_of_the_one_before_without_an_edge_in_between(lines):
    lines.begin(pulses(10))
    lines.go(6)
    lines.begin(pulses(10))
    lines.go(40)
    assert lines.edges() == [(0, 1), (16, 0)]


def test_a_train_with_a_delay_ends_the_one_before_at_once(lines):
    lines.begin(pulses(10))
    lines.go(6)
    lines.begin(pulses(3, delay_ms=4))
    lines.go(40)
    assert lines.edges() == [(0, 1), (6, 0), (10, 1), (13, 0)]


# Levels


@pytest.mark.parametrize(("level", "edges"), [(0.49, []), (0.5, [(0, 1), (5, 0)])])
def test_a_line_without_levels_takes_one_half_and_more_as_on(lines, level, edges):
    lines.begin(pulses(5, level=level))
    lines.go(20)
    assert lines.edges() == edges


def test_a_line_with_levels_gets_the_level():
    lines = Lines(modulated={"a"})
    lines.begin(pulses(5, level=0.25))
    lines.go(20)
    assert lines.edges() == [(0, 0.25), (5, 0)]


def test_a_level_that_is_renewed_changes_without_going_low():
    lines = Lines(modulated={"a"})
    lines.begin(pulses(10, level=0.25), action=Action.LEVEL)
    lines.go(6)
    lines.begin(pulses(10, level=0.75), action=Action.LEVEL)
    lines.go(40)
    assert lines.edges() == [(0, 0.25), (6, 0.75), (16, 0)]


def test_level_zero_is_low():
    lines = Lines(modulated={"a"})
    lines.begin(pulses(10, level=0.25), action=Action.LEVEL)
    lines.go(6)
    lines.begin(pulses(10, level=0), action=Action.LEVEL)
    lines.go(40)
    assert lines.edges() == [(0, 0.25), (6, 0)]


def test_a_ramp_rises_and_falls_in_steps_of_ten_milliseconds():
    lines = Lines(modulated={"a"})
    lines.begin(pulses(100, ramp_ms=40))
    lines.go(150)
    assert lines.edges() == [
        (0, pytest.approx(1 / 255)),
        (10, 0.25),
        (20, 0.5),
        (30, 0.75),
        (40, 1),
        (70, 0.75),
        (80, 0.5),
        (90, 0.25),
        (100, 0),
    ]


def test_a_level_knows_no_ramp():
    lines = Lines(modulated={"a"})
    lines.begin(pulses(100, ramp_ms=40), action=Action.LEVEL)
    lines.go(150)
    assert lines.edges() == [(0, 1), (100, 0)]


def test_level_zero_is_no_time_on():
    lines = Lines(LineLimits(longest_us=60_000, least_gap_us=0), modulated={"a"})
    lines.begin(pulses(50, level=0), action=Action.LEVEL)
    lines.go(20)
    lines.begin(pulses(60), action=Action.LEVEL)
    assert lines.edges() == [(20, 1)]


def test_a_line_without_levels_knows_no_ramp(lines):
    lines.begin(pulses(100, ramp_ms=40))
    lines.go(150)
    assert lines.edges() == [(0, 1), (100, 0)]


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


# Receipts


def test_a_receipt_says_when_the_device_had_been_told_and_how_long_that_took(lines):
    lines.clock.advance(3 * MS)
    lines.write_takes_ms = 2
    receipt = lines.begin(pulses(5))
    assert (receipt.acknowledged_ns, receipt.uncertainty_ns) == (5 * MS, 2 * MS)
    assert not receipt.confirmed
    assert receipt.device_us is None


def test_with_a_delay_it_says_when_it_was_taken_and_how_late_edges_have_been(lines):
    lines.begin(pulses(5))
    lines.clock.advance(8 * MS)
    lines.trains._play(alive=True)
    receipt = lines.begin(pulses(5, delay_ms=20))
    assert (receipt.acknowledged_ns, receipt.uncertainty_ns) == (8 * MS, 3 * MS)


def test_a_slow_write_makes_no_pulse_longer(lines):
    lines.write_takes_ms = 2
    lines.begin(pulses(5))
    lines.go(20)
    assert lines.edges() == [(0, 1), (5, 0)]


# A loop that is not alive, and what is made safe


def test_a_loop_that_is_not_alive_brings_every_line_low_and_nothing_goes_on(lines):
    lines.begin(pulses(5, 10, 5))
    lines.begin(pulses(50, delay_ms=10), line="b")
    lines.go(2)
    lines.trains.tend(alive=False)
    lines.go(60)
    assert lines.edges("a") == [(0, 1), (2, 0)]
    assert lines.edges("b") == []


def test_once_the_loop_is_alive_again_orders_are_taken_again(lines):
    lines.trains.tend(alive=False)
    lines.trains.tend(alive=True)
    lines.begin(pulses(5))
    assert lines.edges() == [(0, 1)]


def test_nothing_is_begun_if_nobody_tends(lines):
    lines.clock.advance(UNTENDED_NS + MS)
    with pytest.raises(DeviceError, match="nobody has tended its lines for 251 ms"):
        lines.begin(pulses(5))
    assert lines.written == []


def test_each_tend_counts(lines):
    for _ in range(4):
        lines.clock.advance(UNTENDED_NS - MS)
        lines.trains._play(alive=True)
    lines.begin(pulses(5))


def test_tends_of_a_dead_loop_do_not_count(lines):
    for _ in range(4):
        lines.clock.advance(UNTENDED_NS // 3)
        lines.trains._play(alive=False)
    with pytest.raises(DeviceError, match="nobody has tended"):
        lines.begin(pulses(5))


def test_making_it_safe_writes_low_to_every_line_whatever_is_known_of_it(lines):
    lines.trains.make_safe()
    assert lines.written == [(0, "a", 0), (0, "b", 0)]


def test_what_was_made_safe_takes_no_order_but_a_stop(lines):
    lines.begin(pulses(5))
    lines.trains.make_safe()
    with pytest.raises(DeviceError, match="made safe: open it again"):
        lines.begin(pulses(5))
    lines.stop()
    lines.trains.tend(alive=True)
    assert lines.edges() == [(0, 1), (0, 0)]


def test_making_safe_never_fails(lines):
    lines.failure = DeviceLost("unplugged")
    lines.trains.make_safe()


def test_made_safe_while_an_edge_is_being_made_the_line_ends_low():
    lines = Lines()
    writing, go_on = threading.Event(), threading.Event()
    plain = lines.trains._write

    def slow(line, level):
        if level:
            writing.set()
            assert go_on.wait(5)
        plain(line, level)

    lines.trains._write = slow
    ordering = threading.Thread(target=lines.begin, args=[pulses(5)])
    ordering.start()
    assert writing.wait(5)
    lines.trains.make_safe()  # gives up waiting for the lock: the thread that has it goes low
    go_on.set()
    ordering.join(5)
    assert lines.edges()[-1] == (0, 0)


# Tending


def test_tending_waits_for_an_edge_that_is_near_and_makes_it(lines):
    lines.begin(pulses(5))
    lines.trains.tend(alive=True)
    assert lines.edges() == [(0, 1), (5, 0)]


def test_tending_does_not_wait_for_an_edge_that_is_far(lines):
    lines.begin(pulses(30))
    lines.trains.tend(alive=True)
    assert lines.edges() == [(0, 1)]


def test_an_order_wakes_who_waits_for_a_later_edge(lines):
    lines.begin(pulses(5))
    assert not lines.trains._wait(5 * MS)
    assert lines.clock.now_ns() == 0


def test_what_was_made_safe_is_not_looked_at(lines):
    lines.trains.make_safe()
    lines.trains.tend(alive=True)
    assert lines.looks == 0


def test_the_device_is_looked_at_while_the_loop_is_alive(lines):
    lines.trains.tend(alive=True)
    lines.trains.tend(alive=False)
    assert lines.looks == 1


def test_a_device_that_is_gone_is_a_fault(lines):
    def gone():
        raise DeviceLost("unplugged")

    lines.trains._look = gone
    with pytest.raises(DeviceLost, match="unplugged"):
        lines.trains.tend(alive=True)
    assert lines.written == [(0, "a", 0), (0, "b", 0)]


def test_in_real_time_a_train_is_played_by_the_thread_that_tends():
    clock, told, over = SystemClock(), [], threading.Event()
    trains = SoftwareTrains(
        {"a": FREE}, lambda line, level: told.append((clock.now_ns(), level)), clock
    )

    def tend():
        while not over.is_set():
            trains.tend(alive=True)
            if len(told) == 10:
                over.set()

    tending = threading.Thread(target=tend)
    tending.start()
    trains.apply("a", Action.TRAIN, pulses(5, 10, 5), "s/1")
    assert over.wait(5)
    tending.join(5)
    assert [level for _, level in told] == [1, 0] * 5
    widths = [fall - rise for (rise, _), (fall, _) in zip(told[::2], told[1::2], strict=True)]
    assert min(widths) >= 4.9 * MS  # never shorter; as late as the computer is busy


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
