"""Labelled data in the formats of the field: one file per format."""

from pathlib import Path

from tracker.learning.data.formats.coco import read_coco
from tracker.learning.data.formats.deeplabcut import read_deeplabcut
from tracker.learning.data.formats.lightning_pose import read_lightning_pose
from tracker.learning.data.formats.sleap import read_sleap
from tracker.learning.data.formats.table import read_table
from tracker.learning.recipe import (
    CocoSource,
    DeepLabCutSource,
    FileSource,
    LightningPoseSource,
    SleapSource,
)
from tracker.learning.samples import Sample, Wanted


def read_source(source: FileSource, wanted: Wanted, root: Path, faults: list[str]) -> list[Sample]:
    """Return every labelled image of a source, in the order of its files.

    Args:
        source: Where, and which labels are which keypoints.
        wanted: What to look for.
        root: Folder that the source's path is relative to.
        faults: One sentence is added for everything that is wrong, with file and row or
            frame; none stops the reading. Samples are whole only if nothing was added.

    Raises:
        TrainingError: If the images would need more memory than is sensible.
        MissingExtra: If a library of the extra `train` is not installed.
    """
    if isinstance(source, DeepLabCutSource):
        return read_deeplabcut(source, wanted, root, faults)
    if isinstance(source, LightningPoseSource):
        return read_lightning_pose(source, wanted, root, faults)
    if isinstance(source, SleapSource):
        return read_sleap(source, wanted, root, faults)
    if isinstance(source, CocoSource):
        return read_coco(source, wanted, root, faults)
    return read_table(source, wanted, root, faults)
