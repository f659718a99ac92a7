"""Garbage on the serial line, and flickering inputs: no edge comes of it, and none is late."""

import random
from itertools import pairwise

import pytest
from firmware import frames
from firmware.frames import ALIVE, ARM, EDGE, PONG, START, STOP, train


def garbled(data, chance, share=0.01):
    """The bytes, with each bit flipped with a probability of 1 %."""
    flips = (sum(1 << bit for bit in range(8) if chance.random() < share) for _ in data)
    return bytes(byte ^ flip for byte, flip in zip(data, flips, strict=True))


def test_of_1_percent_flipped_bits_comes_no_edge_that_was_not_asked_for(box):
    box.armed()
    chance = random.Random(4)
    asked = []  # of whole STARTs: (us, line, width)
    for n in range(3000):
        line, width_us = chance.randrange(3), 100 * chance.randrange(1, 9)
        kind, body = chance.choice(
            [
                (START, train(line, width_us)),
                (ALIVE, b""),
                (ALIVE, b""),
                (ARM, b""),
                (STOP, b"\x03"),
            ]
        )
        data = frames.encode(kind, n % 256, body)
        received = garbled(data, chance)
        if kind == START and received == data:
            asked.append((box.us, line, width_us))
        box.send(received)
        box.run_us(20 * len(received) + 900)
    box.run_us(5000)
    rises = [each for each in box.pins if each.high and each.line < 3]
    assert 50 < len(rises) <= len(asked)
    assert box.changes(3) == []
    for rise in rises:
        fall_us = next(each.us for each in box.changes(rise.line, rise.cycle + 1))
        assert any(
            line == rise.line
            and 0 < rise.us - us < 2000
            and fall_us - rise.us == pytest.approx(width_us, abs=5)
            for us, line, width_us in asked
        )
    assert box.resets == []
    sent = {frames.encode(each.kind, each.seq, each.body)[:-1] for _, each in box.frames}
    for frame in list(sent) * 3:
        heard = garbled(frame, chance)
        assert heard == frame or frames.decode(heard) is None


def garbage_at_full_rate(box, chance, us):
    """Random bytes back to back, with a whole ALIVE among them every 10 ms."""
    until = box.us + us
    fed_us = 0.0
    while box.us < until:
        if box.us - fed_us > 10_000:
            box.send(b"\x00" + frames.encode(ALIVE, 0))
            fed_us = box.us
        box.send(chance.randbytes(50))
        box.run_us(1000)


def test_a_flood_of_garbage_delays_no_edge(box):
    box.armed()
    box.must(START, train(0, 1000, 7692, n_pulses=60))
    garbage_at_full_rate(box, random.Random(2), 500_000)
    assert len(box.changes(0)) == 120
    for n, change in enumerate(box.train_of(0)):
        assert change.us == pytest.approx(n // 2 * 7692 + (n % 2) * 1000, abs=2)
    assert box.overruns == 0


def test_a_flood_of_garbage_does_not_delay_the_dead_man(box):
    box.armed()
    box.must(START, train(0, 1_000_000))
    chance = random.Random(3)
    started_us = box.us
    for _ in range(150):
        box.send(chance.randbytes(50))
        box.run_us(1000)
    assert box.changes(0)[-1].us - started_us < 101_000


def test_four_lines_at_1_khz_in_a_flood_of_garbage_are_late_by_less_than_200_us(box):
    offset_us = box.armed().clock_offset_us()
    periods_us = (1000, 1013, 1029, 1051)
    acks = [
        box.must(START, train(line, 400, period_us, n_pulses=400))
        for line, period_us in enumerate(periods_us)
    ]
    garbage_at_full_rate(box, random.Random(5), 450_000)
    assert box.resets == []
    for line, period_us in enumerate(periods_us):
        first_us = acks[line].device_us + offset_us
        for n, change in enumerate(box.changes(line)):
            due_us = first_us + n // 2 * period_us + n % 2 * 400
            assert -5 < change.us - due_us < 200
        assert len(box.changes(line)) == 800


def test_requests_are_heard_in_a_flood_of_garbage(box):
    box.armed()
    chance = random.Random(6)
    for _ in range(100):
        box.send(chance.randbytes(80) + b"\x00" + frames.encode(ALIVE, 1))
        box.run_us(1800)
    box.run_us(1000)
    assert len(box.of(PONG)) == 100


def test_more_requests_than_can_be_answered_are_carried_out_all_the_same(box):
    box.armed()
    for _ in range(500):
        box.send(frames.encode(ALIVE, 1))
        box.run_us(250)  # an answer takes 300
    box.send(frames.encode(START, 9, train(0, 1000)))
    box.run_us(10_000)
    assert len(box.of(PONG)) < 450
    assert [each.high for each in box.changes(0)] == [True, False]


class TestInputs:
    def test_an_edge_of_an_input_is_reported_with_its_time(self, box):
        offset_us = box.armed().clock_offset_us()
        driven_us = []
        for pin, high in ((0, False), (1, False), (0, True), (1, True)):
            driven_us.append(box.us)
            box.drive(pin, high)
            box.live_us(3_000)
        assert [(e.body[0], e.body[1]) for e in box.of(EDGE)] == [
            (16, 0),
            (17, 0),
            (16, 1),
            (17, 1),
        ]
        for edge, us in zip(box.of(EDGE), driven_us, strict=True):
            assert edge.device_us + offset_us == pytest.approx(us, abs=8)

    def test_an_open_input_is_high_and_quiet(self, box):
        box.armed()
        box.must(START, train(0, 500, 1000, n_pulses=50))
        box.live_us(100_000)
        assert {edge.body[0] for edge in box.of(EDGE)} == {0}

    def test_a_loop_back_wire_shows_the_same_times_as_the_line(self, box):
        box.drive(0, False)
        box.wire(1, 0)
        box.armed()
        box.must(START, train(1, 3000, 10_000, n_pulses=10))
        box.live_us(150_000)
        of_line = [edge.device_us for edge in box.of(EDGE) if edge.body[0] == 1]
        of_wire = [edge.device_us for edge in box.of(EDGE) if edge.body[0] == 16]
        assert len(of_wire) == 20
        assert of_wire[1:] == of_line[1:]
        assert of_wire[0] == pytest.approx(of_line[0], abs=80)

    def test_a_flickering_input_delays_no_edge_by_more_than_70_us(self, box):
        box.armed()
        box.must(START, train(0, 500, 1999, n_pulses=50))
        for n in range(8000):
            box.drive(0, n % 2 == 1)
            box.run_us(9)
            if n % 4000 == 0:
                box.send(frames.encode(ALIVE, 0))
        for n, change in enumerate(box.train_of(0)):
            late_us = change.us - (n // 2 * 1999 + n % 2 * 500)
            assert -2 < late_us < 70
        seqs = [edge.seq for edge in box.of(EDGE)]
        made = sum((b - a) % 256 for a, b in pairwise(seqs))
        assert made < 72_000 / 500 * 5 + 100  # four changes and one at the tick; and the line's own
