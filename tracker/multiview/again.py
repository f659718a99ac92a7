"""Points of a recorded session of several cameras, worked out again with other camera places."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tracker.calibration.stand import Stand
from tracker.errors import RecordingError
from tracker.multiview.recorded import SETS, cameras_of
from tracker.multiview.sets import Incomplete
from tracker.multiview.settings import SetsSettings
from tracker.multiview.triangulate import Triangulator
from tracker.recording import Recording
from tracker.session_folder.tables import read_table

PART = 4096
"""Sets that are worked out at once."""


@dataclass(frozen=True, slots=True)
class Again:
    """Points of all sets, a row per set and keypoint.

    Attributes:
        table: `set`, `captured_ns`, `keypoint`, `x_cm`, `y_cm`, `z_cm`, `residual_px`, `n_views`.
        n_sets: How many sets there are.
        n_known: Points whose place is known.
        median_px: Median of their residuals; NaN without any.
    """

    table: pa.Table
    n_sets: int
    n_known: int
    median_px: float


def triangulate_again(
    folder: Path,
    stand: Stand,
    settings: SetsSettings,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Again:
    """Return the points of a session of several cameras.

    Args:
        folder: The one that holds a session folder per camera, and their sets.
        stand: Where the cameras stand.
        settings: Which sets are used, and how far a camera may be off.
        progress: Told how many sets are done, of how many.

    Raises:
        RecordingError: If a folder cannot be read, or the cameras are not those that stand there.
    """
    sets, _ = read_table(folder / SETS)
    names = cameras_of(sets)
    if unknown := [name for name in names if name not in stand.cameras]:
        raise RecordingError(
            f"{folder}: nobody says where camera {unknown[0]!r} stands; known are "
            f"{', '.join(stand.cameras)}"
        )
    if settings.incomplete is Incomplete.DROP:
        sets = sets.filter(sets["complete"])
    recordings = {name: Recording(folder / name) for name in names}
    keypoints = recordings[names[0]].skeleton.keypoints
    seen = {name: _seen(recordings[name], sets[f"{name}/index"]) for name in names}
    triangulator = Triangulator(stand, names, settings.largest_residual_px)
    shape = sets.num_rows, len(keypoints)
    xyz, residual = np.full((*shape, 3), np.nan), np.full(shape, np.nan)
    n_views = np.zeros(shape, np.int64)
    for begin in range(0, sets.num_rows, PART):
        part = slice(begin, begin + PART)
        found = triangulator.points({name: xy[part] for name, xy in seen.items()})
        xyz[part], residual[part], n_views[part] = found.xyz_cm, found.residual_px, found.n_views
        progress(min(begin + PART, sets.num_rows), sets.num_rows)
    known = np.isfinite(xyz[..., 0])
    table = pa.table(
        {
            "set": np.repeat(sets["set"].to_numpy(), len(keypoints)),
            "captured_ns": np.repeat(sets["captured_ns"].to_numpy(), len(keypoints)),
            "keypoint": pa.array(list(keypoints) * sets.num_rows, pa.string()),
            "x_cm": xyz[..., 0].ravel(),
            "y_cm": xyz[..., 1].ravel(),
            "z_cm": xyz[..., 2].ravel(),
            "residual_px": residual.ravel(),
            "n_views": n_views.ravel(),
        }
    )
    middle = float(np.median(residual[known])) if known.any() else float("nan")
    return Again(table, sets.num_rows, int(known.sum()), middle)


def _seen(recording: Recording, index: pa.ChunkedArray) -> NDArray[np.float64]:
    """What a camera saw in each set, (sets, keypoints, 2); NaN without a frame.

    Positions are those of the first animal that is followed, NaN if it was not seen.
    """
    xy, frames = recording.xy, recording.frame_indices
    found = np.full((len(index), *xy.shape[2:]), np.nan)
    if not len(frames) or not xy.shape[1]:
        return found
    wanted = index.to_numpy(zero_copy_only=False).astype(np.float64)
    has_frame = np.isfinite(wanted)
    places = np.searchsorted(frames, wanted[has_frame].astype(np.int64))
    places = np.minimum(places, len(frames) - 1)
    there = frames[places] == wanted[has_frame]
    rows = np.flatnonzero(has_frame)[there]
    found[rows] = xy[places[there], 0]
    return found
