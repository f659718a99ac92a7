"""The parts of a rule that remember something. Each of them holds a bounded amount.

A condition holds if its score is 0.5 or more; NaN is not known, and changes no memory. Times are
capture times, so that a replay remembers the same.
"""

import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Mapping


class Moment:
    """One frame, as a rule sees it.

    Attributes:
        values: Of features, and of `episode.<name>`, by name.
        now_ns: Capture time of the frame (ns).
    """

    __slots__ = ("now_ns", "values")

    def __init__(self) -> None:
        self.values: Mapping[str, float] = {}
        self.now_ns = 0


Evaluate = Callable[[Moment], float]
"""Gives a quantity in its unit, or a score from 0 to 1; NaN if it is not known."""

MOST_EVENTS = 10_000
"""Events that one `count(... within ...)` remembers, the newest ones; it counts no further."""

MOST_FRAMES = 30_000
"""Frames that a window holds, the newest ones: a minute at 500 frames per second."""


class Edge:
    """1 on the frame on which a condition begins (or stops) to hold, else 0.

    A condition that holds when it is first known has not begun: nobody saw it begin.

    Args:
        condition: What is watched.
        rising: True for its beginning, False for its end.
    """

    def __init__(self, condition: Evaluate, *, rising: bool) -> None:
        self._condition, self._rising = condition, rising
        self.reset()

    def reset(self) -> None:
        """Forget all frames."""
        self._held: bool | None = None

    def __call__(self, moment: Moment) -> float:
        """Return 1, 0, or NaN."""
        score = self._condition(moment)
        if math.isnan(score):
            return score
        before, self._held = self._held, score >= 0.5
        changed = before is not None and before != self._held
        return 1.0 if changed and self._held == self._rising else 0.0


class Count:
    """How often a condition has begun to hold, in the whole session or in the last moments.

    Args:
        condition: What is watched.
        within_ns: How far back it counts (ns); None: since the first frame.
    """

    def __init__(self, condition: Evaluate, within_ns: int | None) -> None:
        self._edge = Edge(condition, rising=True)
        self._within_ns = within_ns
        self.reset()

    def reset(self) -> None:
        """Forget all frames."""
        self._edge.reset()
        self._n = 0
        self._times: deque[int] = deque(maxlen=MOST_EVENTS)

    def __call__(self, moment: Moment) -> float:
        """Return the count."""
        begun = self._edge(moment) == 1.0
        if self._within_ns is None:
            self._n += begun
            return float(self._n)
        times, oldest = self._times, moment.now_ns - self._within_ns
        if begun:
            times.append(moment.now_ns)
        while times and times[0] < oldest:
            times.popleft()
        return float(len(times))


class TimeSince:
    """Seconds since a condition last held; since the first frame if it never did.

    Args:
        condition: What is watched.
    """

    def __init__(self, condition: Evaluate) -> None:
        self._condition = condition
        self.reset()

    def reset(self) -> None:
        """Forget all frames."""
        self._last_ns: int | None = None

    def __call__(self, moment: Moment) -> float:
        """Return the time (s)."""
        holds = self._condition(moment) >= 0.5
        if holds or self._last_ns is None:
            self._last_ns = moment.now_ns
        return (moment.now_ns - self._last_ns) / 1e9


class After:
    """The score of what began soon enough after something else held, for as long as it lasts.

    Args:
        what: What is scored.
        before: What has to have held.
        within_ns: Longest time from its last frame to the first one of `what` (ns).
    """

    def __init__(self, what: Evaluate, before: Evaluate, within_ns: int) -> None:
        self._what, self._before, self._within_ns = what, before, within_ns
        self.reset()

    def reset(self) -> None:
        """Forget all frames."""
        self._last_ns: int | None = None
        self._held = self._in_time = False

    def __call__(self, moment: Moment) -> float:
        """Return the score."""
        if self._before(moment) >= 0.5:
            self._last_ns = moment.now_ns
        score = self._what(moment)
        if math.isnan(score):
            return score
        soon = self._last_ns is not None and moment.now_ns - self._last_ns <= self._within_ns
        begins, self._held = score >= 0.5 and not self._held, score >= 0.5
        if begins:
            self._in_time = soon
        return score if (self._in_time if self._held else soon) else 0.0


class Lasting:
    """The score of a condition once it has held for a while without a break, 0 before that.

    Args:
        condition: What is scored.
        length_ns: How long it has to have held (ns).
    """

    def __init__(self, condition: Evaluate, length_ns: int) -> None:
        self._condition, self._length_ns = condition, length_ns
        self.reset()

    def reset(self) -> None:
        """Forget all frames."""
        self._since_ns: int | None = None

    def __call__(self, moment: Moment) -> float:
        """Return the score."""
        score = self._condition(moment)
        if math.isnan(score):
            return score
        if score < 0.5:
            self._since_ns = None
            return 0.0
        if self._since_ns is None:
            self._since_ns = moment.now_ns
        return score if moment.now_ns - self._since_ns >= self._length_ns else 0.0


class Window:
    """A statistic of the values of the last moments, the present one included.

    NaN where fewer than half of its frames are known.

    Args:
        value: What is watched.
        length_ns: How far back it looks (ns).
        statistic: Of the known values, in rising order, at least one.
    """

    def __init__(
        self, value: Evaluate, length_ns: int, statistic: Callable[[list[float]], float]
    ) -> None:
        self._value, self._length_ns, self._statistic = value, length_ns, statistic
        self.reset()

    def reset(self) -> None:
        """Forget all frames."""
        self._frames: deque[tuple[int, float]] = deque()
        self._ordered: list[float] = []

    def __call__(self, moment: Moment) -> float:
        """Return the statistic."""
        value, frames, ordered = self._value(moment), self._frames, self._ordered
        frames.append((moment.now_ns, value))
        if not math.isnan(value):
            insort(ordered, value)
        oldest = moment.now_ns - self._length_ns
        while frames[0][0] < oldest or len(frames) > MOST_FRAMES:
            _, gone = frames.popleft()
            if not math.isnan(gone):
                del ordered[bisect_left(ordered, gone)]
        if not ordered or 2 * len(ordered) < len(frames):
            return math.nan
        return self._statistic(ordered)


def middle(ordered: list[float]) -> float:
    """Return the median of values in rising order."""
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def mean(ordered: list[float]) -> float:
    """Return the mean; exact sums, so that it does not depend on what has left the window."""
    return math.fsum(ordered) / len(ordered)
