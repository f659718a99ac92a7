"""Lightning Pose: one CSV for all images, whose paths are relative to its folder."""

from pathlib import Path

from tracker.learning.data.formats.gather import Found, Gatherer, key_of
from tracker.learning.data.formats.label_tables import read_label_table
from tracker.learning.data.formats.labels import map_labels
from tracker.learning.recipe import LightningPoseSource
from tracker.learning.samples import Sample, Wanted


def read_lightning_pose(
    source: LightningPoseSource, wanted: Wanted, root: Path, faults: list[str]
) -> list[Sample]:
    """Labelled images of a table; see `read_source`."""
    path = root / source.path
    gatherer = Gatherer(source, wanted, faults)
    if not path.is_file():
        faults.append(f"{source.path}: there is no such file, expected a CSV of Lightning Pose")
        return []
    table = read_label_table(path, source.path, faults)
    if table is None:
        return []
    labels = map_labels(source, wanted, table.labels, source.path, faults)
    if labels is None:
        return []
    gatherer.expect(len(table.rows))
    for row in table.rows:
        image_path = path.parent / (row.image or "(no image named)")
        image = gatherer.image(image_path, row.where)
        if image is not None:
            gatherer.add(Found(row.where, key_of(image_path), image, labels, row.points))
    return gatherer.samples()
