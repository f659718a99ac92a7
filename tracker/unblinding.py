"""Ends the blinding of a session folder: says who did it and when, and never undoes it."""

import getpass
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from tracker.errors import RecordingError
from tracker.recording import Recording
from tracker.session_folder import files as names
from tracker.session_folder.rows import to_json


def unblind(folder: Path, by: str | None = None) -> dict[str, int]:
    """Let everybody read the arms of a session; return the number of stimuli by arm.

    Writes `unblinding.json` with who did it and when; the other files stay as they are.

    Args:
        folder: A session folder, closed.
        by: Who does it; by default the user's name.

    Raises:
        RecordingError: If the session still runs, was not blinded, is unblinded already, or its
            folder cannot be read or written.
    """
    recording = Recording(folder)
    if recording.session["state"] != "closed":
        raise RecordingError(
            f"{folder} was not closed: it still runs, or `tracker recover` has to close it first"
        )
    if not (folder / names.SEALED).is_file():
        raise RecordingError(f"{folder} is no blinded session: nothing in it is sealed")
    if not recording.is_blinded:
        raise RecordingError(f"{folder} is unblinded already: see {names.UNBLINDING}")
    about = {
        "schema": names.SCHEMA_VERSION,
        "session_id": recording.session["session_id"],
        "unblinded_by": by or getpass.getuser(),
        "unblinded_utc": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    names.write_new(folder / names.UNBLINDING, to_json(about) + b"\n")
    rows = Recording(folder).stimuli
    return dict(Counter(str(row.command.arm) for row in rows))
