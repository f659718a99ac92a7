"""Positions of one session where another one has its own."""

import csv
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracker.arena import Arena, ArenaSettings
from tracker.errors import RegistrationError
from tracker.geometry import Matrix, mapped
from tracker.recording import Recording
from tracker.registered.pair import Pair
from tracker.registration.lines import ViewRow, ViewState, matrix_of


def seen_from_reference(recording: Recording) -> NDArray[np.float64]:
    """Return a session's positions as if its camera had never been moved.

    Shape (T, individuals, keypoints, 2), px of its reference view; as they were seen where nobody
    watched the camera. From a motion to the look that told it positions are off by the motion.
    """
    return _taken_back(recording, *_motions(recording.views))


def as_measured(recording: Recording) -> NDArray[np.floating]:
    """Return a session's positions as its features were measured from them, before lens and plane.

    Shape (T, individuals, keypoints, 2), px; as they were seen where zones followed no camera.
    """
    applied = [
        (row.applied_from, matrix_of(row.to_reference))
        for row in recording.views
        if row.applied_from is not None and row.to_reference is not None
    ]
    if not applied:
        return recording.xy
    applied.sort(key=lambda each: each[0])
    return _taken_back(recording, [each for each, _ in applied], [each for _, each in applied])


def _taken_back(
    recording: Recording, starts: Sequence[int], matrices: Sequence[Matrix | None]
) -> NDArray[np.float64]:
    """Positions taken back by what holds from each start on."""
    xy = recording.xy.astype(np.float64)
    for number, index in enumerate(recording.frame_indices.tolist()):
        place = bisect_right(starts, index) - 1
        matrix = matrices[place] if place >= 0 else None
        if matrix is not None:
            xy[number] = mapped(matrix, xy[number])
    return xy


def positions_in(recording: Recording, pair: Pair) -> NDArray[np.float64]:
    """Return the positions of session B in px of session A, (T, individuals, keypoints, 2)."""
    return pair.to_a(seen_from_reference(recording))


def write_positions(
    path: Path, recording: Recording, pair: Pair, arena: ArenaSettings | None
) -> int:
    """Write the positions of session B in coordinates of A as CSV; return the number of rows.

    Args:
        path: Must not be there.
        recording: Session B.
        pair: How it lies to A.
        arena: Of session A, for cm; None: px alone.

    Raises:
        RegistrationError: If the file is there, or cannot be written.
    """
    xy = positions_in(recording, pair)
    place = None if arena is None else Arena(arena)
    known = place is not None and place.px_per_cm is not None
    cm = place.to_units(xy) if place is not None and known else np.full(xy.shape, np.nan)
    keypoints = recording.skeleton.keypoints
    n_rows = 0
    try:
        with path.open("x", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(
                ["index", "captured_ns", "individual", "keypoint", "x_px", "y_px", "x_cm", "y_cm"]
            )
            moments = zip(
                recording.frame_indices.tolist(), recording.captured_ns.tolist(), strict=True
            )
            for number, (index, captured_ns) in enumerate(moments):
                for animal in range(xy.shape[1]):
                    for k, keypoint in enumerate(keypoints):
                        at = (*xy[number, animal, k].tolist(), *cm[number, animal, k].tolist())
                        writer.writerow([index, captured_ns, animal, keypoint, *map(_text, at)])
                        n_rows += 1
    except FileExistsError:
        raise RegistrationError(f"{path} is there already: choose another name") from None
    except OSError as error:
        raise RegistrationError(f"{path} cannot be written: {error.strerror}") from error
    return n_rows


def _text(number: float) -> str:
    return "" if np.isnan(number) else f"{number:.4f}"


def _motions(rows: tuple[ViewRow, ...]) -> tuple[list[int], list[Matrix | None]]:
    """From which frame on which homography takes positions back to the reference."""
    starts: list[int] = []
    matrices: list[Matrix | None] = []
    for row in sorted(rows, key=lambda each: each.index):
        if row.state not in (ViewState.STILL, ViewState.MOVED) or row.matrix is None:
            continue
        moved = row.state is ViewState.MOVED
        starts.append(row.index)
        back = np.asarray(np.linalg.inv(matrix_of(row.matrix)), np.float64)
        matrices.append(back if moved else None)
    return starts, matrices
