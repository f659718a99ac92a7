"""How right a session was, where the truth is known: a synthetic camera knows it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.types import Episode, Truth


@dataclass(frozen=True, slots=True)
class TruthScore:
    """How a session compares with the truth, over the frames that it processed.

    Attributes:
        f1: Frame-wise F1 (0 to 1) by behaviour; NaN if neither it nor the truth has any.
        keypoint_error_px: Mean distance of found keypoints from the true ones, in sensor
            pixels; NaN if none was found.
        keypoints_found: Share (0 to 1) of the keypoints that were found; NaN for no frames.
        frames: Number of frames compared.
    """

    f1: dict[str, float]
    keypoint_error_px: float
    keypoints_found: float
    frames: int

    def as_dict(self) -> dict[str, Any]:
        """Return the same for JSON, which has no NaN: None in its place."""
        return {
            "f1": {name: _or_none(value) for name, value in self.f1.items()},
            "keypoint_error_px": _or_none(self.keypoint_error_px),
            "keypoints_found": _or_none(self.keypoints_found),
            "frames": self.frames,
        }


def score(
    frame_indices: NDArray[np.integer],
    xy: NDArray[np.floating],
    keypoints: Sequence[str],
    episodes: Sequence[Episode],
    behaviours: Sequence[str],
    truth: Callable[[int], Truth],
) -> TruthScore:
    """Compare what a session recorded with what really happened.

    A frame counts as a behaviour if an episode covers its index, first and last frame included,
    however late the episode was confirmed. Frames that the session did not process are left out.
    Keypoints are matched by name; those that only one side knows are left out.

    Args:
        frame_indices: Camera's count of each processed frame, shape (frames,).
        xy: Positions in sensor pixels, shape (frames, keypoints, 2), NaN where not found.
        keypoints: Names, in the order of `xy`.
        episodes: All of the session, in any order; those of other behaviours are left out.
        behaviours: Names to score; one that the truth never names was never there.
        truth: Tells the truth about the frame of an index.

    Raises:
        ValueError: If the shapes of the arrays do not go together.
    """
    expected = (len(frame_indices), len(keypoints), 2)
    if xy.shape != expected:
        raise ValueError(f"xy has shape {xy.shape}, expected (frames, keypoints, 2) = {expected}")
    truths = [truth(int(index)) for index in frame_indices]
    f1 = {}
    for name in behaviours:
        covered = covered_frames(frame_indices, [e for e in episodes if e.onset.behaviour == name])
        present = np.array([name in true.behaviours for true in truths], bool)
        f1[name] = framewise_f1(covered, present)
    error_px, found = keypoint_error_px(xy, _true_xy(truths, keypoints))
    return TruthScore(f1, error_px, found, len(frame_indices))


def covered_frames(
    frame_indices: NDArray[np.integer], episodes: Sequence[Episode]
) -> NDArray[np.bool_]:
    """Return which frames lie in an episode, first and last frame included; shape (frames,)."""
    covered = np.zeros(len(frame_indices), bool)
    for episode in episodes:
        first, last = episode.onset.onset_index, episode.end_index
        covered |= (frame_indices >= first) & (frame_indices <= last)
    return covered


def framewise_f1(predicted: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Return F1 over frames, from 0 to 1: 2 hits / (2 hits + false alarms + misses).

    NaN if neither has a frame. Both have shape (frames,). See van Rijsbergen, Information
    Retrieval (1979), chapter 7.

    Raises:
        ValueError: If the two differ in length.
    """
    if predicted.shape != truth.shape:
        raise ValueError(f"predicted has shape {predicted.shape}, but truth has {truth.shape}")
    n_both = int(predicted.sum()) + int(truth.sum())
    return 2 * int((predicted & truth).sum()) / n_both if n_both else math.nan


def keypoint_error_px(
    xy: NDArray[np.floating], truth_xy: NDArray[np.floating]
) -> tuple[float, float]:
    """Return the mean distance of the found keypoints from the true ones, and the share found.

    Where the truth is NaN there was nothing to find, and nothing is counted. The distance is
    NaN if nothing was found; the share, from 0 to 1, is NaN if there was nothing to find.

    Args:
        xy: Shape (frames, keypoints, 2), sensor pixels, NaN where not found.
        truth_xy: The same, as it really was.

    Raises:
        ValueError: If the two differ in shape.
    """
    if xy.shape != truth_xy.shape:
        raise ValueError(f"xy has shape {xy.shape}, but truth_xy has {truth_xy.shape}")
    offset = xy.astype(np.float64) - truth_xy
    distances = np.hypot(offset[..., 0], offset[..., 1])
    n_there = int((~np.isnan(truth_xy).any(axis=-1)).sum())
    found = distances[~np.isnan(distances)]
    mean = float(found.mean()) if len(found) else math.nan
    return mean, len(found) / n_there if n_there else math.nan


def _true_xy(truths: Sequence[Truth], keypoints: Sequence[str]) -> NDArray[np.float64]:
    """Return true positions in the order of `keypoints`; NaN for names the truth lacks."""
    xy = np.full((len(truths), len(keypoints), 2), np.nan)
    for row, true in zip(xy, truths, strict=True):
        for k, name in enumerate(keypoints):
            if name in true.keypoints:
                row[k] = true.xy[true.keypoints.index(name)]
    return xy


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
