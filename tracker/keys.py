"""CURVE keys: made, read, and asked for at the door.

A publisher's key folder, as `make_keys` leaves it:

    server.key_secret        stays on the rig
    server.key               goes to every client
    client.key_secret        goes to the client, with server.key
    clients/client.key       a list: whose public key lies here may watch
    clients/control/NAME.key a second list: who may watch, arm, stimulate and stop

The folder in which a key lies decides what its owner may do, nothing in the file: a file that
somebody else made cannot give itself more. The files are those of pyzmq's `zmq.auth`, so that
other ZeroMQ programs read them too.
"""

import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import zmq
from zmq.auth import load_certificate
from zmq.utils import z85

from tracker.errors import ConfigError

SERVER = "server"
CLIENTS = "clients"
CONTROL = "control"

_ZAP_ADDRESS = "inproc://zeromq.zap.01"
_ZAP_VERSION = b"1.0"


class Role(StrEnum):
    """What a client may do."""

    WATCH = "watch"
    """Listen, and ask how it is going and what was missed."""

    CONTROL = "control"
    """Everything: also arm, disarm, stimulate, mark and stop."""


@dataclass(frozen=True, slots=True)
class Client:
    """Somebody who may come in.

    Attributes:
        name: That of the key file, without its ending.
        role: What he may do.
    """

    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class ServerKeys:
    """What a publisher needs. Keys are Z85 text of 40 bytes; `secret` is left out of `repr`.

    Attributes:
        public: The publisher's own public key.
        secret: Its secret key.
        listed: Who may come in, by public key.
    """

    public: bytes
    secret: bytes
    listed: Mapping[bytes, Client]

    @property
    def clients(self) -> frozenset[bytes]:
        """Public keys that may come in, whatever their role."""
        return frozenset(self.listed)

    def __repr__(self) -> str:
        return f"ServerKeys({self.public.decode()}, {len(self.listed)} clients)"


@dataclass(frozen=True, slots=True)
class ClientKeys:
    """What a subscriber needs. Keys are Z85 text of 40 bytes; `secret` is left out of `repr`.

    Attributes:
        server: The publisher's public key.
        public: The subscriber's own public key.
        secret: Its secret key.
    """

    server: bytes
    public: bytes
    secret: bytes

    def __repr__(self) -> str:
        return f"ClientKeys({self.public.decode()} to {self.server.decode()})"


def make_keys(folder: Path) -> None:
    """Make a publisher's key pair in `folder`, and one client that may watch.

    Raises:
        ConfigError: If there are keys already (nothing is overwritten), or the folder
            cannot be written.
    """
    _write_pair(SERVER, public_in=folder, secret_in=folder)
    make_client_keys(folder, "client")


def make_client_keys(folder: Path, name: str, role: Role = Role.WATCH) -> None:
    """Make a key pair for one more client, and put it on the list.

    Args:
        folder: As `make_keys` left it.
        name: Becomes the name of the files, e.g. "office".
        role: What the client may do.

    Raises:
        ConfigError: If the client has keys already, or the folder cannot be written.
    """
    _write_pair(name, public_in=_list_of(folder, role), secret_in=folder)


def load_server_keys(folder: Path) -> ServerKeys:
    """Return the keys of a publisher, with the clients that may come in.

    A key on both lists may control.

    Raises:
        ConfigError: If a file is missing or is no key file, nobody may come in, or two keys
            have one name.
    """
    public, secret = _load_secret(folder / f"{SERVER}.key_secret")
    listed: dict[bytes, Client] = {}
    for role in (Role.WATCH, Role.CONTROL):  # the second one counts
        for path in sorted(_list_of(folder, role).glob("*.key")):
            listed[_load_public(path)] = Client(path.stem, role)
    if not listed:
        raise ConfigError(
            f"nobody may come in: {folder / CLIENTS} holds no *.key file. Make one with "
            f"`tracker keys`, or put the public key of a client there"
        )
    names = [client.name for client in listed.values()]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(
                f"two different keys in {folder / CLIENTS} and its folder {CONTROL} are called "
                f"{name}.key: rename one, so that it is known who asked for what"
            )
    return ServerKeys(public, secret, listed)


def load_client_keys(server: Path, secret: Path) -> ClientKeys:
    """Return the keys of a subscriber.

    Args:
        server: Public key file of the publisher, `server.key`.
        secret: Secret key file of the subscriber, e.g. `client.key_secret`.

    Raises:
        ConfigError: If a file is missing or is no key file.
    """
    return ClientKeys(_load_public(server), *_load_secret(secret))


class Door:
    """Lets in whose key is on the list, and turns away everybody else.

    This is the ZeroMQ Authentication Protocol (RFC 27), answered by the thread that owns
    the guarded socket, so that it needs no thread of its own. One per context. The key (Z85)
    comes with each message of the connection as the property "User-Id".

    Args:
        context: Of the sockets that are guarded.
        clients: Public keys that may come in (Z85).
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], clients: frozenset[bytes]) -> None:
        self._clients = clients
        self._refused = 0
        self._socket = context.socket(zmq.REP)
        self._socket.linger = 0
        self._socket.bind(_ZAP_ADDRESS)

    @property
    def socket(self) -> zmq.Socket[bytes]:
        """Readable while somebody waits, for whoever polls several sockets."""
        return self._socket

    @property
    def refused(self) -> int:
        """Requests turned away so far; a client may try more than once."""
        return self._refused

    def answer(self) -> None:
        """Answer everybody who waits. Returns at once."""
        while self._socket.poll(0):
            request = self._socket.recv_multipart()
            key = self._key_of(request)
            verdict = [b"200", b"OK", key, b""]
            if key not in self._clients:
                self._refused += 1
                verdict = [b"400", b"key is not on the list", b"", b""]
            self._socket.send_multipart([_ZAP_VERSION, request[1], *verdict])

    def _key_of(self, request: list[bytes]) -> bytes:
        """Return the Z85 key in (version, id, domain, address, identity, mechanism, key)."""
        if len(request) != 7 or (request[0], request[5]) != (_ZAP_VERSION, b"CURVE"):
            return b""
        return z85.encode(request[6])

    def close(self) -> None:
        """Close the socket: from now on nobody comes in. May be called twice."""
        if not self._socket.closed:
            self._socket.unbind(_ZAP_ADDRESS)  # at once; closing alone is done by another thread
            self._socket.close()


def _list_of(folder: Path, role: Role) -> Path:
    return folder / CLIENTS / CONTROL if role is Role.CONTROL else folder / CLIENTS


def _write_pair(name: str, *, public_in: Path, secret_in: Path) -> None:
    public, secret = (key.decode() for key in zmq.curve_keypair())
    lines = f'metadata\ncurve\n    public-key = "{public}"\n'
    try:
        public_in.mkdir(parents=True, exist_ok=True)
        _write_new(
            secret_in / f"{name}.key_secret",
            f'#   Secret key of {name}. Show it to nobody.\n{lines}    secret-key = "{secret}"\n',
            mode=0o600,
        )
        _write_new(public_in / f"{name}.key", f"#   Public key of {name}.\n{lines}", mode=0o644)
    except FileExistsError as error:
        raise ConfigError(
            f"{error.filename} exists already, and keys are never overwritten: "
            f"choose another folder or name, or move the old keys away"
        ) from error
    except OSError as error:
        raise ConfigError(f"keys cannot be written to {secret_in}: {error.strerror}") from error


def _write_new(path: Path, text: str, *, mode: int) -> None:
    """Write a file that must not exist, never readable by more people than `mode` says."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)


def _load_public(path: Path) -> bytes:
    return _load(path)[0]


def _load_secret(path: Path) -> tuple[bytes, bytes]:
    public, secret = _load(path)
    if secret is None:
        raise ConfigError(f"{path} holds no secret key: expected the *.key_secret file of a pair")
    return public, secret


def _load(path: Path) -> tuple[bytes, bytes | None]:
    if not path.is_file():
        raise ConfigError(f"there is no key file {path}: make keys with `tracker keys`")
    try:
        public, secret = load_certificate(path)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} is no key file: {error}") from error
    for key in (public, secret):
        if key is not None and not _is_key(key):
            raise ConfigError(f"{path} is no key file: expected keys of 40 Z85 characters")
    return public, secret


def _is_key(text: bytes) -> bool:
    try:
        return len(z85.decode(text)) == 32
    except (ValueError, KeyError, struct.error):
        return False
