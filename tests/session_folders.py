"""A small recorder and things to record, for tests of the session folder."""

import numpy as np

from tracker.recorder import Recorder, RecorderSettings
from tracker.testing.manual_clock import ManualClock
from tracker.types import (
    CameraInfo,
    Episode,
    Fate,
    Frame,
    FrameResult,
    LedgerRow,
    Observation,
    Onset,
    Skeleton,
    StageTimes,
)

MS = 1_000_000  # ns
SHAPE = (24, 32)
SKELETON = Skeleton(("nose", "tail_base"), ((0, 1),))
ONSET = Onset("freezing/mouse/1", "freezing", "mouse", 3, 30 * MS, 8, 80 * MS)
EPISODE = Episode(ONSET, 12, 120 * MS)


def recorder(folder, clock=None, *, shape=SHAPE, provenance=None, **settings):
    """A recorder that is not open; nothing needs to be free on the disk."""
    return Recorder(
        folder,
        RecorderSettings(**({"min_free_mb": 0} | settings)),
        session_id="s1",
        camera=CameraInfo("test camera", shape, 100.0, live=True),
        skeleton=SKELETON,
        features=["speed_cm_s"],
        behaviours=["freezing", "locomotion"],
        experiment_yaml="subject: mouse\n",
        provenance={"model_sha256": "m0del"} if provenance is None else provenance,
        clock=clock or ManualClock(),
    )


def opened(folder, clock=None, **options):
    """An open recorder."""
    new = recorder(folder, clock, **options)
    new.open()
    return new


def image(index, shape=SHAPE):
    """Noise that is different for every index."""
    return np.random.default_rng(index).integers(0, 256, shape, np.uint8)


def frame(index, captured_ns=None, shape=SHAPE):
    """A frame of 100 frames a second, or of a given time."""
    captured_ns = index * 10 * MS if captured_ns is None else captured_ns
    return Frame(index, captured_ns, captured_ns + MS, image(index, shape))


def result(index, *events, individuals=1, xy=None, **observed):
    """What the pipeline made of frame `index`; positions are (index, index + 0.5)."""
    if xy is None:
        xy = np.full((individuals, 2, 2), index, np.float32)
        xy[..., 1] += 0.5
    confidence = np.full(xy.shape[:2], 0.75, np.float32)
    return FrameResult(
        Observation(index, index * 10 * MS, xy, confidence, network_ns=7, **observed),
        {"speed_cm_s": index / 4},
        {"freezing": 0.25, "locomotion": float("nan")},
        events,
        StageTimes(1, 2, 3, 4, 5),
    )


def row(index, *, fate=Fate.PROCESSED, recording=Fate.RECORDED, captured_ns=None):
    """The ledger's row of `frame(index)`; without times if it was lost before us."""
    if fate is Fate.LOST_BY_SENSOR:
        return LedgerRow(index, None, None, None, None, None, None, None, fate, fate)
    captured_ns = index * 10 * MS if captured_ns is None else captured_ns
    stages = [captured_ns + k * MS for k in (1, 2, 3, 4)]
    return LedgerRow(index, captured_ns, *stages, None, 7, fate, recording)


def recorded(folder, n_frames, **options):
    """The folder of a finished session: every frame seen, processed and recorded."""
    new = opened(folder, **options)
    for i in range(n_frames):
        new.write_frame(frame(i, shape=options.get("shape", SHAPE)))
        new.write_result(result(i))
    new.write_ledger([row(i) for i in range(n_frames)])
    new.close("completed", {"captured": n_frames})
    return folder
