"""Frames between the program and the stimulus box; docs/stimulus_box.md is the specification."""

import struct
import zlib
from dataclasses import dataclass, fields
from enum import IntEnum

from cobs import cobs

PROTOCOL = 1
"""Version that both ends have to speak."""

BAUD = 500_000

N_LINES, N_INPUTS, FIRST_INPUT = 4, 2, 16
"""Lines and inputs of a box; input n is line `FIRST_INPUT` + n of a report."""

FULL_LEVEL = 255

MOST_CONTENT = 40
"""Bytes of a frame before COBS."""

MOST_ENCODED = MOST_CONTENT + 1
"""The same after COBS, which adds one byte to so few, without the zero at the end."""

RISING, FIRST, LAST, FORCED = 1, 2, 4, 8
"""Flags of a report."""


class Reason(IntEnum):
    """Why the box did not do what it was asked."""

    NOT_ARMED = 1
    ARMED = 2
    OUT_OF_RANGE = 3
    TOO_LONG = 4
    TOO_SOON = 5
    NO_LIMITS = 6


class Cause(IntEnum):
    """Why the box went safe by itself."""

    NO_KEEP_ALIVE = 1
    HIGH_FOR_TOO_LONG = 2
    WATCHDOG = 3


@dataclass(frozen=True, slots=True)
class Hello:
    """Ends all trains, disarms, forgets the limits."""

    protocol: int = PROTOCOL


@dataclass(frozen=True, slots=True)
class SetLimits:
    """What a line may do; only while disarmed."""

    line: int
    longest_us: int
    least_gap_us: int


@dataclass(frozen=True, slots=True)
class SetDeadMan:
    """After how long without a keep-alive all goes low; only while disarmed."""

    timeout_ms: int


@dataclass(frozen=True, slots=True)
class ArmBox:
    """Lines may go high from now on."""


@dataclass(frozen=True, slots=True)
class DisarmBox:
    """Every line low."""


@dataclass(frozen=True, slots=True)
class Alive:
    """Restarts the dead-man."""


@dataclass(frozen=True, slots=True)
class Start:
    """Begin a train; its times are those of `tracker.stimuli.PulseTrain`."""

    line: int
    level: int
    delay_us: int
    width_us: int
    period_us: int
    n_pulses: int
    ramp_us: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Go low."""

    line: int


@dataclass(frozen=True, slots=True)
class Welcome:
    """What the box is, in answer to `Hello`."""

    protocol: int
    major: int
    minor: int
    n_lines: int
    n_inputs: int
    reset_cause: int
    device_us: int


@dataclass(frozen=True, slots=True)
class Ack:
    """It was done: when."""

    device_us: int


@dataclass(frozen=True, slots=True)
class Nack:
    """It was not done."""

    reason: int
    device_us: int


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to `Alive`: when that was complete, and how the box is."""

    device_us: int
    state: int
    bad_frames: int

    @property
    def armed(self) -> bool:
        """Whether lines may go high."""
        return bool(self.state & 1)

    @property
    def high(self) -> tuple[int, ...]:
        """Which lines are high."""
        return tuple(line for line in range(N_LINES) if self.state & 1 << 4 + line)


@dataclass(frozen=True, slots=True)
class EdgeReport:
    """A pin has changed."""

    line: int
    flags: int
    start_seq: int
    device_us: int


@dataclass(frozen=True, slots=True)
class Tripped:
    """The box went safe by itself."""

    cause: int
    device_us: int


Request = Hello | SetLimits | SetDeadMan | ArmBox | DisarmBox | Alive | Start | Stop
Answer = Welcome | Ack | Nack | Pong
Message = Request | Answer | EdgeReport | Tripped

_LAYOUTS: dict[type[Message], tuple[int, struct.Struct]] = {
    Hello: (0x01, struct.Struct("<B")),
    SetLimits: (0x02, struct.Struct("<BII")),
    SetDeadMan: (0x03, struct.Struct("<B")),
    ArmBox: (0x04, struct.Struct("<")),
    DisarmBox: (0x05, struct.Struct("<")),
    Alive: (0x06, struct.Struct("<")),
    Start: (0x07, struct.Struct("<BBIIIII")),
    Stop: (0x08, struct.Struct("<B")),
    Welcome: (0x81, struct.Struct("<BBBBBBI")),
    Ack: (0x82, struct.Struct("<I")),
    Nack: (0x83, struct.Struct("<BI")),
    Pong: (0x84, struct.Struct("<IBH")),
    EdgeReport: (0x85, struct.Struct("<BBBI")),
    Tripped: (0x86, struct.Struct("<BI")),
}
_NAMES = {kind: tuple(each.name for each in fields(kind)) for kind in _LAYOUTS}
_KINDS = {number: (kind, layout) for kind, (number, layout) in _LAYOUTS.items()}


def encode(seq: int, message: Message) -> bytes:
    """Return a frame with its zero at the end.

    Raises:
        ValueError: If a value does not fit into its field.
    """
    number, layout = _LAYOUTS[type(message)]
    try:
        body = layout.pack(*(getattr(message, name) for name in _NAMES[type(message)]))
    except struct.error as failure:
        raise ValueError(f"{message} cannot be sent: {failure}") from failure
    content = bytes((number, seq)) + body
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

    def feed(self, data: bytes) -> list[tuple[int, Message]]:
        """Return the frames that are complete now, each with its sequence number."""
        *whole, rest = (self._rest + data).split(b"\0")
        self._rest = rest[: MOST_ENCODED + 1]  # one byte too many stays one too many
        found = []
        for framed in whole:
            if not framed:
                continue
            frame = _read(framed)
            if frame is None:
                self.bad_frames += 1
            else:
                found.append(frame)
        return found


def _read(framed: bytes) -> tuple[int, Message] | None:
    if len(framed) > MOST_ENCODED:
        return None
    try:
        content = cobs.decode(framed)
    except cobs.DecodeError:
        return None
    if len(content) < 6 or struct.pack("<I", zlib.crc32(content[:-4])) != content[-4:]:
        return None
    kind, layout = _KINDS.get(content[0], (None, None))
    if kind is None or layout is None or layout.size != len(content) - 6:
        return None
    return content[1], kind(*layout.unpack(content[2:-4]))


_REASONS = {
    Reason.NOT_ARMED: "it is not armed",
    Reason.ARMED: "limits cannot be set while it is armed",
    Reason.OUT_OF_RANGE: "a value is out of its range (docs/stimulus_box.md)",
    Reason.TOO_LONG: "the line would be high for longer than its limit",
    Reason.TOO_SOON: "it is too soon after what the line did before",
    Reason.NO_LIMITS: "the line has no limits",
}
_CAUSES = {
    Cause.NO_KEEP_ALIVE: "no keep-alive came in time",
    Cause.HIGH_FOR_TOO_LONG: "a line was high for longer than its limit",
    Cause.WATCHDOG: "its watchdog had to restart it",
}


def reason_in_words(reason: int) -> str:
    """Return why the box did not do it."""
    words: dict[int, str] = {int(each): text for each, text in _REASONS.items()}
    return words.get(reason, f"reason {reason}, which this program does not know")


def cause_in_words(cause: int) -> str:
    """Return why the box went safe."""
    words: dict[int, str] = {int(each): text for each, text in _CAUSES.items()}
    return words.get(cause, f"cause {cause}, which this program does not know")
