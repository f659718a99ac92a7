"""Pictures of a comparison: every animal as a dot, and all effects with their intervals."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from tracker.compare.animals import MEASURES, WHOLE, Contrast
from tracker.compare.effects import Effect
from tracker.report.look import BLUE, GREY, LIGHT, VERMILION, new_figure

ROW_IN = 2.3
"""Height of a behaviour's row of plots (inches)."""


def animals(contrasts: Sequence[Contrast]) -> Figure:
    """Draw every animal's value: a row per behaviour, a column per measure.

    Animals that are their own controls are joined by a line; the thick bar is the mean.
    """
    behaviours = list(dict.fromkeys(each.behaviour for each in contrasts))
    figure = new_figure(ROW_IN * len(behaviours))
    grid = figure.subplots(len(behaviours), len(MEASURES), squeeze=False)
    for row, behaviour in zip(grid, behaviours, strict=True):
        own = [each for each in contrasts if each.behaviour == behaviour]
        for axes, contrast in zip(row, own, strict=False):
            _dots(axes, contrast)
        for axes in row[len(own) :]:
            axes.set_axis_off()
        row[0].set_title(behaviour)
    return figure


def _dots(axes: Any, contrast: Contrast) -> None:
    groups = (contrast.a, GREY), (contrast.b, BLUE)
    if contrast.paired and len(contrast.a):
        axes.plot([0, 1], np.stack((contrast.a, contrast.b)), color=LIGHT, linewidth=1, zorder=1)
    for place, (values, colour) in enumerate(groups):
        spread = _spread(len(values)) if not contrast.paired else np.zeros(len(values))
        axes.scatter(place + spread, values, s=26, color=colour, alpha=0.75, zorder=2)
        if len(values):
            mean = float(values.mean())
            axes.plot([place - 0.24, place + 0.24], [mean, mean], color="black", linewidth=2.4)
    axes.set_xticks([0, 1], [f"{contrast.a_name}\nn = {len(contrast.a)}",
                             f"{contrast.b_name}\nn = {len(contrast.b)}"])  # fmt: skip
    axes.set_xlim(-0.6, 1.6)
    axes.set_ylabel(f"{contrast.measure.title} ({contrast.measure.unit})", fontsize=9.5)
    top = float(np.concatenate((contrast.a, contrast.b, [0.0])).max())
    axes.set_ylim(0, top * 1.08 or 1.0)
    axes.grid(axis="y")


def _spread(n: int) -> Any:
    """Sideways places of n dots, so that none hides another."""
    return np.zeros(n) if n < 2 else np.linspace(-0.16, 0.16, n)


def forest(effects: Sequence[Effect]) -> Figure | None:
    """Draw every effect with its interval, in standard deviations; None if there is none."""
    known = [effect for effect in effects if math.isfinite(effect.g)]
    if not known:
        return None
    figure = new_figure(0.9 + 0.31 * len(known))
    axes = figure.subplots()
    for place, effect in enumerate(known):
        low, high = effect.g_ci
        colour = VERMILION if effect.q < 0.05 else BLUE
        if math.isfinite(low):
            axes.plot([low, high], [place, place], color=colour, linewidth=2)
        axes.scatter([effect.g], [place], s=42, color=colour, zorder=3)
    axes.axvline(0, color=GREY, linewidth=1)
    axes.set_yticks(range(len(known)), [_name(effect.contrast) for effect in known])
    axes.set_ylim(len(known) - 0.4, -0.6)
    axes.set_xlabel(
        f"Hedges' g, 95 % interval: ← less in {known[0].contrast.b_name}    "
        f"more in {known[0].contrast.b_name} →"
    )
    axes.grid(axis="x")
    return figure


def _name(contrast: Contrast) -> str:
    title = contrast.measure.title
    return title if contrast.behaviour == WHOLE else f"{contrast.behaviour}: {title}"
