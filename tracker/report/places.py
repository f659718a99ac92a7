"""Where the animals were: time per frame, occupancy, time in zones, and a path that is short."""

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from tracker.arena import ArenaSettings
from tracker.recording import Recording

MOST_POINTS = 4000
"""Points of a path that is drawn, of all animals together."""

LONGEST_STEPS = 3.0
"""A frame counts until the next one, but for no longer than so many usual steps."""

_CELLS_CM = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
_CELLS_ACROSS = 80
"""A map has at most so many cells along its longer side."""


def arena_of(settings: Mapping[str, Any]) -> ArenaSettings | None:
    """Return the arena of an experiment as it ran; None if it does not say."""
    rig = settings.get("rig")
    try:
        return ArenaSettings.model_validate(rig["arena"]) if isinstance(rig, dict) else None
    except (KeyError, ValidationError):
        return None


def dwell_s(captured_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return for how long each frame stands (s): until the next one, three usual steps at most.

    The last frame stands for one usual step, which is the median. Longer gaps are nobody's time.
    """
    steps = np.diff(captured_ns) / 1e9
    if not len(steps):
        return np.zeros(len(captured_ns))
    usual = float(np.median(steps))
    time: NDArray[np.float64] = np.minimum(np.r_[steps, usual], LONGEST_STEPS * usual)
    return time


def zone_times(recording: Recording, arena: ArenaSettings | None) -> list[dict[str, Any]]:
    """Return time in each zone (s), its share of the time with a position, and entries.

    A zone is entered in a frame that is in it and follows one that is not, or nothing known.
    """
    found = []
    time = dwell_s(recording.captured_ns)
    for name in arena.zones if arena else ():
        inside = recording.features.get(f"in_{name}")
        if inside is None:
            continue
        known, there = np.isfinite(inside), inside > 0.5
        known_s = float(time[known].sum())
        in_s = float(time[there].sum())
        entries = int(np.count_nonzero(there & ~np.r_[False, there[:-1]]))
        share = in_s / known_s if known_s > 0 else float("nan")
        found.append({"name": name, "in_s": in_s, "share": share, "entries": entries})
    return found


def cell_px(shape: tuple[int, int], px_per_cm: float | None) -> float:
    """Return the side of a map's cell (px): a round number of cm, at most 80 along a side."""
    least = max(shape) / _CELLS_ACROSS
    if px_per_cm is None:
        return float(np.ceil(least))
    for cell_cm in _CELLS_CM:
        if cell_cm * px_per_cm >= least:
            return cell_cm * px_per_cm
    return least


def occupancy(
    centre: NDArray[np.float64], time_s: NDArray[np.float64], shape: tuple[int, int], cell: float
) -> NDArray[np.float64]:
    """Return the time spent in each cell (s), shape (rows, columns), the first at the top left.

    Args:
        centre: Where the animals were, shape (frames, animals, 2), sensor pixels; NaN: not seen.
        time_s: For how long each frame stands (s).
        shape: Height and width of the sensor (px).
        cell: Side of a cell (px). Positions outside the sensor count in the cell at its edge.
    """
    rows, columns = (int(np.ceil(side / cell)) for side in shape)
    flat = centre.reshape(-1, 2)
    time = np.repeat(time_s, centre.shape[1])
    seen = np.isfinite(flat).all(axis=1)
    places = np.floor((flat[seen] + 0.5) / cell).astype(int)
    column, row = np.clip(places, 0, (columns - 1, rows - 1)).T
    total: NDArray[np.float64] = np.bincount(
        row * columns + column, time[seen], rows * columns
    ).astype(np.float64)
    return total.reshape(rows, columns)


def short_path(
    centre: NDArray[np.float64], most: int = MOST_POINTS
) -> tuple[NDArray[np.float64], float]:
    """Return a path of few points that stays close to the whole one, and how close (px).

    Douglas and Peucker's way (Cartographica 10 (1973) 112): points are left out as long as none
    of them is further from the line than the tolerance, which is doubled until few are left.

    Args:
        centre: Shape (frames, 2); NaN where the path breaks.
        most: Points that are few enough; breaks count as one.
    """
    at = np.flatnonzero(np.isfinite(centre).all(axis=1))
    bridged = 1
    while np.count_nonzero(np.diff(at) > bridged) > most // 4:
        bridged *= 2  # breaks that are too many to be drawn
    breaks = np.flatnonzero(np.diff(at) > bridged) + 1
    parts = [part.astype(np.float32) for part in np.split(centre[at], breaks) if len(part)]
    tolerance = 0.25
    while True:
        kept = [
            np.asarray(cv2.approxPolyDP(part[:, None], tolerance, closed=False), np.float64)[:, 0]
            for part in parts
        ]
        if sum(len(part) + 1 for part in kept) <= most + 2 * len(parts):
            break
        tolerance *= 2
    broken = [np.vstack((part, [[np.nan, np.nan]])) for part in kept]
    return (np.concatenate(broken) if broken else np.empty((0, 2))), tolerance
