"""One line of the simulated stimulus box: what the firmware does with it, edge by edge.

Times are whole microseconds of the device, without wraps.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from tracker.actuators.stimulus_box.protocol import (
    FIRST,
    FULL_LEVEL,
    LAST,
    RISING,
    Reason,
    SetLimits,
    Start,
)

MOST_US = 1_800_000_000
LEAST_US, LEAST_PERIOD_US = 60, 1000
"""Limits of all times, of pulses and gaps, and of the period of pulses with gaps."""

HISTORY = 4096
"""Changes of a line that are remembered."""

Report = Callable[[int, int, int], None]
"""Told of an edge: its flags, the number of its START, when."""


@dataclass(frozen=True, slots=True)
class Train:
    """A train as the line carries it out: pulses without a gap are one.

    Attributes:
        seq: Number of its START.
        level: 0 to 255.
        begin: When its first pulse begins.
        width: Of a pulse.
        period: From the start of one pulse to that of the next.
        n: Pulses.
        ramp: Time in which the level rises, and in which it falls.
    """

    seq: int
    level: int
    begin: int
    width: int
    period: int
    n: int
    ramp: int

    @property
    def end(self) -> int:
        """When its last pulse ends."""
        return self.begin + (self.n - 1) * self.period + self.width

    def edge(self, number: int) -> int:
        """Return when an edge is due: 2 k is the start of pulse k, 2 k + 1 its end."""
        pulse, is_end = divmod(number, 2)
        return self.begin + pulse * self.period + (self.width if is_end else 0)

    def peak(self, low: int, high: int) -> float:
        """Return the highest level (0 to 1) of a pulse between two moments."""
        at = min(max((self.begin + self.end) // 2, low), high)
        inside = max(0, min(at - self.begin, self.end - at))
        if inside >= self.ramp:
            return self.level / FULL_LEVEL
        return max(1, self.level * inside // self.ramp) / FULL_LEVEL


def train_of(seq: int, start: Start, now: int) -> Train:
    """Return what a START asks for."""
    gapless = start.width_us == start.period_us
    return Train(
        seq=seq,
        level=start.level,
        begin=now + start.delay_us,
        width=start.width_us * start.n_pulses if gapless else start.width_us,
        period=start.period_us,
        n=1 if gapless else start.n_pulses,
        ramp=start.ramp_us,
    )


def in_range(start: Start) -> bool:
    """Return whether the values of a START are such that the box can carry it out."""
    width, period, n = start.width_us, start.period_us, start.n_pulses
    if not (LEAST_US <= width <= period <= MOST_US and start.delay_us <= MOST_US and n >= 1):
        return False
    if n > 1 and width != period and not (period >= LEAST_PERIOD_US and period - width >= LEAST_US):
        return False
    length = (n - 1) * period + width
    return start.ramp_us == 0 or (length <= MOST_US and 2 * start.ramp_us <= length)


class SimulatedLine:
    """A line and its limits.

    Args:
        report: Told of every edge.
    """

    def __init__(self, report: Report) -> None:
        self.is_high = False
        self.limits: SetLimits | None = None
        self._report = report
        self._train: Train | None = None
        self._next = 0  # number of the train's next edge
        self._begun = False
        self._high_since = 0
        self._ended: int | None = None
        self._history: deque[tuple[int, Train | None]] = deque(maxlen=HISTORY)

    @property
    def due(self) -> int | None:
        """When the next edge is due."""
        return None if self._train is None else self._train.edge(self._next)

    def start(self, train: Train, now: int) -> Reason | None:
        """Begin a train in place of what the line does now; return why not, if not."""
        refused = self._objection(train, now)
        if refused is not None:
            return refused
        goes_on = self._goes_on(train, now)
        if not goes_on:
            self.end(now, 0)
        if train.level == 0:
            return None
        self._train, self._next, self._begun = train, 0, goes_on
        if goes_on:
            self._next = 1
            self._history.append((now, train))
        elif train.begin == now:
            self.step()
        return None

    def step(self) -> None:
        """Let the next edge happen."""
        train = self._train
        if train is None:
            return
        at, rising, last = train.edge(self._next), self._next % 2 == 0, 2 * train.n - 1
        flags = RISING if rising else LAST if self._next == last else 0
        self._switch(at, flags if self._begun else flags | FIRST, train)
        self._begun = True
        self._next += 1
        if self._next > last:
            self._train, self._ended = None, at

    def end(self, now: int, forced: int) -> None:
        """Go low. A train of which nothing was to be seen yet leaves no trace.

        Args:
            now: When.
            forced: `FORCED`, or 0.
        """
        if self._train is None:
            return
        if self.is_high:
            self._switch(now, LAST | forced, self._train)
        if self._begun:
            self._ended = now
        self._train = None

    def peak(self, low: int, high: int) -> float:
        """Return the highest level (0 to 1) between two moments, both included."""
        found, until = 0.0, high
        for at, train in reversed(self._history):
            if train is not None and at <= high:
                found = max(found, train.peak(max(at, low), until))
            if at <= low:
                break
            until = min(high, at)
        return found

    @property
    def rises(self) -> tuple[int, ...]:
        """Moments at which it went high, as far as they are remembered."""
        states = [(0, None), *self._history]
        return tuple(
            at
            for (_, before), (at, train) in pairwise(states)
            if before is None and train is not None
        )

    def restarted(self, now: int) -> "SimulatedLine":
        """Return the line after it was without power: low, and all but its history forgotten."""
        fresh = SimulatedLine(self._report)
        fresh._history = self._history
        if self.is_high:
            fresh._history.append((now, None))
        return fresh

    def _switch(self, at: int, flags: int, train: Train) -> None:
        self.is_high = bool(flags & RISING)
        if self.is_high:
            self._high_since = at
        self._history.append((at, train if self.is_high else None))
        self._report(flags, train.seq, at)

    def _goes_on(self, train: Train, now: int) -> bool:
        return self.is_high and train.begin == now and train.level != 0

    def _objection(self, train: Train, now: int) -> Reason | None:
        limits = self.limits
        if limits is None:
            return Reason.NO_LIMITS
        high = now - self._high_since if self._goes_on(train, now) else 0
        if high + train.width > min(limits.longest_us, MOST_US):
            return Reason.TOO_LONG
        if limits.least_gap_us == 0:
            return None
        if self._train is not None:
            return Reason.TOO_SOON
        ended = self._ended
        too_soon = ended is not None and train.begin - ended < limits.least_gap_us
        return Reason.TOO_SOON if too_soon else None
