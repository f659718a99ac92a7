"""CURVE keys: made, read, and asked for at the door.

A publisher's key folder, as `make_keys` leaves it:

    server.key_secret      stays on the rig
    server.key             goes to every client
    client.key_secret      goes to the client, with server.key
    clients/client.key     a list: whose public key lies here may come in

The files are those of pyzmq's `zmq.auth`, so that other ZeroMQ programs read them too.
"""

import os
import struct
from dataclasses import dataclass
from pathlib import Path

import zmq
from zmq.auth import load_certificate
from zmq.utils import z85

from tracker.errors import ConfigError

SERVER = "server"
CLIENTS = "clients"

_ZAP_ADDRESS = "inproc://zeromq.zap.01"
_ZAP_VERSION = b"1.0"


@dataclass(frozen=True, slots=True)
class ServerKeys:
    """What a publisher needs. Keys are Z85 text of 40 bytes; `secret` is left out of `repr`.

    Attributes:
        public: The publisher's own public key.
        secret: Its secret key.
        clients: Public keys that may come in.
    """

    public: bytes
    secret: bytes
    clients: frozenset[bytes]

    def __repr__(self) -> str:
        return f"ServerKeys({self.public.decode()}, {len(self.clients)} clients)"


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
    """Make a publisher's key pair in `folder`, and one client that may come in.

    Raises:
        ConfigError: If there are keys already (nothing is overwritten), or the folder
            cannot be written.
    """
    _write_pair(SERVER, public_in=folder, secret_in=folder)
    make_client_keys(folder, "client")


def make_client_keys(folder: Path, name: str) -> None:
    """Make a key pair for one more client, and put it on the list.

    Args:
        folder: As `make_keys` left it.
        name: Becomes the name of the files, e.g. "office".

    Raises:
        ConfigError: If the client has keys already, or the folder cannot be written.
    """
    _write_pair(name, public_in=folder / CLIENTS, secret_in=folder)


def load_server_keys(folder: Path) -> ServerKeys:
    """Return the keys of a publisher, with the clients that may come in.

    Raises:
        ConfigError: If a file is missing or is no key file, or nobody may come in.
    """
    public, secret = _load_secret(folder / f"{SERVER}.key_secret")
    clients = frozenset(_load_public(path) for path in sorted((folder / CLIENTS).glob("*.key")))
    if not clients:
        raise ConfigError(
            f"nobody may come in: {folder / CLIENTS} holds no *.key file. Make one with "
            f"`tracker keys`, or put the public key of a client there"
        )
    return ServerKeys(public, secret, clients)


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
    the publisher's socket, so that it needs no thread of its own. One per context.

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
    def refused(self) -> int:
        """Requests turned away so far; a client may try more than once."""
        return self._refused

    def answer(self) -> None:
        """Answer everybody who waits. Returns at once."""
        while self._socket.poll(0):
            request = self._socket.recv_multipart()
            known = self._is_known(request)
            self._refused += not known
            verdict = [b"200", b"OK"] if known else [b"400", b"key is not on the list"]
            self._socket.send_multipart([_ZAP_VERSION, request[1], *verdict, b"", b""])

    def _is_known(self, request: list[bytes]) -> bool:
        """Whether a request (version, id, domain, address, identity, mechanism, key) may in."""
        return (
            len(request) == 7
            and (request[0], request[5]) == (_ZAP_VERSION, b"CURVE")
            and z85.encode(request[6]) in self._clients
        )

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


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
