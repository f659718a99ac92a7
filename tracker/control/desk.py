"""Who may do what at the control socket, and what was answered; without any socket.

    request ──▶ readable? ──▶ role ──▶ answered before? ──▶ session, time ──▶ holder ──▶ handler

One controller at a time holds the arm: whoever armed. Nobody else may arm or stimulate until it is
disarmed; anybody with the role may disarm and stop. A holder with a lease loses it by silence.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from tracker.clock import Clock
from tracker.control.envelope import SCHEMA, Objection
from tracker.control.handler import Handler
from tracker.control.history import History
from tracker.control.hold import Hold
from tracker.control.requests import (
    WATCHING,
    Arm,
    CatchUp,
    Change,
    Describe,
    Description,
    Disarm,
    Done,
    Film,
    GetStatus,
    Mark,
    Missed,
    Ping,
    Pong,
    Refused,
    Reply,
    Request,
    StatusReport,
    Stimulate,
    Stop,
    decode_request,
    encode,
    id_of,
    stimulated,
)
from tracker.errors import BadMessage, TrackerError
from tracker.keys import Client, Role
from tracker.stimuli import StimulusRow

REMEMBERED = 4096
"""Answers kept for requests that are repeated."""

MAX_PENDING = 32
"""Requests that may wait for the session at the same time."""

AHEAD_NS = 60_000_000_000
"""How far ahead `not_after_ns` may be."""

PENDING_WAIT_S = 0.001
"""How often to look whether a request that waits is done."""

LONGEST_WAIT_S = 3600.0

Command = Arm | Disarm | Stimulate | Mark | Film | Change | Stop
"""Requests that change something: carried out once, and by controllers alone."""


Send = Callable[[bytes], None]
"""Sends a reply to whoever asked; may be called after he has gone."""


class ControlDesk:
    """Answers requests; used by one thread.

    Args:
        handler: Carries out what is let through.
        clock: The session's.
        session_id: Which session this is.
        history: What was sent lately.
        turned_away: Returns how many connections were turned away so far.
    """

    def __init__(
        self,
        handler: Handler,
        clock: Clock,
        session_id: str,
        history: History,
        turned_away: Callable[[], int],
    ) -> None:
        self._handler = handler
        self._clock = clock
        self._session_id = session_id
        self._history = history
        self._turned_away = turned_away
        self._known: OrderedDict[tuple[str, str], _Known] = OrderedDict()
        self._pending: list[_Pending] = []
        self._hold: Hold | None = None

    @property
    def wait_s(self) -> float:
        """How long the next `tend` may wait (s)."""
        if self._pending:
            return PENDING_WAIT_S
        left_s = self._lease_left_s()
        return LONGEST_WAIT_S if left_s is None else max(0.0, left_s)

    def receive(self, content: bytes, client: Client | None, send: Send) -> None:
        """Answer a request now or, if the session needs time for it, in a later `tend`.

        Args:
            content: As it came.
            client: Whose key it came with; None: there are no keys, and the request says who
                asks.
            send: Called once, with the reply.
        """
        try:
            request = decode_request(content)
        except BadMessage as error:
            send(encode(_refused(id_of(content), Objection.BAD_REQUEST, str(error))))
            return
        asker = client or Client(request.sender, Role.CONTROL)
        if self._hold is not None:
            self._hold.renew(asker.name, request.lease, self._clock.now_ns())
        if isinstance(request, WATCHING):
            send(encode(self._tell(request)))
        elif asker.role is not Role.CONTROL:
            reason = (
                f"the key {asker.name} may watch and not control: move its public key file into "
                f"clients/control/ of the key folder, then start the session again"
            )
            send(encode(_refused(request.id, Objection.ROLE, reason)))
        else:
            self._take(request, asker, content, send)

    def tend(self) -> None:
        """Answer what the session has finished; disarm if the holder is silent for too long.

        Call it before each `receive`: what waited for too long renews no lease.
        """
        waiting, self._pending = self._pending, []
        for pending in waiting:
            if pending.future.done():
                self._answer(pending.known, self._outcome(pending))
            else:
                self._pending.append(pending)
        left_s = self._lease_left_s()
        if left_s is None or left_s > 0:
            return
        hold, self._hold = self._holder(), None
        if hold is not None and hold.lease_s is not None:
            self._handler.disarm(
                f"{hold.name} armed with a lease of {hold.lease_s:g} s and was silent for "
                f"{hold.lease_s - left_s:.2f} s"
            )

    def _tell(self, request: GetStatus | CatchUp | Ping | Describe) -> Reply:
        now_ns, anchor_utc_ns = self._clock.now_ns(), self._clock.anchor_utc_ns
        session = self._session_id
        match request:
            case Ping():
                return Pong(
                    schema=SCHEMA,
                    id=request.id,
                    session=session,
                    now_ns=now_ns,
                    anchor_utc_ns=anchor_utc_ns,
                )
            case GetStatus():
                hold = self._holder()
                return StatusReport(
                    schema=SCHEMA,
                    id=request.id,
                    session=session,
                    now_ns=now_ns,
                    anchor_utc_ns=anchor_utc_ns,
                    status=self._handler.status(),
                    holder=None if hold is None else hold.name,
                    lease_left_s=self._lease_left_s(),
                    turned_away=self._turned_away(),
                )
            case Describe():
                facts = self._handler.describe()
                return Description(schema=SCHEMA, id=request.id, session=session, facts=facts)
            case CatchUp():
                return self._other_session(request) or self._page(request)

    def _page(self, request: CatchUp) -> Missed:
        page = self._history.page(
            request.topic,
            after_seq=request.after_seq,
            after_ns=request.after_ns,
            cursor=request.cursor,
        )
        return Missed(
            schema=SCHEMA,
            id=request.id,
            session=self._session_id,
            messages=page.messages,
            complete=page.complete,
            cursor=page.cursor,
        )

    def _take(self, request: Command, asker: Client, content: bytes, send: Send) -> None:
        """Carry out a request, unless it was carried out before."""
        digest = hashlib.sha256(content).digest()
        known = self._known.get((asker.name, request.id))
        if known is None:
            known = self._known[asker.name, request.id] = _Known(digest, send)
            self._forget()
            reply = self._objection(request, asker) or self._do(request, asker, known)
            if reply is not None:
                self._answer(known, reply)
        elif known.digest != digest:
            reason = f"the id {request.id!r} was used for another request before: choose a new one"
            send(encode(_refused(request.id, Objection.BAD_REQUEST, reason)))
        elif known.reply is None:
            known.send = send  # he has connected anew, and nobody listens at the old connection
        else:
            send(known.reply)

    def _objection(self, request: Command, asker: Client) -> Refused | None:
        """Return what speaks against a request of somebody who may control."""
        if isinstance(request, Disarm):
            return None
        other = self._other_session(request) or self._too_late(request)
        if other is not None or not isinstance(request, Arm | Stimulate | Change):
            return other
        if len(self._pending) >= MAX_PENDING:
            reason = f"{MAX_PENDING} requests wait for the session already"
            return _refused(request.id, Objection.BUSY, reason)
        hold = self._holder()
        if hold is None or (hold.name == asker.name and not (hold.arming and _is_arm(request))):
            return None
        state = "is arming" if hold.arming else "holds the arm"
        reason = f"{hold.name} {state}: disarm first, which anybody with the role may do"
        return _refused(request.id, Objection.HELD, reason)

    def _other_session(self, request: Request) -> Refused | None:
        if request.session in ("", self._session_id):
            return None
        reason = f"it is meant for {request.session}, and {self._session_id} is running"
        return _refused(request.id, Objection.OTHER_SESSION, reason)

    def _too_late(self, request: Request) -> Refused | None:
        if request.not_after_ns is None:
            return None
        ahead_ns = request.not_after_ns - self._clock.now_ns()
        if ahead_ns < 0:
            reason = f"it came {-ahead_ns / 1e9:.3f} s too late to be carried out"
            return _refused(request.id, Objection.LATE, reason)
        if ahead_ns > AHEAD_NS:
            reason = f"not_after_ns is {ahead_ns / 1e9:.1f} s ahead: expected 60 s at most"
            return _refused(request.id, Objection.BAD_REQUEST, reason)
        return None

    def _do(self, request: Command, asker: Client, known: "_Known") -> Reply | None:
        """Hand a request to the session; None: the reply follows in a later `tend`."""
        by = _by(request, asker)
        try:
            match request:
                case Arm():
                    armed = self._handler.arm(by)
                    self._hold = Hold(asker.name, request.id, request.lease_s)
                    self._pending.append(_Pending(request, known, armed, self._hold))
                    return None
                case Stimulate():
                    not_after_ns = request.not_after_ns or 0  # never None: checked when decoded
                    row = self._handler.stimulate(request.output, request.train, by, not_after_ns)
                    self._pending.append(_Pending(request, known, row, None))
                    return None
                case Change():
                    place = request.behaviour, request.place
                    changed = self._handler.change(*place, request.to, by)
                    self._pending.append(_Pending(request, known, changed, None))
                    return None
                case Disarm():
                    self._hold = None
                    self._handler.disarm(f"{asker.name}: {request.why or 'by hand'}")
                    text = "disarmed"
                case Mark():
                    self._handler.mark(request.text, by)
                    text = "marked"
                case Film():
                    text = self._handler.film(by, on=request.on)
                case Stop():
                    self._handler.stop(by)
                    text = "the session ends"
        except TrackerError as error:
            return _refused(request.id, Objection.FAILED, str(error))
        return _done(request.id, text)

    def _outcome(self, pending: "_Pending") -> Reply:
        """Return the reply to a request that the session has finished."""
        request_id, hold = pending.request.id, pending.hold
        try:
            result = pending.future.result()
        except TrackerError as error:
            if hold is self._hold:
                self._hold = None
            return _refused(request_id, Objection.FAILED, str(error))
        if isinstance(result, StimulusRow):
            return stimulated(request_id, result)
        if isinstance(result, str):
            return _done(request_id, result)
        if hold is None or hold is not self._hold:
            self._handler.disarm("it was disarmed while it was being armed")
            reason = "not armed: it was disarmed in the meantime"
            return _refused(request_id, Objection.FAILED, reason)
        hold.begin(self._clock.now_ns())
        return _done(request_id, "armed")

    def _answer(self, known: "_Known", reply: Reply) -> None:
        known.reply = encode(reply)
        known.send(known.reply)

    def _forget(self) -> None:
        """Keep the answers bounded; what is not answered yet is never forgotten."""
        if len(self._known) > REMEMBERED:
            oldest = next(key for key, known in self._known.items() if known.reply is not None)
            del self._known[oldest]

    def _lease_left_s(self) -> float | None:
        return None if self._hold is None else self._hold.left_s(self._clock.now_ns())

    def _holder(self) -> Hold | None:
        """Return who holds the arm; nobody does once a fault has disarmed."""
        hold = self._hold
        if hold is not None and not hold.arming and self._handler.status().armed_by is None:
            self._hold = None
        return self._hold


@dataclass(slots=True)
class _Known:
    """A request that came, and what was answered; None: nothing yet."""

    digest: bytes
    send: Send
    reply: bytes | None = None


@dataclass(frozen=True, slots=True)
class _Pending:
    """A request that the session is busy with; `hold` is that of an arm."""

    request: Arm | Stimulate | Change
    known: _Known
    future: "Future[None] | Future[StimulusRow] | Future[str]"
    hold: Hold | None


def _is_arm(request: Request) -> bool:
    return isinstance(request, Arm)


def _by(request: Command, asker: Client) -> str:
    """Return the person, and the key or connection if that is called something else."""
    person = getattr(request, "by", "") or request.sender
    return person if person == asker.name else f"{person} ({asker.name})"


def _done(request_id: str, text: str) -> Done:
    return Done(schema=SCHEMA, id=request_id, text=text)


def _refused(request_id: str, objection: Objection, reason: str) -> Refused:
    return Refused(schema=SCHEMA, id=request_id, objection=objection, reason=reason)
