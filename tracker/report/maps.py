"""Two maps of the arena: where the animals went, and for how long they were where."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tracker.arena import ArenaSettings
from tracker.drawing import centres
from tracker.recording import Recording
from tracker.registered.positions import as_measured
from tracker.report.ground import Ground
from tracker.report.look import BLACK, BLUE, GREEN, PURPLE, WIDTH_IN, draw_marks, new_figure
from tracker.report.places import MOST_POINTS, cell_px, dwell_s, occupancy, short_path
from tracker.stimuli import Action, Delivery, StimulusRow

_SHOWN = (Delivery.DELIVERED, Delivery.SHAM, Delivery.BLINDED)
_COLOURS = (BLUE, PURPLE, GREEN)
_TALLEST_IN = 5.6
_ROOM_IN = (1.9, 1.15)
"""What labels, colour bar and legend take beside and above the maps."""


@dataclass(frozen=True, slots=True)
class Maps:
    """Two maps in one figure, and what their caption has to say.

    Attributes:
        figure: The maps.
        within_px: The path is drawn to within so many pixels of the sensor.
        seen_s: For how long a position is known (s), of all animals together.
        of_s: For how long frames stand (s), once for each animal.
    """

    figure: Figure
    within_px: float
    seen_s: float
    of_s: float


def maps(
    recording: Recording,
    rows: Sequence[StimulusRow],
    arena: ArenaSettings | None,
    picture: NDArray[np.uint8] | None,
) -> Maps | None:
    """Draw path and occupancy on the arena with its zones; None if no animal was ever seen.

    Args:
        recording: The session.
        rows: Stimuli; those that were delivered, or not by allocation, are marked.
        arena: Scale and zones; None: not known, and the maps are in pixels.
        picture: A frame to lie under the maps, grey or RGB; None: none.
    """
    centre = centres(as_measured(recording))
    if not np.isfinite(centre).any():
        return None
    height, width = recording.session["camera"]["shape"][:2]
    ground = Ground.of((height, width), arena, picture)
    tall = min((WIDTH_IN - _ROOM_IN[0]) / 2 * height / width, _TALLEST_IN)
    figure = new_figure(tall + _ROOM_IN[1])
    left, right = figure.subplots(1, 2)
    ground.lay(left, "path")
    within = _draw_paths(left, centre / ground.px_per_unit, ground.px_per_unit)
    if centre.shape[1] == 1:
        _draw_places(left, recording, centre[:, 0] / ground.px_per_unit, rows)
    ground.lay(right, "time spent")
    time = dwell_s(recording.captured_ns)
    _draw_heat(right, occupancy(centre, time, ground.shape, _cell(ground)), ground)
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=6)
    seen = np.isfinite(centre).all(axis=2).sum(axis=1)
    return Maps(figure, within, float((time * seen).sum()), float(time.sum()) * centre.shape[1])


def _cell(ground: Ground) -> float:
    return cell_px(ground.shape, None if ground.unit == "px" else ground.px_per_unit)


def _draw_paths(axes: Any, centre: NDArray[np.float64], px_per_unit: float) -> float:
    """One line per animal, with its first and last place; return its tolerance (px)."""
    n_animals = centre.shape[1]
    within = 0.0
    for animal in range(n_animals):
        way, tolerance = short_path(centre[:, animal] * px_per_unit, MOST_POINTS // n_animals)
        colour = _COLOURS[animal % len(_COLOURS)]
        label = f"individual {animal}" if n_animals > 1 else None
        axes.plot(*(way / px_per_unit).T, color=colour, lw=0.9, alpha=0.8, label=label)
        seen = centre[np.isfinite(centre[:, animal]).all(axis=1), animal]
        if len(seen):
            ends = {"zorder": 5, "s": 46, "edgecolors": BLACK, "linewidths": 1.4}
            first = animal == n_animals - 1  # one entry of the legend for all animals
            axes.scatter(
                *seen[0], color="white", label="first place" if first else None, marker="o", **ends
            )
            axes.scatter(
                *seen[-1], color=BLACK, label="last place" if first else None, marker="s", **ends
            )
        within = max(within, tolerance)
    return within


def _draw_places(
    axes: Any, recording: Recording, centre: NDArray[np.float64], rows: Sequence[StimulusRow]
) -> None:
    """Where the animal was when a stimulus was triggered."""
    shown = [r for r in rows if r.delivery in _SHOWN and r.command.action is Action.TRAIN]
    wanted = {row.command.frame_index for row in shown}
    places = np.flatnonzero(np.isin(recording.frame_indices, [i for i in wanted if i is not None]))
    place_of = {int(recording.frame_indices[place]): centre[place] for place in places}
    at = {
        row.command.stimulus_id: place_of[row.command.frame_index]
        for row in shown
        if row.command.frame_index in place_of
        and np.isfinite(place_of[row.command.frame_index]).all()
    }
    known = [row for row in shown if row.command.stimulus_id in at]
    draw_marks(
        axes,
        known,
        lambda row: float(at[row.command.stimulus_id][0]),
        lambda row: float(at[row.command.stimulus_id][1]),
    )


def _draw_heat(axes: Any, time_s: NDArray[np.float64], ground: Ground) -> None:
    """Cells in which any time was spent; the longest hundredth of them share one colour."""
    cell = _cell(ground) / ground.px_per_unit
    spent = time_s[time_s > 0]
    most = float(np.percentile(spent, 99))
    left, _, _, top = ground.extent
    rows, columns = time_s.shape
    shown = axes.imshow(
        np.ma.masked_equal(time_s, 0),
        cmap="cividis_r",
        vmin=0,
        vmax=most,
        extent=(left, left + columns * cell, top + rows * cell, top),
        interpolation="nearest",
        alpha=0.9,
        zorder=2,
    )
    above = "max" if float(spent.max()) > most * 1.001 else "neither"
    bar = axes.figure.colorbar(shown, ax=axes, extend=above, fraction=0.05, pad=0.02)
    bar.set_label(f"s in a cell of {cell:g} x {cell:g} {ground.unit}")
    bar.outline.set_visible(False)
    axes.set_xlim(ground.extent[:2])
    axes.set_ylim(ground.extent[2:])
