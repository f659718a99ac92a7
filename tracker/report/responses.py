"""Plots about stimuli one by one: how fast they were, and what the animal did then."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tracker.recording import Recording
from tracker.report.around import COMPARED, around, grid_s, with_unit
from tracker.report.figures import STAGES, TOTALS, spans_ms
from tracker.report.look import BLACK, BLUE, LIGHT, MARKS, SKY, new_figure
from tracker.stimuli import Action, Delivery, StimulusRow

BEFORE_S, AFTER_S = 2.0, 5.0
"""How much of the speed is shown around a stimulus (s)."""

GRID_S = grid_s(BEFORE_S, AFTER_S)
"""Times around a stimulus (s) that `Response.speed` is known at."""

_MOST_TRACES = 40
"""Thin lines of one kind, at most: more of them hide each other."""


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """Speed around one stimulus.

    Attributes:
        row: The stimulus.
        speed: float64, shape (points of the grid,); NaN where it is not known.
        until_end_s: Until the episode that triggered it ended (s); NaN if there is none, or it
            ended with the session.
    """

    row: StimulusRow
    speed: NDArray[np.float64]
    until_end_s: float


def speed_feature(recording: Recording) -> str | None:
    """Return the feature that tells the speed; None if there is none."""
    named = sorted(name for name in recording.features if "speed" in name)
    return "speed_cm_s" if "speed_cm_s" in named else next(iter(named), None)


def responses(recording: Recording, rows: Sequence[StimulusRow], feature: str) -> list[Response]:
    """Return what happened around each train that was delivered, or was not by allocation."""
    ends = {
        episode.onset.episode_id: episode.end_ns
        for episode in recording.episodes
        if not episode.ended_by_session
    }
    compared = [
        (row, at_ns)
        for row in rows
        for at_ns in (row.moment_ns,)
        if row.delivery in COMPARED and row.command.action is Action.TRAIN and at_ns is not None
    ]
    moments = [at_ns for _, at_ns in compared]
    traces = around(recording.captured_ns, recording.features[feature], moments, GRID_S)
    found = []
    for (row, at_ns), speed in zip(compared, traces, strict=True):
        end_ns = ends.get(row.command.trigger)
        until_s = float("nan") if end_ns is None or end_ns < at_ns else (end_ns - at_ns) / 1e9
        found.append(Response(row, speed, until_s))
    return found


def around_stimuli(found: Sequence[Response], feature: str) -> Figure:
    """Draw the speed around stimuli, and how long the episodes that triggered them went on."""
    kinds = [kind for kind in COMPARED if any(each.row.delivery is kind for each in found)]
    episodes = any(not np.isnan(each.until_end_s) for each in found)
    figure = new_figure(3.9)
    panels = figure.subplots(1, 2, width_ratios=(2.3, 1)) if episodes else [figure.add_subplot()]
    axes = panels[0]
    for kind in kinds:
        _draw_speed(axes, [each.speed for each in found if each.row.delivery is kind], kind)
    axes.axvline(0, color=BLACK, linewidth=1)
    axes.set(xlim=(-BEFORE_S, AFTER_S), xlabel="time since the frame that triggered it (s)")
    axes.set_ylabel(with_unit(feature))
    axes.set_ylim(bottom=0)
    axes.grid()
    _legend_above(axes)
    if episodes:
        _draw_ends(panels[1], found, kinds)
    return figure


def _draw_speed(axes: Any, traces: Sequence[NDArray[np.float64]], kind: Delivery) -> None:
    mark, all_of_them = MARKS[kind], np.array(traces)
    for trace in traces[:: -(-len(traces) // _MOST_TRACES)]:
        axes.plot(GRID_S, trace, color=mark.colour, lw=0.6, alpha=0.25)
    known = ~np.isnan(all_of_them)
    n = known.sum(axis=0)
    mean = np.where(known, all_of_them, 0).sum(axis=0) / np.where(n > 0, n, 1)
    mean = np.where(n > 0, mean, np.nan)
    style = "-" if mark.filled else "--"
    label = f"{mark.label}, mean of {len(traces)}"
    axes.plot(GRID_S, mean, color=mark.colour, lw=2.6, linestyle=style, label=label)


def _draw_ends(axes: Any, found: Sequence[Response], kinds: Sequence[Delivery]) -> None:
    """One point per stimulus, beside each other where they would overlap, and the median."""
    for place, kind in enumerate(kinds):
        values = np.sort([each.until_end_s for each in found if each.row.delivery is kind])
        values = values[~np.isnan(values)]
        mark = MARKS[kind]
        shift = 0.09 * ((np.arange(len(values)) % 5) - 2)
        face = mark.colour if mark.filled else "white"
        axes.scatter(place + shift, values, s=34, color=face, edgecolors=mark.colour, lw=1.4)
        if len(values):
            median = float(np.median(values))
            axes.plot([place - 0.3, place + 0.3], [median, median], color=BLACK, lw=2)
            axes.annotate(
                f"{median:.2g} s",
                (place + 0.32, median),
                va="center",
                fontsize=10,
                annotation_clip=False,
            )
    axes.set_xticks(range(len(kinds)), [MARKS[kind].label.replace(" (", "\n(") for kind in kinds])
    axes.set_xlim(-0.6, len(kinds) - 0.25)
    axes.set_ylim(bottom=0)
    axes.set_title("until the behaviour ended")
    axes.set_ylabel("s after the trigger")
    axes.grid(axis="y")


def latency(rows: Sequence[StimulusRow], *, live: bool) -> Figure | None:
    """Draw how long the stages of the stimuli took; None if none was acknowledged."""
    total = spans_ms(rows, "received_ns", "acknowledged_ns")
    if not len(total):
        return None
    stages = [
        (title, values)
        for title, start, end in STAGES
        if (live or start != "captured_ns") and len(values := spans_ms(rows, start, end))
    ]
    figure = new_figure(5.2)
    halves: Any = figure.subfigures(2, 1, height_ratios=(1.15, 1))
    above, below = halves
    axes = above.add_subplot(title=TOTALS[0][0])
    _histogram(axes, total, BLUE, bins=40)
    for share, style in ((50, "-"), (99, "--")):
        at = float(np.percentile(total, share))
        axes.axvline(at, color=BLACK, linestyle=style, lw=1.5, label=f"p{share}: {at:.2f} ms")
    _legend_above(axes, right=True)
    axes.set_ylabel("stimuli")
    for axes, (title, values) in zip(below.subplots(1, len(stages)), stages, strict=True):
        _histogram(axes, values, SKY, bins=20)
        axes.axvline(float(np.median(values)), color=BLACK, lw=1.5)
        axes.set_title(title.replace(" → ", "\n→ "), fontsize=9.5)
    return figure


def _histogram(axes: Any, values: NDArray[np.float64], colour: str, *, bins: int) -> None:
    """From 0 to the largest, so that nothing is left out."""
    end = max(float(values.max()) * 1.02, 1e-3)
    begin = min(0.0, float(values.min()))
    axes.hist(values, bins=bins, range=(begin, end), color=colour, edgecolor="white", lw=0.3)
    axes.set_xlim(begin, end)
    axes.set_xlabel("ms")
    axes.locator_params(axis="x", nbins=4 if bins <= 20 else 9)
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.grid(axis="y")


def frame_latency(values_ms: NDArray[np.float64], title: str) -> Figure | None:
    """Draw how long processed frames took, on a logarithmic count; None without any."""
    known = values_ms[~np.isnan(values_ms)]
    if not len(known):
        return None
    figure = new_figure(2.6)
    axes = figure.add_subplot(title=title)
    _histogram(axes, known, LIGHT, bins=80)
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.7)
    axes.set_ylabel("frames")
    p50, p99 = np.percentile(known, [50, 99])
    axes.axvline(p50, color=BLACK, lw=1.5, label=f"p50: {p50:.2f} ms")
    axes.axvline(p99, color=BLACK, linestyle="--", lw=1.5, label=f"p99: {p99:.2f} ms")
    _legend_above(axes, right=True)
    return figure


def _legend_above(axes: Any, *, right: bool = False) -> None:
    """Where it hides no data: over the axes, at the left or (beside a title) at the right."""
    place = ("lower right", (1, 1)) if right else ("lower left", (0, 1))
    axes.legend(loc=place[0], bbox_to_anchor=place[1], ncols=3, borderaxespad=0.2)
