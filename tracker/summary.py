"""What a session folder says happened: frames, rate, latency, episodes.

Everything is computed from the files, not from what the program remembers, so that the
summary is as good as the record.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tracker.cameras.synthetic import SyntheticCameraSettings, truths_of
from tracker.identity_scoring import Compared, identity_scores
from tracker.recording import Recording
from tracker.scoring import TruthScore, score
from tracker.stimuli import Action, Delivery, StimulusRow
from tracker.types import Fate, Truth


def summarise(recording: Recording) -> dict[str, Any]:
    """Return what happened, JSON-ready but for NaN where something is not known.

    `latency_ms` is received → published (→ decided, where nothing was published) over all
    processed frames; `overhead_ms` is the same without the bare network call. `confirmed_after_ms`
    is onset → confirmation of the episodes of each behaviour: what certainty cost. `abstained` is
    the share (0 to 1) of the processed frames in which it could not be known, by behaviour.

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
        "confirmed_after_ms": _confirmed_after_ms(recording, session["behaviours"]),
        "abstained": _abstained(recording, session["behaviours"]),
        "provider": session["provenance"]["model"]["provider"],
        **stimuli,
    }


def _confirmed_after_ms(
    recording: Recording, behaviours: Sequence[str]
) -> dict[str, dict[str, float]]:
    onsets = [*(episode.onset for episode in recording.episodes), *recording.open_onsets]
    return {
        name: _percentiles(
            np.array(
                [
                    onset.confirmed_ns - onset.onset_ns
                    for onset in onsets
                    if onset.behaviour == name
                ],
                np.float64,
            )
        )
        for name in behaviours
    }


def _abstained(recording: Recording, behaviours: Sequence[str]) -> dict[str, float]:
    scores = recording.scores
    return {
        name: float(np.isnan(scores[name]).mean()) if len(scores[name]) else float("nan")
        for name in behaviours
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

    Of two mice the session's first two animals are scored: a behaviour against the mouse that goes
    by its subject's name, or against both if neither does; and `idf1` and `switches`.

    Raises:
        RecordingError: If the folder cannot be read.
    """
    truths = truths_of(camera, recording.session.get("wakes", ()))
    xy = recording.xy
    if xy.shape[1] < len(truths):  # nothing was ever found
        xy = np.full((len(xy), len(truths), *xy.shape[2:]), np.nan, np.float32)
    if len(truths) == 1:
        return _score(recording, xy[:, 0], recording.session["behaviours"], truths[0]).as_dict()
    return _score_pair(recording, xy[:, :2], truths)


def _score(
    recording: Recording,
    xy: NDArray[np.float32],
    behaviours: Sequence[str],
    truth: Callable[[int], Truth],
) -> TruthScore:
    known = recording.skeleton.keypoints
    return score(recording.frame_indices, xy, known, recording.episodes, behaviours, truth)


def _score_pair(
    recording: Recording, xy: NDArray[np.float32], truths: Sequence[Callable[[int], Truth]]
) -> dict[str, Any]:
    first = next(recording.whole.each_observation(), None)
    named = (first.identities[:2] if first else ()) or ("0", "1")
    true = [[truth(int(index)) for truth in truths] for index in recording.frame_indices]
    frames = [_compared(named, seen, both, recording) for seen, both in zip(xy, true, strict=True)]
    told_apart = identity_scores(frames)
    mouse_of = {
        name: int(np.argmax(sum((each.similarity[:, row] for each in frames), np.zeros(2))))
        for row, name in enumerate(named)
    }
    subjects = {each.onset.behaviour: each.onset.subject for each in recording.episodes}
    f1: dict[str, float] = {}
    scores = []
    for row, name in enumerate(named):
        mine = [each for each, subject in subjects.items() if subject == name]
        scores.append(_score(recording, xy[:, row], mine, truths[mouse_of[name]]))
        f1 |= scores[-1].f1
    rest = [name for name in recording.session["behaviours"] if name not in f1]
    whole = replace(
        scores[0],
        f1=f1 | _score(recording, xy[:, 0], rest, lambda index: _either(truths, index)).f1,
        keypoint_error_px=float(np.mean([each.keypoint_error_px for each in scores])),
        keypoints_found=float(np.mean([each.keypoints_found for each in scores])),
    )
    return whole.as_dict() | {"idf1": told_apart.idf1, "switches": told_apart.switches}


def _compared(
    named: Sequence[str], xy: NDArray[np.float32], true: Sequence[Truth], recording: Recording
) -> Compared:
    """Return how alike animals and mice are: 0 at a body length apart; rows are mice."""
    names, there = recording.skeleton.keypoints, true[0].keypoints
    shared = [(k, there.index(name)) for k, name in enumerate(names) if name in there]
    rows, known = ([pair[side] for pair in shared] for side in (0, 1))
    mice, xy = np.array([each.xy[known] for each in true], np.float64), xy[:, rows]
    length = float(np.hypot(*(mice[0, 0] - mice[0, -1])))
    off = mice[:, None] - xy[None]
    apart = np.hypot(off[..., 0], off[..., 1])
    n = np.isfinite(apart).sum(axis=2)
    mean = np.where(np.isfinite(apart), apart, 0).sum(axis=2) / np.maximum(n, 1)
    alike = np.where(n > 0, np.clip(1 - mean / max(length, 1.0), 0, 1), 0)
    return Compared(["first", "second"], named, alike)


def _either(truths: Sequence[Callable[[int], Truth]], index: int) -> Truth:
    one, other = (truth(index) for truth in truths)
    return replace(one, behaviours=one.behaviours | other.behaviours)


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
