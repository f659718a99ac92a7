"""Where the camera looked: whether it was moved, by how much, and what was done about it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from tracker.recording import Recording
from tracker.registration.lines import ViewRow, ViewState
from tracker.report.look import BLACK, BLUE, VERMILION, TimeAxis, new_figure


def motions_in(rows: Sequence[ViewRow]) -> list[ViewRow]:
    """Return the looks at which it became certain that the camera had been moved, or put back.

    That is the first one that says so after one that says otherwise, and each one from which
    positions were followed.
    """
    found, state = [], ViewState.STILL
    for row in rows:
        if row.state not in (ViewState.STILL, ViewState.MOVED):
            continue
        if row.state is not state or row.applied_from is not None:
            found.append(row)
        state = row.state
    return found


def view_notices(recording: Recording) -> list[str]:
    """Return what a reader must know of where the camera looked."""
    notices = []
    for row in motions_in(recording.views):
        if row.state is ViewState.MOVED:
            followed = (
                f"from frame {row.applied_from} on positions are taken back to the reference view"
                if row.applied_from is not None
                else "positions and zones are where they are in the picture"
            )
            notices.append(
                f"The camera was moved before frame {row.index}: the picture shifted by "
                f"{row.x_px or 0:+.1f} px to the right and {row.y_px or 0:+.1f} px down, turned by "
                f"{row.turned_deg or 0:+.2f} deg; {followed}."
            )
    return notices


def view_facts(rows: Sequence[ViewRow]) -> dict[str, Any] | None:
    """Return numbers of all looks; None if the camera was not watched."""
    if not rows:
        return None
    known = [row for row in rows if row.largest_px is not None]
    return {
        "looks": len(rows),
        "unknown": len(rows) - len(known),
        "motions": sum(row.state is ViewState.MOVED for row in motions_in(rows)),
        "most_px": max((row.largest_px or 0.0 for row in known), default=float("nan")),
        "uncertainty_px": float(np.median([row.uncertainty_px or 0.0 for row in known]))
        if known
        else float("nan"),
    }


def view_plot(rows: Sequence[ViewRow], time: TimeAxis) -> Figure | None:
    """Draw by how much the picture had moved at each look; None if that was never known."""
    known = [row for row in rows if row.largest_px is not None]
    if not known:
        return None
    figure = new_figure(2.3)
    axes = figure.add_subplot()
    at = time.at([row.captured_ns for row in known])
    moved = np.array([row.largest_px or 0.0 for row in known])
    is_moved = np.array([row.state is not ViewState.STILL for row in known])
    axes.plot(at, moved, color=BLUE, lw=1.0)
    axes.scatter(at[~is_moved], moved[~is_moved], color=BLUE, s=12, label="as in the reference")
    axes.scatter(at[is_moved], moved[is_moved], color=VERMILION, s=18, marker="^", label="moved")
    followed = [row.captured_ns for row in known if row.applied_from is not None]
    for each in time.at(followed) if followed else ():
        axes.axvline(float(each), color=BLACK, ls=":", lw=1.2)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("corner moved by (px)")
    axes.grid(axis="y")
    time.apply(axes)
    figure.legend(loc="outside upper right", ncols=2)
    return figure
