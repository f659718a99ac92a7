"""Features around events: values on a grid of times, and their median and quartiles drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tracker.recording import Recording
from tracker.report.bouts import Bout
from tracker.report.look import BLACK, GREEN, MARKS, new_figure
from tracker.stimuli import Action, Delivery, StimulusRow

COMPARED = (Delivery.DELIVERED, Delivery.SHAM, Delivery.BLINDED)
"""Stimuli that are compared with each other: what was done, and what was not by allocation."""

BEFORE_S, AFTER_S = 2.0, 4.0
"""How much is shown around an onset (s)."""

MOST_FEATURES, MOST_BEHAVIOURS = 4, 4

_GAP_S, _GAP_STEPS = 0.15, 2.5
_UNITS = {
    "_cm_s2": "cm/s²",
    "_px_s2": "px/s²",
    "_cm2": "cm²",
    "_px2": "px²",
    "_percent": "%",
    "_cm_s": "cm/s",
    "_deg_s": "°/s",
    "_px_s": "px/s",
    "_cm": "cm",
    "_deg": "°",
    "_px": "px",
    "_hz": "Hz",
    "_s": "s",
}
_NO_MEDIAN = ("x_cm", "y_cm", "x_px", "y_px")


def grid_s(before_s: float, after_s: float, step_s: float = 0.04) -> NDArray[np.float64]:
    """Return times from before an event to after it (s); 0 is one of them."""
    return np.round(np.arange(-round(before_s / step_s), round(after_s / step_s) + 1) * step_s, 6)


def around(
    captured_ns: NDArray[np.int64],
    values: NDArray[np.float64],
    at_ns: Sequence[int],
    grid: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return a feature around events, shape (events, points of the grid).

    Between two frames it is a straight line; NaN where these are further apart than 0.15 s or 2.5
    usual steps, whichever is more, and before the first and after the last value.

    Args:
        captured_ns: Capture times, shape (frames,).
        values: Of the feature, shape (frames,); NaN where it is not known.
        at_ns: Times of the events (ns).
        grid: Times around an event (s).
    """
    known = np.isfinite(values)
    if known.sum() < 2 or not len(at_ns):
        return np.full((len(at_ns), len(grid)), np.nan)
    times, values = captured_ns[known], values[known]
    longest_ns = 1e9 * max(_GAP_S, _GAP_STEPS * float(np.median(np.diff(captured_ns))) / 1e9)
    wanted = np.asarray(at_ns, np.int64)[:, None] + np.rint(grid * 1e9).astype(np.int64)
    right = np.clip(np.searchsorted(times, wanted), 1, len(times) - 1)
    left = right - 1
    step = times[right] - times[left]
    part = (wanted - times[left]) / step
    near = np.minimum(abs(wanted - times[left]), abs(times[right] - wanted)) < 1_000_000
    inside = (wanted >= times[0]) & (wanted <= times[-1])
    found = values[left] + part * (values[right] - values[left])
    return np.where(inside & ((step <= longest_ns) | near), found, np.nan)


def with_unit(feature: str) -> str:
    """Return a feature's name in words, with its unit in brackets."""
    for ending, unit in _UNITS.items():
        if feature.endswith(ending):
            return f"{feature.removesuffix(ending).replace('_', ' ')} ({unit})"
    return feature.replace("_", " ")


def worth_showing(recording: Recording, settings: Mapping[str, Any]) -> list[str]:
    """Return the features to show around onsets: those that rules look at first, four at most.

    Places, directions (of which there is no median) and yes-or-no features are left out, and
    lamps in a blinded session, since they tell what was delivered.
    """
    behaviours = settings.get("behaviours")
    rules = behaviours.values() if isinstance(behaviours, Mapping) else ()
    text = repr([each.get("rule") for each in rules if isinstance(each, Mapping)])
    names = [
        name
        for name in recording.features
        if name not in _NO_MEDIAN
        and not name.startswith("in_")
        and not name.endswith("heading_deg")
        and not (recording.is_blinded and name.startswith("lamp_"))
    ]
    return sorted(names, key=lambda name: f"'{name}'" not in text)[:MOST_FEATURES]


@dataclass(frozen=True, slots=True)
class _Events:
    """Events that are drawn as one curve: its colour, line and label, and when they were."""

    label: str
    colour: str
    line: str
    at_ns: tuple[int, ...]


def around_onsets(
    recording: Recording,
    bouts: Sequence[Bout],
    rows: Sequence[StimulusRow],
    features: Sequence[str],
) -> Figure | None:
    """Draw median and quartiles of features around onsets of behaviours, and around stimuli.

    None if there is no onset and no stimulus, or no feature is known there.
    """
    columns = [*_onsets(recording.session["behaviours"], bouts), *_stimuli(rows)]
    grid = grid_s(BEFORE_S, AFTER_S)
    if not columns or not features:
        return None
    figure = new_figure(1.75 * len(features) + 0.75)
    panels = figure.subplots(len(features), len(columns), squeeze=False, sharex=True, sharey="row")
    drawn = False
    for row, feature in zip(panels, features, strict=True):
        values = recording.features[feature]
        for axes, (_, curves) in zip(row, columns, strict=True):
            for events in curves:
                traces = around(recording.captured_ns, values, events.at_ns, grid)
                drawn |= _draw_quartiles(axes, grid, traces, events)
            axes.axvline(0, color=BLACK, linewidth=0.9)
            axes.grid()
        row[0].set_ylabel(with_unit(feature).replace(" (", "\n("), fontsize=9.5)
    for axes, (title, _) in zip(panels[0], columns, strict=True):
        axes.set_title(title, fontsize=9.5)
    figure.align_ylabels(panels[:, 0])
    for axes in panels[-1]:
        axes.set_xlabel("time from onset (s)", fontsize=9.5)
        axes.set_xlim(-BEFORE_S, AFTER_S)
    for axes in panels[0]:
        if len(axes.get_legend_handles_labels()[0]) > 1:
            axes.legend(loc="upper right", fontsize=8, handlelength=1.4)
    return figure if drawn else None


def _onsets(
    behaviours: Sequence[str], bouts: Sequence[Bout]
) -> list[tuple[str, tuple[_Events, ...]]]:
    """One column per behaviour that was done; the most frequent ones if they are many."""
    at = {
        name: tuple(bout.onset_ns for bout in bouts if bout.behaviour == name)
        for name in behaviours
    }
    most = sorted((name for name in behaviours if at[name]), key=lambda name: -len(at[name]))
    return [
        (
            f"{name.replace('_', ' ')}\n{_counted(len(at[name]), 'onset')}",
            (_Events("median", GREEN, "-", at[name]),),
        )
        for name in behaviours
        if name in most[:MOST_BEHAVIOURS]
    ]


def _counted(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _stimuli(rows: Sequence[StimulusRow]) -> list[tuple[str, tuple[_Events, ...]]]:
    """One column with a curve for each delivery that is compared; none without stimuli."""
    curves = []
    for kind in COMPARED:
        at = tuple(
            at_ns
            for row in rows
            if row.delivery is kind and row.command.action is Action.TRAIN
            for at_ns in (row.moment_ns,)
            if at_ns is not None
        )
        mark = MARKS[kind]
        if at:
            label = f"{mark.label.split(' (')[0]}, {len(at)}"
            curves.append(_Events(label, mark.colour, "-" if mark.filled else "--", at))
    if not curves:
        return []
    n = sum(len(each.at_ns) for each in curves)
    return [(f"at the trigger of\n{n} {'stimulus' if n == 1 else 'stimuli'}", tuple(curves))]


def _draw_quartiles(
    axes: Any, grid: NDArray[np.float64], traces: NDArray[np.float64], events: _Events
) -> bool:
    """Median, and from the first to the third quartile; return whether anything is known."""
    known = np.isfinite(traces).any(axis=0)
    if not known.any():
        return False
    quartiles = np.full((3, len(grid)), np.nan)
    quartiles[:, known] = np.nanpercentile(traces[:, known], (25, 50, 75), axis=0)
    low, middle, high = quartiles
    axes.fill_between(grid, low, high, color=events.colour, alpha=0.22, linewidth=0)
    axes.plot(grid, middle, color=events.colour, lw=1.9, ls=events.line, label=events.label)
    return True
