"""What every request and every reply of the control socket starts with."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

SCHEMA = 1
"""Version of requests and replies; either end refuses any other."""

Schema = Annotated[int, Meta(ge=SCHEMA, le=SCHEMA)]
RequestId = Annotated[str, Meta(min_length=1, max_length=64)]
Name = Annotated[str, Meta(pattern=r"\A[^\x00-\x1f\x7f]{1,64}\Z")]
By = Annotated[str, Meta(pattern=r"\A[^\x00-\x1f\x7f]{0,64}\Z")]
Sentence = Annotated[str, Meta(max_length=1000)]
Short = Annotated[str, Meta(max_length=200)]
LeaseS = Annotated[float, Meta(ge=0.2, le=3600)]


class Objection(StrEnum):
    """Why a request was refused."""

    BAD_REQUEST = "bad_request"
    """It is not what docs/control.md says."""

    ROLE = "role"
    """The key may watch, and not control."""

    HELD = "held"
    """Another controller holds the arm."""

    OTHER_SESSION = "other_session"
    """It was meant for another session than the one that runs."""

    LATE = "late"
    """It came after the moment that it named."""

    BUSY = "busy"
    """Too many requests wait already."""

    FAILED = "failed"
    """The session could not do it."""


class RequestBase(Struct, frozen=True, kw_only=True, tag_field="kind", tag=str.lower):
    """What every request starts with.

    Attributes:
        schema: Version of the requests.
        id: Chosen by whoever asks, another one for each request; repeated with it, a request
            is not carried out again.
        sender: Who asks; decides who holds the arm where there are no keys.
        session: The session that is meant; "" for whichever runs.
        not_after_ns: It must not be carried out after this (ns on the session clock); None:
            at any time.
        lease: `id` of the `arm` whose lease it renews; "" for none.
    """

    schema: Schema
    id: RequestId
    sender: Name
    session: Short = ""
    not_after_ns: int | None = None
    lease: Short = ""


class AimedBase(RequestBase, frozen=True, kw_only=True):
    """A request that has to say which session it means, and until when.

    Raises:
        ValueError: If it does not.
    """

    def __post_init__(self) -> None:
        if not self.session or self.not_after_ns is None:
            raise ValueError("expected session and not_after_ns: ask for both with a ping")


class ReplyBase(Struct, frozen=True, kw_only=True, tag_field="kind", tag=str.lower):
    """What every reply starts with.

    Attributes:
        schema: Version of the replies.
        id: That of the request; "" if it could not be read.
    """

    schema: Schema
    id: str
