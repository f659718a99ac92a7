"""A stimulus box in this program: the same protocol and guarantees, without a device.

It has no thread: whenever it is read, written or asked, everything that was due until now happens,
in order and at its exact time. Its microseconds are those of the session clock.
"""

import threading
from collections import deque
from dataclasses import dataclass, field

from tracker.actuators.stimulus_box import protocol
from tracker.actuators.stimulus_box.protocol import Kind, Message, Nack, Trip
from tracker.clock import Clock

HISTORY = 4096
"""Changes of each line that are remembered."""

WAIT_S = 0.001
"""Longest wait of one read: what another thread writes meanwhile is answered at once."""

MAX_U32 = 1 << 32


@dataclass(slots=True)
class _Train:
    """What a line is doing; times in us."""

    seq: int
    level: float
    start: int
    width: int
    period: int
    n: int
    next_edge: int = 0  # 2 k: start of pulse k, 2 k + 1: its end

    @property
    def is_over(self) -> bool:
        return self.next_edge >= 2 * self.n

    @property
    def due(self) -> int:
        pulse, is_end = divmod(self.next_edge, 2)
        return self.start + pulse * self.period + (self.width if is_end else 0)

    @property
    def longest(self) -> int:
        gapless = self.period == self.width
        return (self.n - 1) * self.period + self.width if gapless else self.width


@dataclass(slots=True)
class _Line:
    limits: tuple[int, int] | None = None  # longest and least gap (us)
    train: _Train | None = None
    is_high: bool = False
    on_since: int = 0
    ended: int | None = None
    changes: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=HISTORY))


class SimulatedBox:
    """The device's side of docs/stimulus_box.md. Any thread.

    Args:
        clock: Its clock: the session's.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._mutex = threading.Lock()
        self._plug()

    def connect(self) -> "SimulatedBox":
        """Open its port: a box that was plugged in anew."""
        with self._mutex:
            self._advance()
            history = [line.changes for line in self._lines]
            self._plug()
            for line, changes in zip(self._lines, history, strict=True):
                line.changes = changes
        return self

    def level(self, line: int, from_ns: int, to_ns: int) -> float:
        """Return the highest level (0 to 1) of a line from one session time to another."""
        with self._mutex:
            self._advance()
            from_us, to_us = from_ns // 1000, to_ns // 1000
            before, highest = 0.0, 0.0
            for at_us, level in self._lines[line].changes:
                if at_us > to_us:
                    break
                if at_us <= from_us:
                    before = level
                else:
                    highest = max(highest, level)
            return max(before, highest)

    def read_some(self, wait_s: float) -> bytes:
        """Return what it has said; if that is nothing, what it says within a millisecond."""
        data = self._take()
        if not data and wait_s > 0:
            self._clock.wait_until(self._clock.now_ns() + round(WAIT_S * 1e9), WAIT_S)
            data = self._take()
        return data

    def write(self, data: bytes) -> None:
        """Take in what the program says."""
        with self._mutex:
            if not self._is_open:
                raise OSError("the simulated box was unplugged")
            self._advance()
            for message in self._decoder.feed(data):
                self._obey(message)

    def close(self) -> None:
        """Close its port; what it does goes on until its dead-man ends it."""
        with self._mutex:
            self._is_open = False

    def unplug(self) -> None:
        """Pull its cable, which is its power as well: every line is low at once."""
        with self._mutex:
            self._advance()
            self._all_low(self._now())
            self._is_open = False

    def _plug(self) -> None:
        self._decoder = protocol.Decoder()
        self._lines = [_Line() for _ in range(protocol.N_LINES)]
        self._said = b""
        self._is_open = True
        self._armed = False
        self._dead_man = 100_000
        self._alive_at = 0
        self._edge_seq = 0
        self._last: tuple[Message, bytes] | None = None

    def _take(self) -> bytes:
        with self._mutex:
            if not self._is_open:
                raise OSError("the simulated box was unplugged")
            self._advance()
            data, self._said = self._said, b""
            return data

    def _now(self) -> int:
        return self._clock.now_ns() // 1000

    def _advance(self) -> None:
        """Let everything happen that was due until now."""
        now = self._now()
        while True:
            due = [(line.train.due, n) for n, line in enumerate(self._lines) if line.train]
            forced = [
                (line.on_since + line.limits[0], n)
                for n, line in enumerate(self._lines)
                if line.is_high and line.limits
            ]
            starves = self._alive_at + self._dead_man if self._armed else None
            edge, trip = min(due, default=None), min(forced, default=None)
            first = min((at for at, _ in (*due, *forced)), default=None)
            if starves is not None and starves <= now and (first is None or starves <= first):
                self._trip(Trip.NO_KEEP_ALIVE, starves)
            elif edge is not None and edge[0] <= now and (trip is None or edge[0] <= trip[0]):
                self._step(edge[1], edge[0])
            elif trip is not None and trip[0] <= now:
                self._trip(Trip.ON_FOR_TOO_LONG, trip[0])
            else:
                return

    def _step(self, number: int, at: int) -> None:
        """The next edge of a line's train; pulses without a gap are one."""
        line = self._lines[number]
        train = line.train
        if train is None:
            return
        rising = train.next_edge % 2 == 0
        first, last = train.next_edge == 0, train.next_edge == 2 * train.n - 1
        train.next_edge += 1
        if train.period > train.width or first or last:
            flags = first * protocol.FIRST | last * protocol.LAST
            self._set(number, at, train.level if rising else 0.0, flags, train.seq)
        if train.is_over:
            line.train, line.ended = None, at

    def _set(self, number: int, at: int, level: float, flags: int, seq: int) -> None:
        line, rising = self._lines[number], level > 0
        line.changes.append((at, level))
        if rising and not line.is_high:
            line.on_since = at
        if rising == line.is_high:
            return
        line.is_high = rising
        self._edge_seq = (self._edge_seq + 1) % 256
        flags |= rising * protocol.RISING
        self._say(Kind.EDGE, self._edge_seq, number, flags, seq, at % MAX_U32)

    def _trip(self, why: Trip, at: int) -> None:
        self._all_low(at)
        self._armed = False
        self._say(Kind.TRIPPED, 0, int(why), at % MAX_U32)

    def _all_low(self, at: int) -> None:
        for number, line in enumerate(self._lines):
            seq = line.train.seq if line.train else 0
            if line.train is not None or line.is_high:
                line.ended = at
            line.train = None
            self._set(number, at, 0.0, protocol.LAST | protocol.FORCED, seq)

    def _say(self, kind: Kind, seq: int, *fields: int) -> None:
        self._said += protocol.encode(kind, seq, *fields)

    def _obey(self, message: Message) -> None:
        now = self._now()
        raw = now % MAX_U32
        match message.kind:
            case Kind.HELLO:
                self._all_low(now)
                self._armed, self._dead_man, self._last = False, 100_000, None
                for line in self._lines:
                    line.limits = line.ended = None
                about = protocol.PROTOCOL, 1, 0, protocol.N_LINES, protocol.N_INPUTS, 0, raw
                self._say(Kind.WELCOME, message.seq, *about)
            case Kind.ALIVE:
                self._alive_at = now
                high = sum(line.is_high << n for n, line in enumerate(self._lines))
                state = self._armed | high << 4
                bad = min(self._decoder.bad_frames, 0xFFFF)
                self._say(Kind.PONG, message.seq, raw, state, bad)
            case Kind.START | Kind.STOP:
                self._carry_out_once(message, now)
            case Kind.LIMITS | Kind.DEAD_MAN | Kind.ARM | Kind.DISARM:
                refused = self._set_up(message, now)
                self._answer(message.seq, refused, raw)

    def _set_up(self, message: Message, now: int) -> Nack | None:
        match message.kind:
            case Kind.ARM:
                if not self._armed:
                    self._armed, self._alive_at = True, now
                return None
            case Kind.DISARM:
                self._all_low(now)
                self._armed = False
                return None
        return Nack.ARMED if self._armed else self._limit(message.kind, *message.fields)

    def _limit(self, kind: Kind, *fields: int) -> Nack | None:
        if kind is Kind.DEAD_MAN:
            if not 10 <= fields[0] <= 250:
                return Nack.OUT_OF_RANGE
            self._dead_man = fields[0] * 1000
            return None
        line, longest, gap = fields
        if line >= protocol.N_LINES or longest == 0:
            return Nack.OUT_OF_RANGE
        self._lines[line].limits = longest, gap
        return None

    def _carry_out_once(self, message: Message, now: int) -> None:
        """A request that comes again is answered again, and not carried out again."""
        if self._last is not None and self._last[0] == message:
            self._said += self._last[1]
            return
        if message.kind is Kind.START:
            refused = self._start(message, now)
        else:
            refused = self._stop(message.fields[0], now)
        said = len(self._said)
        self._answer(message.seq, refused, now % MAX_U32)
        if refused is None:
            self._last = message, self._said[said:]

    def _answer(self, seq: int, refused: Nack | None, raw: int) -> None:
        if refused is None:
            self._say(Kind.ACK, seq, raw)
        else:
            self._say(Kind.NACK, seq, int(refused), raw)

    def _stop(self, number: int, now: int) -> Nack | None:
        if number >= protocol.N_LINES:
            return Nack.OUT_OF_RANGE
        line = self._lines[number]
        if line.train is not None:
            seq, line.train, line.ended = line.train.seq, None, now
            self._set(number, now, 0.0, protocol.LAST, seq)
        return None

    def _start(self, message: Message, now: int) -> Nack | None:
        number, level, delay, width, period, n, ramp = message.fields
        if number >= protocol.N_LINES or not 1 <= width <= period or n == 0:
            return Nack.OUT_OF_RANGE
        train = _Train(message.seq, level / 255, now + delay, width, period, n)
        line = self._lines[number]
        refused = self._objection(line, train, ramp, now)
        if refused is not None:
            return refused
        if line.train is not None and (delay > 0 or level == 0):
            self._set(number, now, 0.0, protocol.LAST, line.train.seq)
        line.train = train
        self._advance()
        return None

    def _objection(self, line: _Line, train: _Train, ramp: int, now: int) -> Nack | None:
        if not self._armed:
            return Nack.NOT_ARMED
        if line.limits is None:
            return Nack.NO_LIMITS
        longest, gap = line.limits
        length = (train.n - 1) * train.period + train.width
        if length + train.start - now >= MAX_U32 or 2 * ramp > length:
            return Nack.OUT_OF_RANGE
        goes_on = line.train is not None and line.is_high and train.start == now
        if train.longest + (now - line.on_since if goes_on else 0) > longest:
            return Nack.TOO_LONG
        if gap and (
            line.train is not None or (line.ended is not None and train.start - line.ended < gap)
        ):
            return Nack.TOO_SOON
        return None
