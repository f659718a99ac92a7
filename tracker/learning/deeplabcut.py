"""Read the label tables that DeepLabCut writes; every fault is kept, none stops the reading."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.learning.recipe import DeepLabCutSource, Recipe
from tracker.learning.samples import Sample, extent_of, median_of

HEADER_ROWS = 3
"""Rows of a table before its data: scorer, bodyparts, coords."""


@dataclass(frozen=True, slots=True)
class _Label:
    """One row of a table: where, and what it says."""

    row: str
    image: Path
    xy: NDArray[np.float32]
    group: str


def read_deeplabcut(
    source: DeepLabCutSource, recipe: Recipe, root: Path, faults: list[str]
) -> list[Sample]:
    """Return every labelled image of a source, in the order of the tables.

    Args:
        source: Where, and which labels are which keypoints.
        recipe: Names the keypoints, and grey or RGB.
        root: Folder that the source's is relative to.
        faults: One sentence is added for everything that is wrong, with file and row.
    """
    folder = root / source.folder
    tables = sorted(folder.glob("*/CollectedData_*.csv"))
    if not tables:
        faults.append(f"{source.folder}: no table */CollectedData_*.csv below it")
    labels = [
        label for table in tables for label in _read_table(table, source, recipe, root, faults)
    ]
    sizes = _sizes(labels)
    samples = []
    for label in labels:
        image = _read_image(label, recipe.network.channels, faults)
        if image is not None:
            faults += _outside(label, recipe.keypoints, image.shape)
            size = sizes[label.group]
            samples.append(Sample(image, label.xy, label.group, source.name, size))
    return samples


def _read_table(
    table: Path, source: DeepLabCutSource, recipe: Recipe, root: Path, faults: list[str]
) -> Iterator[_Label]:
    name = table.relative_to(root).as_posix()
    with table.open(newline="", encoding="utf-8", errors="replace") as file:
        rows = list(csv.reader(file))
    found = re.search(source.animal, table.parent.name)
    columns = _columns(rows)
    known = {label for labels in source.keypoints.values() for label in labels}
    unknown = sorted(set(columns) - known - set(source.ignore))
    missing = sorted(known - set(columns))
    if not columns:
        faults.append(f"{name}: no DeepLabCut table (expected rows scorer, bodyparts, coords)")
    elif unknown:
        faults.append(f"{name}: labels {unknown} are neither in keypoints nor in ignore")
    elif missing:
        faults.append(f"{name}: labels {missing} are not in it; it has {sorted(columns)}")
    elif found is None or not found.groups():
        faults.append(f"{name}: {source.animal!r} finds no animal in {table.parent.name!r}")
    else:
        yield from _rows(rows, columns, found.group(1), _Place(name, table, source, recipe), faults)


@dataclass(frozen=True, slots=True)
class _Place:
    """What the rows of one table share."""

    name: str
    table: Path
    source: DeepLabCutSource
    recipe: Recipe


def _rows(
    rows: Sequence[Sequence[str]],
    columns: Mapping[str, int],
    group: str,
    place: _Place,
    faults: list[str],
) -> Iterator[_Label]:
    first_seen: dict[str, int] = {}
    for number, row in enumerate(rows[HEADER_ROWS:], HEADER_ROWS + 1):
        where = f"{place.name} row {number}"
        image = place.table.parent / _image_name(row)
        if image.name in first_seen:
            faults.append(f"{where}: {image.name} is there twice, see row {first_seen[image.name]}")
            continue
        first_seen[image.name] = number
        try:
            xy = _keypoints(row, columns, place)
        except (ValueError, IndexError):
            faults.append(f"{where}: a coordinate is no number, or the row is too short")
            continue
        yield _Label(where, image, xy, group)


def _columns(rows: Sequence[Sequence[str]]) -> dict[str, int]:
    """Column of the x of each label."""
    if len(rows) < HEADER_ROWS or [row[:1] for row in rows[1:HEADER_ROWS]] != [
        ["bodyparts"],
        ["coords"],
    ]:
        return {}
    return {part: n for n, part in enumerate(rows[1]) if rows[2][n] == "x"}


def _image_name(row: Sequence[str]) -> str:
    """Old tables have the path in one cell, newer ones in three."""
    cells = [cell for cell in row[:3] if cell.endswith((".png", ".jpg", ".jpeg", ".bmp", ".tif"))]
    return re.split(r"[/\\]", cells[0])[-1] if cells else "(no image named)"


def _keypoints(
    row: Sequence[str], columns: Mapping[str, int], place: _Place
) -> NDArray[np.float32]:
    points = {
        label: [float(row[x]) if row[x].strip() else np.nan for x in (column, column + 1)]
        for label, column in columns.items()
    }
    nowhere = [np.nan, np.nan]
    parts = place.source.keypoints
    means = [
        np.mean([points[label] for label in parts[keypoint]], axis=0)
        if keypoint in parts
        else nowhere
        for keypoint in place.recipe.keypoints
    ]
    return np.array(means, np.float32)


def _read_image(label: _Label, channels: int, faults: list[str]) -> NDArray[np.uint8] | None:
    if not label.image.is_file():
        faults.append(f"{label.row}: {label.image.name} is missing")
        return None
    data = np.frombuffer(label.image.read_bytes(), np.uint8)
    flag = cv2.IMREAD_GRAYSCALE if channels == 1 else cv2.IMREAD_COLOR
    image = cv2.imdecode(data, flag) if data.size else None
    if image is None:
        faults.append(f"{label.row}: {label.image.name} is no image")
        return None
    if channels == 3:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return np.asarray(image, np.uint8)


def _outside(label: _Label, names: Sequence[str], shape: tuple[int, ...]) -> Iterator[str]:
    height, width = shape[:2]
    for name, (x, y) in zip(names, label.xy, strict=True):
        if not (np.isnan(x) or (-0.5 <= x <= width - 0.5 and -0.5 <= y <= height - 0.5)):
            yield (
                f"{label.row}: {name} at ({x:.1f}, {y:.1f}) is outside {label.image.name}, "
                f"which is {width} x {height} px"
            )


def _sizes(labels: Sequence[_Label]) -> dict[str, float]:
    extents: dict[str, list[float]] = {}
    for label in labels:
        extents.setdefault(label.group, []).append(extent_of(label.xy))
    return {group: median_of(values) for group, values in extents.items()}
