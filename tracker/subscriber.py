"""Messages of a session, as they come, with every loss counted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import zmq

from tracker.errors import BadMessage
from tracker.keys import ClientKeys
from tracker.messages import Kind, Message, StatusMessage
from tracker.sockets import ConnectedSocket
from tracker.wire import decode

ALL_KINDS = tuple(f"{kind.value}/" for kind in Kind)
"""Topics of every kind of message, about every camera."""


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
        self._lost: dict[str, int] = {}
        self._next: dict[str, tuple[str, int]] = {}
        self._connection = ConnectedSocket(zmq.SUB, address, keys, receive_queue=queue_length)
        for topic in topics:
            self._connection.socket.subscribe(topic)

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
        parts = self._connection.receive(timeout_s)
        if parts is None:
            return None
        topic, message, payload = decode(parts)
        lost, joined_late = self._count(topic, message.session, message.seq)
        if isinstance(message, StatusMessage) and message.goodbye is not None:
            self._count_unsent(message)
        return Received(topic, message, payload, lost, joined_late)

    def close(self) -> None:
        """Close the socket. May be called twice."""
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
