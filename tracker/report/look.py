"""How the report's plots look: colours, fonts, the time axis, and the way into the page."""

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tracker.stimuli import Delivery, StimulusRow

WIDTH_IN = 10.4
"""Width of every plot (inches); the page shows it at 1040 px."""

_MANY_BARS = 1000
_MANY_MARKS, _MOST_MARKS = 100, 2000

LOOK = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#555555",
    "axes.labelsize": 11,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11.5,
    "axes.titleweight": "bold",
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "grid.color": "#e4e4e4",
    "legend.fontsize": 10,
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "tracker",
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
}
"""matplotlib's settings for the page; the salt makes the same plot the same bytes."""

BLACK, GREY, LIGHT = "#000000", "#7a7a7a", "#c9c9c9"
ORANGE, SKY, GREEN, YELLOW = "#e69f00", "#56b4e9", "#009e73", "#f0e442"
BLUE, VERMILION, PURPLE = "#0072b2", "#d55e00", "#cc79a7"
"""Okabe and Ito's colours, which the colour-blind can tell apart."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How a delivery is drawn: colour and shape both tell it.

    Attributes:
        label: What the legend calls it.
        colour: Of the mark.
        shape: matplotlib's marker.
        filled: Whether the mark is filled.
    """

    label: str
    colour: str
    shape: str
    filled: bool = True


MARKS = {
    Delivery.DELIVERED: Mark("delivered", BLUE, "v"),
    Delivery.SHAM: Mark("sham", ORANGE, "v", filled=False),
    Delivery.BLINDED: Mark("delivered or sham (blinded)", GREY, "D"),
    Delivery.REFUSED: Mark("refused", VERMILION, "x"),
    Delivery.LATE: Mark("late", PURPLE, "+"),
    Delivery.FAILED: Mark("failed", BLACK, "X"),
}


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """Session time as people read it.

    Attributes:
        zero_ns: Capture time of the first frame.
        end_ns: The last moment that is known of.
        unit: s, min or h, whichever suits the length.
        unit_ns: Its length.
    """

    zero_ns: int
    end_ns: int
    unit: str
    unit_ns: float

    @classmethod
    def over(cls, zero_ns: int, end_ns: int) -> "TimeAxis":
        """The axis from the first moment to the last."""
        length_s = (end_ns - zero_ns) / 1e9
        for unit, unit_s, most_s in (("s", 1.0, 600.0), ("min", 60.0, 5 * 3600.0)):
            if length_s <= most_s:
                return cls(zero_ns, end_ns, unit, unit_s * 1e9)
        return cls(zero_ns, end_ns, "h", 3600e9)

    def at(self, t_ns: Any) -> Any:
        """A time, or an array of times, in units since the first frame."""
        return (np.asarray(t_ns, np.float64) - self.zero_ns) / self.unit_ns

    def length(self, span_s: float) -> float:
        """A duration in units."""
        return span_s * 1e9 / self.unit_ns

    def apply(self, axes: Any) -> None:
        """Set limits and label of the x axis."""
        end = float(self.at(self.end_ns))
        axes.set_xlim(-0.005 * end, 1.005 * end)
        axes.set_xlabel(f"time since the first frame ({self.unit})")


def new_figure(height_in: float, width_in: float = WIDTH_IN) -> Figure:
    """Return an empty figure of the page's width."""
    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    FigureCanvasSVG(figure)
    return figure


def data_uri(figure: Figure) -> str:
    """Return the figure as an SVG image that a page can hold."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", dpi=200, metadata={"Date": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def draw_marks(
    axes: Any,
    rows: Sequence[StimulusRow],
    x_of: Callable[[StimulusRow], float | None],
    y_of: Callable[[StimulusRow], float],
) -> None:
    """Draw each stimulus as its delivery's mark; those without a place are left out."""
    for delivery, mark in MARKS.items():
        places = [(x_of(row), y_of(row)) for row in rows if row.delivery is delivery]
        known = [(x, y) for x, y in places if x is not None]
        if known:
            x, y = _apart(np.array(known, np.float64)).T
            face: dict[str, Any] = {"color": mark.colour}
            if not mark.filled:
                face = {"facecolors": "white", "edgecolors": mark.colour}
            size, line = (52, 1.6) if len(places) <= _MANY_MARKS else (14, 0.8)
            axes.scatter(
                x, y, s=size, marker=mark.shape, linewidths=line, label=mark.label, zorder=5, **face
            )


def _apart(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of many places, those that can be told apart: one in each cell of a fine grid."""
    if len(places) <= _MOST_MARKS:
        return places
    low, span = places.min(axis=0), np.ptp(places, axis=0)
    cells = np.floor((places - low) / np.where(span > 0, span, 1) * (_MOST_MARKS, 40))
    _, first = np.unique(cells, axis=0, return_index=True)
    return places[np.sort(first)][: 5 * _MOST_MARKS]


def runs(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return first and last place (both included) of each run of True: shape (runs, 2)."""
    edges = np.flatnonzero(np.diff(np.r_[False, flags, False]))
    return np.stack((edges[::2], edges[1::2] - 1), axis=1)


def coverage(bars: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return which share (0 to 1) of each of some equal parts of the time axis bars cover.

    Args:
        bars: First and last, shape (bars, 2).
        edges: Of the parts, in the same unit, shape (parts + 1,).
    """
    if not len(bars):
        return np.zeros(len(edges) - 1)
    bars = bars[np.argsort(bars[:, 0], kind="stable")]
    reach = np.maximum.accumulate(np.r_[-np.inf, bars[:, 1]])
    first = np.maximum(bars[:, 0], reach[:-1])  # what an earlier bar covers counts once
    length = np.maximum(bars[:, 1] - first, 0)
    places = np.stack((first, first + length), axis=1).ravel()
    totals = np.repeat(np.cumsum(length), 2)
    totals[::2] -= length
    until = np.interp(edges, places, totals)
    return np.asarray(np.clip(np.diff(until) / np.diff(edges), 0, 1), np.float64)


def draw_bars(
    axes: Any, bars: NDArray[np.float64], place: tuple[float, float], time: TimeAxis, **look: Any
) -> None:
    """Draw bars (first, last) over time at a place (bottom, height).

    Where they are too many to be told apart, a shade tells the share of time that they cover.
    """
    end = float(time.at(time.end_ns))
    if len(bars) <= _MANY_BARS or end <= 0:
        axes.broken_barh(np.c_[bars[:, 0], bars[:, 1] - bars[:, 0]], place, **look)
        return
    edges = np.linspace(0, end, _MANY_BARS + 1)
    share = coverage(bars, edges)
    touched = np.histogram(bars.ravel(), edges)[0] > 0
    shade = np.zeros((1, _MANY_BARS, 4))
    shade[..., :3] = to_rgb(look["edgecolors"])
    shade[0, :, 3] = np.where((share > 0) | touched, 0.2 + 0.8 * share, 0)
    extent = (0, end, place[0] + place[1], place[0])
    axes.imshow(shade, extent=extent, aspect="auto", interpolation="nearest", zorder=1)
    if "label" in look:
        axes.plot([], [], color=look["edgecolors"], lw=6, label=look["label"])
