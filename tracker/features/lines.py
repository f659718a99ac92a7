"""Speeds as slopes of least-squares lines through what the last moments gave.

The sums of a line are of whole numbers: they are exact, so that they come out the same on every
computer, and a frame that leaves the window leaves no trace in them.
"""

import math

STEPS = float(2**24)
"""Whole numbers that one px, or one degree, is counted in: as fine as float32 is at 1 px."""

NS_STEPS = 1e9 / STEPS
"""Units per s in one of those whole numbers per ns."""

_Row = tuple[int, list[int | None]]
"""Time (ns) and values (`STEPS` per unit, None where unknown)."""


class Window:
    """The rows of the last `length_s`, and a line through each of their columns.

    Args:
        length_s: How far back it looks (s).
        n_columns: Values in a row.
    """

    def __init__(self, length_s: float, n_columns: int) -> None:
        self._length_ns = round(length_s * 1e9)
        self._lines = [Line(self._length_ns) for _ in range(n_columns)]
        self._rows: list[_Row | None] = [None] * 64
        self._start = self._end = 0

    def clear(self) -> None:
        """Forget all rows."""
        self._lines = [Line(self._length_ns) for _ in self._lines]
        self._rows = [None] * len(self._rows)
        self._start = self._end = 0

    def append(self, time_ns: int, values: list[float]) -> None:
        """Add a row; NaN in it is unknown."""
        if self._end == len(self._rows):
            self._make_room()
        steps = [round(v * STEPS) if math.isfinite(v) else None for v in values]
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
        return [line.slope() for line in self._lines]

    def _make_room(self) -> None:
        """Move the rows in use to the front of a list that is at least twice as long as they."""
        used = self._rows[self._start : self._end]
        size = max(len(self._rows), 2 * len(used))
        self._rows = used + [None] * (size - len(used))
        self._start, self._end = 0, len(used)


class Line:
    """The least-squares line through some points, whose sums grow and shrink with them.

    Args:
        length_ns: Stretch of time that is a full window (ns).
    """

    __slots__ = ("_full", "_n", "_sum_t", "_sum_tt", "_sum_tv", "_sum_v")

    def __init__(self, length_ns: int) -> None:
        self._full = length_ns * length_ns
        self._n = self._sum_t = self._sum_tt = self._sum_v = self._sum_tv = 0

    def add(self, time_ns: int, value: int) -> None:
        """Take in a point."""
        self._n += 1
        self._sum_t += time_ns
        self._sum_tt += time_ns * time_ns
        self._sum_v += value
        self._sum_tv += time_ns * value

    def remove(self, time_ns: int, value: int) -> None:
        """Forget a point that was taken in."""
        self._n -= 1
        self._sum_t -= time_ns
        self._sum_tt -= time_ns * time_ns
        self._sum_v -= value
        self._sum_tv -= time_ns * value

    def slope(self) -> float:
        """Return the slope (units per s), NaN where too little is known.

        Least squares: (n Σtv - Σt Σv) / (n Σt² - (Σt)²). The divisor is n² times the variance
        of the times, which tells how much of the window is filled: a stretch of length l,
        evenly filled, has the variance l²/12, and half the window is the least.
        """
        n, sum_t = self._n, self._sum_t
        spread = n * self._sum_tt - sum_t * sum_t
        if n < 3 or 48 * spread < n * n * self._full:
            return math.nan
        return (n * self._sum_tv - sum_t * self._sum_v) / spread * NS_STEPS


def middle_of_three(a: float, b: float, c: float) -> float:
    """Return the middle value; NaN if one of the three is."""
    if math.isnan(a + b + c):
        return math.nan
    if a <= b:
        return b if b <= c else max(a, c)
    return a if a <= c else max(b, c)


def median(values: list[float]) -> float:
    """Return the middle value, or the mean of the two in the middle."""
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) / 2


def direction_deg(dx: float, dy: float) -> float:
    """Return the direction of (dx, dy), NaN if it has none."""
    if dx == dy == 0:
        return math.nan
    return math.degrees(math.atan2(dy, dx))
