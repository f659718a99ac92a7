"""Reads a stretch out of a table that is too long to be read whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tracker.errors import RecordingError

_MARK = b"\xff\xff\xff\xff"
_BLOCK = 1 << 16
_LONGEST_HEADER = 1 << 20


@dataclass(frozen=True, slots=True)
class _Batch:
    """A record batch, and where in the file it stands (bytes)."""

    begin: int
    end: int
    rows: Any


class TableFile:
    """Finds rows of an Arrow IPC stream by a column in which they rise. One thread.

    A stream has no index, and its batches are as small as a crash may cost, so that even their
    headers make up half of the file. But every message begins with a mark, on a multiple of 8 bytes
    (Arrow columnar format, "Encapsulated message format"): from anywhere in the file the next one
    can be found, and so rows by bisection, in a few dozen small reads.

    Args:
        path: Perhaps cut off by a crash, or still being written: then up to its last whole batch.

    Raises:
        RecordingError: From here and every method, if there is no such file, or it is none.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._opened() as file:
            try:
                self._schema = pa.ipc.read_schema(file)
            except (OSError, pa.ArrowException) as failure:
                raise RecordingError(
                    f"{path.name} in {path.parent} is no Arrow IPC stream: {failure}"
                ) from failure
            self._begin = file.tell()

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self._schema.names)

    def between(self, column: str, first: int, last: int) -> pa.Table:
        """Return the rows whose value lies from `first` to `last`, both inclusive.

        Args:
            column: Whole numbers that rise from row to row; rows where it is null are left out.
            first: Smallest value wanted.
            last: Largest value wanted.
        """
        with self._opened() as file:
            begin = end = self._last_before(file, column, first)
            for batch in self._batches(file, begin):
                smallest = _first_of(batch, column)
                if smallest is not None and smallest > last:
                    break
                end = batch.end
            file.seek(begin)
            body = file.read(end - begin)
        table = pa.ipc.open_stream(self._schema.serialize().to_pybytes() + body).read_all()
        inside = pc.and_(pc.greater_equal(table[column], first), pc.less_equal(table[column], last))
        return table.filter(inside).combine_chunks()

    def first(self, column: str) -> int | None:
        """Return the first value of a column that is not null; None if there is none."""
        with self._opened() as file:
            found = (_first_of(batch, column) for batch in self._batches(file, self._begin))
            return next((value for value in found if value is not None), None)

    def first_from(self, column: str, value: int) -> dict[str, Any]:
        """Return the first row whose value is `value` or more, by column; it is there.

        Args:
            column: Whole numbers that never fall; rows where it is null do not count.
            value: Smallest value wanted.
        """
        with self._opened() as file:
            for batch in self._batches(file, self._last_before(file, column, value)):
                reached = pc.greater_equal(batch.rows[column], value).to_pylist()
                if True in reached:
                    return dict(batch.rows.slice(reached.index(True), 1).to_pylist()[0])
        raise RecordingError(f"{self._path.name}: no row in which {column} is {value}")

    def _last_before(self, file: Any, column: str, wanted: int) -> int:
        """Return where a batch begins that begins below `wanted`, not far before the last such."""
        low: int = self._begin
        high: int = file.size()
        while high - low > _BLOCK:
            middle = (low + high) // 2
            found = self._keyed_from(file, column, middle, high)
            if found is None or found[1] >= wanted:
                high = middle
            else:
                low = found[0]
        return low

    def _keyed_from(self, file: Any, column: str, place: int, high: int) -> tuple[int, int] | None:
        """Return where the next batch with a value begins, and its first value."""
        begin = self._next_batch(file, place, high)
        if begin is None:
            return None
        for batch in self._batches(file, begin):
            if batch.begin >= high:
                return None
            value = _first_of(batch, column)
            if value is not None:
                return batch.begin, value
        return None

    def _next_batch(self, file: Any, place: int, high: int) -> int | None:
        """Return where the first whole batch at or after `place`, and before `high`, begins."""
        while place < high:
            file.seek(place)
            block = file.read(_BLOCK)
            found = block.find(_MARK)
            while found >= 0:
                if (place + found) % 8 == 0 and self._read(file, place + found) is not None:
                    return place + found if place + found < high else None
                found = block.find(_MARK, found + 1)
            if len(block) < _BLOCK:
                return None
            place += _BLOCK - len(_MARK)
        return None

    def _batches(self, file: Any, place: int) -> Iterator[_Batch]:
        """Every whole batch from the one that begins at `place`."""
        batch = self._read(file, place)
        while batch is not None:
            yield batch
            batch = self._read(file, batch.end)

    def _read(self, file: Any, place: int) -> _Batch | None:
        """Return the batch that begins here; None if there is none, or not all of it."""
        file.seek(place)
        header = file.read(8)
        if header[:4] != _MARK or not 0 < int.from_bytes(header[4:], "little") < _LONGEST_HEADER:
            return None
        file.seek(place)
        try:
            message = pa.ipc.read_message(file)
            if message.type != "record batch":
                return None
            rows = pa.ipc.read_record_batch(message, self._schema)
        except (OSError, EOFError, pa.ArrowException):
            return None
        return _Batch(place, file.tell(), rows)

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        try:
            with pa.memory_map(str(self._path)) as file:
                yield file
        except FileNotFoundError as failure:
            raise RecordingError(
                f"{self._path.name} is missing in {self._path.parent}"
            ) from failure
        except (OSError, pa.ArrowException) as failure:
            raise RecordingError(
                f"cannot read {self._path.name} in {self._path.parent}: {failure}"
            ) from failure


def _first_of(batch: _Batch, column: str) -> int | None:
    """Return the first value that is not null."""
    values = batch.rows.column(column)
    if not values.null_count:
        return int(values[0].as_py()) if len(values) else None
    return next((int(value) for value in values.to_pylist() if value is not None), None)
