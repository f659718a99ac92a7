"""A threshold that a person moves: what it would change is shown at once, and sent if wanted."""

import time
from typing import TYPE_CHECKING

from tracker.gui.traces import Threshold
from tracker.gui.what_if import what_if

if TYPE_CHECKING:
    from tracker.gui.rig_view import RigView

BACK_S = 300.0
"""Span on which a change is tried (s)."""

EVERY_S = 0.15
"""How often it is tried anew while the mouse moves."""


class ThresholdTrial:
    """Tries a threshold on the last minutes, and asks whether to apply it.

    Args:
        view: Has the traces, the ethogram and the bar.
    """

    def __init__(self, view: "RigView") -> None:
        self._view = view
        self._moved: tuple[Threshold, float] | None = None
        self._tried: tuple[Threshold, float] | None = None
        self._due_s = 0.0

    def show_moved(self, threshold: Threshold, to: float) -> None:
        """Show what a threshold at another place would change."""
        is_new = self._moved is None or self._moved[0] != threshold
        self._moved = threshold, to
        if is_new:
            self._tried = None
            self._due_s = 0.0
            self._view.bar.ask("…", "apply it", self._apply, leave=self.forget)
        if time.monotonic() >= self._due_s:
            self.refresh()

    def refresh(self) -> None:
        """Try what was moved last, if that was not tried yet."""
        moved, view = self._moved, self._view
        if moved is None or moved == self._tried or view.rig.facts is None:
            return
        threshold, to = moved
        facts = view.rig.facts.behaviours[threshold.behaviour]
        since_s = view.rig.series.last_s - BACK_S
        found = what_if(facts, {threshold.place: to}, view.rig.series, since_s)
        self._tried, self._due_s = moved, time.monotonic() + EVERY_S
        view.ethogram.raster.ghosts = {threshold.behaviour: found.spans}
        first_s = max(since_s, view.rig.series.first_s)
        minutes = (view.rig.series.last_s - first_s) / 60
        view.bar.change_question(
            f"{threshold.behaviour.replace('_', ' ')}: {threshold.feature} {threshold.side} "
            f"{threshold.value:g} → {to:g}. Last {minutes:.1f} min: {found.text}."
        )

    def forget(self) -> None:
        """Leave everything as it is."""
        self._moved = self._tried = None
        self._view.ethogram.raster.ghosts = {}
        self._view.traces.lanes.leave()

    def _apply(self, _written: str) -> None:
        """Send it to the rig."""
        moved = self._moved
        self.forget()
        if moved is not None:
            threshold, to = moved
            self._view.change_threshold(threshold, to)
