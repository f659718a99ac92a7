"""A stimulus box in this program: the same protocol and guarantees, without a device.

It has no thread: whenever it is read, written or asked, everything that was due until now happens,
in order and at its exact time. Its clock is the session clock.
"""

import threading
from functools import partial

from tracker.actuators.stimulus_box.ports import READ_S
from tracker.actuators.stimulus_box.protocol import (
    FIRST_INPUT,
    FORCED,
    N_INPUTS,
    N_LINES,
    PROTOCOL,
    RISING,
    Ack,
    Alive,
    ArmBox,
    Cause,
    Decoder,
    DisarmBox,
    EdgeReport,
    Hello,
    Message,
    Nack,
    Pong,
    Reason,
    SetDeadMan,
    SetLimits,
    Start,
    Stop,
    Tripped,
    Welcome,
    encode,
)
from tracker.actuators.stimulus_box.simulated_line import (
    MOST_US,
    SimulatedLine,
    in_range,
    train_of,
)
from tracker.clock import Clock

FIRMWARE = (1, 0)
"""Version of the firmware that it stands for."""

NEWS_S = 0.001
"""Longest wait for another thread to ask something."""

MOST_UNREAD = 1 << 16
"""Bytes that wait to be read; edges that find no room are lost."""

REPEATED_WITHIN_US = 500_000
USUAL_DEAD_MAN_US = 100_000
WRAP_US = 1 << 32


class SimulatedBox:
    """The device's side of docs/stimulus_box.md, and its port. Any thread.

    Args:
        clock: The session clock.
        first_us: What the box's own clock says when that is 0.
    """

    def __init__(self, clock: Clock, first_us: int = 0) -> None:
        self._clock = clock
        self._first_us = first_us
        self._mutex = threading.Lock()
        self._news = threading.Event()
        self._is_open = False
        self._lines = [SimulatedLine(partial(self._report, n)) for n in range(N_LINES)]
        self._restart()

    def plug(self) -> "SimulatedBox":
        """Open its port, which restarts it; return it."""
        with self._mutex:
            self._advance()
            self._restart()
            self._is_open = True
        return self

    def unplug(self) -> None:
        """Pull its cable, which is its power as well: every line is low at once."""
        with self._mutex:
            self._advance()
            self._restart()
            self._is_open = False

    def level(self, line: int, from_ns: int, to_ns: int) -> float:
        """Return the highest level (0 to 1) of a line between two session times (ns)."""
        with self._mutex:
            self._advance()
            return self._lines[line].peak(self._device_us(from_ns), self._device_us(to_ns))

    def rises(self, line: int) -> tuple[int, ...]:
        """Return when a line went high (ns on the session clock): the last thousands of times."""
        with self._mutex:
            self._advance()
            return tuple((at - self._first_us) * 1000 for at in self._lines[line].rises)

    def drive(self, number: int, *, high: bool) -> None:
        """Drive an input, 0 or 1; until then its pull-up holds it high."""
        with self._mutex:
            now = self._advance()
            if self._inputs[number] != high:
                self._inputs[number] = high
                self._report(FIRST_INPUT + number, RISING if high else 0, 0, now)

    def read_some(self) -> bytes:
        """Return what it has said; if that is nothing, what it says in a moment."""
        data = self._take()
        if data:
            return data
        began_ns = self._clock.now_ns()
        if not self._news.wait(NEWS_S) and self._clock.now_ns() == began_ns:
            self._clock.wait_until(began_ns + round(READ_S * 1e9), READ_S)  # it is moved by hand
        return self._take()

    def write(self, data: bytes) -> None:
        """Take in what the program says."""
        with self._mutex:
            self._must_be_open()
            self._advance()
            for seq, message in self._decoder.feed(data):
                self._obey(seq, message)
            if self._said:
                self._news.set()

    def close(self) -> None:
        """Close its port; what it does goes on until its dead-man ends it."""
        with self._mutex:
            self._is_open = False

    def _restart(self) -> None:
        now = self._device_us(self._clock.now_ns())
        self._lines = [line.restarted(now) for line in self._lines]
        self._decoder = Decoder()
        self._said = b""
        self._armed = False
        self._dead_man_us = USUAL_DEAD_MAN_US
        self._fed = 0
        self._edge_seq = 0
        self._inputs = [True] * N_INPUTS
        self._foreign = 0  # frames that are none of a program's
        self._last: tuple[int, Message, Ack, int] | None = None

    def _must_be_open(self) -> None:
        if not self._is_open:
            raise OSError("the simulated box is not plugged in")

    def _take(self) -> bytes:
        with self._mutex:
            self._must_be_open()
            self._advance()
            data, self._said = self._said, b""
            self._news.clear()
            return data

    def _device_us(self, at_ns: int) -> int:
        return at_ns // 1000 + self._first_us

    def _advance(self) -> int:
        """Let everything happen that was due until now; return now."""
        now = self._device_us(self._clock.now_ns())
        while True:
            dues = [(line.due, n) for n, line in enumerate(self._lines) if line.due is not None]
            at, number = min(dues, default=(now + 1, 0))
            starves = self._fed + self._dead_man_us if self._armed else now + 1
            if min(at, starves) > now:
                return now
            if starves <= at:
                self._disarm(starves)
                self._say(0, Tripped(Cause.NO_KEEP_ALIVE, starves % WRAP_US))
            else:
                self._lines[number].step()

    def _disarm(self, at: int) -> None:
        self._armed = False
        for line in self._lines:
            line.end(at, FORCED)

    def _report(self, number: int, flags: int, seq: int, at: int) -> None:
        if len(self._said) < MOST_UNREAD:
            self._say(self._edge_seq, EdgeReport(number, flags, seq, at % WRAP_US))
        self._edge_seq = (self._edge_seq + 1) % 256

    def _say(self, seq: int, message: Message) -> None:
        self._said += encode(seq, message)

    def _obey(self, seq: int, message: Message) -> None:
        now = self._device_us(self._clock.now_ns())
        match message:
            case Hello():
                self._hello(seq, now)
            case Alive():
                self._fed = now
                high = sum(line.is_high << n for n, line in enumerate(self._lines))
                bad = (self._decoder.bad_frames + self._foreign) % (1 << 16)
                self._say(seq, Pong(now % WRAP_US, self._armed | high << 4, bad))
            case ArmBox():
                if not self._armed:
                    self._armed, self._fed = True, now
                self._answer(seq, None, now)
            case DisarmBox():
                self._disarm(now)
                self._answer(seq, None, now)
            case SetLimits() | SetDeadMan():
                self._answer(seq, self._set(message), now)
            case Start() | Stop():
                self._carry_out_once(seq, message, now)
            case _:
                self._foreign += 1

    def _hello(self, seq: int, now: int) -> None:
        self._disarm(now)
        for line in self._lines:
            line.limits = None
        self._dead_man_us, self._last = USUAL_DEAD_MAN_US, None
        self._said, self._edge_seq = b"", 0
        about = PROTOCOL, *FIRMWARE, N_LINES, N_INPUTS, 0
        self._say(seq, Welcome(*about, now % WRAP_US))

    def _set(self, message: SetLimits | SetDeadMan) -> Reason | None:
        if self._armed:
            return Reason.ARMED
        if isinstance(message, SetDeadMan):
            if not 10 <= message.timeout_ms <= 250:
                return Reason.OUT_OF_RANGE
            self._dead_man_us = message.timeout_ms * 1000
            return None
        known = message.line < N_LINES
        if not (known and message.longest_us > 0 and message.least_gap_us <= MOST_US):
            return Reason.OUT_OF_RANGE
        self._lines[message.line].limits = message
        return None

    def _carry_out_once(self, seq: int, message: Start | Stop, now: int) -> None:
        """A request that comes again at once is answered again, and not carried out again."""
        if self._last is not None:
            last_seq, last, answer, taken = self._last
            if (last_seq, last) == (seq, message) and now - taken <= REPEATED_WITHIN_US:
                self._say(seq, answer)
                return
        if isinstance(message, Start):
            refused = self._start(seq, message, now)
        else:
            refused = None
            if message.line < N_LINES:
                self._lines[message.line].end(now, 0)
        if refused is None:
            self._last = seq, message, Ack(now % WRAP_US), now
        self._answer(seq, refused, now)

    def _start(self, seq: int, message: Start, now: int) -> Reason | None:
        if not self._armed:
            return Reason.NOT_ARMED
        if message.line >= N_LINES or not in_range(message):
            return Reason.OUT_OF_RANGE
        return self._lines[message.line].start(train_of(seq, message, now), now)

    def _answer(self, seq: int, refused: Reason | None, now: int) -> None:
        if refused is None:
            self._say(seq, Ack(now % WRAP_US))
        else:
            self._say(seq, Nack(refused, now % WRAP_US))
