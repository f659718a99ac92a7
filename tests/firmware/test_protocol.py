"""The tables of docs/stimulus_box.md, frame by frame."""

import struct
from itertools import pairwise

import pytest
from firmware import frames
from firmware.frames import ACK, ALIVE, EDGE, HELLO, PONG, START, STOP, WELCOME, train


def bad_frames(box):
    return struct.unpack("<IBH", box.ask(ALIVE).body)[2]


def state(box):
    return struct.unpack("<IBH", box.ask(ALIVE).body)[1]


def test_hello_says_what_the_box_is(box):
    box.run_us(1000)
    welcome = box.ask(HELLO, b"\x01")
    protocol, major, _, n_lines, n_inputs, cause, _ = struct.unpack("<BBBBBBI", welcome.body)
    assert (welcome.kind, protocol, major, n_lines, n_inputs) == (WELCOME, 1, 1, 4, 2)
    assert cause == 1  # MCUSR: power-on


@pytest.mark.parametrize("seq", [0, 1, 77, 255])
def test_an_answer_carries_the_number_of_its_request(box, seq):
    box.run_us(1000)
    assert box.ask(HELLO, b"\x01", seq=seq).seq == seq


@pytest.mark.parametrize(
    "frame",
    [
        frames.encode(ALIVE, 9)[:-2] + b"\x01\x00",
        frames.encode(ALIVE, 9, b"\x00"),
        frames.encode(START, 9, train(0, 1000)[:-1]),
        frames.encode(0x09, 9),
        frames.encode(0x7F, 9, b"\x00"),
        frames.encode(0x82, 9, b"\x00\x00\x00\x00"),
        frames.encode(HELLO, 9, bytes(60)),
        b"\x05abc\x00",
    ],
    ids=[
        "wrong CRC",
        "too long",
        "too short",
        "unknown",
        "only for tests",
        "an answer",
        "more than 40 bytes",
        "cut off",
    ],
)
def test_a_frame_that_is_none_is_counted_and_gets_no_answer(box, frame):
    box.armed()
    n_before = len(box.frames)
    box.send(frame)
    box.run_us(5000)
    assert len(box.frames) == n_before
    assert bad_frames(box) == 1


def test_zeros_between_frames_are_nothing(box):
    box.armed()
    box.send(b"\x00\x00\x00")
    assert bad_frames(box) == 0


def test_every_frame_of_the_box_is_whole(box):
    box.armed()
    box.must(START, train(0, 500, 1000, n_pulses=50))
    box.live_us(100_000)
    assert len(box.frames) > 100
    assert box.garbled == 0


def test_after_garbage_the_next_zero_brings_it_into_step(box):
    box.armed()
    box.send(b"\xff\x03garbage" * 40 + b"\x00")
    assert box.ask(ALIVE).kind == PONG


def test_pong_tells_when_the_alive_was_complete(box):
    box.armed()
    offsets = [box.clock_offset_us() for _ in range(20)]
    assert max(offsets) - min(offsets) < 5


def test_pong_tells_what_is_armed_and_high(box):
    box.armed()
    assert state(box) == 0b0000_0001
    box.must(START, train(1, 50_000))
    box.must(START, train(3, 50_000))
    assert state(box) == 0b1010_0001
    box.must(frames.DISARM)
    assert state(box) == 0


def test_a_start_that_comes_again_is_answered_again_and_not_carried_out_again(box):
    box.armed()
    first = box.must(START, train(0, 2000), seq=5)
    box.run_us(5000)
    again = box.must(START, train(0, 2000), seq=5)
    box.run_us(5000)
    assert again == first
    assert [each.high for each in box.changes(0)] == [True, False]


def test_a_stop_that_comes_again_does_not_stop_what_came_between(box):
    box.armed()
    first = box.must(STOP, b"\x00", seq=5)
    box.must(START, train(1, 20_000), seq=6)
    box.must(STOP, b"\x01", seq=7)
    box.must(START, train(1, 20_000), seq=8)
    assert box.must(STOP, b"\x00", seq=5).device_us > first.device_us
    assert box.high(1)


@pytest.mark.parametrize(
    ("seq", "body"), [(6, train(0, 2000)), (5, train(0, 3000))], ids=["other seq", "other body"]
)
def test_another_start_is_no_repetition(box, seq, body):
    box.armed()
    box.must(START, train(0, 2000), seq=5)
    box.run_us(5000)
    box.must(START, body, seq=seq)
    box.run_us(5000)
    assert [each.high for each in box.changes(0)] == [True, False, True, False]


def test_after_hello_no_start_is_a_repetition(box):
    box.armed()
    box.must(START, train(0, 2000), seq=5)
    box.run_us(5000)
    box.armed()
    box.must(START, train(0, 2000), seq=5)
    assert len(box.changes(0)) == 3


def test_half_a_second_later_the_same_start_is_a_new_one(box):
    box.armed()
    box.must(START, train(0, 2000), seq=5)
    box.live_us(600_000)
    box.must(START, train(0, 2000), seq=5)
    assert len(box.changes(0)) == 3


def test_a_refused_start_that_comes_again_is_judged_anew(box):
    box.armed(least_gap_us=20_000)
    box.must(START, train(0, 1000), seq=5)
    box.run_us(2000)
    assert box.ask(START, train(0, 1000), seq=6).kind == frames.NACK
    box.run_us(20_000)
    assert box.ask(START, train(0, 1000), seq=6).kind == ACK


def test_edges_are_numbered_from_0_after_welcome(box):
    box.armed()
    box.must(START, train(0, 1000, 2000, n_pulses=3))
    box.run_us(10_000)
    box.armed()
    box.must(START, train(0, 1000, 2000, n_pulses=2))
    box.run_us(10_000)
    assert [edge.seq for edge in box.of(EDGE)] == [0, 1, 2, 3, 4, 5, 0, 1, 2, 3]


def test_edges_that_cannot_be_reported_leave_a_jump_and_are_made_all_the_same(box):
    offset_us = box.armed().clock_offset_us()
    for line in range(4):  # 8000 edges a second, of which 3300 can be reported
        box.must(START, train(line, 500, 1000, n_pulses=200))
    box.live_us(250_000)
    seqs = [edge.seq for edge in box.of(EDGE)]
    steps = [(b - a) % 256 for a, b in pairwise(seqs)]
    assert all(len(box.changes(line)) == 400 for line in range(4))
    assert len(seqs) < 1600
    assert max(steps) > 1
    made = {(each.line, each.high): [] for each in box.pins}
    for each in box.pins:
        made[each.line, each.high].append(each.us - offset_us)
    for edge in box.of(EDGE):
        times = made[edge.body[0], bool(edge.body[1] & frames.RISING)]
        assert min(abs(edge.device_us - us) for us in times) < 5


def test_the_clock_wraps_in_the_middle_of_a_train(test_box):
    box = test_box.armed()
    box.live_us(1_900_000)
    ack = box.must(START, train(0, 5_000, 10_000, n_pulses=20))
    box.live_us(300_000)
    edges = box.of(EDGE)
    assert ack.device_us > 2**32 - 120_000
    assert edges[-1].device_us < 120_000
    since_first = [(edge.device_us - ack.device_us) % 2**32 for edge in edges]
    assert since_first == [
        pytest.approx(n * 10_000 + at, abs=1) for n in range(20) for at in (0, 5_000)
    ]


def test_the_least_gap_holds_across_the_wrap(test_box):
    box = test_box.armed(least_gap_us=400_000)
    box.live_us(1_850_000)
    box.must(START, train(0, 1_000))
    box.live_us(300_000)
    assert box.refused(START, train(0, 1_000)) == frames.TOO_SOON
    box.live_us(100_000)
    box.must(START, train(0, 1_000))
