"""What is measured of each behaviour in one recording: bouts, durations, latency, distance.

docs/batch.md defines every column. All is computed from the session folder, and from nothing
that tells the time of day, so that the same recording gives the same numbers to the bit.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.recording import Recording
from tracker.types import Episode

SPEED = "speed_cm_s"

LONGEST_STEP = 3.5
"""Frame periods between two processed frames above which nothing is known of the way between."""


def measures_of(recording: Recording) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return what is measured of the recording as a whole, and of each of its behaviours.

    Numbers that are not known are NaN. Behaviours stand in the order of the ethogram.

    Raises:
        RecordingError: If the folder cannot be read.
    """
    captured_ns = recording.ledger["captured_ns"].drop_null().to_numpy()
    frame_s = duration_s = math.nan
    if len(captured_ns) > 1:
        frame_s = float(np.median(np.diff(captured_ns))) / 1e9
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
    episodes = recording.episodes
    start_ns = int(captured_ns[0]) if len(captured_ns) else 0
    behaviours = [
        {
            "behaviour": name,
            **bouts_of(
                [each for each in episodes if each.onset.behaviour == name],
                start_ns=start_ns,
                frame_s=frame_s,
                duration_s=duration_s,
            ),
            "known": _known(recording.scores[name]),
        }
        for name in recording.session["behaviours"]
    ]
    return whole, behaviours


def bouts_of(
    episodes: Sequence[Episode], *, start_ns: int, frame_s: float, duration_s: float
) -> dict[str, Any]:
    """Return the measures of one behaviour.

    A bout lasts from its first frame to its last, both included: a bout of one frame lasts for
    one frame.

    Args:
        episodes: Its bouts that ended.
        start_ns: Capture time of the first frame.
        frame_s: One frame (s).
        duration_s: The recording (s).
    """
    lengths_s = np.array([(e.end_ns - e.onset.onset_ns) / 1e9 + frame_s for e in episodes])
    first_ns = min((e.onset.onset_ns for e in episodes), default=None)
    total_s = float(lengths_s.sum())
    return {
        "bouts": len(episodes),
        "bouts_cut": sum(e.ended_by_session for e in episodes),
        "total_s": total_s,
        "mean_s": float(lengths_s.mean()) if episodes else math.nan,
        "median_s": float(np.median(lengths_s)) if episodes else math.nan,
        "latency_s": math.nan if first_ns is None else (first_ns - start_ns) / 1e9,
        "fraction": total_s / duration_s,
        "per_min": len(episodes) / duration_s * 60,
    }


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
