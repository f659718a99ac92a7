"""What a session folder says happened: frames, rate, latency, episodes.

Everything is computed from the files, not from what the program remembers, so that the
summary is as good as the record.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tracker.cameras.synthetic import MouseScript, SyntheticCameraSettings
from tracker.recording import Recording
from tracker.scoring import score
from tracker.stimuli import Action, Delivery, StimulusRow
from tracker.types import Fate


def summarise(recording: Recording) -> dict[str, Any]:
    """Return what happened, JSON-ready but for NaN where something is not known.

    `latency_ms` is received → published (→ decided, where nothing was published) over all
    processed frames; `overhead_ms` is the same without the bare network call.

    Raises:
        RecordingError: If the folder cannot be read.
    """
    session = recording.session
    processed = recording.ledger.filter(pc.equal(recording.ledger["fate"], str(Fate.PROCESSED)))
    received, network = _times(processed, "received_ns"), _times(processed, "network_ns")
    ended = np.where(
        np.isnan(published := _times(processed, "published_ns")),
        _times(processed, "decided_ns"),
        published,
    )
    counts = Counter(episode.onset.behaviour for episode in recording.episodes)
    stimuli = _stimuli(recording.stimuli) if recording.has_stimuli else {}
    return {
        "session": str(recording.folder),
        "end_reason": session.get("end_reason", "crashed"),
        "frames": recording.totals(),
        "fps": _rate(_times(processed, "decided_ns")),
        "latency_ms": _percentiles(ended - received),
        "overhead_ms": _percentiles(ended - received - network),
        "network_ms": _percentiles(network),
        "episodes": {name: counts[name] for name in session["behaviours"]},
        "provider": session["provenance"]["model"]["provider"],
        **stimuli,
    }


def _stimuli(rows: Sequence[StimulusRow]) -> dict[str, Any]:
    """What became of the stimuli, and how fast they were; a stop is none.

    `stimulus_ms` is received → acknowledged of those that were delivered because of a frame.
    """
    asked = [row for row in rows if row.command.action is not Action.STOP]
    counts = Counter(row.delivery for row in asked)
    refused = Counter(str(row.refusal) for row in asked if row.delivery is Delivery.REFUSED)
    spans = [
        row.acknowledged_ns - row.received_ns
        for row in asked
        if row.acknowledged_ns is not None and row.received_ns is not None
    ]
    return {
        "stimuli": {
            "delivered": counts[Delivery.DELIVERED],
            "sham": counts[Delivery.SHAM],
            "refused": dict(refused),
            "late": counts[Delivery.LATE],
            "failed": counts[Delivery.FAILED],
            "blinded": counts[Delivery.BLINDED],
        },
        "stimulus_ms": _percentiles(np.array(spans, np.float64)),
    }


def score_truth(recording: Recording, camera: SyntheticCameraSettings) -> dict[str, Any]:
    """Return how well a session saw what its synthetic camera knows to be true.

    Raises:
        RecordingError: If the folder cannot be read.
    """
    xy = recording.xy
    if not xy.shape[1]:  # nothing was ever found
        xy = np.full((len(xy), 1, *xy.shape[2:]), np.nan, np.float32)
    return score(
        recording.frame_indices,
        xy[:, 0],
        recording.skeleton.keypoints,
        recording.episodes,
        recording.session["behaviours"],
        MouseScript(camera, recording.session.get("wakes", ())).truth,
    ).as_dict()


def _times(table: pa.Table, column: str) -> NDArray[np.float64]:
    """A column of ns as float64: exact below 2^53 ns, which is 104 days; null is NaN."""
    values: NDArray[np.float64] = table[column].cast(pa.float64()).to_numpy()
    return values


def _rate(times_ns: NDArray[np.float64]) -> float:
    if len(times_ns) < 2:
        return float("nan")
    return float((len(times_ns) - 1) * 1e9 / (times_ns[-1] - times_ns[0]))


def _percentiles(durations_ns: NDArray[np.float64]) -> dict[str, float]:
    if not len(durations_ns):
        return dict.fromkeys(("p50", "p99", "max"), float("nan"))
    p50, p99, largest = np.percentile(durations_ns / 1e6, [50, 99, 100])
    return {"p50": float(p50), "p99": float(p99), "max": float(largest)}
