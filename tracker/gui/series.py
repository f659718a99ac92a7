"""Values over time in memory of fixed size, ready to be drawn at any zoom.

Every value goes into a ring of raw values and into buckets of several lengths, which keep the
smallest and the largest value in them. So what a repaint costs depends on the width of the
picture, never on the length of the session.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

BUCKETS_S = (1 / 32, 1 / 8, 0.5, 2.0, 8.0, 32.0)
"""Lengths of the buckets (s)."""

N_BUCKETS = 2048
"""Buckets kept of each length: a minute of the shortest, eighteen hours of the longest."""

N_RAW = 32_768
"""Raw values kept: more than five minutes at 100 frames/s."""

Curve = tuple[NDArray[np.float64], NDArray[np.float32]]
"""Times (s) and values; NaN where there is none."""


class Series:
    """Named values over time; times rise. Used by one thread.

    Args:
        names: Of the values, in order.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._place = {name: place for place, name in enumerate(self.names)}
        self._raw = _Ring(N_RAW, len(self.names))
        self._levels = [_Buckets(length_s, len(self.names)) for length_s in BUCKETS_S]
        self._row = np.full(len(self.names), np.nan, np.float32)
        self.first_s = math.nan
        self.last_s = -math.inf

    def append(self, time_s: float, values: Mapping[str, float], index: int = 0) -> None:
        """Take the values of one moment; what is missing is NaN. Earlier moments are ignored.

        Args:
            time_s: On the session clock.
            values: By name.
            index: Camera's count of the frame.
        """
        if time_s <= self.last_s:
            return
        row = self._row
        for place, name in enumerate(self.names):
            row[place] = values.get(name, math.nan)
        if math.isnan(self.first_s):
            self.first_s = time_s
        self.last_s = time_s
        self._raw.append(time_s, row, index)
        for level in self._levels:
            level.add(time_s, row)

    def raw(self, name: str, since_s: float) -> Curve:
        """Return the values as they came, since a moment, as far as they are kept."""
        times, rows = self._raw.view()
        first = int(np.searchsorted(times, since_s))
        return times[first:].copy(), rows[first:, self._place[name]].copy()

    def raw_columns(
        self, names: Sequence[str], since_s: float
    ) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float32]]:
        """Return times, frame indices, and the values of several names as (moments, names)."""
        times, rows = self._raw.view()
        first = int(np.searchsorted(times, since_s))
        places = [self._place[name] for name in names]
        return times[first:].copy(), self._raw.indices()[first:].copy(), rows[first:, places]

    def curve(self, name: str, from_s: float, to_s: float, columns: int) -> Curve:
        """Return what is to be drawn of a span: raw, or two points for each bucket.

        Args:
            name: Of the values.
            from_s: Beginning.
            to_s: End.
            columns: Pixels that it will have; no more than about four points for each.
        """
        place = self._place[name]
        times, rows = self._raw.view()
        first = int(np.searchsorted(times, from_s))
        end = int(np.searchsorted(times, to_s, side="right"))
        covered = len(times) and (times[0] <= from_s or times[0] <= self.first_s)
        if covered and end - first <= 4 * columns:
            first = max(0, first - 1)
            return times[first:end].copy(), rows[first:end, place].copy()
        for level in self._levels:
            if (to_s - from_s) / level.length_s <= min(2 * columns, N_BUCKETS - 2):
                return level.curve(place, from_s, to_s)
        return self._levels[-1].curve(place, from_s, to_s)


class _Ring:
    """The newest rows. Each is written twice, so that they always lie in one piece."""

    def __init__(self, length: int, width: int) -> None:
        self._length = length
        self._times = np.zeros(2 * length)
        self._indices = np.zeros(2 * length, np.int64)
        self._rows = np.full((2 * length, width), np.nan, np.float32)
        self._n = 0

    def append(self, time_s: float, row: NDArray[np.float32], index: int) -> None:
        place = self._n % self._length
        for each in (place, place + self._length):
            self._indices[each] = index
            self._times[each] = time_s
            self._rows[each] = row
        self._n += 1

    def view(self) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Times and rows, oldest first; a view that is good until the next `append`."""
        here = self._here()
        return self._times[here], self._rows[here]

    def indices(self) -> NDArray[np.int64]:
        return self._indices[self._here()]

    def _here(self) -> slice:
        kept = min(self._n, self._length)
        start = (self._n - kept) % self._length
        return slice(start, start + kept)


class _Buckets:
    """Smallest and largest value of each stretch of equal length."""

    def __init__(self, length_s: float, width: int) -> None:
        self.length_s = length_s
        self._low = np.full((2 * N_BUCKETS, width), np.nan, np.float32)
        self._high = self._low.copy()
        self._newest: int | None = None

    def add(self, time_s: float, row: NDArray[np.float32]) -> None:
        number = math.floor(time_s / self.length_s)
        if number == self._newest:
            for place in self._places(number):
                np.fmin(self._low[place], row, out=self._low[place])
                np.fmax(self._high[place], row, out=self._high[place])
            return
        first = number if self._newest is None else max(self._newest + 1, number - N_BUCKETS + 1)
        for between in range(first, number):
            for place in self._places(between):
                self._low[place] = self._high[place] = np.nan
        for place in self._places(number):
            self._low[place] = self._high[place] = row
        self._newest = number

    def curve(self, place: int, from_s: float, to_s: float) -> Curve:
        newest = self._newest
        if newest is None:
            return np.zeros(0), np.zeros(0, np.float32)
        oldest = newest - N_BUCKETS + 1
        first = max(oldest, math.floor(from_s / self.length_s))
        last = min(newest, math.floor(to_s / self.length_s))
        if last < first:
            return np.zeros(0), np.zeros(0, np.float32)
        start = first % N_BUCKETS
        rows = slice(start, start + last - first + 1)
        numbers = np.arange(first, last + 1)
        times = np.repeat((numbers + 0.5) * self.length_s, 2)
        values = np.empty(2 * len(numbers), np.float32)
        values[::2], values[1::2] = self._low[rows, place], self._high[rows, place]
        return times, values

    @staticmethod
    def _places(number: int) -> tuple[int, int]:
        place = number % N_BUCKETS
        return place, place + N_BUCKETS
