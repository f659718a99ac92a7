"""A session whose every number is known, with losses of every kind, for tests of exports.

slot       0  1  2  3  4  5  6  7  8  9
pipeline   p  p  p  -  p  s  p  p  p  p    p: processed, s: superseded, -: lost on the link
video      0  1  2  -  3  4  o  5  6  7    o: overwritten in the ring
"""

import numpy as np

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
    Skeleton,
    StageTimes,
)

MS = 1_000_000
ZERO_NS = 5_000 * MS  # exposure of slot 0
ANCHOR_UTC_NS = 1_700_000_000_123_456_789  # 2023-11-14 22:13:20.123456789 UTC
N = 10
SHAPE = (24, 32)
SKELETON = Skeleton(("nose", "tail_base"), ((0, 1),))
LOST, SKIPPED, NOT_FILMED = 3, 5, 6
PROCESSED = [0, 1, 2, 4, 6, 7, 8, 9]
IN_VIDEO = [0, 1, 2, 4, 5, 7, 8, 9]
NO_TAIL = 7  # slot in which the tail base was not found
TRAIN = PulseTrain(width_us=10_000, period_us=50_000, n_pulses=10)

EXPERIMENT = """
session: {subject: m12, species: Mus musculus, sex: F, age: P90D, experimenter: "Doe, Jane"}
"""


def captured_ns(slot):
    """Every 10 ms, but those with an odd number come 1 ms late."""
    return ZERO_NS + (10 * slot + slot % 2) * MS


def time_s(slot):
    """The same in s since slot 0."""
    return (captured_ns(slot) - ZERO_NS) / 1e9


TIMES_S = [0.0, 0.011, 0.02, 0.03, 0.04, 0.051, 0.06, 0.071, 0.08, 0.091]
"""Of all slots; slot 3 never came: half way between 0.02 and 0.04 is 0.03."""


def xy(slot, individuals=1):
    """Float32, (individuals, 2, 2); the tail base is 4 px below the nose."""
    found = np.zeros((individuals, 2, 2), np.float32)
    for k in range(individuals):
        found[k, 0] = 10 * k + slot + 0.25, 5 + slot / 2
        found[k, 1] = 10 * k + slot + 0.25, 9 + slot / 2
    if slot == NO_TAIL:
        found[:, 1] = np.nan
    return found


def confidence(slot, individuals=1):
    """Nose 0.9, 0.89, ... by slot; tail base 0.5, or 0.125 where it was not found."""
    tail = 0.125 if slot == NO_TAIL else 0.5
    return np.tile(np.array([0.9 - slot / 100, tail], np.float32), (individuals, 1))


def image(slot, *, colour=False):
    """Noise that is different for every slot."""
    shape = (*SHAPE, 3) if colour else SHAPE
    return np.random.default_rng(slot).integers(0, 256, shape, np.uint8)


def episode(n, first, last, *, confirmed=None, ended_by_session=False):
    at = first + 1 if confirmed is None else confirmed
    onset = Onset(
        f"freezing/m12/{n}", "freezing", "m12", first, captured_ns(first), at, captured_ns(at)
    )
    return Episode(onset, last, captured_ns(last), ended_by_session)


EPISODES = (episode(1, 1, 4), episode(2, 7, 9, ended_by_session=True))


def stimulus(n, slot, delivery, arm, **changes):
    command = StimulusCommand(
        f"wake/{n}",
        "wake",
        "light",
        Action.TRAIN,
        TRAIN,
        arm,
        trigger="freezing/m12/1",
        values={"speed_cm_s": 0.5, "freezing": 0.75},
        frame_index=slot,
        captured_ns=captured_ns(slot),
    )
    return StimulusRow(command, delivery, received_ns=captured_ns(slot) + MS, **changes)


STIMULI = (
    stimulus(
        1,
        2,
        Delivery.DELIVERED,
        Arm.REAL,
        commanded_ns=captured_ns(2) + 3 * MS,
        acknowledged_ns=captured_ns(2) + 4 * MS,
        uncertainty_ns=50_000,
        confirmed=True,
        dose_s=0.1,
    ),
    stimulus(2, 8, Delivery.SHAM, Arm.SHAM, dose_s=0.1),
    stimulus(3, 9, Delivery.REFUSED, Arm.REAL, refusal=Refusal.REFRACTORY, reason="too soon"),
)
EDGES = (Edge("0", True, 7, captured_ns(2) + 4 * MS, 50_000, "wake/1"),)


def result(slot, individuals, events, identities):
    at = captured_ns(slot)
    observation = Observation(
        slot,
        at,
        xy(slot, individuals),
        confidence(slot, individuals),
        class_scores={"rearing": slot / 10} if slot else {},
        measures={"pupil_px": 2.0 * slot},
        novelty=slot / 4,
        abstained=False,
        network_ns=7,
        identities=identities,
        identity_confidence=tuple(1.0 if name else 0.0 for name in identities),
    )
    return FrameResult(
        observation,
        {"speed_cm_s": slot / 4},
        {"freezing": slot / 16, "locomotion": float("nan")},
        events,
        StageTimes(at + MS, at + 2 * MS, at + 3 * MS, at + 4 * MS, 7),
    )


def ledger_row(slot, video, codec):
    if slot == LOST:
        return LedgerRow(slot, *[None] * 7, Fate.LOST_ON_LINK, Fate.LOST_ON_LINK)
    at = captured_ns(slot)
    fate = Fate.SUPERSEDED if slot == SKIPPED else Fate.PROCESSED
    recorded = Fate.RING_OVERRUN if slot == NOT_FILMED else Fate.RECORDED
    recorded = Fate.NOT_WANTED if codec == "none" else recorded
    return LedgerRow(slot, at, at + MS, None, None, None, None, None, fate, recorded, video)


def session(
    folder,
    *,
    individuals=1,
    codec="ffv1",
    colour=False,
    episodes=EPISODES,
    blinded=frozenset(),
    experiment=EXPERIMENT,
    model=None,
    identities=(),
    closed=True,
    skeleton=SKELETON,
    **recorder_settings,
):
    """Write the folder of the session above, and return it."""
    shape = (*SHAPE, 3) if colour else SHAPE
    recorder = Recorder(
        folder,
        RecorderSettings(min_free_mb=0, codec=codec, **recorder_settings),
        session_id="s1",
        camera=CameraInfo("test camera", shape, 100.0, live=True),
        skeleton=skeleton,
        features=["speed_cm_s"],
        behaviours=["freezing", "locomotion"],
        experiment_yaml=experiment,
        provenance={
            "tracker": "0.1.0",
            "subject": "m12",
            "experimenter": "Doe, Jane",
            "notes": "a test",
            "model": {"network": "mouse_top_view 2", "provider": "cpu", **(model or {})},
            "model_sha256": "m0del",
        },
        clock=ManualClock(ZERO_NS, ANCHOR_UTC_NS),
        blinded=blinded,
        sealed={"wake": {"seed": "5eed"}} if blinded else None,
    )
    recorder.open()
    places = {}
    for slot in range(N):
        if slot in IN_VIDEO:
            picture = image(slot, colour=colour)
            places[slot] = recorder.write_frame(
                Frame(slot, captured_ns(slot), captured_ns(slot), picture)
            )
        if slot in PROCESSED:
            begun = [e.onset for e in episodes if e.onset.confirmed_index == slot]
            ended = [e for e in episodes if e.end_index == slot]
            recorder.write_result(result(slot, individuals, (*begun, *ended), identities))
    recorder.write_ledger([ledger_row(slot, places.get(slot), codec) for slot in range(N)])
    for row in STIMULI:
        recorder.write_stimulus(row)
    for edge in EDGES:
        recorder.write_edge(edge)
    recorder.log("mark", "door opened", by="Jane")
    recorder.close("completed", {"captured": N})
    if not closed:
        reopen(folder)
    return folder


def reopen(folder):
    """Make a folder look like one whose program died."""
    path = folder / "session.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"closed"', '"running"'), "utf-8")
