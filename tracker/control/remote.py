"""Steers a session from another program, on this computer or another one."""

import getpass
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import uuid4

import zmq

from tracker.control.description import Facts
from tracker.control.envelope import SCHEMA, Objection
from tracker.control.requests import (
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
    Stimulated,
    Stop,
    decode_reply,
    decode_request,
    encode,
)
from tracker.errors import BadMessage, WireError
from tracker.keys import ClientKeys
from tracker.messages import Message
from tracker.sockets import ConnectedSocket
from tracker.stimuli import PulseTrain
from tracker.wire import decode

ADDRESS = "tcp://127.0.0.1:5557"
"""Where a session takes requests if nothing else is set."""

ARM_TIMEOUT_S = 15.0
"""Patience for arming: actuators may be opened anew, with their self-tests."""

FRESH_S = 10.0
"""How long an answer about the session and its clock is used."""

R = TypeVar("R", bound=Reply)


class RequestRefused(WireError):
    """A session did not do what it was asked for.

    Args:
        objection: Why not.
        reason: The same in words.
    """

    def __init__(self, objection: Objection, reason: str) -> None:
        super().__init__(reason)
        self.objection = objection


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """How a clock of ours stands to the session's: session time = our time + `offset_ns`.

    Attributes:
        offset_ns: Session clock minus our clock (ns).
        uncertainty_ns: How far that may be off, either way: half of the round trip (ns).
    """

    offset_ns: int
    uncertainty_ns: int


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """What a late joiner has missed.

    Attributes:
        messages: Topic and message of each, in the order in which they were sent.
        complete: False if something that was asked for is not kept any more, or was never sent.
    """

    messages: list[tuple[str, Message]]
    complete: bool


class Remote:
    """Asks a session for something, and waits for its answer; used by one thread.

    A context manager. Connecting needs nobody at the other end. A request that is not answered
    is repeated under the same id, so that it is carried out once; arm and stimulate
    are carried out while we wait for the answer, or never. Every method raises:

        WireError: Nobody answered, or we were turned away.
        RequestRefused: The session did not do it; `objection` says why.
        BadMessage: A request or an answer is not what docs/control.md says.

    Args:
        address: What `ControlServer.address` says.
        keys: If the session uses keys.
        name: Who asks; decides who holds the arm where there are no keys. None: the
            user's name on this computer.
        timeout_s: How long to wait for an answer.
        resend_s: After so long the request is sent again, over a new connection.
    """

    def __init__(
        self,
        address: str = ADDRESS,
        *,
        keys: ClientKeys | None = None,
        name: str | None = None,
        timeout_s: float = 3.0,
        resend_s: float = 1.0,
    ) -> None:
        self._address = address
        self._keys = keys
        self._name = name or _user()
        self._timeout_s = timeout_s
        self._resend_s = resend_s
        self._prefix = uuid4().hex
        self._n_asked = 0
        self._lease = ""
        self._hello: tuple[Pong, int] | None = None  # and when we heard it
        self._connection = ConnectedSocket(zmq.DEALER, address, keys)

    def arm(
        self, *, by: str = "", lease_s: float | None = None, timeout_s: float = ARM_TIMEOUT_S
    ) -> None:
        """Let stimuli through from now on, and hold the arm until somebody disarms.

        Args:
            by: The person; "" if `name` is one.
            lease_s: Ask for something at least so often (`ping` does), or the session disarms;
                None: never.
            timeout_s: How long to wait; actuators may have to be opened anew.
        """
        request = Arm(**self._aimed(timeout_s), by=by, lease_s=lease_s)
        self._ask(request, Done, timeout_s)
        self._lease = request.id if lease_s is not None else ""

    def disarm(self, why: str = "") -> None:
        """Let nothing through from now on, and bring every output low; whoever armed."""
        self._ask(Disarm(**self._envelope(), why=why), Done)
        self._lease = ""

    def stimulate(self, output: str, train: PulseTrain, *, by: str = "") -> Stimulated:
        """Ask for a pulse train; return what the interlocks and the actuator made of it."""
        request = Stimulate(**self._aimed(self._timeout_s), output=output, train=train, by=by)
        return self._ask(request, Stimulated)

    def mark(self, text: str, *, by: str = "") -> None:
        """Write a line into the session's log."""
        self._ask(Mark(**self._aimed(self._timeout_s), text=text, by=by), Done)

    def film(self, *, on: bool, by: str = "") -> str:
        """Start or stop the video, where people do that; return in words what happens."""
        return self._ask(Film(**self._aimed(self._timeout_s), on=on, by=by), Done).text

    def stop(self, *, by: str = "") -> None:
        """End the session in order."""
        self._ask(Stop(**self._aimed(self._timeout_s), by=by), Done)

    def change(self, behaviour: str, to: float, *, place: int = 0, by: str = "") -> str:
        """Move a threshold; return in words what was done, and from which frame on.

        Args:
            behaviour: Which one.
            to: The new threshold, in the feature's unit.
            place: Which of the rule's terms, from 0, as `describe` lists them.
            by: The person; "" if `name` is one.
        """
        aimed = self._aimed(self._timeout_s)
        return self._ask(Change(**aimed, behaviour=behaviour, place=place, to=to, by=by), Done).text

    def describe(self) -> tuple[str, Facts]:
        """Return which session runs, and what it is."""
        got = self._ask(Describe(**self._envelope()), Description)
        return got.session, got.facts

    def status(self) -> StatusReport:
        """Return how the session is doing."""
        return self._ask(GetStatus(**self._envelope()), StatusReport)

    def ping(self) -> Pong:
        """Return which session runs and what its clock says; renews a lease."""
        return self._greet()[0]

    def clock_offset(
        self, *, pings: int = 10, now_ns: Callable[[], int] = time.perf_counter_ns
    ) -> ClockOffset:
        """Return how a clock of ours stands to the session's, from the quickest of some pings.

        Args:
            pings: How many, 1 or more.
            now_ns: Reads our clock (ns).
        """
        found = []
        for _ in range(pings):
            asked_ns = now_ns()
            session_ns = self.ping().now_ns
            heard_ns = now_ns()
            offset_ns = session_ns - (asked_ns + heard_ns) // 2
            found.append((-(-(heard_ns - asked_ns) // 2), offset_ns))
        uncertainty_ns, offset_ns = min(found)
        return ClockOffset(offset_ns, uncertainty_ns)

    def catch_up(
        self, topic: str = "", *, after_seq: int | None = None, after_ns: int | None = None
    ) -> CaughtUp:
        """Return what was sent before we listened. Begin to listen first, then ask.

        Args:
            topic: Beginning of the topics wanted; "" for all.
            after_seq: Only larger numbers; None: from the first one.
            after_ns: Only what was sent later (ns on the session clock).
        """
        messages: list[tuple[str, Message]] = []
        complete, cursor, session = True, None, ""
        while True:
            request = CatchUp(
                **self._envelope(),
                session=session,
                topic=topic,
                after_seq=after_seq,
                after_ns=after_ns,
                cursor=cursor,
            )
            page = self._ask(request, Missed)
            session, cursor = page.session, page.cursor
            complete &= page.complete
            for name, header in page.messages:
                messages.append(decode([name.encode(), header])[:2])
            if cursor is None:
                return CaughtUp(messages, complete)

    def close(self) -> None:
        """Close the connection; what it armed stays armed, unless it has a lease. May be twice."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _envelope(self) -> dict[str, Any]:
        """Return what every request starts with."""
        self._n_asked += 1
        request_id = f"{self._prefix}/{self._n_asked}"
        return {"schema": SCHEMA, "id": request_id, "sender": self._name, "lease": self._lease}

    def _aimed(self, timeout_s: float) -> dict[str, Any]:
        """Return the same for a request that is for this session, and for now or never."""
        hello = self._hello
        if hello is None or time.perf_counter_ns() - hello[1] > FRESH_S * 1e9:
            hello = self._greet()
        pong, heard_ns = hello
        now_ns = pong.now_ns + time.perf_counter_ns() - heard_ns  # or later, by the way back
        not_after_ns = now_ns + round(timeout_s * 1e9)
        return {**self._envelope(), "session": pong.session, "not_after_ns": not_after_ns}

    def _greet(self) -> tuple[Pong, int]:
        """Ask which session runs and what its clock says; return it, and when we heard it."""
        pong = self._ask(Ping(**self._envelope()), Pong)
        self._hello = (pong, time.perf_counter_ns())
        return self._hello

    def _ask(self, request: Request, expected: type[R], timeout_s: float | None = None) -> R:
        """Send a request until it is answered."""
        content = encode(request)
        decode_request(content)  # what would be refused there is an error here
        patience_s = self._timeout_s if timeout_s is None else timeout_s
        end_s = time.monotonic() + patience_s
        while (left_s := end_s - time.monotonic()) > 0:
            self._connection.socket.send(content, zmq.NOBLOCK)
            try:
                reply = self._reply_to(request.id, min(self._resend_s, left_s))
            except WireError:
                self._reconnect()
                raise
            if reply is not None:
                return self._read(reply, expected)
            self._reconnect()
        self._hello = None
        raise WireError(
            f"nobody answers at {self._address} within {patience_s:g} s: is a session running "
            f"there, with this address for its control socket?{_still_possible(request)}"
        )

    def _reply_to(self, request_id: str, timeout_s: float) -> Reply | None:
        end_s = time.monotonic() + timeout_s
        while True:
            parts = self._connection.receive(max(0.0, end_s - time.monotonic()))
            if parts is None:
                return None
            reply = decode_reply(parts[-1])
            if reply.id in (request_id, ""):  # another one is late, and nobody waits for it
                return reply

    def _read(self, reply: Reply, expected: type[R]) -> R:
        if isinstance(reply, Refused):
            if reply.objection is Objection.OTHER_SESSION:
                self._hello = None
            raise RequestRefused(reply.objection, reply.reason)
        if not isinstance(reply, expected):
            raise BadMessage(
                f"{self._address} answered with {type(reply).__name__}, "
                f"expected {expected.__name__}"
            )
        return reply

    def _reconnect(self) -> None:
        """Begin anew: what still waits to be sent is dropped."""
        self._connection.close()
        self._connection = ConnectedSocket(zmq.DEALER, self._address, self._keys)


def _still_possible(request: Request) -> str:
    if isinstance(request, Arm | Stimulate | Change):
        return " It may have been carried out, and will not be from now on"
    return ""


def _user() -> str:
    try:
        name = getpass.getuser()
    except (KeyError, ImportError, OSError):  # no such user, or no names of users here
        name = ""
    return "".join(letter for letter in name if letter.isprintable())[:64] or "somebody"
