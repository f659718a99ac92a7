"""The folder of a session with several cameras: one session folder per camera, and their sets."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tracker.errors import RecordingError
from tracker.recording import Recording
from tracker.session_folder.tables import read_table

SETS = "sets.arrow"


def is_rig(folder: Path) -> bool:
    """Whether it is the folder of a session with several cameras."""
    return (folder / SETS).is_file()


def cameras_of(sets: pa.Table) -> list[str]:
    """Names of the cameras of a table of sets, the first one first."""
    ends = "/index"
    return [name[: -len(ends)] for name in sets.column_names if name.endswith(ends)]


def moments_of(
    folder: Path, every: int
) -> tuple[list[str], Iterator[tuple[str, Mapping[str, NDArray[np.uint8]]]]]:
    """Return the cameras' names, and the pictures of each `every`-th set by camera.

    Raises:
        RecordingError: If a folder cannot be read.
    """
    sets, _ = read_table(folder / SETS)
    names = cameras_of(sets)
    return names, _moments(folder, sets, names, every)


def _moments(
    folder: Path, sets: pa.Table, names: list[str], every: int
) -> Iterator[tuple[str, Mapping[str, NDArray[np.uint8]]]]:
    recordings = {name: Recording(folder / name) for name in names}
    for row in sets.slice(0).to_pylist()[::every]:
        images = {}
        for name in names:
            index = row[f"{name}/index"]
            if index is not None:
                try:
                    images[name] = recordings[name].image(index)
                except RecordingError:  # that frame is not in the video
                    continue
        yield f"set {row['set']:08d}", images
