"""CSV and Parquet: one wide table of frames, and one table each of what happened."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from tracker.export.session_view import SessionView
from tracker.export.tables import Table, tables_of

FRAMES = "frames"
"""Name of the wide table."""


def csv_names(view: SessionView) -> list[str]:
    """Return the names of the files that `write_csv` makes."""
    return [f"{view.name}_{name}.csv" for name in _tables(view)]


def parquet_names(view: SessionView) -> list[str]:
    """Return the names of the files that `write_parquet` makes."""
    return [f"{view.name}_{name}.parquet" for name in _tables(view)]


def write_csv(
    view: SessionView, folder: Path, _home: Path, tick: Callable[[int, int], None]
) -> None:
    """Write every table as CSV: a header, then one line a row; what is not known is empty."""
    tables = _tables(view)
    for done, (name, table) in enumerate(tables.items()):
        tick(done, len(tables))
        pa.csv.write_csv(_nan_to_null(table), folder / f"{view.name}_{name}.csv")


def write_parquet(
    view: SessionView, folder: Path, _home: Path, tick: Callable[[int, int], None]
) -> None:
    """Write every table as Parquet; session, time zero and notes stand in each one's metadata."""
    tables = _tables(view)
    about = {
        "tracker.session": view.recording.session["session_id"],
        "tracker.zero_utc_ns": str(view.zero_utc_ns),
        "tracker.notes": "\n".join(view.notes),
    }
    for done, (name, table) in enumerate(tables.items()):
        tick(done, len(tables))
        file = folder / f"{view.name}_{name}.parquet"
        pa.parquet.write_table(table.replace_schema_metadata(about), file)


def _tables(view: SessionView) -> dict[str, pa.Table]:
    """All tables that have rows, by name."""
    found = {FRAMES: pa.table(_frames(view))}
    for table in tables_of(view):
        if table.n_rows:
            found[table.name] = _arrow(table)
    return found


def _frames(view: SessionView) -> dict[str, Any]:
    """Columns of the wide table by name, in their order."""
    slots = view.slots
    anchor_ns = int(view.recording.session["anchor_utc_ns"])
    columns: dict[str, Any] = {
        "index": slots.index,
        "time_s": view.time_s,
        "utc": pa.array(slots.captured_ns + anchor_ns, pa.timestamp("ns", tz="UTC")),
        "time_known": slots.time_known,
        "fate": slots.fate.tolist(),
        "recording": slots.recorded.tolist(),
        "video_frame": pa.array(slots.video_frame, mask=slots.video_frame < 0),
        "video_file": _video_files(view),
        "video_file_frame": pa.array(slots.segment_frame, mask=slots.segment_frame < 0),
    }
    for k, individual in enumerate(view.individuals):
        for n, keypoint in enumerate(view.keypoints):
            name = f"pose/{individual}/{keypoint}"
            columns[f"{name}/x_px"] = np.ascontiguousarray(view.xy[:, k, n, 0])
            columns[f"{name}/y_px"] = np.ascontiguousarray(view.xy[:, k, n, 1])
            columns[f"{name}/confidence"] = np.ascontiguousarray(view.confidence[:, k, n])
    return columns | dict(view.columns)


def _video_files(view: SessionView) -> pa.Array:
    """Name of the video file that each frame is in; null: in none."""
    files = [file.name for file in view.video_files] or [""]  # of one it can take nothing from
    return pa.array(files).take(pa.array(view.slots.segment, mask=view.slots.segment < 0))


def _arrow(table: Table) -> pa.Table:
    """The same table in Arrow; columns of nothing but None are of floats."""
    columns: Mapping[str, Any] = {
        name: pa.array(values, pa.float64() if all(v is None for v in values) else None)
        for name, values in table.columns.items()
    }
    return pa.table(columns)


def _nan_to_null(table: pa.Table) -> pa.Table:
    """CSV readers agree on empty cells, and not on how NaN is written."""
    for number, column in enumerate(table.schema):
        if pa.types.is_floating(column.type):
            values = table.column(number)
            kept = pc.if_else(pc.is_nan(values), pa.scalar(None, column.type), values)
            table = table.set_column(number, column.name, kept)
    return table
