"""One row per frame and one column per behaviour, 0 or 1: SimBA's targets, and plain CSV."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tracker.annotations.bouts import Annotations, bouts_of
from tracker.errors import AnnotationError

_NO_BEHAVIOUR = ("", "frame", "frames", "index", "time", "unnamed: 0")

_VALUES = {"0": False, "0.0": False, "1": True, "1.0": True}


def read(path: Path, text: str, sha256: str, wanted: Sequence[str] = ()) -> Annotations:
    """Return what a table of one row per frame says.

    Behaviours are the columns that hold nothing but 0 and 1 and have at least one of each, or are
    asked for; SimBA's files have positions and features in front of them.

    Args:
        path: The file.
        text: What is in it.
        sha256: Of its bytes.
        wanted: Behaviours that are looked for.

    Raises:
        AnnotationError: Listing everything that is wrong.
    """
    rows = [row for row in csv.reader(text.splitlines()) if any(cell.strip() for cell in row)]
    if len(rows) < 2:
        raise AnnotationError(path, ["expected a header and one row per frame"])
    header, body = [name.strip() for name in rows[0]], rows[1:]
    uneven = [
        f"row {number}: it has {len(row)} cells, expected {len(header)}"
        for number, row in enumerate(body, start=1)
        if len(row) != len(header)
    ]
    if uneven:
        raise AnnotationError(path, uneven)
    problems: list[str] = []
    bouts, names = [], []
    for column, name in enumerate(header):
        if name.casefold() in _NO_BEHAVIOUR:
            continue
        cells = [row[column].strip() for row in body]
        wrong = [number for number, cell in enumerate(cells, start=1) if cell not in _VALUES]
        if wrong and name in wanted:
            problems += [
                f"row {number}: {name} is {cells[number - 1]!r}, expected 0 or 1"
                for number in wrong
            ]
        if wrong:
            continue
        mask = np.array([_VALUES[cell] for cell in cells], bool)
        if name in wanted or 0 < mask.sum() < len(mask):
            names.append(name)
            bouts += bouts_of(mask, name)
    if problems:
        raise AnnotationError(path, problems)
    if not names:
        raise AnnotationError(
            path,
            [f"none of its columns is a behaviour, 0 or 1 per frame: {', '.join(header[:20])}"],
        )
    return Annotations(
        path=path,
        sha256=sha256,
        program="table of frames",
        bouts=tuple(sorted(bouts)),
        behaviours=tuple(names),
        n_frames=len(body),
    )
