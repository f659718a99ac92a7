"""What is measured of each behaviour in one recording: bouts, durations, latency, distance.

docs/batch.md defines every column; bouts are those of the session's report. All is computed from
the session folder, and from nothing that tells the time of day, so that the same recording gives
the same numbers to the bit.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.recording import Recording

SPEED = "speed_cm_s"

LONGEST_STEP = 3.5
"""Frame periods between two processed frames above which nothing is known of the way between."""


def measures_of(recording: Recording) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return what is measured of the recording as a whole, and of each of its behaviours.

    Numbers that are not known are NaN. Behaviours stand in the order of the ethogram.

    Raises:
        RecordingError: If the folder cannot be read.
    """
    from tracker.report.bouts import statistics  # brings matplotlib, which is slow to import

    captured_ns = recording.ledger["captured_ns"].drop_null().to_numpy()
    frame_s, duration_s = recording.frame_interval_s, math.nan
    if len(captured_ns) > 1:
        duration_s = float(captured_ns[-1] - captured_ns[0]) / 1e9 + frame_s
    totals = recording.totals()
    whole = {
        "duration_s": duration_s,
        "frames": totals["captured"],
        "processed": totals["processed"],
        "lost": sum(totals["lost"].values()),
        "unexplained": totals["unexplained"],
        "distance_cm": _distance_cm(recording, frame_s),
    }
    behaviours = [
        {
            "behaviour": each.behaviour,
            "bouts": each.n,
            "bouts_cut": each.n_open,
            "total_s": each.total_s,
            "mean_s": each.mean_s,
            "median_s": each.median_s,
            "latency_s": each.latency_s,
            "fraction": each.share,
            "per_min": each.per_minute,
            "known": _known(recording.scores[each.behaviour]),
        }
        for each in statistics(recording)
    ]
    return whole, behaviours


def _known(scores: NDArray[np.float64]) -> float:
    return float(np.mean(~np.isnan(scores))) if len(scores) else math.nan


def _distance_cm(recording: Recording, frame_s: float) -> float:
    """Speed times time, over all steps of which both are known; NaN if there are none."""
    speed = recording.features.get(SPEED)
    if speed is None or len(speed) < 2:
        return math.nan
    steps_s = np.diff(recording.captured_ns) / 1e9
    way_cm = speed[1:] * steps_s
    known = ~np.isnan(way_cm) & (steps_s < LONGEST_STEP * frame_s)
    return float(way_cm[known].sum()) if known.any() else math.nan
