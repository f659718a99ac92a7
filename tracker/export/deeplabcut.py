"""DeepLabCut's tables of tracks: HDF5 and CSV."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tracker.errors import MissingExtra
from tracker.export.session_view import SessionView
from tracker.label_files import H5_KEY


def scorer_of(view: SessionView) -> str:
    """Return who found the keypoints, as it stands in the header row `scorer`.

    It begins with DLC because other programs take what stands before that for the video's name.
    """
    return f"DLC_tracker_{view.network}"


def names(view: SessionView) -> list[str]:
    """Return the names of the files that `write` makes: stem of the video, then scorer."""
    return [f"{view.name}{scorer_of(view)}{ending}" for ending in (".h5", ".csv")]


def write(view: SessionView, folder: Path, _home: Path, tick: Callable[[int, int], None]) -> None:
    """Write one table twice, as DeepLabCut's `analyze_videos` does.

    Rows are numbered by frame; columns scorer, (individuals,) bodyparts, coords with x, y and
    likelihood. Positions are NaN where a keypoint was not found, likelihood where nothing was
    observed. The notes stand in the attribute `tracker_notes` of the HDF5 file.

    Raises:
        MissingExtra: If pandas or PyTables is not installed.
    """
    try:
        import tables
    except ImportError as error:
        raise MissingExtra("export", "writing tables of DeepLabCut") from error
    frame = _frame(view)
    h5, csv = names(view)
    tick(0, 2)
    frame.to_hdf(folder / h5, key=H5_KEY, format="table", mode="w")
    with tables.open_file(str(folder / h5), "a") as file:
        file.set_node_attr("/", "tracker_notes", "\n".join(view.notes))
        file.set_node_attr("/", "tracker_session", view.recording.session["session_id"])
    tick(1, 2)
    frame.to_csv(folder / csv)


def _frame(view: SessionView) -> Any:
    import pandas as pd

    values = np.concatenate([view.xy, view.confidence[..., None]], axis=3).astype(np.float64)
    several = len(view.individuals) > 1
    columns = [
        (scorer_of(view), *([individual] if several else []), keypoint, coord)
        for individual in view.individuals
        for keypoint in view.keypoints
        for coord in ("x", "y", "likelihood")
    ]
    levels = ["scorer", *(["individuals"] if several else []), "bodyparts", "coords"]
    return pd.DataFrame(
        values.reshape(len(values), -1),
        index=view.row_number,
        columns=pd.MultiIndex.from_tuples(columns, names=levels),
    )
