"""Frames of the stimulus box: there and back, through garbage, and never another one."""

import random
from dataclasses import fields
from typing import get_args

import pytest
from firmware import frames
from hypothesis import given, settings
from hypothesis import strategies as st

from tracker.actuators.stimulus_box.protocol import (
    Ack,
    Alive,
    Cause,
    Decoder,
    DisarmBox,
    EdgeReport,
    Hello,
    Message,
    Nack,
    Pong,
    Reason,
    SetLimits,
    Start,
    Stop,
    Tripped,
    Welcome,
    cause_in_words,
    encode,
    reason_in_words,
)

U32 = {"device_us", "longest_us", "least_gap_us", "delay_us", "width_us", "period_us"}
U32 |= {"n_pulses", "ramp_us"}
BITS = dict.fromkeys(U32, 32) | {"bad_frames": 16}

messages = st.one_of(
    [
        st.builds(
            kind,
            **{f.name: st.integers(0, (1 << BITS.get(f.name, 8)) - 1) for f in fields(kind)},
        )
        for kind in get_args(Message)
    ]
)
numbers = st.integers(0, 255)
numbered = st.tuples(numbers, messages)

repeatable = settings(derandomize=True, deadline=None, max_examples=300)

TRAIN = Start(2, 255, 1, 2, 3, 4, 5)


@repeatable
@given(st.lists(numbered, max_size=5), st.lists(st.integers(1, 40), min_size=1))
def test_frames_come_back_whole_however_they_are_cut_up(sent, pieces):
    data = b"".join(encode(*each) for each in sent)
    decoder, found, i = Decoder(), [], 0
    while i < len(data):
        n = pieces[i % len(pieces)]
        found += decoder.feed(data[i : i + n])
        i += n
    assert found == sent
    assert decoder.bad_frames == 0


@repeatable
@given(st.binary(max_size=300), numbered)
def test_after_any_garbage_and_a_zero_the_next_frame_is_right(garbage, sent):
    decoder = Decoder()
    decoder.feed(garbage + b"\0")
    assert decoder.feed(encode(*sent)) == [sent]


@repeatable
@given(st.binary(max_size=300))
def test_garbage_is_counted_and_is_never_a_frame(garbage):
    decoder = Decoder()
    assert decoder.feed(garbage + b"\0") == []
    assert decoder.bad_frames == sum(1 for each in garbage.split(b"\0") if each)


def test_garbage_without_a_zero_takes_no_memory_and_is_one_bad_frame():
    decoder = Decoder()
    for _ in range(1000):
        assert decoder.feed(b"\x07" * 1000) == []
    assert len(decoder._rest) < 100
    assert decoder.feed(b"\0" + encode(3, Alive())) == [(3, Alive())]
    assert decoder.bad_frames == 1


@repeatable
@given(numbered, st.data())
def test_up_to_eight_flipped_bits_never_make_another_frame(sent, data):
    frame = encode(*sent)
    flips = data.draw(st.sets(st.integers(0, 8 * len(frame) - 1), min_size=1, max_size=8))
    bad = bytearray(frame)
    for flip in flips:
        bad[flip // 8] ^= 1 << flip % 8
    assert Decoder().feed(bytes(bad) + b"\0") == []


def test_every_single_flipped_bit_of_a_start_is_noticed():
    frame = encode(9, TRAIN)
    for flip in range(8 * len(frame)):
        bad = bytearray(frame)
        bad[flip // 8] ^= 1 << flip % 8
        assert Decoder().feed(bytes(bad) + b"\0") == []


def test_a_line_with_one_bad_bit_in_a_hundred_makes_no_frame_that_was_not_sent():
    chance, decoder, n_right = random.Random(3), Decoder(), 0
    for n in range(3000):
        sent = n % 256, Stop(n % 4) if n % 3 else Start(n % 4, 255, 0, n + 1, n + 1, 1, 0)
        bad = bytes(
            byte ^ sum(1 << bit for bit in range(8) if chance.random() < 0.01)
            for byte in encode(*sent)
        )
        found = decoder.feed(bad)
        assert found in ([], [sent])
        n_right += len(found)
    assert 500 < n_right < 2000
    assert decoder.bad_frames > 1000


@pytest.mark.parametrize(
    ("message", "kind", "body"),
    [
        pytest.param(Hello(), frames.HELLO, b"\x01", id="hello"),
        pytest.param(SetLimits(1, 2, 3), frames.LIMITS, frames.limits(1, 2, 3), id="limits"),
        pytest.param(DisarmBox(), frames.DISARM, b"", id="disarm"),
        pytest.param(
            Start(1, 128, 5, 2000, 3000, 7, 9),
            frames.START,
            frames.train(1, 2000, 3000, 7, level=128, delay_us=5, ramp_us=9),
            id="start",
        ),
        pytest.param(Stop(3), frames.STOP, b"\x03", id="stop"),
        pytest.param(
            Welcome(1, 2, 3, 4, 2, 5, 6),
            frames.WELCOME,
            bytes([1, 2, 3, 4, 2, 5, 6, 0, 0, 0]),
            id="welcome",
        ),
        pytest.param(Ack(0x01020304), frames.ACK, b"\x04\x03\x02\x01", id="ack"),
        pytest.param(Nack(4, 1), frames.NACK, b"\x04\x01\0\0\0", id="nack"),
        pytest.param(Pong(1, 0x31, 258), frames.PONG, b"\x01\0\0\0\x31\x02\x01", id="pong"),
        pytest.param(EdgeReport(16, 3, 9, 1), frames.EDGE, b"\x10\x03\x09\x01\0\0\0", id="edge"),
        pytest.param(Tripped(1, 1), frames.TRIPPED, b"\x01\x01\0\0\0", id="tripped"),
    ],
)
def test_frames_are_those_of_the_specification(message, kind, body):
    assert encode(77, message) == frames.encode(kind, 77, body)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        pytest.param(frames.STOP, b"", id="too_short"),
        pytest.param(frames.STOP, b"\0\0", id="too_long"),
        pytest.param(0x55, b"", id="no_such_type"),
        pytest.param(frames.STOP, bytes(60), id="longer_than_any"),
    ],
)
def test_a_whole_frame_that_is_not_in_the_specification_is_none(kind, body):
    decoder = Decoder()
    assert decoder.feed(frames.encode(kind, 1, body)) == []
    assert decoder.bad_frames == 1


def test_zeros_in_a_row_are_no_bad_frames():
    decoder = Decoder()
    decoder.feed(bytes(20))
    assert decoder.bad_frames == 0


def test_a_value_that_does_not_fit_is_an_error():
    with pytest.raises(ValueError, match=r"width_us=4294967296.* cannot be sent"):
        encode(1, Start(0, 255, 0, 1 << 32, 1 << 32, 1, 0))


def test_a_pong_says_which_lines_are_high():
    assert Pong(0, 0b1010_0001, 0).high == (1, 3)
    assert Pong(0, 0b1010_0001, 0).armed
    assert not Pong(0, 0b1010_0000, 0).armed


def test_every_reason_and_cause_has_words():
    assert len({reason_in_words(each) for each in Reason}) == len(Reason)
    assert len({cause_in_words(each) for each in Cause}) == len(Cause)
    assert reason_in_words(99) == "reason 99, which this program does not know"
    assert cause_in_words(99) == "cause 99, which this program does not know"
