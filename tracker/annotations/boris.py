"""BORIS: events exported as CSV or TSV, in all three layouts that it has had.

Tabular events of version 8 (one row for a START, a STOP or a POINT, a header in the first line),
of older versions (the same below a block about the observation, the kind in a column `Status`),
and aggregated events (one row per bout, `Start (s)` and `Stop (s)`).
"""

import csv
import math
from collections.abc import Mapping
from pathlib import Path

from tracker.annotations.bouts import Annotations, Bout
from tracker.errors import AnnotationError

COLUMNS = (
    "Observation id",
    "Observation date",
    "Description",
    "Observation duration",
    "Observation type",
    "Source",
    "Time offset (s)",
    "Media duration (s)",
    "FPS",
    "Subject",
    "Behavior",
    "Behavioral category",
    "Behavior type",
    "Time",
    "Media file name",
    "Image index",
    "Image file path",
    "Comment",
)
"""Header of BORIS 8's "Export events > Tabular events" (boris/export_observation.py)."""

NOT_KNOWN = "NA"
"""What BORIS writes where there is nothing."""

NOBODY = ("No focal subject", NOT_KNOWN)
"""Subjects that are none."""

ALMOST = 0.05
"""Frames that a time may lie before a frame and still be that one: times have three decimals."""

_START, _STOP = "Start (s)", "Stop (s)"


def is_boris(first_lines: str) -> bool:
    """Whether a file with this beginning is one of BORIS."""
    return "Behavioral category" in first_lines


def read(path: Path, text: str, sha256: str, fps: float | None) -> Annotations:
    """Return what a file of BORIS says.

    A frame is on the screen from its own time to that of the next: the frame of an event is the
    one that was on the screen.

    Args:
        path: The file.
        text: What is in it.
        sha256: Of its bytes.
        fps: Frames per second of the video; None: as the file says.

    Raises:
        AnnotationError: Listing everything that is wrong.
    """
    header_line, rows = _rows(path, text)
    reader = _Reader(fps)
    for number, row in rows:
        reader.take(number, row)
    bouts = reader.finish()
    if reader.problems:
        raise AnnotationError(path, reader.problems)
    if not bouts:
        raise AnnotationError(path, [f"there is no event below its header in line {header_line}"])
    return Annotations(
        path=path,
        sha256=sha256,
        program="BORIS",
        bouts=tuple(sorted(bouts)),
        behaviours=tuple(dict.fromkeys(bout.behaviour for bout in bouts)),
        notes=tuple(reader.notes),
    )


def _rows(path: Path, text: str) -> tuple[int, list[tuple[int, dict[str, str]]]]:
    """Return the line of the header, and the rows below it with their lines."""
    delimiter = "\t" if text.count("\t") > text.count(",") else ","
    lines = list(csv.reader(text.splitlines(), delimiter=delimiter))
    places = (
        line
        for line, cells in enumerate(lines, start=1)
        if "Behavior" in cells and ("Time" in cells or _START in cells)
    )
    number = next(places, 0)
    if not number:
        raise AnnotationError(
            path, ["no line has the columns Behavior and Time (or Start (s)): is it of BORIS?"]
        )
    names = [cell.strip() for cell in lines[number - 1]]
    rows = [
        (line, dict(zip(names, (cell.strip() for cell in cells), strict=False)))
        for line, cells in enumerate(lines[number:], start=number + 1)
        if any(cell.strip() for cell in cells)
    ]
    return number, rows


class _Reader:
    """Pairs starts with stops; remembers everything that is wrong."""

    def __init__(self, fps: float | None) -> None:
        self._fps = fps
        self._open: dict[tuple[str, str], tuple[int, int]] = {}
        self._bouts: list[Bout] = []
        self.problems: list[str] = []
        self.notes: list[str] = []

    def take(self, line: int, row: Mapping[str, str]) -> None:
        """Take in one row."""
        behaviour = row.get("Behavior", "")
        if not behaviour:
            self.problems.append(f"line {line}: no behaviour is named")
            return
        subject = row.get("Subject", "")
        who = behaviour, "" if subject in NOBODY else subject
        if _START in row:
            ends = [self._frame(line, row, name) for name in (_START, _STOP)]
            if None not in ends:
                self._add(line, who, ends[0] or 0, ends[1] or 0)
            return
        frame = self._frame(line, row, "Time")
        kind = (row.get("Status") or row.get("Behavior type") or "").upper()
        if frame is not None:
            self._event(line, kind, who, frame)

    def _event(self, line: int, kind: str, who: tuple[str, str], frame: int) -> None:
        name = " of ".join(part for part in who if part)
        if kind == "POINT":
            self._bouts.append(Bout(frame, frame, *who))
        elif kind == "START":
            if who in self._open:
                self.problems.append(
                    f"line {line}: {name} starts, but it has not stopped since line "
                    f"{self._open[who][0]}"
                )
            self._open[who] = line, frame
        elif kind == "STOP":
            begun = self._open.pop(who, None)
            if begun is None:
                self.problems.append(f"line {line}: {name} stops, but it has not started")
            else:
                self._add(line, who, begun[1], frame)
        else:
            self.problems.append(f"line {line}: expected START, STOP or POINT, found {kind!r}")

    def _add(self, line: int, who: tuple[str, str], first: int, last: int) -> None:
        if last < first:
            self.problems.append(f"line {line}: {who[0]} stops before it starts")
        else:
            self._bouts.append(Bout(first, last, *who))

    def _frame(self, line: int, row: Mapping[str, str], column: str) -> int | None:
        """Return the frame that was on the screen; None, and a problem, if nobody can know."""
        index = row.get("Image index", "")
        if column == "Time" and index.isdigit() and row.get("Media file name") not in ("", None):
            return int(index)
        time_s, fps = _number(row.get(column, "")), self._fps or _number(row.get("FPS", ""))
        if math.isnan(time_s):
            self.problems.append(
                f"line {line}: {column} is {row.get(column, '')!r}, expected seconds"
            )
            return None
        if not fps > 0:
            self.problems.append(
                f"line {line}: the frames per second of the video are not stated: say them (--fps)"
            )
            return None
        return max(0, math.floor(time_s * fps + ALMOST))

    def finish(self) -> list[Bout]:
        """Return the bouts; what was never stopped is a problem."""
        for who, (line, _) in self._open.items():
            self.problems.append(f"line {line}: {who[0]} starts, and never stops")
        return self._bouts


def _number(text: str) -> float:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return math.nan
