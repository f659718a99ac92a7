"""The clock of a Harp device, which all devices on its synchronisation bus share.

A request is `[1 read][length 4][register][port 255][type][checksum]`; its reply repeats these,
with the error bit 8 in the first byte if it was refused, the time (u32 s, u16 of 32 us) before the
value, and 16 in the type for that: harp-tech.org/protocol/BinaryProtocol-8bit.html. Events of the
device, which come in between, are passed over.
"""

import struct
from typing import Literal

import serial
from pydantic import Field

from tracker.actuators.exclusive_port import open_exclusive
from tracker.clock import Clock
from tracker.clocks.base import Look
from tracker.errors import DeviceLost
from tracker.settings import Settings

BAUD = 1_000_000
ANSWER_S = 0.05
"""Longest wait for an answer; a device answers within a millisecond."""

TICK_US = 32
WHO_AM_I = 0
READ, ERROR = 1, 8
U16, HAS_TIME = 0x02, 0x10

MOST_EVENTS = 1000
"""More messages than this before the answer, and it is taken for lost."""


class HarpClockSettings(Settings):
    """A Harp device on a serial port of its own: any kind of device, as all tell the time."""

    kind: Literal["harp"] = "harp"
    port: str = Field(min_length=1, description="serial port, e.g. COM4 or /dev/ttyUSB1")


class HarpClock:
    """Asks a device who it is, for the time in its answer; keeps `OtherClock`.

    Args:
        settings: Which port.
        clock: The session clock.
    """

    def __init__(self, settings: HarpClockSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._port: serial.SerialBase | None = None

    def open(self) -> None:
        """Open the port. Raises `DeviceNotFound`."""
        if self._port is None:
            self._port = open_exclusive(self._settings.port, BAUD, dtr=True, read_s=ANSWER_S)

    def look(self) -> Look | None:
        """Ask once. Raises `DeviceLost` if the port is gone or what comes is no Harp."""
        port = self._port
        if port is None:
            raise DeviceLost(f"the Harp device at {self._settings.port} is closed")
        try:
            port.read(port.in_waiting)
            asked_ns = self._clock.now_ns()
            port.write(request(WHO_AM_I))
            theirs_us = self._answer(port)
            heard_ns = self._clock.now_ns()
        except (OSError, serial.SerialException) as failure:
            raise DeviceLost(
                f"the Harp device at {self._settings.port} is gone: was it unplugged? ({failure})"
            ) from failure
        if theirs_us is None:
            return None
        # the device rounds down to whole ticks: it stood there up to one tick earlier
        return Look(theirs_us, asked_ns - TICK_US * 1000, heard_ns)

    def _answer(self, port: serial.SerialBase) -> int | None:
        for _ in range(MOST_EVENTS):
            message = _next_message(port)
            if message is None or (theirs_us := time_of(message)) is not None:
                return None if message is None else theirs_us
        return None

    def close(self) -> None:
        """Let go of the port."""
        port, self._port = self._port, None
        if port is not None:
            port.close()


def request(register: int) -> bytes:
    """Return the message that reads a u16 register."""
    message = bytes((READ, 4, register, 255, U16))
    return message + bytes((sum(message) & 255,))


def time_of(message: bytes) -> int | None:
    """Return the device's time (us) in its answer to who it is; None if it is another message.

    Args:
        message: All of it, from the type to the checksum.
    """
    if len(message) < 12 or sum(message[:-1]) & 255 != message[-1]:
        return None
    kind, _, register, _, payload = message[:5]
    if kind & ~ERROR != READ or register != WHO_AM_I or not payload & HAS_TIME:
        return None
    seconds, ticks = struct.unpack_from("<IH", message, 5)
    return int(seconds) * 1_000_000 + int(ticks) * TICK_US


def _next_message(port: serial.SerialBase) -> bytes | None:
    """The next whole message, of whatever kind; None if the line falls silent."""
    head = port.read(2)
    if len(head) < 2:
        return None
    rest = port.read(head[1])
    return head + rest if len(rest) == head[1] else None
