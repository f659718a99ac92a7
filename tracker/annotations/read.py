"""A file of annotations → `Annotations`: which program wrote it, by what is in it."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from tracker.annotations import boris, caltech, frame_table, matlab
from tracker.annotations.bouts import Annotations
from tracker.errors import AnnotationError

EXPECTED = (
    "annotations of BORIS (CSV or TSV), the Caltech Behavior Annotator (text), SimBA or another "
    "table of one row per frame (CSV), or BehaviorDEPOT (MATLAB)"
)


def read_annotations(
    path: Path, fps: float | None = None, wanted: Sequence[str] = ()
) -> Annotations:
    """Return what a person saw in a video.

    Args:
        path: The file.
        fps: Frames per second of the video, for files that count in seconds; None: as they say.
        wanted: Behaviours that are looked for, for tables that have other columns as well.

    Raises:
        AnnotationError: If it cannot be used; it lists everything that is wrong.
        MissingExtra: If a library is missing that its format needs.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise AnnotationError(path, [f"there is no such file, expected {EXPECTED}"]) from None
    except OSError as failure:
        raise AnnotationError(path, [f"it cannot be read: {failure.strerror}"]) from None
    sha256 = hashlib.sha256(content).hexdigest()
    if matlab.is_matlab(content[:64]):
        return matlab.read(path, sha256)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise AnnotationError(path, [f"it is no text, expected {EXPECTED}"]) from None
    if caltech.is_caltech(text):
        return caltech.read(path, text, sha256)
    if boris.is_boris(text):
        return boris.read(path, text, sha256, fps)
    if path.suffix.casefold() == ".csv":
        return frame_table.read(path, text, sha256, wanted)
    raise AnnotationError(path, [f"nobody knows what it is, expected {EXPECTED}"])
