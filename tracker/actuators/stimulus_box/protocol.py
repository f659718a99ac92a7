"""Frames between the program and the stimulus box; docs/stimulus_box.md is the specification."""

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum

from cobs import cobs

PROTOCOL = 1
"""Version that both ends have to speak."""

BAUD = 500_000

N_LINES, N_INPUTS, FIRST_INPUT = 4, 2, 16

LARGEST_FRAME = 64
"""Bytes between two zeros after which a frame cannot be one any more."""


class Kind(IntEnum):
    """What a frame says."""

    HELLO = 0x01
    LIMITS = 0x02
    DEAD_MAN = 0x03
    ARM = 0x04
    DISARM = 0x05
    ALIVE = 0x06
    START = 0x07
    STOP = 0x08
    WELCOME = 0x81
    ACK = 0x82
    NACK = 0x83
    PONG = 0x84
    EDGE = 0x85
    TRIPPED = 0x86


class Nack(IntEnum):
    """Why the box did not do it."""

    NOT_ARMED = 1
    ARMED = 2
    OUT_OF_RANGE = 3
    TOO_LONG = 4
    TOO_SOON = 5
    NO_LIMITS = 6


class Trip(IntEnum):
    """Why the box went safe by itself."""

    NO_KEEP_ALIVE = 1
    ON_FOR_TOO_LONG = 2
    WATCHDOG = 3


RISING, FIRST, LAST, FORCED = 1, 2, 4, 8
"""Flags of an edge."""

BODIES = {
    Kind.HELLO: struct.Struct("<B"),
    Kind.LIMITS: struct.Struct("<BII"),
    Kind.DEAD_MAN: struct.Struct("<B"),
    Kind.ARM: struct.Struct("<"),
    Kind.DISARM: struct.Struct("<"),
    Kind.ALIVE: struct.Struct("<"),
    Kind.START: struct.Struct("<BBIIIII"),
    Kind.STOP: struct.Struct("<B"),
    Kind.WELCOME: struct.Struct("<BBBBBBI"),
    Kind.ACK: struct.Struct("<I"),
    Kind.NACK: struct.Struct("<BI"),
    Kind.PONG: struct.Struct("<IBH"),
    Kind.EDGE: struct.Struct("<BBBI"),
    Kind.TRIPPED: struct.Struct("<BI"),
}
"""Fields of each kind, in the order of the specification."""


@dataclass(frozen=True, slots=True)
class Message:
    """One frame, checked.

    Attributes:
        kind: What it says.
        seq: Number of the request, or of the edge.
        fields: As in `BODIES`.
    """

    kind: Kind
    seq: int
    fields: tuple[int, ...]


def encode(kind: Kind, seq: int, *fields: int) -> bytes:
    """Return a frame with its zero at the end."""
    content = bytes((kind, seq)) + BODIES[kind].pack(*fields)
    framed: bytes = cobs.encode(content + struct.pack("<I", zlib.crc32(content)))
    return framed + b"\0"


class Decoder:
    """Finds frames in bytes that come in any pieces; never raises, whatever comes.

    Attributes:
        bad_frames: Frames that were none.
    """

    def __init__(self) -> None:
        self.bad_frames = 0
        self._rest = b""

    def feed(self, data: bytes) -> list[Message]:
        """Return the frames that are complete now."""
        *whole, self._rest = (self._rest + data).split(b"\0")
        if len(self._rest) > LARGEST_FRAME:
            self._rest = self._rest[-LARGEST_FRAME:]  # too long already: it will be a bad frame
        found = []
        for frame in whole:
            if not frame:
                continue
            message = _read(frame)
            if message is None:
                self.bad_frames += 1
            else:
                found.append(message)
        return found


def _read(frame: bytes) -> Message | None:
    try:
        content = cobs.decode(frame)
    except cobs.DecodeError:
        return None
    if len(content) < 6 or struct.pack("<I", zlib.crc32(content[:-4])) != content[-4:]:
        return None
    try:
        kind = Kind(content[0])
        return Message(kind, content[1], BODIES[kind].unpack(content[2:-4]))
    except (ValueError, struct.error):
        return None


_NACKS = {
    Nack.NOT_ARMED: "it is not armed",
    Nack.ARMED: "limits cannot be set while it is armed",
    Nack.OUT_OF_RANGE: "a value is out of range",
    Nack.TOO_LONG: "it would be on for longer than the line's limit",
    Nack.TOO_SOON: "it is too soon after what was before",
    Nack.NO_LIMITS: "the line has no limits",
}
_TRIPS = {
    Trip.NO_KEEP_ALIVE: "no keep-alive came in time",
    Trip.ON_FOR_TOO_LONG: "a line was on for longer than its limit",
    Trip.WATCHDOG: "its watchdog had to restart it",
}


def nack_in_words(reason: int) -> str:
    """Return why the box did not do it."""
    words: dict[int, str] = {int(nack): text for nack, text in _NACKS.items()}
    return words.get(reason, f"reason {reason}, which this program does not know")


def trip_in_words(cause: int) -> str:
    """Return why the box went safe."""
    words: dict[int, str] = {int(trip): text for trip, text in _TRIPS.items()}
    return words.get(cause, f"cause {cause}, which this program does not know")
