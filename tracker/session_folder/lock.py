"""Who is writing into a session folder: a lock that goes away with the program that holds it."""

import os
import platform
import sys
from io import FileIO
from pathlib import Path

import msgspec

from tracker.errors import RecordingError
from tracker.session_folder.files import LOCK, write_error

if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 30  # a byte behind the text, so that others can read who it is

    def _take(file: FileIO) -> None:
        file.seek(_FAR)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _take(file: FileIO) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Which program has the lock, or had it when it died."""

    pid: int
    host: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


class WriterLock:
    """Held while a program writes into a folder; the system frees it if the program dies.

    One thread. `release` twice does no harm.

    Args:
        folder: The session folder; it is there.

    Raises:
        RecordingError: If another program, or another part of this one, holds it, or the file
            cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK
        try:
            self._file = self._path.open("a+b", buffering=0)
        except OSError as failure:
            raise write_error(self._path, failure) from failure
        try:
            _take(self._file)
        except OSError as failure:
            self._file.close()
            raise RecordingError(
                f"{folder} is being written by {last_holder(folder) or 'another program'}: stop "
                f"that session first (tracker stop)"
            ) from failure
        self._say_who()

    def release(self) -> None:
        """Let go of the folder; nothing in it says any more that somebody writes.

        Raises:
            RecordingError: If the file cannot be removed; it is free all the same.
        """
        if self._file.closed:
            return
        self._file.close()
        try:
            self._path.unlink(missing_ok=True)
        except OSError as failure:
            raise write_error(self._path, failure) from failure

    def _say_who(self) -> None:
        who = Holder(pid=os.getpid(), host=platform.node())
        try:
            self._file.truncate(0)
            self._file.write(msgspec.json.encode(who) + b"\n")
        except OSError as failure:
            self._file.close()
            raise write_error(self._path, failure) from failure


def last_holder(folder: Path) -> Holder | None:
    """Who has the lock of a folder or had it last; None if that is not known."""
    try:
        return msgspec.json.decode((folder / LOCK).read_bytes(), type=Holder)
    except (OSError, msgspec.DecodeError):
        return None


def refuse_if_written(folder: Path) -> None:
    """Raise `RecordingError` if a program writes into a folder; changes nothing in it."""
    try:
        with (folder / LOCK).open("rb", buffering=0) as file:
            _take(file)
    except FileNotFoundError:
        return
    except OSError as failure:
        raise RecordingError(
            f"{folder} is being written by {last_holder(folder) or 'another program'}: stop that "
            f"session first (tracker stop)"
        ) from failure
