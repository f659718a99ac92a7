"""Ends the blinding of a session folder: says who did it and when, and never undoes it."""

import getpass
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from tracker.controllers.allocation import Allocation, AllocationSettings
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
        RecordingError: If the session still runs, was not blinded, is unblinded already, its
            seeds are not those that it has committed itself to, or its folder cannot be read or
            written.
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
    _check_schedules(recording)
    about = {
        "schema": names.SCHEMA_VERSION,
        "session_id": recording.session["session_id"],
        "unblinded_by": by or getpass.getuser(),
        "unblinded_utc": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    names.write_new(folder / names.UNBLINDING, to_json(about) + b"\n")
    rows = Recording(folder).stimuli
    return dict(Counter(str(row.command.arm) for row in rows))


def _check_schedules(recording: Recording) -> None:
    """Refuse seeds that do not give the hashes that stand in session.json from the start."""
    stimulation = recording.session["provenance"].get("stimulation", {})
    for name, facts in stimulation.get("controllers", {}).items():
        if not facts.get("blinded"):
            continue
        seed = recording.sealed_seeds.get(name, {}).get("seed", "")
        settings = AllocationSettings(arms=facts["arms"], block=facts["block"])
        if Allocation(name, settings, seed).schedule_sha256 != facts["schedule_sha256"]:
            raise RecordingError(
                f"the seed of {name} in {names.SEALED} does not give the schedule whose hash "
                f"stands in {names.SESSION}: one of the two was changed since the session began"
            )
