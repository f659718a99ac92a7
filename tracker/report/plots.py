"""Plots over session time: the ethogram, doses against their limits, refusals."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tracker.recording import Recording
from tracker.report.look import (
    BLUE,
    GREEN,
    GREY,
    MARKS,
    SKY,
    VERMILION,
    TimeAxis,
    draw_bars,
    draw_marks,
    new_figure,
    runs,
)
from tracker.stimuli import Delivery, StimulusRow
from tracker.types import Episode, Fate, Onset

_MANY = 400
"""More stimuli than this are drawn as ticks: marks would hide each other."""


def x_of(row: StimulusRow, time: TimeAxis) -> float | None:
    """Return where a stimulus lies on the time axis; None if its row does not say."""
    at_ns = row.moment_ns
    return None if at_ns is None else float(time.at(at_ns))


# Ethogram ----------------------------------------------------------------------------------------


def ethogram(recording: Recording, rows: Sequence[StimulusRow], time: TimeAxis) -> Figure | None:
    """Draw what was done when: stimuli by output, behaviours, frames that are missing.

    None if there was no time for anything.
    """
    if time.end_ns <= time.zero_ns:
        return None
    outputs = sorted({row.command.output for row in rows})
    lanes = [f"output {name}" for name in outputs]
    lanes += [_spoken(name) for name in recording.session["behaviours"]]
    gaps = _missing(recording, time)
    lanes += list(gaps)
    figure = new_figure(max(1.9, 0.42 * len(lanes) + 1.25))
    axes = figure.add_subplot()
    for lane, name in enumerate(outputs):
        _draw_stimuli(axes, [r for r in rows if r.command.output == name], time, lane)
    for lane, name in enumerate(recording.session["behaviours"], start=len(outputs)):
        events: list[Episode | Onset] = [*recording.episodes, *recording.open_onsets]
        _draw_episodes(axes, [e for e in events if _onset(e).behaviour == name], time, lane)
    for lane, (name, bars) in enumerate(gaps.items(), start=len(lanes) - len(gaps)):
        colour = GREY if name == "superseded" else VERMILION
        look = {"facecolors": colour, "edgecolors": colour, "lw": 0.6}
        draw_bars(axes, bars, (lane - 0.3, 0.6), time, **look)
    axes.set_yticks(range(len(lanes)), lanes)
    axes.set_ylim(len(lanes) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    time.apply(axes)
    _draw_comments(axes, recording, time)
    handles, labels = axes.get_legend_handles_labels()
    by_label = dict(zip(labels, handles, strict=True))
    if by_label:
        figure.legend(by_label.values(), by_label, loc="outside upper right", ncols=len(by_label))
    return figure


def _draw_stimuli(axes: Any, rows: Sequence[StimulusRow], time: TimeAxis, lane: int) -> None:
    trains = [
        (x, x + time.length(row.command.train.length_us / 1e6))
        for row in rows
        if row.delivery is Delivery.DELIVERED
        and row.command.train is not None
        and (x := x_of(row, time)) is not None
    ]
    look = {"facecolors": BLUE, "edgecolors": BLUE, "lw": 0.4}
    draw_bars(axes, _as_bars(trains), (lane + 0.12, 0.2), time, **look)
    if len(rows) <= _MANY:
        draw_marks(axes, rows, lambda row: x_of(row, time), lambda _: lane - 0.12)
        return
    for row_of_ticks, (delivery, mark) in enumerate(MARKS.items()):
        ticks = [x for r in rows if r.delivery is delivery and (x := x_of(r, time)) is not None]
        if ticks:
            place = (lane - 0.36 + 0.07 * row_of_ticks, 0.06)
            look = {"facecolors": mark.colour, "edgecolors": mark.colour, "lw": 0.6}
            bars = _as_bars([(x, x) for x in ticks])
            draw_bars(axes, bars, place, time, label=mark.label, **look)


def _draw_episodes(axes: Any, events: Sequence[Episode | Onset], time: TimeAxis, lane: int) -> None:
    """Bars from onset to end; hatched to the end of the plot where no end was written."""
    colour = GREEN if lane % 2 else SKY
    whole = [each for each in events if isinstance(each, Episode)]
    ended = [(float(time.at(e.onset.onset_ns)), float(time.at(e.end_ns))) for e in whole]
    end = float(time.at(time.end_ns))
    begun = [(float(time.at(each.onset_ns)), end) for each in events if isinstance(each, Onset)]
    place, look = (lane - 0.32, 0.64), {"edgecolors": colour, "lw": 0.6}
    draw_bars(axes, _as_bars(ended), place, time, facecolors=colour, **look)
    draw_bars(axes, _as_bars(begun), place, time, facecolors="white", hatch="///", **look)


def _as_bars(pairs: Sequence[tuple[float, float]]) -> NDArray[np.float64]:
    return np.array(pairs, np.float64).reshape(-1, 2)


def _draw_comments(axes: Any, recording: Recording, time: TimeAxis) -> None:
    """Marks that a person made: a dashed line with its text."""
    for line in recording.log:
        if line.level == "mark":
            x = float(time.at(line.logged_ns))
            axes.axvline(x, color=GREY, linestyle=":", linewidth=1.2, zorder=1)
            axes.annotate(
                line.message[:24], (x, 1.0), xycoords=("data", "axes fraction"), fontsize=8.5
            )


def _missing(recording: Recording, time: TimeAxis) -> dict[str, NDArray[np.float64]]:
    """Bars (first, last) of frames without an observation to believe, by kind of reason."""
    ledger = recording.ledger
    at = frame_times(recording, time)
    if not len(at):
        return {}
    fates = np.array(ledger["fate"].to_pylist())
    seen, newer = fates == str(Fate.PROCESSED), fates == str(Fate.SUPERSEDED)
    index = np.array(ledger["index"].to_pylist())
    doubted = recording.observations["abstained"].to_numpy()
    abstained = np.isin(index, recording.frame_indices[doubted])
    period = float(np.median(np.diff(at))) if len(at) > 1 else 0.0
    kinds = {"superseded": newer, "frames lost": ~seen & ~newer, "not usable": abstained}
    return {name: at[runs(flags)] - (period, 0.0) for name, flags in kinds.items() if flags.any()}


def frame_times(recording: Recording, time: TimeAxis) -> NDArray[np.float64]:
    """Return the capture time of every frame of the ledger, in units of the time axis.

    Lost frames lie between their neighbours. Empty if nothing was captured.
    """
    captured = recording.ledger["captured_ns"].to_numpy().astype(np.float64)
    known = ~np.isnan(captured)
    if not known.any():
        return np.empty(0)
    places = np.arange(len(captured))
    return np.asarray(time.at(np.interp(places, places[known], captured[known])), np.float64)


def _onset(event: Episode | Onset) -> Onset:
    return event.onset if isinstance(event, Episode) else event


def _spoken(name: str) -> str:
    return name.replace("_", " ")


# Doses and refusals ------------------------------------------------------------------------------


def doses(
    rows: Sequence[StimulusRow], limits: Mapping[str, Mapping[str, float]], time: TimeAxis
) -> Figure | None:
    """Draw the doses of each output, of the session and of the last minute; None without any."""
    booked = [row for row in rows if row.dose_s > 0 and x_of(row, time) is not None]
    outputs = sorted({row.command.output for row in booked})
    if not outputs:
        return None
    figure = new_figure(2.5 * len(outputs) + 0.3)
    panels = figure.subplots(len(outputs), 2, squeeze=False)
    for (whole, minute), name in zip(panels, outputs, strict=True):
        mine = [row for row in booked if row.command.output == name]
        at = np.array([x_of(row, time) for row in mine], np.float64)
        order = np.argsort(at, kind="stable")
        at, dose = at[order], np.array([row.dose_s for row in mine])[order]
        limit = limits.get(name, {})
        _stairs(whole, at, np.cumsum(dose), time, limit.get("dose_s_per_session"))
        whole.set_title(f"output {name}: the session's dose")
        _stairs(minute, *_last_minute(at, dose, time), time, limit.get("dose_s_per_minute"))
        minute.set_title(f"output {name}: dose of the last minute")
        for axes in (whole, minute):
            axes.set_ylabel("dose (s)")
            time.apply(axes)
    return figure


def _last_minute(
    at: NDArray[np.float64], dose: NDArray[np.float64], time: TimeAxis
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times at which the sum over one minute changes, and the sum from then on."""
    changes = np.concatenate((at, at + time.length(60)))
    amounts = np.concatenate((dose, -dose))
    order = np.argsort(changes, kind="stable")
    return changes[order], np.maximum(np.cumsum(amounts[order]), 0)


def _stairs(
    axes: Any,
    at: NDArray[np.float64],
    level: NDArray[np.float64],
    time: TimeAxis,
    limit: float | None,
) -> None:
    end = float(time.at(time.end_ns))
    x, y = np.r_[0.0, at, max(end, at[-1])], np.r_[0.0, level, level[-1]]
    axes.fill_between(x, y, step="post", color=SKY, alpha=0.35, linewidth=0)
    axes.step(x, y, where="post", color=BLUE, linewidth=1.8)
    top = float(level.max())
    if limit is None:
        note = "no limit was set"
    elif limit <= 3 * top:
        axes.axhline(limit, color=VERMILION, linestyle="--", linewidth=1.6)
        note, top = f"limit {limit:g} s", max(top, limit)
    else:
        note = f"limit {limit:g} s: far above this plot"
    axes.set_ylim(0, 1.28 * top)
    colour = GREY if limit is None else VERMILION
    axes.text(0.01, 0.97, note, transform=axes.transAxes, color=colour, va="top", fontsize=10)
    axes.grid(axis="y")


def refusals(rows: Sequence[StimulusRow], time: TimeAxis) -> Figure | None:
    """Draw when what was refused, by reason; None if nothing was, or nobody knows when."""
    kinds = (Delivery.REFUSED, Delivery.LATE, Delivery.FAILED)
    shown = [row for row in rows if row.delivery in kinds and x_of(row, time) is not None]
    if not shown:
        return None
    reasons = sorted({_reason(row) for row in shown})
    lane = {reason: number for number, reason in enumerate(reasons)}
    figure = new_figure(0.36 * len(reasons) + 1.15)
    axes = figure.add_subplot()
    draw_marks(axes, shown, lambda row: x_of(row, time), lambda row: lane[_reason(row)])
    axes.set_yticks(range(len(reasons)), reasons)
    axes.set_ylim(len(reasons) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    time.apply(axes)
    return figure


def _reason(row: StimulusRow) -> str:
    return "actuator failed" if row.refusal is None else _spoken(str(row.refusal))
