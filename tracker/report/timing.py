"""How steady the camera was, and when frames were lost."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tracker.recording import Recording
from tracker.report.look import (
    BLACK,
    BLUE,
    GREY,
    LIGHT,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    TimeAxis,
    new_figure,
)
from tracker.report.plots import frame_times
from tracker.types import Fate

_BINS = 300
_LOST_COLOURS = (VERMILION, ORANGE, PURPLE, SKY, BLACK)


@dataclass(frozen=True, slots=True, eq=False)
class Intervals:
    """Time from frame to frame, and how it changed; NaN where it cannot be known.

    Attributes:
        at_ns: Capture time of the later frame of each pair, shape (pairs,).
        ms: Interval per count of the camera (ms), shape (pairs,): a lost frame makes it no longer.
        nominal_ms: What the camera promised (ms).
        mean_ms: From the first frame to the last, by the camera's count.
        p1_ms: 1 in 100 is shorter.
        p99_ms: 1 in 100 is longer.
        longest_ms: The longest.
        drift_ppm: Mean interval of the session's last tenth against that of its first, millionths.
        off_ppm: `mean_ms` against `nominal_ms`, millionths.
    """

    at_ns: NDArray[np.int64]
    ms: NDArray[np.float64]
    nominal_ms: float
    mean_ms: float
    p1_ms: float
    p99_ms: float
    longest_ms: float
    drift_ppm: float
    off_ppm: float


def intervals_of(ledger: pa.Table, fps: float | None) -> Intervals | None:
    """Return the intervals of a ledger; None with fewer than two captured frames."""
    table = ledger.select(["index", "captured_ns"]).drop_null()
    index = table["index"].to_numpy()
    captured: NDArray[np.int64] = table["captured_ns"].to_numpy()
    if len(captured) < 2:
        return None
    nominal_ms = 1e3 / fps if fps else float("nan")
    ms = np.diff(captured) / np.diff(index) / 1e6
    mean_ms = _mean_ms(captured, index)
    tenth = len(captured) // 10
    first, last = slice(0, tenth + 1), slice(len(captured) - tenth - 1, None)
    begin_ms = _mean_ms(captured[first], index[first]) if tenth else float("nan")
    end_ms = _mean_ms(captured[last], index[last]) if tenth else float("nan")
    p1, p99, longest = np.percentile(ms, [1, 99, 100])
    return Intervals(
        at_ns=captured[1:],
        ms=ms,
        nominal_ms=nominal_ms,
        mean_ms=mean_ms,
        p1_ms=float(p1),
        p99_ms=float(p99),
        longest_ms=float(longest),
        drift_ppm=1e6 * (end_ms / begin_ms - 1),
        off_ppm=1e6 * (mean_ms / nominal_ms - 1),
    )


def _mean_ms(captured: NDArray[np.int64], index: NDArray[np.int64]) -> float:
    return float(captured[-1] - captured[0]) / float(index[-1] - index[0]) / 1e6


def intervals(found: Intervals, time: TimeAxis) -> Figure:
    """Draw the interval from frame to frame over time: median and range of each 300th."""
    figure = new_figure(2.5)
    axes = figure.add_subplot()
    middle, low, high, at = _by_bin(found, time)
    span = max(found.p99_ms - found.p1_ms, 0.02 * found.mean_ms)
    bottom = min(found.p1_ms, found.nominal_ms if found.nominal_ms > 0 else np.inf) - 0.6 * span
    top = max(found.p99_ms, np.nan_to_num(found.nominal_ms)) + 0.6 * span
    axes.fill_between(at, low, high, color=SKY, alpha=0.4, lw=0, label="shortest to longest")
    axes.plot(at, middle, color=BLUE, lw=1.6, label="median")
    above = high > top
    if above.any():
        axes.scatter(
            at[above],
            np.full(above.sum(), top),
            marker="^",
            color=VERMILION,
            s=26,
            zorder=5,
            label="longer, beyond this plot",
            clip_on=False,
        )
    if found.nominal_ms > 0:
        axes.axhline(found.nominal_ms, color=BLACK, ls=":", lw=1.3, label="as the camera promised")
    axes.set_ylim(bottom, top)
    axes.set_ylabel("frame interval (ms)")
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.grid(axis="y")
    time.apply(axes)
    figure.legend(loc="outside upper right", ncols=4)
    return figure


def _by_bin(found: Intervals, time: TimeAxis) -> list[NDArray[np.float64]]:
    """Median, smallest, largest interval, and the middle in time, of equal parts of the frames."""
    parts = min(_BINS, len(found.ms))
    edges = np.linspace(0, len(found.ms), parts + 1).astype(int)
    groups = [slice(first, end) for first, end in pairwise(edges.tolist())]
    at = np.asarray(time.at(found.at_ns), np.float64)
    return [
        np.array([float(reduce(values[group])) for group in groups])
        for reduce, values in (
            (np.median, found.ms),
            (np.min, found.ms),
            (np.max, found.ms),
            (np.median, at),
        )
    ]


def losses(recording: Recording, time: TimeAxis) -> Figure | None:
    """Draw the share of frames that were not processed, over time, by cause; None without any."""
    at = frame_times(recording, time)
    fates = recording.ledger["fate"].combine_chunks().dictionary_encode()
    names = fates.dictionary.to_pylist()
    codes = fates.indices.to_numpy()
    causes = sorted(name for name in names if name != Fate.PROCESSED)
    end = float(time.at(time.end_ns))
    if not causes or not len(at) or end <= 0:
        return None
    n_bins = max(1, min(_BINS // 2, len(at) // 20))
    edges = np.linspace(0, end, n_bins + 1)
    place = np.clip(np.searchsorted(edges, at, "right") - 1, 0, n_bins - 1)
    n_all = np.maximum(np.bincount(place, minlength=n_bins), 1)
    figure = new_figure(2.3)
    axes = figure.add_subplot()
    below = np.zeros(n_bins)
    colours = iter(_LOST_COLOURS * 3)
    for name in causes:
        lost = np.bincount(place[codes == names.index(name)], minlength=n_bins)
        colour = GREY if name == Fate.SUPERSEDED else next(colours)
        share = below + 100 * lost / n_all
        _stack(axes, edges, below, share, colour, name.replace("_", " "))
        below = share
    axes.set_ylim(0, max(1.0, 1.1 * float(below.max())))
    axes.set_ylabel("% of frames")
    axes.grid(axis="y")
    time.apply(axes)
    figure.legend(loc="outside upper right", ncols=5)
    return figure


def _stack(
    axes: Any,
    edges: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    colour: str,
    label: str,
) -> None:
    steps = [np.r_[each, each[-1]] for each in (low, high)]
    axes.fill_between(edges, *steps, step="post", color=colour, lw=0, label=label)
    axes.step(edges, steps[1], where="post", color=colour if colour != LIGHT else GREY, lw=0.8)
