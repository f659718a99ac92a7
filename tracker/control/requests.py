"""What may be asked of a session, and what it answers: typed and checked at both ends.

A request is one msgpack map over a ZeroMQ DEALER or REQ socket, and so is its reply.
docs/control.md is the specification for other languages.

What would be dangerous in the wrong session or too late (arm, stimulate) has to name its session
and the moment from which it must not be carried out any more; a `ping` tells both.
"""

import math
from collections.abc import Callable
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from tracker.control.description import Facts, Place
from tracker.control.envelope import (
    SCHEMA,
    AimedBase,
    By,
    LeaseS,
    Name,
    Objection,
    ReplyBase,
    RequestBase,
    RequestId,
    Sentence,
    Short,
)
from tracker.errors import BadMessage
from tracker.session_status import Count, Status
from tracker.stimuli import Delivery, PulseTrain, Refusal, StimulusRow


class Arm(AimedBase, frozen=True, kw_only=True):
    """Let stimuli through from now on.

    Attributes:
        by: The person; "" if that is `sender`.
        lease_s: Disarm if no request with this lease has come for so long; None: never.
    """

    by: By = ""
    lease_s: LeaseS | None = None


class Disarm(RequestBase, frozen=True, kw_only=True):
    """Let nothing through, and bring every output low. Never refused for another's arm.

    Attributes:
        why: In words; goes into the session's log.
    """

    why: Sentence = ""


class Stimulate(AimedBase, frozen=True, kw_only=True):
    """Begin a pulse train by hand, if the interlocks let it through.

    Attributes:
        output: Name of an output of the experiment.
        train: The pulses.
        by: As in `Arm`.
    """

    output: Name
    train: PulseTrain
    by: By = ""


class Mark(RequestBase, frozen=True, kw_only=True):
    """Write a line into the session's log.

    Attributes:
        text: What has happened, in words.
        by: As in `Arm`.
    """

    text: Annotated[str, Meta(min_length=1, max_length=1000)]
    by: By = ""


class Film(RequestBase, frozen=True, kw_only=True):
    """Start or stop the video of a session in which people do that.

    Attributes:
        on: Whether frames go into the video from the next one on.
        by: As in `Arm`.
    """

    on: bool
    by: By = ""


class Change(AimedBase, frozen=True, kw_only=True):
    """Move a threshold, between two frames.

    Attributes:
        behaviour: Which one.
        place: Which of its terms, from 0, as a `describe` lists them.
        to: The new threshold, in the feature's unit.
        by: As in `Arm`.

    Raises:
        ValueError: If `to` is no finite number.
    """

    behaviour: Name
    place: Place = 0
    to: float
    by: By = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not math.isfinite(self.to):
            raise ValueError(f"to is {self.to}: expected a finite number")


class GetStatus(RequestBase, frozen=True, kw_only=True, tag="status"):
    """Ask how the session is doing."""


class Stop(RequestBase, frozen=True, kw_only=True):
    """End the session in order. Never refused for another's arm.

    Attributes:
        by: As in `Arm`.
    """

    by: By = ""


class CatchUp(RequestBase, frozen=True, kw_only=True, tag="catch_up"):
    """Ask for messages that were sent already, oldest first.

    Attributes:
        topic: Beginning of the topics wanted; "" for all.
        after_seq: Only those with a larger number; None: from the first one.
        after_ns: Only those sent later (ns on the session clock).
        cursor: `Missed.cursor` of the page before; None: the first page.
    """

    topic: Short = ""
    after_seq: int | None = None
    after_ns: int | None = None
    cursor: Count | None = None


class Ping(RequestBase, frozen=True, kw_only=True):
    """Ask which session runs and what its clock says."""


class Describe(RequestBase, frozen=True, kw_only=True):
    """Ask what the session is: subject, skeleton, zones, rules, addresses."""


Request = (
    Arm | Disarm | Stimulate | Mark | Film | Change | GetStatus | Stop | CatchUp | Ping | Describe
)

WATCHING = (GetStatus, CatchUp, Ping, Describe)
"""Requests that change nothing: open to every key, and carried out again when repeated."""


class Done(ReplyBase, frozen=True, kw_only=True):
    """It was done.

    Attributes:
        text: What, in words.
    """

    text: str


class Refused(ReplyBase, frozen=True, kw_only=True):
    """It was not done.

    Attributes:
        objection: Why not.
        reason: The same in words.
    """

    objection: Objection
    reason: str


class Stimulated(ReplyBase, frozen=True, kw_only=True):
    """What became of a stimulus that was asked for. Fields are those of `StimulusRow`.

    Attributes:
        delivery: Only `delivered` means that the output did something.
    """

    stimulus_id: str
    delivery: Delivery
    refusal: Refusal | None
    reason: str
    commanded_ns: int | None
    acknowledged_ns: int | None
    uncertainty_ns: int | None
    confirmed: bool


class StatusReport(ReplyBase, frozen=True, kw_only=True, tag="status"):
    """How the session is doing, and who holds its arm.

    Attributes:
        session: Which one runs.
        now_ns: When this was said (ns on the session clock).
        anchor_utc_ns: UTC at the zero of the session clock.
        status: As it is published.
        holder: The controller that holds the arm; None: nobody.
        lease_left_s: Until the holder's silence disarms; None: no lease.
        turned_away: Connections turned away at the control socket for want of a listed key.
    """

    session: str
    now_ns: int
    anchor_utc_ns: int
    status: Status
    holder: str | None = None
    lease_left_s: float | None = None
    turned_away: Count = 0


class Missed(ReplyBase, frozen=True, kw_only=True):
    """One page of messages that were sent already.

    Attributes:
        messages: Short and header of each, in the order in which they were sent.
        complete: False if something that was asked for is no longer kept, or was never sent
            because a queue was full.
        cursor: Hand it in for the next page; None: this was the last one.
    """

    session: str
    messages: list[tuple[str, bytes]]
    complete: bool
    cursor: Count | None = None


class Pong(ReplyBase, frozen=True, kw_only=True):
    """Which session runs, and what its clock says.

    Attributes:
        session: Which one runs.
        now_ns: When this was said (ns on the session clock).
        anchor_utc_ns: UTC at the zero of the session clock.
    """

    session: str
    now_ns: int
    anchor_utc_ns: int


class Description(ReplyBase, frozen=True, kw_only=True):
    """What the session is.

    Attributes:
        session: Which one runs.
        facts: About it.
    """

    session: str
    facts: Facts


Reply = Done | Refused | Stimulated | StatusReport | Missed | Pong | Description


def stimulated(request_id: str, row: StimulusRow) -> Stimulated:
    """Return what is said of a stimulus that was asked for."""
    return Stimulated(
        schema=SCHEMA,
        id=request_id,
        stimulus_id=row.command.stimulus_id,
        delivery=row.delivery,
        refusal=row.refusal,
        reason=row.reason,
        commanded_ns=row.commanded_ns,
        acknowledged_ns=row.acknowledged_ns,
        uncertainty_ns=row.uncertainty_ns,
        confirmed=row.confirmed,
    )


def encode(message: Request | Reply) -> bytes:
    """Return a request or a reply as msgpack."""
    return _ENCODE(message)


def decode_request(content: bytes) -> Request:
    """Return a request.

    Raises:
        BadMessage: If it is not what docs/control.md says; the text names what was found and
            what was expected.
    """
    try:
        return _DECODE_REQUEST(content)
    except _UNREADABLE as error:
        raise BadMessage(f"the request {_what_is_wrong(content, error)}") from error


def decode_reply(content: bytes) -> Reply:
    """Return a reply.

    Raises:
        BadMessage: As `decode_request`.
    """
    try:
        return _DECODE_REPLY(content)
    except _UNREADABLE as error:
        raise BadMessage(f"the reply {_what_is_wrong(content, error)}") from error


def id_of(content: bytes) -> str:
    """Return the id of a request that may be wrong otherwise; "" if it has none."""
    try:
        return _DECODE_ID(content).id
    except _UNREADABLE:
        return ""


class _SchemaOnly(Struct):
    schema: int


class _IdOnly(Struct):
    id: RequestId


_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE_REQUEST: Callable[[bytes], Request] = msgspec.msgpack.Decoder(Request).decode
_DECODE_REPLY: Callable[[bytes], Reply] = msgspec.msgpack.Decoder(Reply).decode
_DECODE_ID = msgspec.msgpack.Decoder(_IdOnly).decode

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are no message: also text that is not UTF-8, and
lists in lists without end."""


def _what_is_wrong(content: bytes, error: Exception) -> str:
    try:
        found = msgspec.msgpack.decode(content, type=_SchemaOnly).schema
    except _UNREADABLE:
        found = SCHEMA
    if found != SCHEMA:
        return (
            f"is of schema {found}, this program reads schema {SCHEMA}: "
            f"use the same version of tracker at both ends"
        )
    return f"is not what docs/control.md says: {error}"
