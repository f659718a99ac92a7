"""DeepLabCut projects: a folder per session, with its images and their labels."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tracker.learning.data.formats.gather import Found, Gatherer, key_of
from tracker.learning.data.formats.label_tables import read_label_table
from tracker.learning.data.formats.labels import map_labels
from tracker.learning.data.pseudo_masks import pseudo_masks
from tracker.learning.recipe import DeepLabCutSource
from tracker.learning.samples import Sample, Wanted

TABLES = "CollectedData_*"
"""Names of the tables, without their ending."""


def read_deeplabcut(
    source: DeepLabCutSource, wanted: Wanted, root: Path, faults: list[str]
) -> list[Sample]:
    """Labelled images of all sessions; see `read_source`.

    Only the name of an image counts: it lies beside its table, wherever the project was.
    """
    folder = root / source.path
    tables = tables_below(folder, root, faults)
    if not tables:
        faults.append(f"{source.path}: no table {TABLES}.csv or .h5 in it or its folders")
    masked = source.pseudo_masks and bool(wanted.mask_classes)
    if masked and len(wanted.mask_classes) > 1:
        faults.append(
            f"{source.name}: pseudo_masks knows one kind of animal, but the mask classes are "
            f"{list(wanted.mask_classes)}"
        )
    gatherer = Gatherer(source, wanted, faults)
    read = [(table, read_label_table(table, _name(table, root), faults)) for table in tables]
    gatherer.expect(sum(len(content.rows) for _, content in read if content is not None))
    for table, content in read:
        if content is None:
            continue
        labels = map_labels(source, wanted, content.labels, _name(table, root), faults)
        if labels is None:
            continue
        session = []
        for row in content.rows:
            path = table.parent / (row.image.rpartition("/")[2] or "(no image named)")
            image = gatherer.image(path, row.where)
            if image is not None:
                session.append(Found(row.where, key_of(path), image, labels, row.points))
        for found in _with_pseudo_masks(session) if masked else session:
            gatherer.add(found)
    return gatherer.samples()


def tables_below(folder: Path, root: Path, faults: list[str]) -> list[Path]:
    """Tables in a folder, in its folders, or in its `labeled-data`; CSV before HDF5.

    Args:
        folder: Of sessions, or a whole project.
        root: What faults name files from.
        faults: Gets sessions that have two tables.
    """
    chosen: list[Path] = []
    for session in [folder, *sorted(path for path in folder.glob("*") if path.is_dir())]:
        by_stem = {table.stem: table for table in sorted(session.glob(f"{TABLES}.h5"))}
        by_stem |= {table.stem: table for table in sorted(session.glob(f"{TABLES}.csv"))}
        tables = [by_stem[stem] for stem in sorted(by_stem)]
        if len(tables) > 1:
            names = [table.name for table in tables]
            faults.append(f"{_name(session, root)}: {names} are two tables of the same images")
        chosen += tables[:1]
    project = folder / "labeled-data"
    return tables_below(project, root, faults) if project.is_dir() and not chosen else chosen


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _with_pseudo_masks(session: Sequence[Found]) -> list[Found]:
    """The same images with masks by background subtraction, where they came out well."""
    masks = pseudo_masks([found.image for found in session], [found.xy for found in session])
    return [
        found
        if mask is None
        else replace(
            found,
            mask=mask.astype(np.uint8),
            owner=mask.astype(np.uint8) if len(found.points) == 1 else None,
            pseudo_mask=True,
        )
        for found, mask in zip(session, masks, strict=True)
    ]
