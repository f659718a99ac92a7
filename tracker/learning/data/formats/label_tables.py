"""The label tables that DeepLabCut and Lightning Pose write: one row per image."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracker.errors import TrackFileError
from tracker.label_files import LEVELS, open_dlc_h5
from tracker.learning.data.formats.gather import unlabelled
from tracker.learning.data.images import IMAGE_ENDINGS


@dataclass(frozen=True, slots=True, eq=False)
class LabelRow:
    """What a table says of one image.

    Attributes:
        where: File and row.
        image: Path of the image as the table has it, with `/`.
        points: float32, (individuals, labels, 2), px; individuals without any label are left
            out; one of nothing but NaN if there is no label at all.
    """

    where: str
    image: str
    points: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class LabelTable:
    """A table of labels.

    Attributes:
        labels: Names of what was labelled; `points` are in their order.
        rows: One per image.
    """

    labels: tuple[str, ...]
    rows: tuple[LabelRow, ...]


@dataclass(frozen=True, slots=True)
class _Header:
    """What the rows above the data say.

    Attributes:
        n_rows: How many there are.
        columns: Column of the x of each individual and label; its y is in the next.
    """

    n_rows: int
    columns: Mapping[tuple[str, str], int]

    @property
    def individuals(self) -> list[str]:
        return list(dict.fromkeys(individual for individual, _ in self.columns))

    @property
    def labels(self) -> list[str]:
        return list(dict.fromkeys(label for _, label in self.columns))

    @property
    def n_index(self) -> int:
        return min(self.columns.values())


def read_label_table(path: Path, name: str, faults: list[str]) -> LabelTable | None:
    """Read a table of labels, CSV or HDF5, for one animal or for several.

    HDF5 files of pandas may hold pickled objects, so read only those that you trust.

    DeepLabCut: rows `scorer`, `individuals` (if there are several animals; `single` has what
    is there once), `bodyparts`, `coords`; the image's path in one cell or in three.

    Args:
        path: File ending in .csv or .h5.
        name: How faults call it.
        faults: Gets what is wrong; a row with a fault is left out.

    Returns:
        None if it is no such table.

    Raises:
        MissingExtra: If an HDF5 file is to be read without pandas and PyTables.
    """
    cells = _cells(path, name, faults)
    if cells is None:
        return None
    header = _header(cells)
    if header is None:
        faults.append(
            f"{name}: no table of labels (expected rows scorer, bodyparts, coords and columns x, y)"
        )
        return None
    # Rows of an HDF5 table are counted without its header, which is not in rows there.
    first = 1 if path.suffix == ".h5" else header.n_rows + 1
    rows = []
    for number, row in enumerate(cells[header.n_rows :], first):
        if any(cell.strip() for cell in row):
            where = f"{name} row {number}"
            try:
                rows.append(
                    LabelRow(where, _image_name(row[: header.n_index]), _points(row, header))
                )
            except (ValueError, IndexError):
                faults.append(f"{where}: a coordinate is no number, or the row is too short")
    if not any(cell.strip() for row in cells[header.n_rows :] for cell in row):
        faults.append(f"{name}: it has no row of labels")
    return LabelTable(tuple(header.labels), tuple(rows))


def labels_in(path: Path) -> tuple[tuple[str, ...], str] | None:
    """Labels and first image of a table, by its first rows; None if it is no such table."""
    cells = _cells(path, path.name, [], n_rows=len(LEVELS) + 1)
    header = None if cells is None else _header(cells)
    if cells is None or header is None or len(cells) <= header.n_rows:
        return None
    image = _image_name(cells[header.n_rows][: header.n_index])
    return (tuple(header.labels), image) if image else None


def _cells(
    path: Path, name: str, faults: list[str], n_rows: int | None = None
) -> list[list[str]] | None:
    if path.suffix != ".h5":
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            try:
                return list(islice(csv.reader(file), n_rows))
            except csv.Error as error:
                faults.append(f"{name}: no CSV file ({error})")
                return None
    try:
        frame = open_dlc_h5(path, "train")
    except TrackFileError as error:
        faults.append(f"{name}: {error}")
        return None
    return list(csv.reader(io.StringIO(frame.head(n_rows).to_csv() if n_rows else frame.to_csv())))


def _header(cells: Sequence[Sequence[str]]) -> _Header | None:
    levels: dict[str, Sequence[str]] = {}
    for row in cells[: len(LEVELS)]:
        if row and row[0].strip().casefold() in LEVELS:
            levels[row[0].strip().casefold()] = row
    if "bodyparts" not in levels or "coords" not in levels:
        return None
    parts, coords = levels["bodyparts"], levels["coords"]
    individuals = levels.get("individuals", [""] * len(parts))
    if not len(parts) == len(coords) == len(individuals):
        return None
    columns = {
        (individuals[n], parts[n]): n
        for n in range(len(coords) - 1)
        if coords[n : n + 2] == ["x", "y"] and parts[n] == parts[n + 1]
    }
    return _Header(len(levels), columns) if columns else None


def _image_name(cells: Sequence[str]) -> str:
    """The path of the image: one cell in old tables, its parts in three in newer ones."""
    parts = [part for cell in cells for part in re.split(r"[/\\]", cell.strip()) if part]
    return "/".join(parts) if parts and parts[-1].casefold().endswith(IMAGE_ENDINGS) else ""


def _points(row: Sequence[str], header: _Header) -> NDArray[np.float32]:
    individuals, labels = header.individuals, header.labels
    points = np.full((len(individuals), len(labels), 2), np.nan, np.float32)
    for (individual, label), column in header.columns.items():
        place = individuals.index(individual), labels.index(label)
        points[place] = list(_numbers(row[column], row[column + 1]))
    seen = points[np.isfinite(points).any(axis=(1, 2))]
    return seen if len(seen) else unlabelled(len(labels))


def _numbers(*cells: str) -> Iterator[float]:
    for cell in cells:
        yield float(cell) if cell.strip() else np.nan
