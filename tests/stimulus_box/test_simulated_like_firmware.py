"""The simulated stimulus box does what the firmware does: both are given the same orders.

Orders come every whole 10 ms, trains have edges 2 to 8 ms after one, and limits are odd: so a frame
that takes 0.7 ms on the serial line of the firmware, and none on that of the simulation, makes no
difference to what is allowed, and what comes first.
"""

from dataclasses import dataclass

import pytest
from firmware.simavr_box import SteppedBox
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tracker.actuators.stimulus_box.protocol import (
    FORCED,
    RISING,
    Ack,
    Alive,
    ArmBox,
    Decoder,
    DisarmBox,
    EdgeReport,
    Hello,
    Nack,
    Pong,
    SetDeadMan,
    SetLimits,
    Start,
    Stop,
    Tripped,
    encode,
)
from tracker.actuators.stimulus_box.simulated import SimulatedBox
from tracker.testing.manual_clock import ManualClock

pytestmark = pytest.mark.slow

GRID_US = 10_000
PAST_US = 2000

TRANSFER_US = 1200
"""Longest time of a frame on its way, and of the box to take it in."""

EXACT_US = 80
"""An edge may be so late because of one of another line."""

SET_UP = (
    Hello(),
    SetLimits(0, 81_000, 0),
    SetLimits(1, 81_000, 31_000),
    SetLimits(2, 21_000, 0),
    SetDeadMan(65),
    ArmBox(),
)


@dataclass
class Trace:
    """What a box said, frame by frame, with the number of the request or edge."""

    answers: list
    edges: list
    trips: list


def sorted_out(frames):
    answers, edges, trips = [], [], []
    for seq, message in frames:
        kind = {EdgeReport: edges, Tripped: trips}.get(type(message), answers)
        kind.append((seq, message))
    return Trace(answers, edges, trips)


def simulated(orders, until_us):
    clock, frames, decoder = ManualClock(), [], Decoder()
    box = SimulatedBox(clock).plug()
    for at_us, seq, message in orders:
        clock.advance(at_us * 1000 - clock.now_ns())
        box.write(encode(seq, message))
        frames += decoder.feed(box.read_some())
    clock.advance(until_us * 1000 - clock.now_ns())
    return sorted_out(frames + decoder.feed(box.read_some()))


def in_simavr(built, orders, until_us):
    with SteppedBox(built) as box:
        box.run_us(1000)
        begin_us = box.us
        for at_us, seq, message in orders:
            box.run_us(max(0, begin_us + at_us - box.us))
            box.send(encode(seq, message))
        box.run_us(begin_us + until_us - box.us)
        data = bytes(byte for byte, _ in box.sent)
    return sorted_out(Decoder().feed(data))


past = st.integers(0, 4).map(lambda n: n * GRID_US + PAST_US)
starts = st.builds(
    lambda line, level, delay, width, gap, n, ramp: Start(
        line, level, delay, width, width + gap, n, ramp
    ),
    line=st.sampled_from([0, 1, 1, 1, 2, 3]),
    level=st.sampled_from([255, 255, 128, 0]),
    delay=st.one_of(st.just(0), past),
    width=past,
    gap=st.integers(0, 4).map(lambda n: n * GRID_US),
    n=st.integers(1, 3),
    ramp=st.sampled_from([0, 0, 1000, 40_000]),
)
others = st.one_of(
    st.builds(Stop, st.sampled_from([0, 1, 1, 2])),
    st.sampled_from([Alive(), Alive(), DisarmBox(), ArmBox(), SetDeadMan(30), SetLimits(0, 1, 0)]),
)
waits = st.integers(1, 7).map(lambda n: n * GRID_US)


ONE = [(10_000, Start(1, 255, 0, 2000, 2000, 1, 0), True)]
"""A pulse on the line with a least gap."""


def timed(parts):
    """Orders at their times; each is followed by a keep-alive, so that not all ends too soon."""
    orders = [(n * GRID_US, n + 1, message) for n, message in enumerate(SET_UP)]
    for wait_us, message, fed in parts:
        at_us = orders[-1][0] + wait_us
        orders.append((at_us, len(orders) + 1, message))
        if fed:
            orders.append((at_us + GRID_US, len(orders) + 1, Alive()))
    return orders


@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@example([(10_000, Start(1, 255, 22_000, 2000, 2000, 1, 0), True), (10_000, Stop(1), True), *ONE])
@example([*ONE, (10_000, Start(1, 255, 22_000, 2000, 2000, 1, 0), True)])
@given(
    st.lists(
        st.tuples(waits, st.one_of(starts, starts, others), st.booleans()), min_size=2, max_size=8
    )
)
def test_the_same_orders_have_the_same_answers_and_the_same_edges(built_box, parts):
    orders = timed(parts)
    until_us = orders[-1][0] + 200_000
    ours = simulated(orders, until_us)
    theirs = in_simavr(built_box, orders, until_us)

    assert [told(each) for each in theirs.answers] == [told(each) for each in ours.answers]
    assert [m.cause for _, m in theirs.trips] == [m.cause for _, m in ours.trips]
    assert [seq for seq, _ in theirs.edges] == [seq for seq, _ in ours.edges]
    for line in range(3):
        assert edges_of(theirs, line) == pytest.approx(edges_of(ours, line), abs=TRANSFER_US)
        assert flags_of(theirs, line) == flags_of(ours, line)
        exactly = pytest.approx(pulses_of(ours, ours, line), abs=EXACT_US)
        assert pulses_of(theirs, ours, line) == exactly


def told(frame):
    """What an answer says, but for its time."""
    seq, message = frame
    match message:
        case Ack():
            return seq, "ack"
        case Nack():
            return seq, message.reason
        case Pong():
            return seq, message.state
    return seq, type(message)


def edges_of(trace, line):
    """Times of the edges of a line since the box was armed (us)."""
    armed_us = next(m.device_us for seq, m in trace.answers if seq == len(SET_UP))
    return [m.device_us - armed_us for m in on(trace, line)]


def flags_of(trace, line):
    return [(m.flags, m.start_seq) for m in on(trace, line)]


def pulses_of(trace, simulation, line):
    """Lengths of the pulses that ended by themselves (us): no order came at that moment."""
    found, since = [], 0
    for edge, moment in zip(on(trace, line), on(simulation, line), strict=True):
        if edge.flags & RISING:
            since = edge.device_us
        elif moment.device_us % GRID_US and not edge.flags & FORCED:
            found.append(edge.device_us - since)
    return found


def on(trace, line):
    return [m for _, m in trace.edges if m.line == line]
