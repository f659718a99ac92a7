"""Frames of docs/stimulus_box.md, written a second time from its text alone."""

import struct
import zlib
from dataclasses import dataclass

from cobs import cobs

HELLO, LIMITS, DEAD_MAN, ARM, DISARM, ALIVE, START, STOP = range(1, 9)
TEST_HANG = 0x7F
WELCOME, ACK, NACK, PONG, EDGE, TRIPPED = range(0x81, 0x87)

NOT_ARMED, ARMED, OUT_OF_RANGE, TOO_LONG, TOO_SOON, NO_LIMITS = range(1, 7)
RISING, FIRST, LAST, FORCED = 1, 2, 4, 8


@dataclass(frozen=True)
class Frame:
    kind: int
    seq: int
    body: bytes

    @property
    def device_us(self) -> int:
        """Its time: where it stands in the body depends on the kind."""
        at = {WELCOME: 6, ACK: 0, NACK: 1, PONG: 0, EDGE: 3, TRIPPED: 1}[self.kind]
        return struct.unpack_from("<I", self.body, at)[0]


def encode(kind: int, seq: int, body: bytes = b"") -> bytes:
    payload = bytes([kind, seq]) + body
    return cobs.encode(payload + struct.pack("<I", zlib.crc32(payload))) + b"\0"


def decode(data: bytes) -> Frame | None:
    """The frame in the bytes before a zero; None if it is none."""
    try:
        whole = cobs.decode(data)
    except cobs.DecodeError:
        return None
    payload, crc = whole[:-4], whole[-4:]
    if len(payload) < 2 or struct.pack("<I", zlib.crc32(payload)) != crc:
        return None
    return Frame(payload[0], payload[1], payload[2:])


def limits(line: int, longest_us: int, least_gap_us: int) -> bytes:
    return struct.pack("<BII", line, longest_us, least_gap_us)


def train(
    line: int,
    width_us: int,
    period_us: int | None = None,
    n_pulses: int = 1,
    *,
    level: int = 255,
    delay_us: int = 0,
    ramp_us: int = 0,
) -> bytes:
    period_us = width_us if period_us is None else period_us
    return struct.pack("<BBIIIII", line, level, delay_us, width_us, period_us, n_pulses, ramp_us)
