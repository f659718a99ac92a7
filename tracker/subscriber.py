"""Messages of a session, as they come, with every loss counted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import zmq
from zmq.utils.monitor import recv_monitor_message

from tracker.errors import BadMessage, WireError
from tracker.keys import ClientKeys
from tracker.messages import Kind, Message, StatusMessage, is_address
from tracker.wire import decode

ALL_KINDS = tuple(f"{kind.value}/" for kind in Kind)
"""Topics of every kind of message, about every camera."""

HANG_UPS = 3
"""Handshakes in a row that the other side broke off before it counts as a refusal."""

_NOT_LISTED = (
    "our key is not on its list: put our public *.key file into clients/ of its key folder, "
    "then start it again"
)
_WANTS_KEYS = "it uses keys, or is no tracker publisher: give the keys that `tracker keys` made"
_OTHER_KEYS = "it uses no keys, or server.key belongs to another publisher"


@dataclass(frozen=True, slots=True)
class Received:
    """One message, and what went missing before it.

    Attributes:
        topic: `kind/camera`.
        message: The checked header.
        payload: Raw bytes, for kinds that carry an image.
        lost: Messages of this topic and session that never came, just before this one.
        joined_late: Messages of this topic and session that went out before we first heard
            of it; not 0 only in the first one we get, and not counted as lost.
    """

    topic: str
    message: Message
    payload: bytes | None
    lost: int
    joined_late: int


class Subscriber:
    """Listens to one publisher; used by one thread. A context manager.

    Connecting needs nobody at the other end: what is published once somebody is there will
    come, also after the publisher was started again.

    Args:
        address: What `Publisher.address` says, e.g. "tcp://127.0.0.1:5556".
        topics: Beginnings of the topics wanted: "episode/" is every camera's, and
            "episode/top" also that of a camera called top2.
        keys: If the publisher uses keys.
        queue_length: Messages that wait here for `receive` before ZeroMQ drops new ones.

    Raises:
        WireError: If the address is none.
    """

    def __init__(
        self,
        address: str,
        topics: Iterable[str] = ALL_KINDS,
        *,
        keys: ClientKeys | None = None,
        queue_length: int = 1000,
    ) -> None:
        if not is_address(address):
            raise WireError(
                f"cannot connect to {address!r}: expected an address like tcp://127.0.0.1:5556"
            )
        self._address = address
        self._lost: dict[str, int] = {}
        self._next: dict[str, tuple[str, int]] = {}
        self._hang_ups = 0
        self._has_keys = keys is not None
        self._is_shared = address.startswith("inproc://")
        self._context = zmq.Context.instance() if self._is_shared else zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.linger = 0
        self._socket.rcvhwm = queue_length
        self._socket.ipv6 = "[" in address
        if keys is not None:
            self._socket.curve_serverkey = keys.server
            self._socket.curve_publickey = keys.public
            self._socket.curve_secretkey = keys.secret
        for topic in topics:
            self._socket.subscribe(topic)
        self._monitor = self._socket.get_monitor_socket(
            zmq.Event.HANDSHAKE_SUCCEEDED
            | zmq.Event.HANDSHAKE_FAILED_AUTH
            | zmq.Event.HANDSHAKE_FAILED_PROTOCOL
            | zmq.Event.HANDSHAKE_FAILED_NO_DETAIL
        )
        try:
            self._socket.connect(address)
        except zmq.ZMQError as error:
            self.close()
            raise WireError(f"cannot connect to {address!r}: {error.strerror}") from error

    @property
    def lost(self) -> Mapping[str, int]:
        """Messages that never came, by topic, over all sessions listened to."""
        return dict(self._lost)

    def receive(self, timeout_s: float) -> Received | None:
        """Return the next message, or None if none came within `timeout_s` seconds.

        Raises:
            BadMessage: If what came is not what docs/wire.md says. It counts as lost when
                the next message comes; go on receiving.
            WireError: If the publisher turned us away; the text says why.
        """
        if not self._socket.poll(int(timeout_s * 1000)):
            self._check_handshake()
            return None
        topic, message, payload = decode(self._socket.recv_multipart())
        lost, joined_late = self._count(topic, message.session, message.seq)
        if isinstance(message, StatusMessage) and message.goodbye is not None:
            self._count_unsent(message)
        return Received(topic, message, payload, lost, joined_late)

    def close(self) -> None:
        """Close the socket. May be called twice."""
        if self._socket.closed:
            return
        self._socket.disable_monitor()
        self._monitor.close()
        self._socket.close()
        if not self._is_shared:
            self._context.term()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _count(self, topic: str, session: str, seq: int) -> tuple[int, int]:
        known_session, expected = self._next.get(topic, ("", 0))
        self._next[topic] = (session, seq + 1)
        if known_session != session:
            self._lost.setdefault(topic, 0)
            return 0, seq
        if seq < expected:
            raise BadMessage(
                f"{topic}: number {seq} came after {expected - 1} in session {session}: expected "
                f"rising numbers; do two publishers use one address or one session id?"
            )
        self._lost[topic] += seq - expected
        return seq - expected, 0

    def _count_unsent(self, goodbye: StatusMessage) -> None:
        """Count what should have come after the last message that did come."""
        for topic, (session, expected) in self._next.items():
            offered = goodbye.offered.get(topic, expected)
            if session == goodbye.session and offered > expected:
                self._lost[topic] += offered - expected
                self._next[topic] = (session, offered)

    def _check_handshake(self) -> None:
        while self._monitor.poll(0):
            event = zmq.Event(recv_monitor_message(self._monitor)["event"])
            if event == zmq.Event.HANDSHAKE_SUCCEEDED:
                self._hang_ups = 0
                continue
            self._hang_ups += 1
            if event != zmq.Event.HANDSHAKE_FAILED_NO_DETAIL or self._hang_ups >= HANG_UPS:
                raise WireError(f"{self._address} turned us away: {self._why(event)}")

    def _why(self, event: zmq.Event) -> str:
        if event == zmq.Event.HANDSHAKE_FAILED_AUTH:
            return _NOT_LISTED
        return _OTHER_KEYS if self._has_keys else _WANTS_KEYS
