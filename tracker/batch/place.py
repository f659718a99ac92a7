"""The folder that a batch writes: for one batch at a time, with what it knows of the videos.

results/
    <recording>-<key>/    a session folder, whole: it got this name when it was finished
    summary.parquet, summary.csv, index.html, ...
    batch.sqlite          hashes of videos, so that they are computed once; the lock
    drafts.tmp/           sessions that are being made; anything else in it is rubbish
"""

import hashlib
import os
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import av.error

from tracker.errors import RecordingError
from tracker.session_folder.files import write_error

MEMORY, DRAFTS, TICKET = "batch.sqlite", "drafts.tmp", "running"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS videos (
    path TEXT PRIMARY KEY, size INTEGER, mtime_ns INTEGER, sha256 TEXT, frames INTEGER
) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class Look:
    """What can be said of a video without decoding it.

    Attributes:
        size: Bytes.
        mtime_ns: When it was changed last (ns since 1970-01-01).
        sha256: Of its bytes.
        frames: Number of frames by its header, which may be wrong; 0 if it has none.
    """

    size: int
    mtime_ns: int
    sha256: str
    frames: int

    def still_is(self, path: Path) -> bool:
        """Whether size and time of change are those that were seen."""
        now = path.stat()
        return (now.st_size, now.st_mtime_ns) == (self.size, self.mtime_ns)


def look_at(path: Path) -> Look:
    """Read a video's bytes and its header.

    Raises:
        OSError: If it cannot be read.
    """
    before = path.stat()
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return Look(before.st_size, before.st_mtime_ns, digest.hexdigest(), _n_frames(path))


class Place:
    """A results folder, held by one batch at a time; a context manager, used by one thread.

    While its ticket is there, workers go on; whoever removes the ticket asks them to end. A
    batch that died leaves drafts and ticket behind: the next one removes both.

    Args:
        out: The folder; made if it is not there.

    Raises:
        RecordingError: On entering, if it cannot be written, or another batch has it.
    """

    def __init__(self, out: Path) -> None:
        self.out = out.resolve()
        self.drafts = self.out / DRAFTS
        self._ticket = self.drafts / f"{TICKET}.{os.urandom(4).hex()}"

    @property
    def ticket(self) -> Path:
        """A file that is there while the batch runs and nobody has asked for its end."""
        return self._ticket

    def ask_to_end(self) -> None:
        """Ask all workers to stop. Any thread, also a signal handler; twice does no harm."""
        self._ticket.unlink(missing_ok=True)

    @property
    def ending(self) -> bool:
        """Whether somebody has asked for the end."""
        return not self._ticket.exists()

    def known(self, path: Path) -> Look | None:
        """Return what was seen of this file before, if it has not changed since."""
        row = self._memory.execute(
            "SELECT size, mtime_ns, sha256, frames FROM videos WHERE path = ?", (str(path),)
        ).fetchone()
        look = Look(*row) if row else None
        return look if look is not None and look.still_is(path) else None

    def remember(self, path: Path, look: Look) -> None:
        """Keep what was seen of a file."""
        self._memory.execute(
            "INSERT OR REPLACE INTO videos VALUES (?, ?, ?, ?, ?)",
            (str(path), look.size, look.mtime_ns, look.sha256, look.frames),
        )

    def __enter__(self) -> Self:
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            self._memory = self._lock()
            shutil.rmtree(self.drafts, ignore_errors=True)
            self.drafts.mkdir(exist_ok=True)
            self._ticket.touch()
        except OSError as failure:
            raise write_error(self.out, failure) from failure
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.ask_to_end()
        shutil.rmtree(self.drafts, ignore_errors=True)
        self._memory.close()

    def _lock(self) -> sqlite3.Connection:
        """Open the memory; the operating system gives it back whatever becomes of us."""
        path = self.out / MEMORY
        memory = sqlite3.connect(path, timeout=0.5, isolation_level=None)
        try:
            memory.execute("PRAGMA locking_mode = EXCLUSIVE")
            memory.execute("BEGIN EXCLUSIVE")
            memory.execute(_SCHEMA)
            memory.execute("COMMIT")
        except sqlite3.OperationalError as failure:
            memory.close()
            raise RecordingError(
                f"{self.out} is used by another batch ({failure}): wait until that has ended, or "
                f"give another --out"
            ) from failure
        except sqlite3.DatabaseError as failure:
            memory.close()
            raise RecordingError(
                f"{path} is damaged ({failure}): delete it; hashes are computed anew"
            ) from failure
        return memory


def _n_frames(path: Path) -> int:
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            length_s = (container.duration or 0) / av.time_base
            return stream.frames or round(length_s * float(stream.average_rate or 0))
    except (av.error.FFmpegError, IndexError):
        return 0
