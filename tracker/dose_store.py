"""How much each animal got in the last 24 hours, in a file that survives restarts.

One SQLite file per computer, in write-ahead mode: what was booked survives the death of the
program; a power cut may take what was booked since the last `checkpoint`. Doses are summed up by
minute. Several programs may use the file at once.
"""

import os
import sqlite3
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tracker.errors import RecordingError

MINUTES_PER_DAY = 1440
MINUTE_NS = 60_000_000_000

PATIENCE_S = 0.05
"""How long to wait for another program that writes."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS doses (
    subject TEXT NOT NULL,
    output TEXT NOT NULL,
    minute INTEGER NOT NULL,      -- since 1970-01-01, UTC
    dose_ns INTEGER NOT NULL,     -- nanoseconds on, times level
    PRIMARY KEY (subject, output, minute)
) WITHOUT ROWID
"""
_SUM = "SELECT COALESCE(SUM(dose_ns), 0) FROM doses WHERE subject = ? AND output = ? AND minute > ?"
_LAST = "SELECT MAX(minute) FROM doses WHERE subject = ? AND output = ? AND dose_ns > 0"
_ADD = """
INSERT INTO doses VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET dose_ns = dose_ns + excluded.dose_ns
"""
_TAKE = """
UPDATE doses SET dose_ns = MAX(0, dose_ns - ?) WHERE subject = ? AND output = ? AND minute = ?
"""


@dataclass(frozen=True, slots=True)
class Dose:
    """How much is given, and when it will have been.

    Attributes:
        until_utc_ns: Its end (ns since 1970-01-01): it counts for 24 hours from then.
        dose_ns: ns on, times level: whole numbers add up exactly.
    """

    until_utc_ns: int
    dose_ns: int


def usual_path() -> Path:
    """Return where doses are kept if the experiment does not say: in the user's data folder."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "behaviour-tracker" / "doses.sqlite"


class DoseStore:
    """The doses of all animals of this computer. A context manager.

    Used by one thread at a time, but for `checkpoint`.

    A wall clock that was set back frees nothing: what was booked in what is now the future counts.

    Args:
        path: The file; made with its folder if it is not there.

    Raises:
        RecordingError: From here and every method, if the file cannot be read or written, or is
            no such file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = sqlite3.connect(
                path, timeout=PATIENCE_S, isolation_level=None, check_same_thread=False
            )
            # What keeps the file on the disk has a connection of its own: it may take long.
            self._keeper = sqlite3.connect(path, timeout=PATIENCE_S, check_same_thread=False)
            self._file.execute("PRAGMA journal_mode = WAL")
            self._file.execute("PRAGMA wal_autocheckpoint = 0")
            self._file.execute("PRAGMA synchronous = NORMAL")
            self._file.execute(_SCHEMA)
            self._file.execute(_SUM, ("", "", 0))
            self._file.execute("BEGIN IMMEDIATE")  # the first write makes files: not later
            self._file.execute(_ADD, ("", "", 0, 0))
            self._file.execute("DELETE FROM doses WHERE subject = ''")
            self._file.execute("COMMIT")
        except (OSError, sqlite3.Error) as failure:
            raise self._error(failure) from failure

    def book(
        self,
        subject: str,
        output: str,
        utc_ns: int,
        dose: Dose,
        limit_ns: int | None,
        instead_of: Dose | None = None,
    ) -> int | None:
        """Add a dose, unless it would exceed what the animal may get in 24 hours.

        Args:
            subject: Which animal.
            output: Of what.
            utc_ns: The present moment (ns since 1970-01-01).
            dose: To be given.
            limit_ns: The most that it may be afterwards; None: no limit.
            instead_of: What was booked and will not be delivered, if this is: it is taken back.

        Returns:
            What the animal had had before, if that was too much already; None if it was booked.
        """
        about = subject, output
        try:
            self._file.execute("BEGIN IMMEDIATE")
            try:
                had_ns = self._had_ns(*about, _minute(utc_ns), MINUTES_PER_DAY)
                had_ns -= instead_of.dose_ns if instead_of else 0
                refused = limit_ns is not None and had_ns + dose.dose_ns > limit_ns
                if not refused:
                    if instead_of is not None:
                        self._take(about, instead_of)
                    self._file.execute(_ADD, (*about, _minute(dose.until_utc_ns), dose.dose_ns))
            finally:
                self._file.execute("COMMIT")
        except sqlite3.Error as failure:
            raise self._error(failure) from failure
        return had_ns if refused else None

    def give_back(self, subject: str, output: str, dose: Dose) -> None:
        """Take back part of what was booked until that moment and not delivered."""
        try:
            self._take((subject, output), dose)
        except sqlite3.Error as failure:
            raise self._error(failure) from failure

    def had_ns(
        self, subject: str, output: str, utc_ns: int, span_minutes: int = MINUTES_PER_DAY
    ) -> int:
        """Return what the animal has had in the 24 hours (say) before `utc_ns`, and after it."""
        try:
            return self._had_ns(subject, output, _minute(utc_ns), span_minutes)
        except sqlite3.Error as failure:
            raise self._error(failure) from failure

    def last_utc_ns(self, subject: str, output: str) -> int | None:
        """Return the end of the last minute in which the animal got something (UTC); or None."""
        try:
            (minute,) = self._file.execute(_LAST, (subject, output)).fetchone()
        except sqlite3.Error as failure:
            raise self._error(failure) from failure
        return None if minute is None else (int(minute) + 1) * MINUTE_NS

    def checkpoint(self) -> None:
        """Force everything onto the disk: it survives a power cut from here on.

        Any thread, about once a second; bookings do not wait for it.
        """
        try:
            self._keeper.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except sqlite3.Error as failure:
            raise self._error(failure) from failure

    def close(self) -> None:
        """Close the file; twice does no harm."""
        self._file.close()
        self._keeper.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _take(self, about: tuple[str, str], dose: Dose) -> None:
        self._file.execute(_TAKE, (dose.dose_ns, *about, _minute(dose.until_utc_ns)))

    def _had_ns(self, subject: str, output: str, minute: int, span_minutes: int) -> int:
        since = minute - span_minutes - 1  # the minute that is only partly gone counts whole
        (had_ns,) = self._file.execute(_SUM, (subject, output, since)).fetchone()
        return int(had_ns)

    def _error(self, failure: Exception) -> RecordingError:
        return RecordingError(
            f"the doses that animals got cannot be kept in {self._path}: {failure}. Mend or move "
            f"the file, or name another one (stimulation.doses)"
        )


def _minute(utc_ns: int) -> int:
    return utc_ns // MINUTE_NS
