"""What a view is fed with in tests: facts and messages of a made-up session."""

from tracker.control.description import BehaviourFacts, Facts, Term
from tracker.messages import (
    EpisodeMessage,
    EpisodeState,
    FrameMessage,
    LogMessage,
    ObservationMessage,
    StatusMessage,
    StimulusMessage,
)
from tracker.session_status import OutputStatus
from tracker.stimuli import Action, Arm, Delivery, PulseTrain

SESSION = "s1"
MS = 1_000_000
HASHES = {"model_sha256": "m", "config_sha256": "c"}
FREEZING = BehaviourFacts(
    terms=(Term(feature="speed_cm_s", side="below", threshold=2.0, softness=0.5),),
    enter=0.7,
    leave=0.5,
    min_duration_s=0.1,
    max_gap_s=0.1,
)
FACTS = Facts(
    subject="m12",
    duration_s=600.0,
    fps=100.0,
    image_shape=(48, 64),
    keypoints=("nose", "tail_base"),
    edges=((0, 1),),
    features={"speed_cm_s": "cm/s", "in_centre": "1"},
    px_per_cm=10.0,
    zones={
        "centre": {"kind": "rectangle", "x_px": 16, "y_px": 12, "width_px": 32, "height_px": 24}
    },
    behaviours={"freezing": FREEZING, "in_centre": BehaviourFacts()},
    triggers={"wake": "freezing"},
    outputs=("light",),
    provider="cpu",
    publisher="tcp://127.0.0.1:1",
)


def observation(index, speed=5.0, *, seq=None, session=SESSION, took_ms=4.0):
    """What was seen in frame `index` of a camera of 100 frames/s."""
    captured_ns = index * 10 * MS
    received_ns = captured_ns + MS
    return ObservationMessage(
        schema=1,
        session=session,
        seq=index if seq is None else seq,
        sent_ns=received_ns + round(took_ms * MS),
        frame_index=index,
        captured_ns=captured_ns,
        received_ns=received_ns,
        started_ns=received_ns + MS // 2,
        observed_ns=received_ns + 3 * MS,
        decided_ns=received_ns + 3 * MS + MS // 4,
        network_ns=2 * MS,
        xy=[[(20.0, 10.0), (30.0, 10.0)]],
        confidence=[[0.9, 0.8]],
        features={"speed_cm_s": speed, "in_centre": 1.0},
        scores={"freezing": 0.0, "in_centre": 1.0},
    )


def episode(state, onset_index, end_index=None, *, seq=0, n=1, behaviour="freezing"):
    """A message about the n-th episode; confirmed 10 frames after its onset."""
    return EpisodeMessage(
        schema=1,
        session=SESSION,
        seq=seq,
        sent_ns=onset_index * 10 * MS,
        state=EpisodeState(state),
        episode_id=f"{behaviour}/m12/{n}",
        behaviour=behaviour,
        subject="m12",
        onset_index=onset_index,
        onset_ns=onset_index * 10 * MS,
        confirmed_index=onset_index + 10,
        confirmed_ns=(onset_index + 10) * 10 * MS,
        end_index=end_index,
        end_ns=None if end_index is None else end_index * 10 * MS,
        **HASHES,
    )


def status(seq=0, sent_s=0.0, **changes):
    """How the session is doing: well, but for the changes."""
    fields = {
        "state": "running",
        "fps": 100.0,
        "counts": {"captured": 100, "processed": 100},
        "elapsed_s": sent_s,
        "disk_free_mb": 100_000.0,
        "disk_left_h": 50.0,
        "cpu_cores": 0.5,
        "n_cores": 8,
        "outputs": {
            "light": OutputStatus(dose_s={"minute": 4.0}, limit_s={"minute": 5.0, "day": None})
        },
    }
    return StatusMessage(
        schema=1,
        session=SESSION,
        seq=seq,
        sent_ns=round(sent_s * 1e9),
        anchor_utc_ns=1_700_000_000_000_000_000,
        **HASHES,
        **(fields | changes),
    )


def stimulus(n, sent_s, delivery="delivered", **changes):
    """What became of a command of the controller `wake`."""
    fields = {
        "stimulus_id": f"wake/{n}",
        "controller": "wake",
        "output": "light",
        "action": Action.TRAIN,
        "train": PulseTrain(width_us=10_000, period_us=50_000, n_pulses=10),
        "arm": Arm.REAL,
        "trigger": "freezing/m12/1",
        "values": {},
        "frame_index": 1,
        "captured_ns": 1,
        "delivery": Delivery(delivery),
        "refusal": None,
        "reason": "",
        **dict.fromkeys(
            ("received_ns", "observed_ns", "decided_ns", "commanded_ns", "acknowledged_ns")
        ),
        **dict.fromkeys(("device_us", "uncertainty_ns", "deadline_ns")),
        "confirmed": True,
        "dose_s": 0.1,
    }
    return StimulusMessage(
        schema=1,
        session=SESSION,
        seq=n,
        sent_ns=round(sent_s * 1e9),
        **HASHES,
        **(fields | changes),
    )


def log(seq, sent_s, level, text):
    """A line of the log."""
    return LogMessage(
        schema=1, session=SESSION, seq=seq, sent_ns=round(sent_s * 1e9), level=level, text=text
    )


def picture_of(index, session=SESSION):
    """The header of a picture of frame `index`."""
    return FrameMessage(
        schema=1,
        session=session,
        seq=index,
        sent_ns=index * 10 * MS + 2 * MS,
        frame_index=index,
        captured_ns=index * 10 * MS,
        image_shape=(48, 64),
        picture_shape=(24, 32),
    )
