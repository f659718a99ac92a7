"""How the loop is doing: rate and latency of the last few hundred frames."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from tracker.types import Fate, LedgerRow

WINDOW = 500
"""Frames looked back on."""

NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Latency:
    """Of the last frames, in milliseconds; NaN while there are none.

    Attributes:
        p50: Median.
        p99: 99th percentile (nearest rank).
        max: Largest.
    """

    p50: float = NAN
    p99: float = NAN
    max: float = NAN

    @classmethod
    def of(cls, durations_ns: Iterable[int]) -> "Latency":
        """Return the percentiles of some durations (ns)."""
        ordered = sorted(durations_ns)
        if not ordered:
            return cls()
        n = len(ordered)
        rank_99 = -(-99 * n // 100) - 1  # ceil(0.99 n), counted from 0
        return cls(ordered[n // 2] / 1e6, ordered[rank_99] / 1e6, ordered[-1] / 1e6)


class LoopHealth:
    """Follows the ledger. Written by one thread, read by any."""

    def __init__(self) -> None:
        self._rows: deque[LedgerRow] = deque(maxlen=WINDOW)

    def update(self, rows: Iterable[LedgerRow]) -> None:
        """Take in rows that the ledger has finished."""
        self._rows.extend(row for row in rows if row.fate is Fate.PROCESSED)

    @property
    def fps(self) -> float:
        """Processed frames per second, by the time they were decided on; NaN at first."""
        times = [row.decided_ns for row in tuple(self._rows) if row.decided_ns is not None]
        if len(times) < 2 or times[-1] <= times[0]:
            return NAN
        return (len(times) - 1) * 1e9 / (times[-1] - times[0])

    @property
    def latency(self) -> Latency:
        """Received → published; received → decided where nothing is published."""
        return Latency.of(end - received for received, end, _ in self._spans())

    @property
    def overhead(self) -> Latency:
        """The same without the bare network call."""
        return Latency.of(end - received - network for received, end, network in self._spans())

    def _spans(self) -> list[tuple[int, int, int]]:
        spans = []
        for row in tuple(self._rows):
            end = row.published_ns if row.published_ns is not None else row.decided_ns
            if row.received_ns is not None and end is not None:
                spans.append((row.received_ns, end, row.network_ns or 0))
        return spans
