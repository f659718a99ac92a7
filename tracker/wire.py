"""Messages as bytes and back: a msgpack header behind a topic, checked at both ends."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from msgspec import Struct

from tracker.errors import BadMessage
from tracker.messages import (
    SCHEMA,
    EpisodeMessage,
    FrameMessage,
    Kind,
    LogMessage,
    Message,
    ObservationMessage,
    OverlayMessage,
    PointsMessage,
    StatusMessage,
    StimulusMessage,
)


def _plain_number(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r} is no number, text, list or map: it cannot go over the wire")


_TYPES: Mapping[str, type[Message]] = {
    Kind.OBSERVATION.value: ObservationMessage,
    Kind.EPISODE.value: EpisodeMessage,
    Kind.STIMULUS.value: StimulusMessage,
    Kind.STATUS.value: StatusMessage,
    Kind.LOG.value: LogMessage,
    Kind.POINTS.value: PointsMessage,
    Kind.FRAME.value: FrameMessage,
    Kind.THUMBNAIL.value: FrameMessage,
    Kind.OVERLAY.value: OverlayMessage,
}
_ENCODE = msgspec.msgpack.Encoder(enc_hook=_plain_number).encode
_DECODE = {kind: msgspec.msgpack.Decoder(made).decode for kind, made in _TYPES.items()}


_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are no message: also text that is not UTF-8, and
lists in lists without end."""


class _SchemaOnly(Struct):
    schema: int


def encode(message: Message) -> bytes:
    """Return the header of a message as msgpack. Takes numpy numbers among the values."""
    return _ENCODE(message)


def decode(parts: Sequence[bytes]) -> tuple[str, Message, bytes | None]:
    """Return topic, message and payload of what arrived.

    Raises:
        BadMessage: If it is not what docs/wire.md says; the text names the topic, what was
            found and what was expected.
    """
    if len(parts) not in (2, 3):
        raise BadMessage(f"got {len(parts)} parts, expected 2 or 3: topic, header, payload")
    try:
        topic = bytes(parts[0]).decode()
    except UnicodeDecodeError as error:
        raise BadMessage(f"topic {bytes(parts[0])!r} is not UTF-8") from error
    kind, slash, camera = topic.partition("/")
    if kind not in _DECODE or not slash or not camera:
        raise BadMessage(
            f"topic {topic!r} is not known, expected kind/camera with one of {', '.join(_DECODE)}"
        )
    try:
        message = _DECODE[kind](parts[1])
    except _UNREADABLE as error:
        raise BadMessage(f"{topic}: {_what_is_wrong(parts[1], error)}") from error
    return topic, message, bytes(parts[2]) if len(parts) == 3 else None


def _what_is_wrong(header: bytes, error: Exception) -> str:
    try:
        found = msgspec.msgpack.decode(header, type=_SchemaOnly).schema
    except _UNREADABLE:
        found = SCHEMA
    if found != SCHEMA:
        return (
            f"the header is of schema {found}, this program reads schema {SCHEMA}: "
            f"use the same version of tracker at both ends"
        )
    return f"the header is not what docs/wire.md says: {error}"
