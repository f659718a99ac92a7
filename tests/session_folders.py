"""A small recorder and things to record, for tests of the session folder."""

import json

import numpy as np

from tracker.recorder import Recorder
from tracker.session_folder.settings import RecorderSettings
from tracker.session_folder.tables import read_table
from tracker.testing.manual_clock import ManualClock
from tracker.types import (
    CameraInfo,
    Episode,
    Fate,
    Frame,
    FrameResult,
    InVideo,
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


def recorder(
    folder, clock=None, *, shape=SHAPE, provenance=None, blinded=None, sealed=None, **settings
):
    """A recorder that is not open; nothing needs to be free on the disk."""
    return Recorder(
        folder,
        RecorderSettings(**({"min_free_mb": 0} | settings)),
        session_id="s1",
        camera=CameraInfo("test camera", shape, 100.0, live=True, settings={"gain_db": 6.0}),
        skeleton=SKELETON,
        features=["speed_cm_s"],
        behaviours=["freezing", "locomotion"],
        experiment_yaml="subject: mouse\n",
        provenance={"model_sha256": "m0del"} if provenance is None else provenance,
        clock=clock or ManualClock(),
        blinded=blinded,
        sealed=sealed,
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


def row(index, *, fate=Fate.PROCESSED, recording=Fate.RECORDED, captured_ns=None, video=None):
    """The ledger's row of `frame(index)`; without times if it was lost before us."""
    if fate is Fate.LOST_BY_SENSOR:
        return LedgerRow(index, None, None, None, None, None, None, None, fate, fate)
    captured_ns = index * 10 * MS if captured_ns is None else captured_ns
    stages = [captured_ns + k * MS for k in (1, 2, 3, 4)]
    if recording is Fate.RECORDED and video is None:
        video = InVideo()
    return LedgerRow(index, captured_ns, *stages, None, 7, fate, recording, video)


def recorded(folder, n_frames, **options):
    """The folder of a finished session: every frame seen, processed and recorded."""
    new = opened(folder, **options)
    for i in range(n_frames):
        new.write_frame(frame(i, shape=options.get("shape", SHAPE)))
        new.write_result(result(i))
    new.write_ledger([row(i) for i in range(n_frames)])
    new.close("completed", {"captured": n_frames})
    return folder


def cut(path, n_bytes):
    """Take bytes off the end of a file, as a crash does."""
    path.write_bytes(path.read_bytes()[:-n_bytes])


def flip_a_bit(path, place):
    """Damage a file where no crash does."""
    damaged = bytearray(path.read_bytes())
    damaged[place] ^= 0x10
    path.write_bytes(bytes(damaged))


def change_session(folder, **changes):
    """Replace entries of session.json."""
    path = folder / "session.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def files_of(folder):
    """Names of what is in it."""
    return {path.name for path in folder.iterdir()}


def session_of(folder):
    """Contents of session.json."""
    return json.loads((folder / "session.json").read_text(encoding="utf-8"))


def rows_on_disk(folder, name):
    """Rows that a reader finds in a table now."""
    return read_table(folder / name)[0].num_rows


def lines_of(folder, name):
    """Lines that a reader finds in a list now."""
    text = (folder / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]
