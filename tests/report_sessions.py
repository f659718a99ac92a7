"""Small made-up sessions with stimuli, for tests of the report and to look at it."""

import numpy as np
from session_folders import SKELETON

from tracker.recorder import Recorder
from tracker.session_folder.settings import RecorderSettings
from tracker.stimuli import (
    Action,
    Arm,
    Delivery,
    Edge,
    PulseTrain,
    Refusal,
    StimulusCommand,
    StimulusRow,
)
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
    StageTimes,
)

MS = 1_000_000  # ns
S = 1_000 * MS
FPS = 20
TRAIN = PulseTrain(width_us=10_000, period_us=50_000, n_pulses=10)
"""Half a second at 20 Hz, 0.1 s on in all."""

EXPERIMENT = """
stimulation:
  outputs:
    light:
      actuator: box
      limits:
        longest_pulse_ms: 100
        dose_s_per_minute: 0.5
        dose_s_per_session: 60
        deadline_ms: 100
"""

PROVENANCE = {
    "tracker": "0.1.0",
    "subject": "m12",
    "experimenter": "Ada <L.>",
    "model": {"name": "mouse_top_view", "provider": "cpu"},
    "model_sha256": "m0del",
    "stimulation": {"controllers": {"wake": {"schedule_sha256": "5eed"}}},
}


def freezing(n, onset_s, end_s):
    """An episode whose onset is confirmed half a second later; frames at 20 a second."""
    first, last = round(onset_s * FPS), round(end_s * FPS)
    confirmed = first + FPS // 2
    times = first, frame_ns(first), confirmed, frame_ns(confirmed)
    onset = Onset(f"freezing/m12/{n}", "freezing", "m12", *times)
    return Episode(onset, last, frame_ns(last))


def frame_ns(index):
    """End of exposure of a frame."""
    return 5 * S + index * S // FPS


def stimulus(n, delivery, at_ns, *, trigger="", refusal=None, arm=None, **changes):
    """A row; if it was delivered, it took 1, 12, 13, 13.5 and 15 ms to each stage."""
    by_delivery = {Delivery.DELIVERED: Arm.REAL, Delivery.SHAM: Arm.SHAM}
    command = StimulusCommand(
        f"wake/{n}",
        "wake",
        "light",
        Action.TRAIN,
        TRAIN,
        arm=arm or by_delivery.get(delivery, Arm.REAL),
        trigger=trigger,
        frame_index=(at_ns - 5 * S) * FPS // S,
        captured_ns=at_ns,
    )
    stages = {"received_ns": at_ns + MS, "observed_ns": at_ns + 12 * MS}
    stages["decided_ns"] = at_ns + 13 * MS
    if delivery is Delivery.DELIVERED:
        stages |= {"commanded_ns": at_ns + 13 * MS + MS // 2, "acknowledged_ns": at_ns + 15 * MS}
        stages |= {"uncertainty_ns": 40_000, "confirmed": True, "dose_s": 0.1, "device_us": 7}
    stages["reason"] = f"made up: {refusal}" if refusal else ""
    return StimulusRow(command, delivery, refusal=refusal, **(stages | changes))


def edges_of(row):
    """The edges of its train, 15 ms after exposure: each pulse 10 ms long."""
    for k in range(TRAIN.n_pulses):
        for rising in (True, False):
            at_us = k * TRAIN.period_us + (0 if rising else TRAIN.width_us)
            at_ns = row.acknowledged_ns + at_us * 1000
            device_us = at_ns // 1000
            yield Edge("0", rising, device_us, at_ns, 40_000, row.command.stimulus_id)


def session(  # a whole session in one call
    folder,
    *,
    n_frames=200,
    episodes=(),
    open_onsets=(),
    rows=(),
    blinded=None,
    lost=(),
    speed=None,
    live=True,
    log=(),
    experiment=EXPERIMENT,
    edges=True,
    close="completed",
    video=False,
    crop=None,
):
    """Write the folder of a session at 20 frames a second, and return it.

    With a video, the animal is a black square of 41 x 41 px on grey.
    """
    recorder = Recorder(
        folder,
        RecorderSettings(min_free_mb=0, codec="ffv1" if video else "none", crop=crop),
        session_id="s1",
        camera=CameraInfo("test camera", (480, 640), FPS, live=live),
        skeleton=SKELETON,
        features=["speed_cm_s"],
        behaviours=["freezing", "locomotion"],
        experiment_yaml=experiment,
        provenance=PROVENANCE,
        clock=ManualClock(5 * S),
        blinded=frozenset() if blinded is None else blinded,
    )
    recorder.open()
    ends = {episode.end_index: episode for episode in episodes}
    begins = {e.onset.confirmed_index: e.onset for e in episodes}
    begins |= {onset.confirmed_index: onset for onset in open_onsets}
    for index in range(n_frames):
        where = None
        if index not in lost:
            events = [each[index] for each in (begins, ends) if index in each]
            if video:
                at = frame_ns(index)
                where = recorder.write_frame(Frame(index, at, at + MS, image(index)))
            recorder.write_result(_result(index, events, speed))
        recorder.write_ledger([_row(index, lost=index in lost, where=where)])
    for row in rows:
        recorder.write_stimulus(row)
        if edges and row.acknowledged_ns is not None:
            for edge in edges_of(row):
                recorder.write_edge(edge)
    for level, message in log:
        recorder.log(level, message)
    recorder.close(close, {"captured": n_frames})
    return folder


def place(index):
    """Where the first keypoint is in a frame; the other is 30 px to the right and below."""
    angle = index / 60
    return np.array((320 + 200 * np.cos(angle), 240 + 150 * np.sin(angle)), np.float32)


def image(index):
    """The picture of a frame."""
    picture = np.full((480, 640), 180, np.uint8)
    x, y = np.rint(place(index) + 15).astype(int)
    picture[y - 20 : y + 21, x - 20 : x + 21] = 0
    return picture


def _result(index, events, speed):
    centre = place(index)
    xy = np.stack((centre, centre + 30))[None].astype(np.float32)
    at = frame_ns(index)
    return FrameResult(
        Observation(index, at, xy, np.full((1, 2), 0.9, np.float32), network_ns=8 * MS),
        {"speed_cm_s": 3.0 if speed is None else float(speed[index])},
        {"freezing": 0.5, "locomotion": 0.5},
        tuple(events),
        StageTimes(at + MS, at + 2 * MS, at + 12 * MS, at + 13 * MS, 8 * MS),
    )


def _row(index, *, lost, where):
    if lost:
        return LedgerRow(index, *[None] * 7, Fate.LOST_ON_LINK, Fate.LOST_ON_LINK)
    at = frame_ns(index)
    stages = [at + k * MS for k in (1, 2, 12, 13)]
    in_video = Fate.NOT_WANTED if where is None else Fate.RECORDED
    return LedgerRow(index, at, *stages, None, 8 * MS, Fate.PROCESSED, in_video, where)


REFUSED = (
    stimulus(90, Delivery.REFUSED, frame_ns(30), refusal=Refusal.REFRACTORY),
    stimulus(91, Delivery.LATE, frame_ns(50), refusal=Refusal.LATE),
    stimulus(92, Delivery.REFUSED, frame_ns(70), refusal=Refusal.DOSE_PER_MINUTE),
)
