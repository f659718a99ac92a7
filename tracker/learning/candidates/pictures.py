"""What an animal looks like in a bout: a strip of frames, or of poses where there is no video."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.drawing import View, as_bgr, draw_pose
from tracker.errors import RecordingError
from tracker.learning.candidates.clusters import CandidateBout
from tracker.recording import Recording
from tracker.report.stills import sensor_image
from tracker.types import Skeleton

SIDE, FRAMES = 150, 5
"""Of one picture (px), and how many there are in a strip."""

AROUND = 3.0
"""Side of the square that is shown, in body lengths."""

Picture = NDArray[np.uint8]


def examples(bouts: Sequence[CandidateBout], n: int) -> list[CandidateBout]:
    """Return a few bouts to show: the surest ones of some length, spread over sessions.

    Args:
        bouts: Of one candidate.
        n: How many at most.
    """
    lengths = np.array([each.last - each.first for each in bouts])
    long = [each for each in bouts if each.last - each.first >= np.percentile(lengths, 25)]
    ranked = sorted(long, key=lambda each: (-round(each.sure, 3), each.session, each.first))
    chosen: list[CandidateBout] = []
    while ranked and len(chosen) < n:
        seen = [each.session for each in chosen]
        rarest = min(ranked, key=lambda each: seen.count(each.session))
        chosen.append(rarest)
        ranked.remove(rarest)
    return chosen


def strip(recording: Recording, bout: CandidateBout) -> Picture:
    """Return pictures of evenly spread frames of a bout, side by side: uint8 BGR."""
    rows = np.linspace(bout.first, bout.last, FRAMES).round().astype(int)
    return np.concatenate([picture(recording, bout.animal, int(row)) for row in rows], axis=1)


def picture(recording: Recording, animal: int, row: int) -> Picture:
    """Return the surroundings of an animal in one frame, with all poses drawn: uint8 BGR."""
    xy = recording.xy[row]
    middle, side = _square(recording, animal, row)
    scale = SIDE / side
    view = View(scale, middle[0] - side / 2, middle[1] - side / 2)
    image = _image(recording, row)
    if image is None:
        found = np.full((SIDE, SIDE, 3), 245, np.uint8)
    else:
        move = np.array([[scale, 0, -view.x0 * scale], [0, scale, -view.y0 * scale]])
        found = np.asarray(cv2.warpAffine(as_bgr(image), move, (SIDE, SIDE), flags=cv2.INTER_AREA,
                                          borderValue=(60, 60, 60)), np.uint8)  # fmt: skip
    draw_pose(found, xy, recording.confidence[row], _joined(recording.skeleton), view, radius=3)
    return found


def _joined(skeleton: Skeleton) -> Skeleton:
    """Return a skeleton with lines; where it has none, from each keypoint to the next."""
    n = len(skeleton.keypoints)
    return replace(skeleton, edges=skeleton.edges or tuple(pairwise(range(n))))


def _square(recording: Recording, animal: int, row: int) -> tuple[NDArray[np.float64], float]:
    """Return middle and side (px) of what is shown: where the animal was seen last."""
    near = recording.xy[max(0, row - 50) : row + 1, animal].astype(float)
    seen = np.flatnonzero(np.isfinite(near).all(axis=2).any(axis=1))
    here = near[seen[-1]] if len(seen) else np.zeros((1, 2))
    here = here[np.isfinite(here).all(axis=1)]
    every = recording.xy[:: max(1, len(recording.xy) // 500), animal].astype(float)
    size = np.nanmedian(np.ptp(np.where(np.isfinite(every).all(axis=(1, 2), keepdims=True), every,
                                        np.nan), axis=1).max(axis=1))  # fmt: skip
    return here.mean(axis=0), AROUND * (size if np.isfinite(size) and size > 0 else 50.0)


def _image(recording: Recording, row: int) -> Picture | None:
    if not recording.has_video:
        return None
    try:
        return sensor_image(recording, int(recording.frame_indices[row]))
    except RecordingError:
        return None  # that frame is not in the video
