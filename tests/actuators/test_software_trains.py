"""What the program plays on lines, in a time that a test moves by hand."""

import threading

import pytest
from played_lines import FREE, MS, Lines, pulses

from tracker.actuators.software_trains import UNTENDED_NS, SoftwareTrains
from tracker.clock import SystemClock
from tracker.errors import DeviceError, DeviceLost
from tracker.stimuli import Action, LineLimits, Order


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
    trains.apply(Order("a", Action.TRAIN, pulses(5, 10, 5), "s/1"))
    assert over.wait(5)
    tending.join(5)
    assert [level for _, level in told] == [1, 0] * 5
    widths = [fall - rise for (rise, _), (fall, _) in zip(told[::2], told[1::2], strict=True)]
    assert min(widths) >= 4.9 * MS  # never shorter; as late as the computer is busy
