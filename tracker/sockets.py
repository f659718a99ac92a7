"""ZeroMQ sockets that are bound to be found, or connected to find somebody; keys are looked after.

Each has a context of its own, since a door has one fixed address in a context. Only inproc://
has to share one; it leaves no program and takes no keys.
"""

import ipaddress
import math
import re
import socket as sockets
import time
from pathlib import Path

import zmq
from pydantic import AfterValidator
from zmq.utils.monitor import recv_monitor_message

from tracker.errors import AddressInUse, ConfigError, WireError
from tracker.keys import ClientKeys, Door, ServerKeys

_ADDRESS = re.compile(r"tcp://.+:(?P<port>\d{1,5}|\*)|ipc://.+|inproc://.+")

HANG_UPS = 3
"""Handshakes in a row that the other side broke off before it counts as a refusal."""

_NOT_LISTED = (
    "our key is not on its list: put our public *.key file into clients/ of its key folder, "
    "then start it again"
)
_WANTS_KEYS = "it uses keys, or is no tracker: give the keys that `tracker keys` made"
_OTHER_KEYS = "it uses no keys, or server.key belongs to another one"


def is_address(text: str) -> bool:
    """Whether it is tcp://HOST:PORT, ipc://PATH or inproc://NAME; PORT may be 0 or *.

    ZeroMQ itself takes a port above 65535 and uses another one in its place.
    """
    match = _ADDRESS.fullmatch(text)
    if match is None:
        return False
    port = match["port"]
    return port in (None, "*") or int(port) <= 65535


def address_like(example: str) -> AfterValidator:
    """Return what a setting asks of an address; `example` is what a wrong one is told."""

    def check(value: str) -> str:
        if not is_address(value):
            raise ValueError(f"{value!r} is no address: expected one like {example}")
        return value

    return AfterValidator(check)


def check_reach(address: str, keys: Path | None) -> None:
    """Refuse an address that others can reach without keys.

    Raises:
        ConfigError: If it is one, or if keys are given for an address that takes none.
    """
    if address.startswith("inproc://") and keys is not None:
        raise ConfigError(f"{address} never leaves this program and takes no keys: remove them")
    if keys is None and address.startswith("tcp://") and not _is_loopback(address):
        raise ConfigError(
            f"{address} can be reached from other computers, which needs keys: make them with "
            f"`tracker keys FOLDER` and set keys to that folder, or use an address of this "
            f"computer like tcp://127.0.0.1:5557"
        )


class BoundSocket:
    """A bound socket, its context, and the door if there are keys; used by one thread.

    Args:
        kind: ZeroMQ socket type, e.g. `zmq.ROUTER`.
        address: Where to bind; port 0 takes a free one.
        keys: If only listed clients may come in.
        linger_ms: Longest wait at the end for what is not sent yet.
        send_queue: Messages kept for each peer.
        largest_message: Bytes; who sends more is disconnected. -1: no limit.

    Raises:
        AddressInUse: If another program is bound there already.
        WireError: If the address cannot be bound for another reason.
    """

    def __init__(
        self,
        kind: int,
        address: str,
        keys: ServerKeys | None,
        *,
        linger_ms: int,
        send_queue: int,
        largest_message: int = -1,
    ) -> None:
        if _is_live_ipc(address):
            raise _address_in_use(address)
        self._is_shared = address.startswith("inproc://")
        self._context = zmq.Context.instance() if self._is_shared else zmq.Context()
        self.socket: zmq.Socket[bytes] = self._context.socket(kind)
        self.socket.sndhwm = send_queue
        self.socket.maxmsgsize = largest_message
        self.socket.linger = linger_ms
        self.socket.ipv6 = "[" in address
        self.door: Door | None = None
        if keys is not None:
            self.door = Door(self._context, keys.clients)
            self.socket.zap_domain = b"tracker"
            self.socket.zap_enforce_domain = True  # a door that is gone is shut, not open
            self.socket.curve_server = True
            self.socket.curve_publickey = keys.public
            self.socket.curve_secretkey = keys.secret
        try:
            self.socket.bind(address)
        except zmq.ZMQError as error:
            self.close()
            if error.errno == zmq.EADDRINUSE:
                raise _address_in_use(address) from error
            raise WireError(f"cannot bind {address}: {error.strerror}") from error
        self.address = self.socket.get_string(zmq.LAST_ENDPOINT).rstrip("\0")

    @property
    def turned_away(self) -> int:
        """Connections turned away for want of a listed key; one client may try often."""
        return 0 if self.door is None else self.door.refused

    def close(self) -> None:
        """Close everything; waits at most `linger_ms` for what is not sent yet."""
        self.socket.close()
        if self.door is not None:
            self.door.close()
        if not self._is_shared:
            self._context.term()


class ConnectedSocket:
    """A connected socket that knows why it is turned away; used by one thread.

    Connecting needs nobody at the other end: ZeroMQ tries on and on.

    Args:
        kind: ZeroMQ socket type, e.g. `zmq.DEALER`.
        address: What the other side's `address` says.
        keys: If the other side uses keys.
        receive_queue: Messages that wait here before ZeroMQ drops new ones.

    Raises:
        WireError: If the address is none.
    """

    def __init__(
        self, kind: int, address: str, keys: ClientKeys | None, *, receive_queue: int = 1000
    ) -> None:
        if not is_address(address):
            raise WireError(
                f"cannot connect to {address!r}: expected an address like tcp://127.0.0.1:5557"
            )
        self._address = address
        self._has_keys = keys is not None
        self._hang_ups = 0
        self._is_shared = address.startswith("inproc://")
        self._context = zmq.Context.instance() if self._is_shared else zmq.Context()
        self.socket: zmq.Socket[bytes] = self._context.socket(kind)
        self.socket.rcvhwm = receive_queue
        self.socket.linger = 0  # what is not sent when it is closed is never sent
        self.socket.rcvhwm = receive_queue
        self.socket.ipv6 = "[" in address
        if keys is not None:
            self.socket.curve_serverkey = keys.server
            self.socket.curve_publickey = keys.public
            self.socket.curve_secretkey = keys.secret
        self._monitor = self.socket.get_monitor_socket(
            zmq.Event.HANDSHAKE_SUCCEEDED
            | zmq.Event.HANDSHAKE_FAILED_AUTH
            | zmq.Event.HANDSHAKE_FAILED_PROTOCOL
            | zmq.Event.HANDSHAKE_FAILED_NO_DETAIL
        )
        self._poller = zmq.Poller()
        self._poller.register(self.socket, zmq.POLLIN)
        self._poller.register(self._monitor, zmq.POLLIN)
        try:
            self.socket.connect(address)
        except zmq.ZMQError as error:
            self.close()
            raise WireError(f"cannot connect to {address!r}: {error.strerror}") from error

    def receive(self, timeout_s: float) -> list[bytes] | None:
        """Return the next message, or None if none came within `timeout_s` seconds.

        Raises:
            WireError: If the other side turned us away; the text says why.
        """
        end_s = time.monotonic() + timeout_s
        while True:
            left_ms = math.ceil(max(0.0, end_s - time.monotonic()) * 1000)
            ready = dict(self._poller.poll(left_ms))
            if self.socket in ready:
                return self.socket.recv_multipart()
            if not ready:
                return None
            self._check_handshake()

    def _check_handshake(self) -> None:
        while self._monitor.poll(0):
            event = zmq.Event(recv_monitor_message(self._monitor)["event"])
            if event == zmq.Event.HANDSHAKE_SUCCEEDED:
                self._hang_ups = 0
                continue
            self._hang_ups += 1
            if event != zmq.Event.HANDSHAKE_FAILED_NO_DETAIL or self._hang_ups >= HANG_UPS:
                raise WireError(f"{self._address} turned us away: {self._why(event)}")

    def close(self) -> None:
        """Close the socket. May be called twice."""
        if self.socket.closed:
            return
        self.socket.disable_monitor()
        self._monitor.close()
        self.socket.close()
        if not self._is_shared:
            self._context.term()

    def _why(self, event: zmq.Event) -> str:
        if event == zmq.Event.HANDSHAKE_FAILED_AUTH:
            return _NOT_LISTED
        return _OTHER_KEYS if self._has_keys else _WANTS_KEYS


def _address_in_use(address: str) -> AddressInUse:
    return AddressInUse(
        f"{address} is in use: another session, or another program, is bound there. End it, or "
        f"set another address (tcp://127.0.0.1:0 takes a free port)"
    )


def _is_live_ipc(address: str) -> bool:
    """Whether somebody listens at an ipc:// address; ZeroMQ itself would push him out."""
    family = getattr(sockets, "AF_UNIX", None)
    if not address.startswith("ipc://") or family is None:
        return False
    with sockets.socket(family, sockets.SOCK_STREAM) as probe:
        try:
            probe.connect(address.removeprefix("ipc://"))
        except OSError:
            return False
    return True


def _is_loopback(address: str) -> bool:
    host = address.removeprefix("tcp://").rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
