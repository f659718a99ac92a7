"""The control socket of a session: takes requests and sends replies. It makes no thread."""

import math
from pathlib import Path
from typing import Annotated

import zmq
from pydantic import Field

from tracker.clock import Clock
from tracker.control.desk import ControlDesk, Send
from tracker.control.handler import Handler
from tracker.control.history import History
from tracker.errors import WireError
from tracker.keys import Client, load_server_keys
from tracker.settings import Settings
from tracker.sockets import BoundSocket, address_like, check_reach

LARGEST_REQUEST = 16_384
"""Bytes; who sends more is disconnected."""

SEND_QUEUE = 16
"""Replies that ZeroMQ keeps for each client before it drops new ones for him."""

LINGER_MS = 400
"""Longest wait at the end for a client that does not take his reply."""

MOST_PARTS = 8
"""In front of a request: proxies on the way add one each."""

MOST_AT_ONCE = 64
"""Requests answered in one step: more may come all the time."""


class ControlSettings(Settings):
    """Where the session takes requests, and from whom."""

    address: Annotated[str, address_like("tcp://127.0.0.1:5557")] = Field(
        "tcp://127.0.0.1:5557", description="ZeroMQ address to bind; port 0 takes a free one"
    )
    keys: Path | None = Field(
        None,
        description="key folder made by `tracker keys`; needed for any address but this computer's",
    )
    history_messages: int = Field(
        10_000,
        ge=1,
        le=1_000_000,
        description="messages of each kind kept for those who join late",
    )
    history_mb: int = Field(16, ge=1, le=1000, description="megabytes of each kind kept for them")

    def make_history(self) -> History:
        """Return an empty history of the size that was asked for."""
        return History(self.history_messages, self.history_mb * 1_000_000)


class ControlServer:
    """One ROUTER socket about one session.

    `bind` before its thread starts, `step` on that thread alone, `close` after it has ended.
    Making one checks the settings and opens nothing.

    Args:
        settings: Where, and for whom.
        handler: Carries out what is let through.
        session_id: Which session this is.
        clock: The session's.
        history: Filled by the publisher.

    Raises:
        ConfigError: If other computers can reach the address and no keys are set, or a key
            file is not right.
    """

    def __init__(
        self,
        settings: ControlSettings,
        handler: Handler,
        *,
        session_id: str,
        clock: Clock,
        history: History,
    ) -> None:
        check_reach(settings.address, settings.keys)
        self._settings = settings
        self._keys = load_server_keys(settings.keys) if settings.keys is not None else None
        self._bound: BoundSocket | None = None
        self._desk = ControlDesk(handler, clock, session_id, history, self._turned_away)

    @property
    def address(self) -> str:
        """Address that a client connects to, with the real port."""
        return self._settings.address if self._bound is None else self._bound.address

    def bind(self) -> None:
        """Open the socket. Twice does no harm.

        Raises:
            AddressInUse: If another program is bound there already.
            WireError: If the address cannot be bound for another reason.
        """
        if self._bound is not None:
            return
        bound = BoundSocket(
            zmq.ROUTER,
            self._settings.address,
            self._keys,
            linger_ms=LINGER_MS,
            send_queue=SEND_QUEUE,
            largest_message=LARGEST_REQUEST,
        )
        self._poller = zmq.Poller()
        self._poller.register(bound.socket, zmq.POLLIN)
        if bound.door is not None:
            self._poller.register(bound.door.socket, zmq.POLLIN)
        self._bound = bound

    def step(self, timeout_s: float) -> bool:
        """Answer who asks; if nobody does, wait for somebody, at most `timeout_s`. Always True.

        Raises:
            WireError: If it is not bound, or its socket failed.
        """
        bound = self._bound
        if bound is None:
            raise WireError("the control socket is not bound: call bind() first")
        try:
            self._poller.poll(math.ceil(min(timeout_s, self._desk.wait_s) * 1000))
            if bound.door is not None:
                bound.door.answer()
            for _ in range(MOST_AT_ONCE):
                self._desk.tend()
                if not bound.socket.poll(0):
                    break
                self._receive(bound)
        except zmq.ZMQError as error:
            raise WireError(f"the control socket {bound.address}: {error.strerror}") from error
        return True

    def close(self) -> None:
        """Answer what the session has finished, and close the socket; twice does no harm.

        Takes half a second at most.
        """
        if self._bound is not None:
            self._desk.tend()
            self._bound.close()
            self._bound = None

    def _receive(self, bound: BoundSocket) -> None:
        """Take one request: [way back..., request]; a REQ puts an empty part between the two."""
        frames = bound.socket.recv_multipart(zmq.NOBLOCK, copy=False)
        content, way_back = frames[-1].bytes, [frame.bytes for frame in frames[:-1]]
        if len(way_back) > MOST_PARTS:
            content, way_back = b"", way_back[:1]  # answered as one that cannot be read
        self._desk.receive(content, self._client_of(frames[-1]), self._sender(way_back))

    def _client_of(self, frame: zmq.Frame) -> Client | None:
        """Return whose key a message came with; the door has put it there."""
        if self._keys is None:
            return None
        return self._keys.listed[str(frame.get("User-Id")).encode()]

    def _sender(self, way_back: list[bytes]) -> Send:
        def send(reply: bytes) -> None:
            if self._bound is not None:  # never waits: who has gone or is full gets nothing
                self._bound.socket.send_multipart([*way_back, reply], zmq.NOBLOCK)

        return send

    def _turned_away(self) -> int:
        return 0 if self._bound is None else self._bound.turned_away
