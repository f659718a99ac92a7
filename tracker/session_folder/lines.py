"""Reads session.json, and files of one JSON object per line."""

from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tracker.errors import RecordingError
from tracker.session_folder.files import SCHEMA_VERSION, SESSION

_Line = TypeVar("_Line")


def read_session(folder: Path) -> dict[str, Any]:
    """Return the contents of session.json.

    Raises:
        RecordingError: If it is not there, damaged, or of another version.
    """
    path = folder / SESSION
    try:
        session = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except OSError as failure:
        raise RecordingError(
            f"{folder} is no session folder: {SESSION} cannot be read ({failure.strerror})"
        ) from failure
    except msgspec.DecodeError as failure:
        raise RecordingError(f"{SESSION} in {folder} is damaged: {failure}") from failure
    if session.get("schema") != SCHEMA_VERSION:
        raise RecordingError(
            f"{folder} has schema {session.get('schema')}, this version reads "
            f"{SCHEMA_VERSION}: use the version of tracker that wrote it, or a newer one"
        )
    return session


def read_lines(path: Path, kind: type[_Line]) -> tuple[list[_Line], bool]:
    """Return the whole lines of a file, and whether half a one at the end was left out.

    Raises:
        RecordingError: If it cannot be read, or a whole line is damaged.
    """
    try:
        *whole, rest = path.read_bytes().split(b"\n")
    except OSError as failure:
        raise RecordingError(
            f"cannot read {path.name} in {path.parent}: {failure.strerror}"
        ) from failure
    decoder = msgspec.json.Decoder(kind)
    lines = []
    for number, line in enumerate(whole, start=1):
        try:
            lines.append(decoder.decode(line))
        except msgspec.DecodeError as failure:
            raise RecordingError(
                f"line {number} of {path.name} in {path.parent} is damaged: {failure}"
            ) from failure
    return lines, bool(rest)
