"""Columns and lines of the session folder: how the pipeline's objects are written down.

The layout is specified in docs/session_folder.md; writer and reader share this module.
"""

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any, Literal

import msgspec
import numpy as np
import pyarrow as pa

from tracker.errors import RecordingError
from tracker.session_folder.files import SCHEMA_VERSION
from tracker.types import Episode, FrameResult, LedgerRow, Onset, Skeleton

FEATURE = "feature/"
"""Column of a feature: this and its name."""

SCORE = "score/"
"""Column of a behaviour's score: this and its name."""

_BY_NAME = pa.map_(pa.string(), pa.float64())

LEDGER_SCHEMA = pa.schema(
    [
        pa.field("index", pa.int64(), nullable=False),
        ("captured_ns", pa.int64()),
        ("received_ns", pa.int64()),
        ("started_ns", pa.int64()),
        ("observed_ns", pa.int64()),
        ("decided_ns", pa.int64()),
        ("published_ns", pa.int64()),
        ("network_ns", pa.int64()),
        pa.field("fate", pa.string(), nullable=False),
        pa.field("recording", pa.string(), nullable=False),
        ("segment", pa.int32()),
        ("crop_x_px", pa.int32()),
        ("crop_y_px", pa.int32()),
        ("device_tick", pa.uint64()),
    ]
)
"""Columns of frames.arrow."""


def ledger_row(row: LedgerRow) -> tuple[Any, ...]:
    """Return the values of `LEDGER_SCHEMA`."""
    video = row.video
    return (
        row.index,
        row.captured_ns,
        row.received_ns,
        row.started_ns,
        row.observed_ns,
        row.decided_ns,
        row.published_ns,
        row.network_ns,
        str(row.fate),
        str(row.recording),
        video.segment if video else None,
        video.x_px if video else None,
        video.y_px if video else None,
        row.device_tick,
    )


class ObservationRows:
    """Columns of observations.arrow, and the row of one frame.

    Args:
        skeleton: Keypoints of every observation.
        features: Names of all features, in the order of their columns.
        behaviours: Names of all behaviours, in the order of their columns.
    """

    def __init__(
        self, skeleton: Skeleton, features: Sequence[str], behaviours: Sequence[str]
    ) -> None:
        self._keypoints = skeleton.keypoints
        self.features = tuple(features)
        self.behaviours = tuple(behaviours)
        self.schema = pa.schema(
            [
                pa.field("index", pa.int64(), nullable=False),
                pa.field("captured_ns", pa.int64(), nullable=False),
                pa.field("network_ns", pa.int64(), nullable=False),
                pa.field("individuals", pa.int32(), nullable=False),
                pa.field("xy", pa.list_(pa.float32()), nullable=False),
                pa.field("confidence", pa.list_(pa.float32()), nullable=False),
                pa.field("identity", pa.list_(pa.string()), nullable=False),
                pa.field("identity_confidence", pa.list_(pa.float64()), nullable=False),
                pa.field("appearance", pa.list_(pa.float32()), nullable=False),
                pa.field("class_scores", _BY_NAME, nullable=False),
                pa.field("measures", _BY_NAME, nullable=False),
                pa.field("novelty", pa.float64(), nullable=False),
                pa.field("abstained", pa.bool_(), nullable=False),
                *(pa.field(FEATURE + name, pa.float64(), nullable=False) for name in features),
                *(pa.field(SCORE + name, pa.float64(), nullable=False) for name in behaviours),
            ]
        )

    def row(self, result: FrameResult) -> tuple[Any, ...]:
        """Return the values of `schema`.

        Raises:
            RecordingError: If keypoints, features or behaviours are not those announced.
        """
        seen = result.observation
        individuals, keypoints = seen.confidence.shape
        if keypoints != len(self._keypoints):
            raise RecordingError(
                f"frame {seen.frame_index} has {keypoints} keypoints, but the recording was "
                f"begun with {len(self._keypoints)}: {', '.join(self._keypoints)}"
            )
        return (
            seen.frame_index,
            seen.captured_ns,
            seen.network_ns,
            individuals,
            seen.xy.ravel(),
            seen.confidence.ravel(),
            seen.identities,
            seen.identity_confidence,
            () if seen.appearance is None else seen.appearance.ravel(),
            list(seen.class_scores.items()),
            list(seen.measures.items()),
            seen.novelty,
            seen.abstained,
            *_values("features", result.features, self.features),
            *_values("scores", result.scores, self.behaviours),
        )


class EpisodeLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One line of episodes.jsonl: an episode became certain ("new"), or it ended ("end").

    Fields as in `Onset` and `Episode`; those of the end are null while `state` is "new".
    """

    schema: int
    session_id: str
    state: Literal["new", "end"]
    episode_id: str
    behaviour: str
    subject: str
    onset_index: int
    onset_ns: int
    confirmed_index: int
    confirmed_ns: int
    end_index: int | None = None
    end_ns: int | None = None
    ended_by_session: bool | None = None
    model_sha256: str | None = None
    config_sha256: str | None = None

    @classmethod
    def of(cls, event: Onset | Episode, session_id: str, **hashes: str | None) -> "EpisodeLine":
        """Return the line for what the pipeline said.

        Args:
            event: What it said.
            session_id: As on the wire.
            hashes: `model_sha256` and `config_sha256`.
        """
        onset, end = (event.onset, event) if isinstance(event, Episode) else (event, None)
        return cls(
            schema=SCHEMA_VERSION,
            session_id=session_id,
            state="end" if end else "new",
            episode_id=onset.episode_id,
            behaviour=onset.behaviour,
            subject=onset.subject,
            onset_index=onset.onset_index,
            onset_ns=onset.onset_ns,
            confirmed_index=onset.confirmed_index,
            confirmed_ns=onset.confirmed_ns,
            end_index=end.end_index if end else None,
            end_ns=end.end_ns if end else None,
            ended_by_session=end.ended_by_session if end else None,
            **hashes,
        )

    def event(self) -> Onset | Episode:
        """Return what the pipeline said, as it said it.

        Raises:
            RecordingError: If the state is "end" and there is no end.
        """
        onset = Onset(
            self.episode_id,
            self.behaviour,
            self.subject,
            self.onset_index,
            self.onset_ns,
            self.confirmed_index,
            self.confirmed_ns,
        )
        if self.state == "new":
            return onset
        if self.end_index is None or self.end_ns is None:
            raise RecordingError(f"episode {self.episode_id} has ended, but its end is not stated")
        return Episode(onset, self.end_index, self.end_ns, bool(self.ended_by_session))


class LogLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One line of log.jsonl; `facts` are JSON values by name."""

    schema: int
    session_id: str = ""
    logged_ns: int
    level: str
    message: str
    facts: dict[str, Any]


def to_json(value: object) -> bytes:
    """Return the value as JSON on one line; NaN becomes null.

    Raises:
        RecordingError: If it holds anything but JSON values, dataclasses, paths and numpy
            numbers.
    """
    try:
        return msgspec.json.encode(value, enc_hook=_plain)
    except TypeError as failure:
        raise RecordingError(f"this cannot be recorded as JSON: {failure}") from failure


def pretty_json(value: object) -> bytes:
    """Return the value as JSON for people to read, lines indented; raises as `to_json`."""
    return msgspec.json.format(to_json(value), indent=2) + b"\n"


def _plain(value: object) -> object:
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r} is a {type(value).__name__}")


def _values(what: str, found: Mapping[str, float], names: tuple[str, ...]) -> list[float]:
    if len(found) != len(names) or not all(name in found for name in names):
        raise RecordingError(
            f"{what} are {sorted(found)}, but the recording was begun with {sorted(names)}"
        )
    return [found[name] for name in names]
