"""A network link that can be cut: bytes between whoever connects and an address behind it."""

import socket
import threading
from contextlib import suppress


class TcpLink:
    """Carries bytes both ways until it is cut; those behind it notice nothing but silence.

    Args:
        behind: E.g. "tcp://127.0.0.1:5555".
    """

    def __init__(self, behind: str) -> None:
        host, _, port = behind.removeprefix("tcp://").rpartition(":")
        self._behind = host, int(port)
        self._is_cut = threading.Event()
        self._door = socket.create_server(("127.0.0.1", 0))
        self.address = f"tcp://127.0.0.1:{self._door.getsockname()[1]}"
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._let_in, name="link")]

    def cut(self) -> None:
        """Carry nothing any more; both connections stay, as with a cable that is pulled out."""
        self._is_cut.set()

    def __enter__(self) -> "TcpLink":
        self._threads[0].start()
        return self

    def __exit__(self, *exc: object) -> None:
        for each in (self._door, *self._ends):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join()

    def _let_in(self) -> None:
        with suppress(OSError):  # until the door is closed
            while True:
                near, _ = self._door.accept()
                try:
                    far = socket.create_connection(self._behind)
                except OSError:
                    near.close()  # it is not there yet: whoever connects tries again
                    continue
                self._ends += [near, far]
                for source, target in ((near, far), (far, near)):
                    carry = threading.Thread(target=self._carry, args=(source, target))
                    self._threads.append(carry)
                    carry.start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if not self._is_cut.is_set():
                    target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)
