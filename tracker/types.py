"""Everything that passes between stages, in the order a frame meets it.

Positions are (x, y) in pixels of the full sensor image: origin at the centre of the
top-left pixel, x to the right, y down. A stage that crops or resizes maps its results
back before it hands them on, so no other coordinate system leaves a module.

Times ending in `_ns` are integer nanoseconds on the session clock; `_s` are seconds.
Missing is NaN, never 0. First and last frame of an episode both belong to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class CameraInfo:
    """What an open camera says of itself.

    Attributes:
        name: Driver and device, for a person, e.g. "video_file m3v1mp4.mp4".
        shape: Shape of every image: (height, width) grey, (height, width, 3) RGB.
        fps: Nominal frames per second; NaN if the camera does not say.
        live: False if `read` may be called as late as one likes and nothing gets lost
            (a file read as fast as it goes): then the session lets the slowest reader
            set the pace and processes every frame.
        n_frames: Frames that will come, if the source knows (a file may be wrong).
        settings: How it is set, as read back from it: JSON values by name, units in the names.
    """

    name: str
    shape: tuple[int, ...]
    fps: float
    live: bool
    n_frames: int | None = None
    settings: Mapping[str, str | float | bool | None] = field(default_factory=dict)


class Fate(StrEnum):
    """What became of a frame, for the pipeline or for the recording."""

    PROCESSED = "processed"
    """An observation was made of it."""

    RECORDED = "recorded"
    """It is in the video."""

    LOST_BY_SENSOR = "lost_by_sensor"
    """The camera counted it and never had it to send."""

    LOST_ON_LINK = "lost_on_link"
    """The camera sent it and it did not arrive."""

    INCOMPLETE = "incomplete"
    """It arrived with parts missing, and was thrown away."""

    DRIVER_OVERRUN = "driver_overrun"
    """The camera's driver had no empty buffer for it: the program was too slow to take them."""

    CAMERA_AWAY = "camera_away"
    """The camera was unplugged; counted by the rate that it had before."""

    RING_OVERRUN = "ring_overrun"
    """It was overwritten in the ring buffer before the reader got to it."""

    SUPERSEDED = "superseded"
    """A newer frame was already there when the reader was free."""

    NOT_WANTED = "not_wanted"
    """The experiment asked for no video."""

    THINNED = "thinned"
    """Left out of the video on purpose: no episode was near it."""

    ENCODER_TOO_SLOW = "encoder_too_slow"
    """Overwritten before the recorder came, which was busy with the video encoder."""

    DISK_TOO_SLOW = "disk_too_slow"
    """Overwritten before the recorder came, which was waiting for the disk."""

    RECORDER_FULL = "recorder_full"
    """Pushed out of the memory for frames that wait to be recorded."""

    DISK_FULL = "disk_full"
    """It could not be written."""

    LOST_IN_CRASH = "lost_in_crash"
    """The program died before it was on the disk; said by `tracker recover`."""

    SESSION_ENDED = "session_ended"
    """The session was stopped or failed before its turn came."""

    UNKNOWN = "unknown"
    """Nobody can say; counted as unexplained."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One image, as the camera delivered it.

    Attributes:
        index: The camera's own count, from 0. No later stage renumbers.
        captured_ns: Middle of the exposure on the session clock (ns) where the camera states its
            exposure, otherwise its end as well as that is known.
        received_ns: When the program had the whole image (ns).
        image: uint8, shape (height, width), or (height, width, 3) in RGB order.
        device_tick: The camera's own time stamp in its own unit; None if it has none.
    """

    index: int
    captured_ns: int
    received_ns: int
    image: NDArray[np.uint8]
    device_tick: int | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """Frames that the camera counted and did not deliver.

    Attributes:
        first_index: Camera's count of the first lost frame.
        last_index: Camera's count of the last lost frame, inclusive.
        cause: Why: `LOST_BY_SENSOR`, `LOST_ON_LINK`, `INCOMPLETE`, `DRIVER_OVERRUN` or
            `CAMERA_AWAY`; `UNKNOWN` if the camera does not say.
        noticed_ns: When the program found out (ns).
    """

    first_index: int
    last_index: int
    cause: Fate
    noticed_ns: int


@dataclass(frozen=True, slots=True)
class Skeleton:
    """Names of the keypoints, in the order of the arrays, and which are joined.

    Attributes:
        keypoints: Names, all different.
        edges: Pairs of indices into `keypoints`, for drawing.
    """

    keypoints: tuple[str, ...]
    edges: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Masks:
    """Which part of the image is which class, on the coarse grid of the network.

    Cell (row, column) is centred on sensor pixel (`x0_px` + column * `step_x_px`,
    `y0_px` + row * `step_y_px`); outside the grid nothing is known to be anything.

    Attributes:
        names: Class of each mask, or "individual 0" and so on.
        coverage: uint8, shape (masks, rows, columns): probability times 255.
        x0_px: Sensor pixels.
        y0_px: Sensor pixels.
        step_x_px: Sensor pixels per column.
        step_y_px: Sensor pixels per row.
    """

    names: tuple[str, ...]
    coverage: NDArray[np.uint8]
    x0_px: float
    y0_px: float
    step_x_px: float
    step_y_px: float


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """All that was seen in one frame.

    Attributes:
        frame_index: `Frame.index` of the image it was computed from.
        captured_ns: `Frame.captured_ns` of that image (ns).
        xy: float32, shape (individuals, keypoints, 2), sensor pixels; NaN where a
            keypoint was not found.
        confidence: float32, shape (individuals, keypoints), from 0 to 1.
        class_scores: Probability (0 to 1) by class, from networks that classify.
        measures: Value by name, from networks that measure; units are in the names.
        masks: Which part of the image is animal; None from networks that do not segment.
        novelty: How unlike the training images the frame is: 1 is the largest that was
            met there, above it the network does not know what it sees. NaN if not known.
        abstained: True if the frame was too unlike the training images, or not usable, for
            its positions to be believed: `xy` is NaN then.
        network_ns: Time spent in the bare network call (ns), 0 if there was none.
        crop: Part of the image that was looked at: left, top, width, height (sensor px; may reach
            beyond the image). None: all of it.
        identities: Who each individual is, in the order of the rows: all animals that are
            followed, always in the same order, seen or not (`xy` is NaN if not), then "" for
            each individual that is none of them. Empty before it was tracked.
        identity_confidence: How sure that is, from 0 to 1, in the same order; 0 for "".
        appearance: float32, shape (individuals, descriptors): what each individual looks like,
            for telling animals apart; NaN where it could not be measured. None: not measured.

    Raises:
        ValueError: If the arrays disagree on individuals or keypoints.
    """

    frame_index: int
    captured_ns: int
    xy: NDArray[np.float32]
    confidence: NDArray[np.float32]
    class_scores: Mapping[str, float] = field(default_factory=dict)
    measures: Mapping[str, float] = field(default_factory=dict)
    masks: Masks | None = None
    novelty: float = float("nan")
    abstained: bool = False
    network_ns: int = 0
    identities: tuple[str, ...] = ()
    identity_confidence: tuple[float, ...] = ()
    appearance: NDArray[np.float32] | None = None
    crop: tuple[int, int, int, int] | None = None

    def __post_init__(self) -> None:
        if self.xy.shape != (*self.confidence.shape, 2):
            raise ValueError(
                f"xy has shape {self.xy.shape}, but confidence has shape "
                f"{self.confidence.shape}: expected (individuals, keypoints, 2) "
                f"and (individuals, keypoints)"
            )
        n = len(self.identities)
        if n not in (0, len(self.confidence)) or n != len(self.identity_confidence):
            raise ValueError(
                f"{n} identities with {len(self.identity_confidence)} confidences of "
                f"{len(self.confidence)} individuals: expected one of each per individual, or none"
            )
        if self.appearance is not None and len(self.appearance) != len(self.confidence):
            raise ValueError(
                f"appearance of {len(self.appearance)} individuals, but {len(self.confidence)} "
                f"were seen"
            )


@dataclass(frozen=True, slots=True)
class Onset:
    """An episode has begun. Controllers act on this, before its end is known.

    Attributes:
        episode_id: Unique in the session, e.g. "freezing/mouse/3"; the same in a replay.
        behaviour: Name from the ethogram.
        subject: Who does it.
        onset_index: Camera's count of its first frame.
        onset_ns: Capture time of its first frame (ns).
        confirmed_index: Camera's count of the frame on which it became certain.
        confirmed_ns: Capture time of that frame (ns). Later than `onset_ns` by the
            price of debouncing, which is part of the loop's latency.
    """

    episode_id: str
    behaviour: str
    subject: str
    onset_index: int
    onset_ns: int
    confirmed_index: int
    confirmed_ns: int


@dataclass(frozen=True, slots=True)
class Episode:
    """One finished bout of a behaviour, first and last frame included.

    Attributes:
        onset: How it began.
        end_index: Camera's count of its last frame.
        end_ns: Capture time of its last frame (ns); never before `onset.onset_ns`.
        ended_by_session: True if it was still going on when the session ended.
    """

    onset: Onset
    end_index: int
    end_ns: int
    ended_by_session: bool = False


@dataclass(frozen=True, slots=True)
class StageTimes:
    """When one frame passed each stage (ns on the session clock), stamped on the spot.

    Attributes:
        received_ns: The program had the whole image.
        started_ns: The pipeline took it out of the ring buffer.
        observed_ns: The observation was finished.
        decided_ns: Features, behaviours and episodes were finished.
        network_ns: Duration of the bare network call inside started → observed.
    """

    received_ns: int
    started_ns: int
    observed_ns: int
    decided_ns: int
    network_ns: int


@dataclass(frozen=True, slots=True, eq=False)
class FrameResult:
    """All that the pipeline made of one frame.

    Attributes:
        observation: What was seen.
        features: Value by name, units in the names; NaN where it cannot be known.
        scores: Score (0 to 1) by behaviour; NaN where it cannot be known.
        events: Onsets and episodes that this frame made certain, in ethogram order.
        stages: When each stage was passed.
    """

    observation: Observation
    features: Mapping[str, float]
    scores: Mapping[str, float]
    events: tuple[Onset | Episode, ...]
    stages: StageTimes


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What a synthetic camera knows about one of its frames.

    Attributes:
        frame_index: `Frame.index`.
        keypoints: Names, in the order of `xy`.
        xy: float32, shape (keypoints, 2), sensor pixels.
        behaviours: Names of everything the animal is doing in this frame.
    """

    frame_index: int
    keypoints: tuple[str, ...]
    xy: NDArray[np.float32]
    behaviours: frozenset[str]


@dataclass(frozen=True, slots=True)
class InVideo:
    """Where in the video a frame is.

    Attributes:
        segment: Number of the video file, from 0.
        x_px: Column of the sensor in which the stored image begins; 0 without a crop.
        y_px: Row of the sensor in which the stored image begins.
    """

    segment: int = 0
    x_px: int = 0
    y_px: int = 0


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """What became of one frame that the camera counted, seen or lost.

    Times are ns on the session clock; None for a stage that the frame never reached.

    Attributes:
        index: The camera's own count.
        captured_ns: As `Frame.captured_ns`.
        received_ns: The program had the whole image.
        started_ns: The pipeline took it.
        observed_ns: Its observation was finished.
        decided_ns: Its episodes were finished.
        published_ns: Its message was handed to ZeroMQ.
        network_ns: Duration of the bare network call.
        fate: What became of it in the pipeline.
        recording: What became of it in the video.
        video: Where it is in the video; None if it is not.
        device_tick: As `Frame.device_tick`.
    """

    index: int
    captured_ns: int | None
    received_ns: int | None
    started_ns: int | None
    observed_ns: int | None
    decided_ns: int | None
    published_ns: int | None
    network_ns: int | None
    fate: Fate
    recording: Fate
    video: InVideo | None = None
    device_tick: int | None = None
