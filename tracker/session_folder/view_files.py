"""Writes and reads registration.jsonl, and writes the reference view that its lines are about."""

from pathlib import Path

import cv2
import msgspec

from tracker.errors import RecordingError
from tracker.registration.lines import ViewPicture, ViewRow
from tracker.session_folder.files import (
    REFERENCE,
    REGISTRATION,
    SCHEMA_VERSION,
    AppendFile,
    write_new,
)
from tracker.session_folder.lines import read_lines


class ViewFiles:
    """The files about the camera's view; they are there only if it is watched. One thread.

    Args:
        folder: The session folder.
        session_id: Goes into every line.

    Raises:
        RecordingError: From every method, if a file cannot be written.
        DiskFull: From every method, if there is no room left.
    """

    def __init__(self, folder: Path, session_id: str) -> None:
        self._folder = folder
        self._session_id = session_id
        self._lines: AppendFile | None = None

    def write(self, row: ViewRow) -> None:
        """Add a look at once."""
        if self._lines is None:
            self._lines = AppendFile(self._folder / REGISTRATION)
        about = {"schema": SCHEMA_VERSION, "session_id": self._session_id}
        line = msgspec.json.encode({**about, **msgspec.structs.asdict(row)})
        self._lines.append(line + b"\n")

    def write_picture(self, picture: ViewPicture) -> None:
        """Write the reference view, once."""
        is_made, content = cv2.imencode(".png", picture.image)
        if not is_made:
            raise RecordingError(f"{REFERENCE} in {self._folder} cannot be made")
        write_new(self._folder / REFERENCE, content.tobytes())

    def sync(self) -> None:
        """Return once the disk has everything."""
        if self._lines is not None:
            self._lines.sync()

    def close(self) -> None:
        """Finish the file."""
        if self._lines is not None:
            self._lines.close()


def read_views(folder: Path) -> tuple[list[ViewRow], bool]:
    """Return the looks of a session, and whether half a line at the end was left out.

    None where its camera was not watched.

    Raises:
        RecordingError: If the file cannot be read or is damaged other than at its end.
    """
    path = folder / REGISTRATION
    return read_lines(path, ViewRow) if path.is_file() else ([], False)
