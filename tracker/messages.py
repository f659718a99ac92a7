"""The wire: what goes out over ZeroMQ, typed and checked at both ends.

A message is the ZeroMQ multipart `[topic, header, payload?]`. The topic is `kind/camera`, so
that a prefix subscribes; the header is a msgpack map; the payload is raw bytes and belongs
to kinds that carry an image. docs/wire.md is the specification for other languages.

Unknown fields are ignored, so that a field may be added within a schema; whatever a reader
would misunderstand raises the schema's number.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from msgspec import Meta, Struct, field

from tracker.session_status import NAN, Count, OpenEpisode, Status
from tracker.stimuli import Action, Arm, Delivery, PulseTrain, Refusal, StimulusRow, stimulus_fields
from tracker.types import Episode, FrameResult, Onset, StageTimes

SCHEMA = 1
"""Version of the wire; readers refuse any other."""

Schema = Annotated[int, Meta(ge=SCHEMA, le=SCHEMA)]


class Kind(StrEnum):
    """First part of a topic."""

    OBSERVATION = "observation"
    """What was seen in one frame, and what was made of it."""

    EPISODE = "episode"
    """A bout of a behaviour has begun, goes on, or is over."""

    STIMULUS = "stimulus"
    """What became of one stimulus command."""

    STATUS = "status"
    """How the session is doing; the last one says goodbye."""

    LOG = "log"
    """A line for a person."""

    POINTS = "points"
    """What several cameras saw at one moment, in 3-D."""

    FRAME = "frame"
    """A picture of what the camera sees; on the preview's own socket."""

    THUMBNAIL = "thumbnail"
    """The same, smaller and less often."""

    OVERLAY = "overlay"
    """What was seen in a frame beside keypoints, to be drawn over its picture; same socket."""


class EpisodeState(StrEnum):
    """Where an episode is in its life: new → update → ... → update → end."""

    NEW = "new"
    UPDATE = "update"
    END = "end"


class _Header(Struct, frozen=True, kw_only=True):
    """What every message starts with.

    Attributes:
        schema: Version of the wire.
        session: Which session speaks; another id means that counting starts anew.
        seq: Number of this message within its topic, from 0, without gaps: a gap is a loss.
        sent_ns: When it was handed to ZeroMQ (ns on the session clock).
    """

    schema: Schema
    session: str
    seq: Count
    sent_ns: int


class ObservationMessage(_Header, frozen=True, kw_only=True):
    """What was seen in one frame. Fields are those of `FrameResult`, laid flat.

    Attributes:
        xy: [individual][keypoint][x, y] in sensor pixels; NaN where not found.
        confidence: [individual][keypoint], from 0 to 1.
        identities: [individual]: who it is; "" for one that is none of the animals followed.
        identity_confidence: [individual]: how sure that is, from 0 to 1.
        novelty: Above 1 the network does not know what it sees; NaN if it does not say.
        abstained: True if no position is given because the frame could not be judged.

    Raises:
        ValueError: If lists disagree on individuals or keypoints.
    """

    frame_index: Count
    captured_ns: int
    received_ns: int
    started_ns: int
    observed_ns: int
    decided_ns: int
    network_ns: Count
    xy: list[list[tuple[float, float]]]
    confidence: list[list[float]]
    features: dict[str, float]
    scores: dict[str, float]
    class_scores: dict[str, float] = {}
    measures: dict[str, float] = {}
    novelty: float = NAN
    abstained: bool = False
    identities: list[str] = []
    identity_confidence: list[float] = []

    def __post_init__(self) -> None:
        if [*map(len, self.xy)] != [*map(len, self.confidence)]:
            raise ValueError(
                f"xy has {[*map(len, self.xy)]} keypoints by individual, but confidence has "
                f"{[*map(len, self.confidence)]}: expected the same"
            )
        n = len(self.identities)
        if n not in (0, len(self.xy)) or n != len(self.identity_confidence):
            raise ValueError(
                f"{n} identities with {len(self.identity_confidence)} confidences of "
                f"{len(self.xy)} individuals: expected one of each per individual, or none"
            )


class EpisodeMessage(_Header, frozen=True, kw_only=True):
    """An episode at one moment of its life; all messages of one episode share `episode_id`.

    Attributes:
        state: `new` once, `update` about once a second while it goes on, `end` once.
        end_index: Camera's count of its last frame, inclusive; None before the end.
        end_ns: Capture time of that frame (ns); None before the end.
        ended_by_session: True if it was still going on when the session ended.
        frame_index: The frame that this message follows from, with its stage stamps: it
            made the episode certain (new), is the newest (update), or showed that the
            episode is over (end). All seven are None if no frame did but the session's end.
        model_sha256: Hash of the network file, "" where there is none.
        config_sha256: Hash of the resolved experiment.
    """

    state: EpisodeState
    episode_id: str
    behaviour: str
    subject: str
    onset_index: Count
    onset_ns: int
    confirmed_index: Count
    confirmed_ns: int
    end_index: Count | None = None
    end_ns: int | None = None
    ended_by_session: bool = False
    frame_index: Count | None = None
    captured_ns: int | None = None
    received_ns: int | None = None
    started_ns: int | None = None
    observed_ns: int | None = None
    decided_ns: int | None = None
    network_ns: Count | None = None
    model_sha256: str
    config_sha256: str


class StimulusMessage(_Header, frozen=True, kw_only=True):
    """What became of one stimulus command. Fields are those of `StimulusRow`, laid flat.

    Attributes:
        arm: real, sham or yoked; None while the session is blinded.
        train: The pulses; None for `stop`, and while the session is blinded.
        delivery: delivered, sham, refused, late, failed; `blinded` in place of the first two
            while the session is blinded, without any time of the device.
        model_sha256: Hash of the network file, "" where there is none.
        config_sha256: Hash of the resolved experiment.
    """

    stimulus_id: str
    controller: str
    output: str
    action: Action
    train: PulseTrain | None
    arm: Arm | None
    trigger: str
    values: dict[str, float]
    frame_index: Count | None
    captured_ns: int | None
    delivery: Delivery
    refusal: Refusal | None
    reason: str
    received_ns: int | None
    observed_ns: int | None
    decided_ns: int | None
    commanded_ns: int | None
    acknowledged_ns: int | None
    device_us: int | None
    uncertainty_ns: Count | None
    confirmed: bool
    deadline_ns: int | None
    dose_s: float
    model_sha256: str
    config_sha256: str


class StatusMessage(Status, frozen=True, kw_only=True):
    """A `Status` with the header and what the publisher adds.

    Attributes:
        anchor_utc_ns: UTC at the zero of the session clock (ns since 1970-01-01); add it
            to any `_ns` of the session to get UTC.
        episodes: Those that go on now.
        offered: Messages made so far, by topic, this one included. In the goodbye they
            are final: who has fewer lost the last ones.
        dropped: Messages that the publisher itself threw away because its queue was full.
        refused: Connections turned away for want of a listed key.
        goodbye: Why the session ended; None while it goes on. Nothing follows a goodbye.
    """

    schema: Schema
    session: str
    seq: Count
    sent_ns: int
    anchor_utc_ns: int
    model_sha256: str
    config_sha256: str
    episodes: tuple[OpenEpisode, ...] = ()
    offered: dict[str, Count] = field(default_factory=dict)
    dropped: Count = 0
    refused: Count = 0
    goodbye: str | None = None


class LogMessage(_Header, frozen=True, kw_only=True):
    """A line for a person.

    Attributes:
        level: info, warning, error, mark (made by a person) or change (of a setting).
        text: One sentence.
        facts: What it is about, by name.
    """

    level: str
    text: str
    facts: dict[str, str | int | float | bool | None] = {}


class PointsMessage(_Header, frozen=True, kw_only=True):
    """What several cameras saw at one moment.

    Attributes:
        set_number: Of the frames that belong together, from 0; as in sets.arrow.
        captured_ns: Mean time of these frames (ns).
        frames: Camera's count of its frame, by camera; those without one are missing.
        keypoints: Names.
        xyz_cm: x, y, z of each keypoint (cm), NaN where its place is not known.
        residual_px: How far the cameras saw each from where it would be, root mean square.
        n_views: From how many cameras each comes.
    """

    set_number: Count
    captured_ns: int
    frames: dict[str, Count]
    keypoints: list[str]
    xyz_cm: list[tuple[float, float, float]]
    residual_px: list[float]
    n_views: list[Count]


class FrameMessage(_Header, frozen=True, kw_only=True):
    """A picture for views; the payload is the JPEG.

    Attributes:
        frame_index: Camera's count of the frame that it shows.
        captured_ns: As `Frame.captured_ns` (ns).
        image_shape: Of the camera's image: (height, width) or (height, width, 3).
        picture_shape: Height and width of the picture; pixel (x, y) of it lies at sensor x
            `(x + 0.5) * image width / picture width - 0.5`, and so for y.
    """

    frame_index: Count
    captured_ns: int
    image_shape: tuple[Count, ...]
    picture_shape: tuple[Count, Count]


class Outline(Struct, frozen=True, kw_only=True):
    """The border of one piece of a mask.

    Attributes:
        name: Class of the mask, or "individual 0" for the first individual of the observation.
        points: Corners (x, y) in sensor pixels, in order; the last one joins the first.
    """

    name: str
    points: list[tuple[float, float]]


class OverlayMessage(_Header, frozen=True, kw_only=True):
    """What was seen in a frame beside keypoints.

    Attributes:
        frame_index: Camera's count of the frame in which it was seen.
        captured_ns: As `Frame.captured_ns` (ns).
        outlines: Borders of masks, the largest first; simplified, and bounded in number.
        crop: Part of the image that the network looked at: left, top, width, height (sensor px);
            None: all of it.
    """

    frame_index: Count
    captured_ns: int
    outlines: list[Outline] = []
    crop: tuple[float, float, float, float] | None = None


Message = (
    ObservationMessage
    | EpisodeMessage
    | StimulusMessage
    | StatusMessage
    | LogMessage
    | PointsMessage
    | FrameMessage
    | OverlayMessage
)


def topic_of(kind: Kind, camera: str) -> str:
    """Return the topic of one kind of message about one camera."""
    return f"{kind.value}/{camera}"


def observation_message(
    result: FrameResult, *, session: str, seq: int, sent_ns: int
) -> ObservationMessage:
    """Return what is said of one frame."""
    seen, stages = result.observation, result.stages
    return ObservationMessage(
        schema=SCHEMA,
        session=session,
        seq=seq,
        sent_ns=sent_ns,
        frame_index=seen.frame_index,
        captured_ns=seen.captured_ns,
        received_ns=stages.received_ns,
        started_ns=stages.started_ns,
        observed_ns=stages.observed_ns,
        decided_ns=stages.decided_ns,
        network_ns=stages.network_ns,
        xy=seen.xy.tolist(),
        confidence=seen.confidence.tolist(),
        features=dict(result.features),
        scores=dict(result.scores),
        class_scores=dict(seen.class_scores),
        measures=dict(seen.measures),
        novelty=seen.novelty,
        abstained=seen.abstained,
        identities=list(seen.identities),
        identity_confidence=list(seen.identity_confidence),
    )


def stimulus_message(
    row: StimulusRow, *, hashes: Mapping[str, str], session: str, seq: int, sent_ns: int
) -> StimulusMessage:
    """Return what is said of one stimulus command; of a blinded one, hand in what may be seen."""
    fields: dict[str, Any] = {**stimulus_fields(row), **hashes}
    return StimulusMessage(schema=SCHEMA, session=session, seq=seq, sent_ns=sent_ns, **fields)


def episode_fields(event: Onset | Episode, result: FrameResult | None) -> dict[str, Any]:
    """Return the fields of an `EpisodeMessage` that tell of the episode and its frame.

    Args:
        event: How it began, or the whole of it.
        result: Of the frame that the message follows from; None if it is the session's end.
    """
    onset = event.onset if isinstance(event, Episode) else event
    fields: dict[str, Any] = {name: getattr(onset, name) for name in Onset.__slots__}
    if isinstance(event, Episode):
        fields |= {
            "end_index": event.end_index,
            "end_ns": event.end_ns,
            "ended_by_session": event.ended_by_session,
        }
    if result is not None:
        fields |= {name: getattr(result.stages, name) for name in StageTimes.__slots__}
        fields["frame_index"] = result.observation.frame_index
        fields["captured_ns"] = result.observation.captured_ns
    return fields
