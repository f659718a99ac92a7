"""How a session is doing, as views are told of it."""

from typing import Annotated

from msgspec import Meta, Struct

NAN = float("nan")

Count = Annotated[int, Meta(ge=0)]


class OutputStatus(Struct, frozen=True, kw_only=True):
    """How much an output has given, and may still give.

    Attributes:
        dose_s: By span ("minute", "session", "day"): s on, times level; counts sham as real.
        limit_s: By the same spans; None: no limit.
        ready_in_s: Until the next stimulus would be let through; 0: now.
    """

    dose_s: dict[str, float] = {}
    limit_s: dict[str, float | None] = {}
    ready_in_s: float = 0.0


class OpenEpisode(Struct, frozen=True, kw_only=True):
    """An episode that goes on, as a status lists it for those who join late."""

    episode_id: str
    behaviour: str
    subject: str
    onset_ns: int


class ViewStatus(Struct, frozen=True, kw_only=True):
    """Where the camera looks, against where it looked when the arena was set up.

    Attributes:
        state: still, moving (not certain yet), moved, unknown; "" before the first look.
        x_px: By how much the picture's middle has moved to the right; NaN if not known.
        y_px: And down.
        turned_deg: By how much the picture has turned, clockwise positive.
        scale: How many times larger things are.
        largest_px: By how much the corner has moved that moved most.
        matrix: From px of the reference to px of the picture, row after row; empty: not known.
        applied: The same as far as zones follow it: where zones are in the picture; empty: as in
            the reference.
        why: Why it is not known, in words.
    """

    state: str = ""
    x_px: float = NAN
    y_px: float = NAN
    turned_deg: float = NAN
    scale: float = NAN
    largest_px: float = NAN
    matrix: tuple[float, ...] = ()
    applied: tuple[float, ...] = ()
    why: str = ""


class Status(Struct, frozen=True, kw_only=True):
    """How a session is doing, as the session knows it.

    Attributes:
        state: idle, starting, running or stopping.
        fps: Frames processed per second; NaN at first.
        counts: Frames by fate, e.g. {"processed": 71990, "superseded": 8}.
        latency_p50_ms: Received → published, recent frames, median (ms); NaN at first.
        latency_p99_ms: The same, 99th percentile (ms).
        latency_max_ms: The same, largest (ms).
        provider: What the network runs on, "" where there is none.
        image_shape: (height, width) or (height, width, 3); empty if not known.
        keypoints: Names, in the order of `ObservationMessage.xy`.
        edges: Pairs of indices into `keypoints`, for drawing.
        armed_by: Who has armed the outputs; None: they are not armed.
        disarmed_why: Why not, in words.
        outputs: By name; empty where the experiment has none.
        stimuli: Commands so far by what became of them; delivered and sham are one number,
            `blinded`, while the session is blinded.
        recorder_late: Whether encoder or disk are too slow, now or in the last seconds.
        recorder_waits_for: encoder or disk; "" if neither, or if it is the processor.
        elapsed_s: Since it began to run.
        not_recorded: Frames that are not in the video, by cause.
        unexplained: Frames of which nobody knows what became.
        ring_fill: Part of the ring buffer that the slowest reader has still to take (0 to 1).
        recorder_fill: Part of the recorder's queue that waits to be written (0 to 1).
        disk_free_mb: Room on the disk of the session folder (MB); NaN if not known.
        disk_left_h: Until it is full at the present rate (hours); NaN if not known.
        cpu_cores: Processor cores that the session keeps busy; NaN if not known.
        n_cores: Processor cores that there are.
        gpu: Name of the GPU; "" if there is none, or if it is not known.
        gpu_busy: Part of the time in which it computes, for any program (0 to 1); NaN if not known.
        gpu_memory: Part of its memory that is taken (0 to 1); NaN if not known.
        filming: Whether the video runs, where people start and stop it; None: they do not.
        view: Where the camera looks; None: nobody watches that.
    """

    state: str
    fps: float = NAN
    counts: dict[str, Count] = {}
    latency_p50_ms: float = NAN
    latency_p99_ms: float = NAN
    latency_max_ms: float = NAN
    provider: str = ""
    image_shape: tuple[Count, ...] = ()
    keypoints: tuple[str, ...] = ()
    edges: tuple[tuple[Count, Count], ...] = ()
    armed_by: str | None = None
    disarmed_why: str = ""
    outputs: dict[str, OutputStatus] = {}
    stimuli: dict[str, Count] = {}
    recorder_late: bool = False
    recorder_waits_for: str = ""
    elapsed_s: float = 0.0
    not_recorded: dict[str, Count] = {}
    unexplained: Count = 0
    ring_fill: float = 0.0
    recorder_fill: float = 0.0
    disk_free_mb: float = NAN
    disk_left_h: float = NAN
    cpu_cores: float = NAN
    n_cores: Count = 0
    gpu: str = ""
    gpu_busy: float = NAN
    gpu_memory: float = NAN
    filming: bool | None = None
    view: ViewStatus | None = None
