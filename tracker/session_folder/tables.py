"""An Arrow table that grows on disk, readable at every moment up to its last batch."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa

from tracker.errors import RecordingError
from tracker.session_folder.files import AppendFile

END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"
"""Last bytes of a finished Arrow IPC stream (Arrow columnar format, "IPC Streaming Format")."""


class TableWriter:
    """Appends rows to an Arrow IPC stream, one record batch per flush. One thread.

    A batch is on disk whole or not at all. Rows that could not be written are kept for the
    next flush, never more than `batch_rows` of them.

    Args:
        path: A file that does not exist yet.
        schema: Columns of the table.
        metadata: Text about the table, kept in its schema.
        batch_rows: Rows after which a batch is written without being asked.

    Raises:
        RecordingError: From every method, if the file cannot be written.
        DiskFull: From every method, if there is no room left.
    """

    def __init__(
        self, path: Path, schema: pa.Schema, metadata: Mapping[str, str], batch_rows: int = 512
    ) -> None:
        self._schema = schema.with_metadata(dict(metadata))
        self._batch_rows = batch_rows
        self._rows: list[Sequence[Any]] = []
        pa.array([])  # pyarrow imports pandas at its first array, if there is one: now, not later
        self._file = AppendFile(path)
        with ExitStack() as undo:
            undo.callback(self._file.close)
            self._file.append(self._schema.serialize())
            undo.pop_all()

    def append(self, row: Sequence[Any]) -> None:
        """Take one row, its values in the order of the columns."""
        if len(self._rows) >= self._batch_rows:
            self.flush()
        self._rows.append(row)

    def flush(self) -> None:
        """Hand all rows to the operating system: they survive the program's death."""
        if not self._rows:
            return
        columns = [
            pa.array(values, type=column.type)
            for values, column in zip(zip(*self._rows, strict=True), self._schema, strict=True)
        ]
        batch = pa.RecordBatch.from_arrays(columns, schema=self._schema)
        self._file.append(batch.serialize())
        self._rows.clear()

    def sync(self) -> None:
        """Return once the disk has every row flushed."""
        self._file.sync()

    def close(self) -> None:
        """Write what is left and the mark of a finished stream; always closes the file."""
        try:
            self.flush()
            self._file.append(END_OF_STREAM)
        finally:
            self._file.close()


def read_table(path: Path) -> tuple[pa.Table, bool]:
    """Return all whole batches of a stream, and whether the stream was finished.

    A stream that a crash cut off is read up to its last whole batch.

    Raises:
        RecordingError: If there is no such file, or not even its schema can be read.
    """
    batches: list[Any] = []
    try:
        with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as stream:
            schema = stream.schema
            whole = _read_batches(stream, batches)
    except FileNotFoundError as failure:
        raise RecordingError(f"{path.name} is missing in {path.parent}") from failure
    except (OSError, pa.ArrowException) as failure:
        raise RecordingError(
            f"{path.name} in {path.parent} is no Arrow IPC stream: {failure}"
        ) from failure
    return pa.Table.from_batches(batches, schema=schema), whole and _has_end_mark(path)


def _read_batches(stream: Any, batches: list[Any]) -> bool:
    """Append all whole batches; return False if a broken one followed."""
    try:
        batches.extend(stream)
    except (OSError, pa.ArrowException):
        return False
    return True


def _has_end_mark(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-len(END_OF_STREAM), 2)
        return file.read() == END_OF_STREAM
