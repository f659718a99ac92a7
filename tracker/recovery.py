"""Closes a session folder that a crash, a power cut or a kill left open.

Files are finished one after the other, session.json last: a recovery that is itself cut off can
be done again, and one that is done does nothing the second time.
"""

import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from tracker.errors import RecordingError
from tracker.recording import Recording
from tracker.session_folder import files as names
from tracker.session_folder.ledger_end import LedgerEnd, mend_ledger
from tracker.session_folder.lock import WriterLock, last_holder, refuse_if_written
from tracker.session_folder.mending import (
    FileState,
    Progress,
    close_lines,
    close_table,
    close_video,
    look_at_lines,
    look_at_table,
    look_at_video,
    replace,
)
from tracker.session_folder.recorded_video import RecordedVideo, is_segmented
from tracker.session_folder.rows import LEDGER_SCHEMA, ObservationRows, to_json
from tracker.session_folder.tables import read_table
from tracker.types import Skeleton

QUIET_S = 30
"""A folder begun on another computer counts as written while its files are younger than this:
locks do not reach over every network drive."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was found in a folder, and what became of it.

    Attributes:
        folder: Which one.
        totals: Sums over the ledger, as in `Totals.as_dict`; with `was_closed` those in the file.
        files: How each file ends, as it was found.
        lost: What is lost and what was changed, one sentence each.
        was_closed: Whether the session was closed already, so that there was nothing to do.
        closed_now: Whether this call has closed it.
    """

    folder: Path
    totals: Mapping[str, Any]
    files: tuple[FileState, ...] = ()
    lost: tuple[str, ...] = ()
    was_closed: bool = False
    closed_now: bool = False


def recover(
    folder: Path, *, dry_run: bool = False, progress: Progress = lambda _name, _part: None
) -> Recovery:
    """Close a session folder that was left open.

    Args:
        folder: A session folder.
        dry_run: True: only say what would be done; nothing in the folder is changed.
        progress: Told how far the reading and copying of videos is.

    Raises:
        RecordingError: If it is no session folder, a program writes into it, it is damaged
            elsewhere than at the ends of its files, or cannot be written.
        DiskFull: If there is no room left.
    """
    session = _session(folder)
    if session["state"] == "closed":
        return Recovery(folder, session["totals"], was_closed=True)
    _refuse_other_computers(folder)
    if dry_run:
        refuse_if_written(folder)
        found = _look(folder, session, progress)
        end = _ledger_end(folder, session, found)
        return Recovery(folder, end.totals, tuple(found.values()), _lost(found, end))
    lock = WriterLock(folder)
    try:
        return _close(folder, progress)
    finally:
        lock.release()


def _close(folder: Path, progress: Progress) -> Recovery:
    session = _session(folder)  # again: it may have been closed until we had the lock
    if session["state"] == "closed":
        return Recovery(folder, session["totals"], was_closed=True)
    found = _look(folder, session, progress)
    end = _ledger_end(folder, session, found)
    lost = list(_lost(found, end))
    for state in found.values():
        if state.name.endswith(".jsonl") and not (state.there and state.finished):
            close_lines(folder / state.name, state.kept_bytes)
        is_cut_video = state.name.endswith(".mkv") and state.n_items and not state.finished
        if is_cut_video and not close_video(folder / state.name, state.n_items, progress):
            lost.append(f"{state.name} has no index, for want of room to copy it")
    if not found[names.OBSERVATIONS].finished:
        _keep_damaged(folder, found[names.OBSERVATIONS])
        close_table(folder / names.OBSERVATIONS, _observations(folder, session))
    if not found[names.LEDGER].finished or end.changed:
        _keep_damaged(folder, found[names.LEDGER])
        if end.changed:
            _keep_original(folder / names.LEDGER)
        close_table(folder / names.LEDGER, end.table)
    (folder / names.RESERVE).unlink(missing_ok=True)
    _write_session(folder, session, found, end, lost)
    return Recovery(folder, end.totals, tuple(found.values()), tuple(lost), closed_now=True)


def _session(folder: Path) -> dict[str, Any]:
    session = dict(Recording(folder).session)
    if "recorder" not in session:
        raise RecordingError(f"{folder} has no recording: it was not written by tracker run")
    return session


def _refuse_other_computers(folder: Path) -> None:
    holder = last_holder(folder)
    if holder is None or holder.host == platform.node():
        return
    age_s = time.time() - max(path.stat().st_mtime for path in folder.iterdir())
    if age_s < QUIET_S:
        raise RecordingError(
            f"{folder} was written {age_s:.0f} s ago by {holder}, another computer: stop that "
            f"session first, or wait until nothing was written for {QUIET_S} s"
        )


def _look(folder: Path, session: Mapping[str, Any], progress: Progress) -> dict[str, FileState]:
    """How each file ends that has to be there, by name."""
    found = [look_at_table(folder / name) for name in (names.LEDGER, names.OBSERVATIONS)]
    lines = [names.EPISODES, names.LOG]
    optional = (names.STIMULI, names.EDGES, names.SEALED, names.REGISTRATION)
    lines += [name for name in optional if (folder / name).is_file()]
    found += [look_at_lines(folder / name) for name in lines]
    if session["recorder"]["codec"] != "none":
        found += [look_at_video(path, progress) for path in names.video_files(folder)]
    return {state.name: state for state in found}


def _observations(folder: Path, session: Mapping[str, Any]) -> pa.Table:
    """Whole rows of the observations; none, if not even its columns were written."""
    try:
        return read_table(folder / names.OBSERVATIONS)[0]
    except RecordingError:
        skeleton = msgspec.convert(session["skeleton"], Skeleton)
        rows = ObservationRows(skeleton, session["features"], session["behaviours"])
        return rows.schema.with_metadata(_about(session)).empty_table()


def _ledger_end(
    folder: Path, session: Mapping[str, Any], found: Mapping[str, FileState]
) -> LedgerEnd:
    try:
        ledger = read_table(folder / names.LEDGER)[0]
    except RecordingError:
        ledger = LEDGER_SCHEMA.with_metadata(_about(session)).empty_table()
    videos = [(folder / name, s.n_items) for name, s in found.items() if name.endswith(".mkv")]
    _refuse_missing_videos(folder, ledger, session["recorder"])
    crop = session["recorder"].get("crop")
    return mend_ledger(ledger, _observations(folder, session), videos, crop)


def _refuse_missing_videos(folder: Path, ledger: pa.Table, recorder: Mapping[str, Any]) -> None:
    """A video that was moved away is no loss, and the ledger must not call it one."""
    segmented = is_segmented(recorder)
    video = RecordedVideo(folder, ledger, segmented=segmented, colour=False, may_be_short=True)
    if video.rows.num_rows and video.missing:
        raise RecordingError(
            f"{', '.join(video.missing)} of {folder} is missing, and the ledger says that frames "
            f"are in it: put it back, then recover"
        )


def _about(session: Mapping[str, Any]) -> dict[str, str]:
    return {
        "tracker.schema": str(session["schema"]),
        "tracker.session": str(session["session_id"]),
    }


def _keep_damaged(folder: Path, state: FileState) -> None:
    """A table without readable columns cannot be mended: its bytes stay under another name."""
    if state.there and state.n_bytes and not state.kept_bytes:
        replace(folder / state.name, folder / f"{state.name}.damaged")


def _keep_original(path: Path) -> None:
    """Rows that the program wrote are changed: they stay under another name as well."""
    original = path.with_name(f"{path.name}.original")
    if path.is_file() and not original.exists():
        names.write_new(original, path.read_bytes())


def _lost(found: Mapping[str, FileState], end: LedgerEnd) -> tuple[str, ...]:
    said = ["the program died or lost its power: the session was closed by tracker recover"]
    for state in found.values():
        if not state.there:
            said.append(f"{state.name} was missing: the program died before it was begun")
        elif state.n_bytes > state.kept_bytes:
            cut = state.n_bytes - state.kept_bytes
            said.append(f"{state.name}: its last {cut} bytes were no whole row and are gone")
        elif state.name.endswith(".mkv") and not state.n_items:
            said.append(f"{state.name} holds no frame that can be read")
    return (*said, *end.lost)


def _write_session(
    folder: Path,
    session: Mapping[str, Any],
    found: Mapping[str, FileState],
    end: LedgerEnd,
    lost: Sequence[str],
) -> None:
    n_frames = sum(state.n_items for state in found.values() if state.name.endswith(".mkv"))
    last_lines = [line.logged_ns for line in Recording(folder).log]
    closed = dict(session) | {
        "state": "closed",
        "end_reason": "recovered",
        "closed_ns": max([session["opened_ns"], end.last_ns, *last_lines]),
        "video_frames": n_frames,
        "totals": end.totals,
        "recording_errors": list(lost),
        "recovered": {
            "by": f"behaviour-tracker {version('behaviour-tracker')}",
            "utc": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    }
    names.replace_file(
        folder / names.SESSION, msgspec.json.format(to_json(closed), indent=2) + b"\n"
    )
