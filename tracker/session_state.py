"""Where a session is and how it is going: states, end reasons, and a snapshot for views."""

from dataclasses import dataclass, field
from enum import StrEnum

from tracker import session_status
from tracker.closed_loop import Stimulation
from tracker.filming import Filming
from tracker.gpu import GpuLoad
from tracker.health import Latency
from tracker.ledger import Totals
from tracker.machine import Load
from tracker.session_watch import RecorderState
from tracker.types import Fate, Skeleton


class State(StrEnum):
    """Where a session is."""

    IDLE = "idle"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"


class EndReason(StrEnum):
    """Why a session ended."""

    COMPLETED = "completed"
    """The source or the planned time came to its end."""

    STOPPED = "stopped"
    """A person stopped it."""

    FAILED = "failed"
    """A part of it failed."""


@dataclass(frozen=True, slots=True)
class Status:
    """A session at one moment.

    Attributes:
        state: Where it is.
        elapsed_s: Time since it began to run.
        totals: Frames by fate, as far as the ledger is settled.
        fps: Processed frames per second, lately; NaN at first.
        latency: Received → published, lately (ms).
        overhead: The same without the bare network call (ms).
        going_on: Behaviours with an open episode.
        ring_fill: Part of the ring buffer that the slowest reader has still to take (0 to 1).
        recorder_fill: Part of the recorder's queue that waits to be written (0 to 1).
        recorder: Whether encoder and disk keep up.
        load: How the computer is doing.
        stimulation: How its outputs are doing; None if it has none.
        view: Where its camera looks; None if nobody watches that.
    """

    state: State
    elapsed_s: float = 0.0
    totals: Totals = field(default_factory=Totals)
    fps: float = float("nan")
    latency: Latency = field(default_factory=Latency)
    overhead: Latency = field(default_factory=Latency)
    going_on: tuple[str, ...] = ()
    ring_fill: float = 0.0
    recorder_fill: float = 0.0
    recorder: RecorderState = field(default_factory=RecorderState)
    load: Load = field(default_factory=Load)
    stimulation: Stimulation | None = None
    view: session_status.ViewStatus | None = None


def wire_status(
    now: Status,
    *,
    provider: str,
    image_shape: tuple[int, ...],
    skeleton: Skeleton,
    filming: Filming | None,
    has_video: bool,
) -> session_status.Status:
    """Return what listeners are told of a session."""
    totals, outputs = now.totals, now.stimulation
    gpu = now.load.gpu or GpuLoad("")
    lost = {str(fate): n for fate, n in totals.lost.items()}
    return session_status.Status(
        state=now.state,
        fps=now.fps,
        counts={"captured": totals.captured, "processed": totals.processed, **lost},
        latency_p50_ms=now.latency.p50,
        latency_p99_ms=now.latency.p99,
        latency_max_ms=now.latency.max,
        provider=provider,
        image_shape=image_shape,
        keypoints=skeleton.keypoints,
        edges=skeleton.edges,
        armed_by=outputs.armed_by if outputs else None,
        disarmed_why=outputs.disarmed_why if outputs else "",
        outputs=dict(outputs.outputs) if outputs else {},
        stimuli=dict(outputs.counts) if outputs else {},
        recorder_late=now.recorder.late,
        recorder_waits_for=now.recorder.waits_for,
        elapsed_s=now.elapsed_s,
        not_recorded={
            str(fate): n
            for fate, n in totals.not_recorded.items()
            if has_video and fate is not Fate.NOT_WANTED
        },
        unexplained=totals.unexplained,
        ring_fill=now.ring_fill,
        recorder_fill=now.recorder_fill,
        disk_free_mb=now.load.disk_free_mb,
        disk_left_h=now.load.disk_left_h,
        cpu_cores=now.load.cpu_cores,
        n_cores=now.load.n_cores,
        gpu=gpu.name,
        gpu_busy=gpu.busy,
        gpu_memory=gpu.memory,
        filming=None if filming is None else filming.is_on,
        view=now.view,
    )
