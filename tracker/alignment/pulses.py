"""Pulses of another recording, from its file, and those of a session."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.alignment.matching import Times
from tracker.errors import AlignmentError
from tracker.recording import Recording

FRAMES = "frames"
"""In place of a line: one pulse per frame, as a camera's strobe gives them."""

_TIME_NAMES = ("time_s", "timestamps", "timestamp", "time", "t")
_LEVEL_NAMES = ("level", "state", "states", "rising", "high")


@dataclass(frozen=True, slots=True, eq=False)
class Pulses:
    """Edges of one line, growing.

    Attributes:
        times_s: When, shape (edges,), on whatever clock.
        high: Whether the line is high after each; None: only one kind of edge is there.
    """

    times_s: Times
    high: NDArray[np.bool_] | None = None

    def those(self, *, rising: bool) -> Times:
        """The edges of one kind; all of them if there is only one kind."""
        return self.times_s if self.high is None else self.times_s[self.high == rising]


def read_pulses(path: Path, rate_hz: float | None = None) -> Pulses:
    """Read edges from a `.npy` or `.csv` file.

    One number per edge is its time; with two the second one is the level after it (0 or below:
    low). In a CSV file with a header, columns `time_s` (or timestamps, time) and `level` (or state,
    rising) are taken.

    Args:
        path: The file.
        rate_hz: Samples per second, if times are in samples; None: they are in s.

    Raises:
        AlignmentError: If the file cannot be read or holds no such numbers.
    """
    try:
        table = _npy(path) if path.suffix == ".npy" else _csv(path)
    except (OSError, ValueError, UnicodeDecodeError) as failure:
        raise AlignmentError(
            f"{path}: no pulses can be read ({failure}); expected a .npy array or a .csv file with "
            f"one time per edge, and perhaps its level"
        ) from failure
    if table.ndim != 2 or table.shape[1] not in (1, 2) or not len(table):
        raise AlignmentError(
            f"{path}: found an array of {table.shape}, expected times, or times and levels"
        )
    if rate_hz is None and np.all(table[:, 0] == np.round(table[:, 0])) and len(table) > 2:
        raise AlignmentError(
            f"{path}: all times are whole numbers: say how many samples make a second (--rate-hz), "
            f"or give times in s"
        )
    table = table[np.argsort(table[:, 0], kind="stable")]
    times_s = table[:, 0] / (rate_hz or 1.0)
    if not np.all(np.isfinite(times_s)):
        raise AlignmentError(f"{path}: some times are no numbers")
    return Pulses(times_s, table[:, 1] > 0 if table.shape[1] == 2 else None)


def session_pulses(recording: Recording, line: str | None) -> tuple[str, Pulses]:
    """Return the edges of a line of a session, on its clock (s), and the line's name.

    Args:
        recording: The session.
        line: "input 0" and so on, an output's name, or "frames"; None: the input that had edges,
            or the frames if none had.

    Raises:
        AlignmentError: If there is no such line, or nobody can say which is meant.
    """
    lines: dict[str, list[Any]] = {}
    for edge in recording.edges if recording.has_stimuli else ():
        lines.setdefault(edge.line, []).append(edge)
    if line is None:
        inputs = sorted(name for name in lines if name.startswith("input "))
        if len(inputs) > 1:
            raise AlignmentError(f"edges came in at {', '.join(inputs)}: say which one (--line)")
        line = inputs[0] if inputs else FRAMES
    if line == FRAMES:
        return line, Pulses(_frame_times(recording))
    if line not in lines:
        known = ", ".join([FRAMES, *sorted(lines)])
        raise AlignmentError(f"{recording.folder}: no edge of line {line!r}; there are: {known}")
    edges = lines[line]
    at_ns = np.array([edge.at_ns for edge in edges], np.int64)
    return line, Pulses(at_ns / 1e9, np.array([edge.rising for edge in edges], np.bool_))


def _frame_times(recording: Recording) -> Times:
    """Of every frame that the camera counted: it gave a pulse for lost ones as well."""
    table = recording.ledger.select(["index", "captured_ns"])
    came = table.drop_null()
    if not came.num_rows:
        raise AlignmentError(f"{recording.folder}: no frame came")
    index = table["index"].to_numpy()
    times_s = came["captured_ns"].to_numpy() / 1e9
    found = np.interp(index, came["index"].to_numpy(), times_s)
    inside = (index >= came["index"][0].as_py()) & (index <= came["index"][-1].as_py())
    return np.asarray(found[inside], np.float64)


def _npy(path: Path) -> Times:
    table = np.load(path, allow_pickle=False)
    if table.ndim == 1:
        table = table[:, None]
    elif table.ndim == 2 and table.shape[0] in (1, 2) and table.shape[1] > 2:
        table = table.T
    return np.asarray(table, np.float64)


def _csv(path: Path) -> Times:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    header = [name.strip().lower() for name in rows[0]] if rows else []
    wanted: list[int] = list(range(min(2, len(header))))
    if header and not _is_number(header[0]):
        time = [k for k, name in enumerate(header) if name in _TIME_NAMES]
        level = [k for k, name in enumerate(header) if name in _LEVEL_NAMES]
        if not time:
            raise ValueError(f"no column time_s among {', '.join(header)}")
        wanted, rows = time[:1] + level[:1], rows[1:]
    return np.array([[_number(row[k]) for k in wanted] for row in rows], np.float64)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _number(text: str) -> float:
    words = {"true": 1.0, "false": 0.0}
    return words[text.strip().lower()] if text.strip().lower() in words else float(text)
