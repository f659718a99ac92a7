"""Where the time of the last frames went, stage by stage."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.messages import ObservationMessage

STAGES = ("waiting", "preparing", "network", "deciding", "sending")
"""In the order in which a frame meets them; together they are received → handed to ZeroMQ."""

LOOK_BACK = 1000
"""Frames looked back on."""

TREND_S = 1.0
"""Length of one step of the trend (s)."""

N_TREND = 300
"""Steps of the trend that are kept."""

EDGES_MS = np.geomspace(0.1, 1000, 61)
"""Borders of the histogram's bars (ms)."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Of the last frames (ms); NaN while there are none."""

    p50: float
    p99: float
    worst: float


class StageTimes:
    """Durations by stage of the last frames; used by one thread."""

    def __init__(self) -> None:
        self._rows = np.full((LOOK_BACK, len(STAGES) + 1), np.nan)
        self._n = 0
        self._trend = np.full((N_TREND, 3), np.nan)
        self._n_trend = 0
        self._step = -1
        self._of_step: list[float] = []

    def feed(self, message: ObservationMessage) -> None:
        """Take the stamps of a frame."""
        total = (message.sent_ns - message.received_ns) / 1e6
        self._rows[self._n % LOOK_BACK] = (
            (message.started_ns - message.received_ns) / 1e6,
            (message.observed_ns - message.started_ns - message.network_ns) / 1e6,
            message.network_ns / 1e6,
            (message.decided_ns - message.observed_ns) / 1e6,
            (message.sent_ns - message.decided_ns) / 1e6,
            total,
        )
        self._n += 1
        step = int(message.captured_ns // round(TREND_S * 1e9))
        if step != self._step:
            self._close_step()
            self._step = step
        self._of_step.append(total)

    def spreads(self) -> dict[str, Spread]:
        """Return the spread of each stage, and of "all" of them together."""
        rows = self._rows[: min(self._n, LOOK_BACK)]
        if not len(rows):
            return {}
        low, high = np.percentile(rows, (50, 99), axis=0)
        worst = rows.max(axis=0)
        names = (*STAGES, "all")
        return {
            name: Spread(float(low[k]), float(high[k]), float(worst[k]))
            for k, name in enumerate(names)
        }

    def histogram(self) -> NDArray[np.int64]:
        """Return how many of the last frames fall between the `EDGES_MS`, all stages together."""
        total = self._rows[: min(self._n, LOOK_BACK), -1]
        inside = np.clip(total, EDGES_MS[0], EDGES_MS[-1])
        counts, _ = np.histogram(inside, EDGES_MS)
        return counts

    def trend(self) -> NDArray[np.float64]:
        """Return rows of time (s), p50 and p99 (ms), one a second, oldest first."""
        kept = min(self._n_trend, N_TREND)
        order = np.arange(self._n_trend - kept, self._n_trend) % N_TREND
        return self._trend[order]

    def _close_step(self) -> None:
        if not self._of_step:
            return
        p50, p99 = np.percentile(self._of_step, (50, 99))
        self._trend[self._n_trend % N_TREND] = (self._step * TREND_S, p50, p99)
        self._n_trend += 1
        self._of_step = []
