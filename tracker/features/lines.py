"""Speeds as slopes of least-squares lines through what the last moments gave.

The sums of a line are of whole numbers: they are exact, so that they come out the same on every
computer, and a frame that leaves the window leaves no trace in them.
"""

import math

STEPS = float(2**24)
"""Whole numbers that one px, or one degree, is counted in: as fine as float32 is at 1 px."""

NS_STEPS = 1e9 / STEPS
"""Units per s in one of those whole numbers per ns."""

_Two = tuple[int, int]
"""Values of two columns (`STEPS` per unit)."""

_Row = tuple[int, list[_Two | None]]
"""Time (ns) and values of each pair of columns, None where unknown."""


class Window:
    """The rows of the last `length_s`, and a line through each of their columns.

    Columns come in pairs, x and y of one point: column k of the first half and of the second.
    Where one of the two is unknown both are. One more column may stand behind them, by itself.

    Args:
        length_s: How far back it looks (s).
        n_columns: Values in a row.
    """

    def __init__(self, length_s: float, n_columns: int) -> None:
        self._length_ns = round(length_s * 1e9)
        self._half, self._is_odd = divmod(n_columns, 2)
        self._lines = [Lines(self._length_ns) for _ in range(self._half + self._is_odd)]
        self._rows: list[_Row | None] = [None] * 64
        self._start = self._end = 0

    def clear(self) -> None:
        """Forget all rows."""
        self._lines = [Lines(self._length_ns) for _ in self._lines]
        self._rows = [None] * len(self._rows)
        self._start = self._end = 0

    def append(self, time_ns: int, values: list[float]) -> None:
        """Add a row; NaN in it is unknown."""
        if self._end == len(self._rows):
            self._make_room()
        half, finite = self._half, math.isfinite
        steps: list[_Two | None] = [
            (round(one * STEPS), round(other * STEPS)) if finite(one + other) else None
            for one, other in zip(values[:half], values[half : 2 * half], strict=True)
        ]
        if self._is_odd:
            last = values[-1]
            steps.append((round(last * STEPS), 0) if finite(last) else None)
        for line, step in zip(self._lines, steps, strict=True):
            if step is not None:
                line.add(time_ns, step)
        self._rows[self._end] = time_ns, steps
        self._end += 1

    def slopes(self, now_ns: int) -> list[float]:
        """Return the slope of each column (per s), NaN where too little is known."""
        oldest_ns = now_ns - self._length_ns
        while self._start < self._end:
            row = self._rows[self._start]
            if row is None or row[0] >= oldest_ns:
                break
            self._start += 1
            for line, step in zip(self._lines, row[1], strict=True):
                if step is not None:
                    line.remove(row[0], step)
        slopes = [line.slopes() for line in self._lines]
        half = self._half
        found = [one for one, _ in slopes[:half]]
        found += [other for _, other in slopes[:half]]
        if self._is_odd:
            found.append(slopes[-1][0])
        return found

    def _make_room(self) -> None:
        """Move the rows in use to the front of a list that is at least twice as long as they."""
        used = self._rows[self._start : self._end]
        size = max(len(self._rows), 2 * len(used))
        self._rows = used + [None] * (size - len(used))
        self._start, self._end = 0, len(used)


class Lines:
    """The least-squares lines through two values of some points in time.

    Their sums grow and shrink with the points.

    Args:
        length_ns: Stretch of time that is a full window (ns).
    """

    __slots__ = ("_full", "_n", "_sum_t", "_sum_tt", "_sum_tv", "_sum_tw", "_sum_v", "_sum_w")

    def __init__(self, length_ns: int) -> None:
        self._full = length_ns * length_ns
        self._n = self._sum_t = self._sum_tt = 0
        self._sum_v = self._sum_tv = self._sum_w = self._sum_tw = 0

    def add(self, time_ns: int, values: _Two) -> None:
        """Take in a point."""
        v, w = values
        self._n += 1
        self._sum_t += time_ns
        self._sum_tt += time_ns * time_ns
        self._sum_v += v
        self._sum_tv += time_ns * v
        self._sum_w += w
        self._sum_tw += time_ns * w

    def remove(self, time_ns: int, values: _Two) -> None:
        """Forget a point that was taken in."""
        v, w = values
        self._n -= 1
        self._sum_t -= time_ns
        self._sum_tt -= time_ns * time_ns
        self._sum_v -= v
        self._sum_tv -= time_ns * v
        self._sum_w -= w
        self._sum_tw -= time_ns * w

    def slopes(self) -> tuple[float, float]:
        """Return both slopes (units per s), NaN where too little is known.

        Least squares: (n Σtv - Σt Σv) / (n Σt² - (Σt)²). The divisor is n² times the variance
        of the times, which tells how much of the window is filled: a stretch of length l,
        evenly filled, has the variance l²/12, and half the window is the least.
        """
        n, sum_t = self._n, self._sum_t
        spread = n * self._sum_tt - sum_t * sum_t
        if n < 3 or 48 * spread < n * n * self._full:
            return math.nan, math.nan
        return (
            (n * self._sum_tv - sum_t * self._sum_v) / spread * NS_STEPS,
            (n * self._sum_tw - sum_t * self._sum_w) / spread * NS_STEPS,
        )


def middle_of_three(a: float, b: float, c: float) -> float:
    """Return the middle value; NaN if one of the three is."""
    if a <= b:
        return b if b <= c else a if a >= c else c
    if a > b:
        return a if a <= c else b if b >= c else c
    return math.nan


def median(values: list[float]) -> float:
    """Return the middle value, or the mean of the two in the middle."""
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) / 2


def direction_deg(dx: float, dy: float) -> float:
    """Return the direction of (dx, dy), NaN if it has none."""
    if dx == dy == 0:
        return math.nan
    return math.degrees(math.atan2(dy, dx))
