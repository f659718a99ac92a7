"""The clock of a Harp device, on a pseudo-terminal that answers as one does."""

import sys
import threading

import pytest

from tracker.clock import SystemClock
from tracker.clocks.base import Look
from tracker.clocks.harp import HarpClock, HarpClockSettings, request, time_of
from tracker.errors import DeviceLost, DeviceNotFound
from tracker.testing.manual_clock import ManualClock

if sys.platform == "win32":
    pytest.skip("there are no pseudo-terminals on Windows", allow_module_level=True)

from pseudo_terminal import PseudoTerminal

ASK = bytes([1, 4, 0, 255, 2, 6])
"""Read, 4 bytes follow, register 0, port 255, u16; 1 + 4 + 0 + 255 + 2 = 262 = 256 + 6."""


def reply(seconds, ticks, *, kind=1, register=0, payload_type=0x12, value=b"\x7b\x00"):
    rest = seconds.to_bytes(4, "little") + ticks.to_bytes(2, "little") + value
    message = bytes([kind, 4 + len(rest), register, 255, payload_type]) + rest
    return message + bytes([sum(message) % 256])


class Device:
    """Answers each request, after what it has to say itself, on a thread."""

    def __init__(self, terminal, answer):
        self.terminal, self.answer = terminal, answer
        self.asked = []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.over.set()
        self.thread.join()

    def run(self):
        while not self.over.is_set():
            asked = self.terminal.receive_some(0.02)
            if asked:
                self.asked.append(asked)
                self.terminal.send(self.answer())


@pytest.fixture
def terminal():
    with PseudoTerminal() as terminal:
        yield terminal


@pytest.fixture
def harp(terminal):
    clock = HarpClock(HarpClockSettings(port=terminal.name), SystemClock())
    clock.open()
    yield clock
    clock.close()


def test_a_request_is_six_bytes_with_their_sum():
    assert request(0) == ASK


def test_the_time_of_an_answer_is_in_seconds_and_ticks_of_32_us():
    assert time_of(reply(5, 1000)) == 5_032_000


WRONG = {
    "an event": reply(5, 1, kind=3),
    "another register": reply(5, 1, register=8),
    "without a time": bytes([1, 6, 0, 255, 2, 0x7B, 0, 0x83]),
    "a sum that is wrong": reply(5, 1)[:-1] + b"\x00",
    "cut off": reply(5, 1)[:6],
}


@pytest.mark.parametrize("message", WRONG.values(), ids=WRONG.keys())
def test_another_message_tells_no_time(message):
    assert time_of(message) is None


def test_a_device_that_refuses_the_register_tells_the_time_all_the_same():
    assert time_of(reply(5, 1, kind=9)) == 5_000_032


def test_a_look_says_when_it_was_asked_and_heard(terminal, harp):
    with Device(terminal, lambda: reply(7, 2)) as device:
        look = harp.look()
    assert device.asked == [ASK]
    assert look.theirs_us == 7_000_064
    assert 0 < look.heard_ns - look.asked_ns - 32_000 < 50_000_000


def test_the_device_may_be_up_to_a_tick_further_than_it_says(terminal):
    """It rounds down to 32 us: it stood at that time up to so much before it was asked."""
    clock = HarpClock(HarpClockSettings(port=terminal.name), ManualClock(1_000_000))
    clock.open()
    with Device(terminal, lambda: reply(7, 2)):
        assert clock.look() == Look(7_000_064, 1_000_000 - 32_000, 1_000_000)
    clock.close()


def test_events_in_between_are_passed_over(terminal, harp):
    events = reply(6, 9, kind=3, register=32) * 3
    with Device(terminal, lambda: events + reply(7, 2)):
        assert harp.look().theirs_us == 7_000_064


def test_what_had_come_before_is_no_answer(terminal, harp):
    terminal.send(reply(1, 0))
    while harp._port.in_waiting < len(reply(1, 0)):  # the terminal hands it on when it likes
        pass
    with Device(terminal, lambda: reply(7, 2)):
        assert harp.look().theirs_us == 7_000_064


def test_silence_is_no_answer(harp):
    assert harp.look() is None


def test_a_device_that_is_unplugged_is_lost(terminal, harp):
    terminal.unplug()
    with pytest.raises(DeviceLost, match="is gone: was it unplugged"):
        harp.look()


def test_a_closed_device_cannot_be_looked_at(terminal):
    with pytest.raises(DeviceLost, match="closed"):
        HarpClock(HarpClockSettings(port=terminal.name), SystemClock()).look()


def test_a_port_that_is_not_there_is_not_found():
    with pytest.raises(DeviceNotFound, match="no_such_port cannot be opened"):
        HarpClock(HarpClockSettings(port="no_such_port"), SystemClock()).open()
