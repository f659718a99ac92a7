"""Names of the files in a session folder, and a new file that says why it failed."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

from tracker.errors import DiskFull, RecordingError
from tracker.session_folder.work import Busy, Work

SCHEMA_VERSION = 1
"""Goes up when a reader of an older version would misread the folder."""

EXPERIMENT = "experiment.yaml"
SESSION = "session.json"
VIDEO = "video.mkv"
VIDEO_SEGMENTS = "video_*.mkv"
LEDGER = "frames.arrow"
OBSERVATIONS = "observations.arrow"
EPISODES = "episodes.jsonl"
STIMULI = "stimuli.jsonl"
EDGES = "edges.jsonl"
SEALED = "sealed.jsonl"
"""What would unblind a session: its stimuli in full, and their edges."""
UNBLINDING = "unblinding.json"
"""Who has unblinded the session, and when; while it is not there, nobody has."""
LOG = "log.jsonl"
REGISTRATION = "registration.jsonl"
REFERENCE = "reference.png"
"""The view for which the arena was set up."""
REPORT = "report.html"
LOCK = "writing.lock"
"""There while a program writes, and locked by it; left behind, unlocked, if it dies."""
RESERVE = "reserve.tmp"
"""Room kept until the end, so that a full disk still lets the files be finished."""


def video_segment(number: int) -> str:
    """Name of the video file of this number (from 0), where the video is several files."""
    return f"video_{number:03d}.mkv"


def video_files(folder: Path) -> list[Path]:
    """The video files that are in a session folder, in order."""
    single = folder / VIDEO
    return [single] if single.is_file() else sorted(folder.glob(VIDEO_SEGMENTS))


def refuse_loss_of(folder: Path) -> None:
    """Files that are open can still be written where a folder was removed, for nobody."""
    if not (folder / SESSION).is_file():
        raise RecordingError(
            f"{folder} was removed or moved while it was written: look whether somebody cleaned "
            f"up, or the disk came loose"
        )


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def write_error(path: Path, failure: OSError) -> RecordingError:
    """Return our error for one of the operating system: `DiskFull` or `RecordingError`."""
    if failure.errno in _NO_ROOM:
        return DiskFull(
            f"no room left for {path.name} in {path.parent}: free some space, or record to "
            f"another disk; what was written until now can be read"
        )
    return RecordingError(f"cannot write {path.name} in {path.parent}: {failure.strerror}")


class AppendFile:
    """A new file, written without a buffer of ours: what `write` took, the system has.

    Also the file object that PyAV writes a video through, hence `seek` and `tell`. One thread.

    Args:
        path: A file that does not exist yet.
        work: Told how long the disk takes.

    Raises:
        RecordingError: From every method, if the file exists or cannot be written.
        DiskFull: From every method, if there is no room left.
    """

    def __init__(self, path: Path, work: Work | None = None) -> None:
        self._path = path
        self._work = work or Work()
        self.failure: RecordingError | None = None
        """The first error of this file, which a library in between may have swallowed."""
        try:
            self._file = path.open("xb", buffering=0)
        except OSError as failure:
            raise write_error(path, failure) from failure

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return self._path.name

    def write(self, data: bytes | memoryview) -> int:
        """Write all of it at the current place; return its length in bytes."""
        rest = memoryview(data)
        try:
            with self._work.of(Busy.DISK):
                while rest:
                    rest = rest[self._file.write(rest) :]
        except OSError as failure:
            raise self._failed(failure) from failure
        return len(data)

    def append(self, data: bytes | memoryview) -> None:
        """Write all of it at the end, or leave the file as it was."""
        before = self._file.tell()
        try:
            self.write(data)
        except RecordingError:
            self._cut(before)
            raise

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a place, as `io.IOBase.seek`; return it in bytes from the start."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the current place, in bytes from the start."""
        return self._file.tell()

    def sync(self) -> None:
        """Return once the disk has everything: it survives a power cut from here on."""
        try:
            with self._work.of(Busy.DISK):
                os.fsync(self._file.fileno())
        except OSError as failure:
            raise self._failed(failure) from failure

    def close(self) -> None:
        """Sync and close the file, which is closed even on failure; harmless if it is closed."""
        if self._file.closed:
            return
        try:
            self.sync()
        finally:
            self._file.close()

    def _cut(self, length: int) -> None:
        try:
            self._file.truncate(length)
            self._file.seek(length)
        except OSError as failure:
            self._failed(failure)

    def _failed(self, failure: OSError) -> RecordingError:
        error = write_error(self._path, failure)
        self.failure = self.failure or error
        return error


def write_new(path: Path, content: bytes) -> None:
    """Write a whole new file and force it onto the disk; raises as `AppendFile`."""
    file = AppendFile(path)
    try:
        file.append(content)
    finally:
        file.close()


def failure_of(step: Callable[[], None]) -> RecordingError | None:
    """Do a step of a close that must not keep the next one from being done; return what failed."""
    try:
        step()
    except RecordingError as failure:
        return failure
    return None


def replace_file(path: Path, content: bytes) -> None:
    """Put a whole new file in the place of another in one step; raises as `AppendFile`."""
    draft = path.with_suffix(".tmp")
    try:
        draft.unlink(missing_ok=True)
        write_new(draft, content)
        draft.replace(path)
    except OSError as failure:
        raise write_error(path, failure) from failure
    except RecordingError as failure:  # of the draft, of which nobody need know
        cause = failure.__cause__
        raise write_error(path, cause) if isinstance(cause, OSError) else failure from cause
