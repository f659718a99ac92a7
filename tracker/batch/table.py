"""The summary table: one row per recording and behaviour, as Parquet and CSV."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv, parquet

from tracker.batch.jobs import Job
from tracker.batch.measures import measures_of
from tracker.recording import Recording
from tracker.session_folder.files import write_error

PARQUET, CSV = "summary.parquet", "summary.csv"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table: its type, and what it says (docs/batch.md says more)."""

    kind: Any
    about: str


COLUMNS = {
    "recording": Column(pa.string(), "as it was named"),
    "group": Column(pa.string(), "e.g. the treatment; null: not known"),
    "subject": Column(pa.string(), "the animal"),
    "state": Column(pa.string(), "done, cut_off (ended by a crash) or failed"),
    "error": Column(pa.string(), "why it failed"),
    "behaviour": Column(pa.string(), "null if the recording failed"),
    "bouts": Column(pa.int64(), "number of bouts"),
    "bouts_cut": Column(pa.int64(), "of these, going on when the recording ended"),
    "total_s": Column(pa.float64(), "s, all bouts together"),
    "mean_s": Column(pa.float64(), "s, mean bout"),
    "median_s": Column(pa.float64(), "s, median bout"),
    "latency_s": Column(pa.float64(), "s, first frame to first onset"),
    "fraction": Column(pa.float64(), "0 to 1, total_s / duration_s"),
    "per_min": Column(pa.float64(), "bouts per minute"),
    "known": Column(pa.float64(), "0 to 1, processed frames in which the behaviour is known"),
    "duration_s": Column(pa.float64(), "s, the recording"),
    "distance_cm": Column(pa.float64(), "cm, way of the animal"),
    "frames": Column(pa.int64(), "frames that the camera counted"),
    "processed": Column(pa.int64(), "of these, processed"),
    "lost": Column(pa.int64(), "of these, lost"),
    "unexplained": Column(pa.int64(), "of these, nobody knows what became of them"),
    "provider": Column(pa.string(), "what the network ran on"),
    "session": Column(pa.string(), "session folder, in the results folder or where it is"),
    "video_sha256": Column(pa.string(), "bytes of the video; null: a session folder"),
    "settings_sha256": Column(pa.string(), "settings but for paths and animal; null: the same"),
    "config_sha256": Column(pa.string(), "settings of this session"),
    "model_sha256": Column(pa.string(), "network"),
    "code_sha256": Column(pa.string(), "program"),
}
"""Every column, in order."""

SCHEMA = pa.schema(
    [
        pa.field(name, column.kind, metadata={"about": column.about})
        for name, column in COLUMNS.items()
    ]
)


def rows_of(job: Job) -> list[dict[str, Any]]:
    """Return the rows of a recording whose session is there.

    Raises:
        RecordingError: If the session folder cannot be read.
    """
    recording = Recording(job.folder)
    about = recording.session.get("provenance") or {}
    whole, behaviours = measures_of(recording)
    common = {
        **_named(job),
        "subject": job.label.subject or about.get("subject"),
        "state": "done" if recording.session["state"] == "closed" else "cut_off",
        "error": None,
        **whole,
        "provider": (about.get("model") or {}).get("provider"),
        **{name: about.get(name) for name in ("config_sha256", "model_sha256", "code_sha256")},
    }
    return [common | behaviour for behaviour in behaviours]


def row_of_failure(job: Job, error: str) -> dict[str, Any]:
    """Return the one row of a recording that failed."""
    subject = job.experiment.session.subject if job.experiment else job.label.subject
    named = _named(job) | {"session": None, "subject": subject}
    hashes = {"model_sha256": job.model_sha256, "code_sha256": job.code_sha256}
    return named | hashes | {"state": "failed", "error": error}


def to_table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return rows as a table, sorted by recording; behaviours stay in the order of the ethogram."""
    ordered = sorted(rows, key=lambda row: str(row["recording"]))
    return pa.Table.from_pylist([dict(row) for row in ordered], schema=SCHEMA)


def write_tables(table: pa.Table, out: Path) -> None:
    """Write summary.parquet and summary.csv, in place of those that are there.

    In the CSV file what is not known is an empty cell.

    Raises:
        RecordingError: If they cannot be written.
    """
    replace(out / PARQUET, lambda path: parquet.write_table(table, path))
    replace(out / CSV, lambda path: csv.write_csv(_without_nan(table), path))


def read_summary(path: Path) -> pa.Table:
    """Return a summary table that `write_tables` wrote.

    Raises:
        RecordingError: If it is not there, or is another table.
    """
    from tracker.errors import RecordingError

    try:
        table = parquet.read_table(path)
    except (OSError, pa.ArrowException) as failure:
        raise RecordingError(f"{path} is no summary of a batch: {failure}") from failure
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        raise RecordingError(f"{path} is no summary of a batch: it lacks {', '.join(missing)}")
    return table


def replace(path: Path, write: Any) -> None:
    """Let `write` make a file of another name, and give it this one once it is whole."""
    draft = path.with_name(path.name + ".new")
    try:
        write(draft)
        draft.replace(path)
    except OSError as failure:
        raise write_error(path, failure) from failure


def _named(job: Job) -> dict[str, Any]:
    return {
        "recording": job.source.name,
        "group": job.label.group,
        "session": job.source.name if job.experiment is None else job.folder.name,
        "video_sha256": job.look.sha256 if job.look else None,
        "settings_sha256": job.settings_sha256,
    }


def _without_nan(table: pa.Table) -> pa.Table:
    rows = [
        {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in row.items()}
        for row in table.to_pylist()
    ]
    return pa.Table.from_pylist(rows, schema=table.schema)
