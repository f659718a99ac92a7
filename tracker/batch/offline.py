"""One recording from its video to a whole session folder: what a worker does."""

import json
import os
import platform
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import cv2

from tracker.batch.jobs import Job
from tracker.batch.table import row_of_failure, rows_of
from tracker.build import build_session
from tracker.clock import SystemClock
from tracker.errors import RecordingError, SessionError, TrackerError
from tracker.provenance import code_sha256
from tracker.recording import Recording
from tracker.session import Session
from tracker.session_folder.files import write_new
from tracker.session_state import EndReason

SOURCE = "source.json"
"""In a session folder that a batch made: which video it is of."""

LOOK_EVERY_S = 0.2
"""How often progress is told, and whether the end was asked for is looked up."""

Tell = Callable[[int], None]
"""Told how many frames of the recording have been processed."""


class State(StrEnum):
    """What became of a recording."""

    MADE = "made"
    FOUND = "found"
    """It had been done before, with the same video, settings, network and program."""

    FAILED = "failed"
    STOPPED = "stopped"
    """Somebody asked for the end; nothing is left of it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a recording, and what the table says of it."""

    name: str
    state: State
    rows: list[dict[str, Any]] = field(default_factory=list)
    error: str = ""


def do(job: Job, tell: Tell) -> Outcome:
    """Make the session of a recording, unless it is there, and return its rows.

    What is wrong with the recording, or with its disk, is an outcome; a fault of this program is
    raised.
    """
    try:
        state = State.FOUND
        if not _is_there(job):
            state = _make(job, tell)
        rows = rows_of(job) if state is not State.STOPPED else []
    except (TrackerError, OSError) as failure:
        return failed(job, str(failure))
    return Outcome(job.source.name, state, rows)


def failed(job: Job, error: str) -> Outcome:
    """Return the outcome of a recording that came to nothing."""
    return Outcome(job.source.name, State.FAILED, [row_of_failure(job, error)], error)


def _is_there(job: Job) -> bool:
    """Whether its session is there and whole: the name is given to whole folders alone."""
    if not job.folder.is_dir():
        return False
    if job.experiment is not None:
        missing = [name for name in (SOURCE, "session.json") if not (job.folder / name).is_file()]
        if missing:
            raise RecordingError(
                f"{job.folder} lacks {', '.join(missing)}: somebody has changed it; move it away, "
                f"so that it is made again"
            )
    return True


def _make(job: Job, tell: Tell) -> State:
    if job.code_sha256 != code_sha256():
        raise SessionError(
            f"the worker on {platform.node()} has another version of this program than the one "
            f"that sent it work: install the same on all computers"
        )
    if not job.ticket.exists():
        return State.STOPPED
    tell(0)
    who = f"{platform.node()}.{os.getpid()}"
    draft = job.drafts / f"{job.folder.name}.{who}.{os.urandom(3).hex()}"
    try:
        made = _run(job, draft, tell)
        if made is None:
            return State.STOPPED
        _give_name(made, job.folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return State.MADE


def _run(job: Job, draft: Path, tell: Tell) -> Path | None:
    """Run the session in a draft folder; return its folder once it is whole, None if stopped."""
    from tracker.report import write_report  # slow to import

    if job.experiment is None or job.look is None:
        raise SessionError(f"{job.source.name} is no video: there is nothing to run")
    cv2.setNumThreads(1)  # one processor per recording: there are as many workers as processors
    session, folder = build_session(job.experiment, draft, SystemClock())
    session.start()
    try:
        while not session.wait(LOOK_EVERY_S):
            tell(session.status.totals.processed)
            if not job.ticket.exists():
                session.stop()
    finally:
        session.finish()
    if session.end_reason is EndReason.STOPPED:
        return None
    recording = Recording(folder)
    _refuse_other(job, session, recording)
    write_report(recording)
    write_new(folder / SOURCE, _source(job))
    return folder


def _refuse_other(job: Job, session: Session, recording: Recording) -> None:
    if session.end_reason is not EndReason.COMPLETED:
        raise SessionError(f"the session ended as {session.end_reason}")
    if job.look is not None and not job.look.still_is(job.source.path):
        raise RecordingError(f"{job.source.path} was changed while it was read: start again")
    model = recording.session["provenance"]["model_sha256"]
    if model != job.model_sha256:
        raise SessionError(
            f"the worker on {platform.node()} has another network file than the one that was "
            f"meant ({model[:8]} in place of {str(job.model_sha256)[:8]}): copy it there"
        )


def _source(job: Job) -> bytes:
    look = job.look
    content = {
        "schema": 1,
        "recording": job.source.name,
        "path": str(job.source.path),
        "bytes": look.size if look else None,
        "video_sha256": look.sha256 if look else None,
        "settings_sha256": job.settings_sha256,
    }
    return json.dumps(content, indent=2).encode() + b"\n"


def _give_name(made: Path, folder: Path) -> None:
    """In one step; another worker that was taken for dead may have been faster."""
    try:
        made.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
