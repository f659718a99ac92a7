"""Folders of images with a table of classes and quantities."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracker.learning.data.formats.gather import Found, Gatherer, key_of, unlabelled
from tracker.learning.data.formats.labels import LabelMap, same_names
from tracker.learning.recipe import TableSource
from tracker.learning.samples import Sample, Wanted

IMAGE = "image"
"""Name of the column with the path of the image, relative to the table."""


def read_table(source: TableSource, wanted: Wanted, root: Path, faults: list[str]) -> list[Sample]:
    """Images of a table and what it says of each; see `read_source`.

    A cell of a class is 1 (seen), 0 (not seen) or empty (not known), one of a quantity is a
    number in its unit or empty.
    """
    path = root / source.path
    gatherer = Gatherer(source, wanted, faults)
    if not path.is_file():
        faults.append(f"{source.path}: there is no such file, expected a CSV")
        return []
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        try:
            reader = csv.DictReader(file)
            columns, rows = list(reader.fieldnames or ()), list(reader)
        except csv.Error as error:
            faults.append(f"{source.path}: no CSV file ({error})")
            return []
    named = same_names((*wanted.classes, *wanted.quantities), columns)
    if not _fits(source, wanted, columns, named, faults):
        return []
    gatherer.expect(len(rows))
    nothing = LabelMap((), ((),) * len(wanted.keypoints))
    for number, row in enumerate(rows, 2):
        where = f"{source.path} row {number}"
        image_path = path.parent / (row[IMAGE] or "(no image named)").replace("\\", "/")
        image = gatherer.image(image_path, where)
        classes = [_class(row, named.get(name), where, faults) for name in wanted.classes]
        values = [_quantity(row, named.get(name), where, faults) for name in wanted.quantities]
        if image is not None:
            gatherer.add(
                Found(
                    where,
                    key_of(image_path),
                    image,
                    nothing,
                    unlabelled(0),
                    classes=_floats(classes),
                    quantities=_floats(values),
                )
            )
    return gatherer.samples()


def columns_in(path: Path) -> list[str] | None:
    """Columns of a table of images; None if its first column is not `image`."""
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        try:
            first = next(csv.reader(file), [])
        except csv.Error:
            return None
    return first[1:] if first[:1] == [IMAGE] else None


def _fits(
    source: TableSource,
    wanted: Wanted,
    columns: Sequence[str],
    named: Mapping[str, str],
    faults: list[str],
) -> bool:
    known = {IMAGE, *named.values(), *source.ignore}
    unknown = [column for column in columns if column not in known]
    ours = [*wanted.classes, *wanted.quantities]
    if IMAGE not in columns:
        faults.append(f"{source.path}: it has no column {IMAGE!r}, only {list(columns)}")
    elif unknown:
        faults.append(f"{source.path}: columns {unknown} are none of {ours} and not in ignore")
    elif not named:
        faults.append(f"{source.path}: none of the columns {list(columns)} is one of {ours}")
    else:
        return True
    return False


def _class(
    row: Mapping[str, str | None], column: str | None, where: str, faults: list[str]
) -> float:
    value, text = _number(row, column)
    if not (value in (0, 1) or text == ""):
        faults.append(f"{where}: {column} is {text!r}, expected 0, 1 or nothing")
    return value


def _quantity(
    row: Mapping[str, str | None], column: str | None, where: str, faults: list[str]
) -> float:
    value, text = _number(row, column)
    if not (np.isfinite(value) or text == ""):
        faults.append(f"{where}: {column} is {text!r}, expected a number or nothing")
    return value


def _number(row: Mapping[str, str | None], column: str | None) -> tuple[float, str]:
    """Number of a cell, NaN if there is none, and its text."""
    text = (row[column] or "").strip() if column else ""
    try:
        return float(text or "nan"), text
    except ValueError:
        return float("nan"), text


def _floats(values: Sequence[float]) -> NDArray[np.float32]:
    return np.array(values, np.float32)
