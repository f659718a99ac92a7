"""Sees what another program saw: positions out of a file of tracks, frame by frame."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.errors import TrackFileError
from tracker.types import Frame, Observation, Skeleton

MOST_OUTSIDE = 0.05
"""Share of the positions that may lie outside of the images; more, and it is another video."""


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """What a file of tracks says; row k is frame k of its video.

    Attributes:
        path: The file.
        sha256: Of its bytes.
        program: Whose format it is.
        scorer: What found the keypoints, as far as the file says.
        skeleton: Keypoints, and edges where the file has them.
        individuals: Names.
        tracked: Whether they are the same ones in each frame.
        xy: float32, (rows, individuals, keypoints, 2), px of the video; NaN: not found.
        confidence: float32, (rows, individuals, keypoints), 0 to 1; NaN: not stated.
        usual_confidence: From which confidence its program itself takes a keypoint as found.
        notes: What was left out, one sentence each.
    """

    path: Path
    sha256: str
    program: str
    scorer: str
    skeleton: Skeleton
    individuals: tuple[str, ...]
    tracked: bool
    xy: NDArray[np.float32]
    confidence: NDArray[np.float32]
    usual_confidence: float
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.xy)


class TracksObserver:
    """Gives the positions of a file, whatever the image shows.

    Where nothing is found confidence is 0, as of an animal that a network did not find. Of frames
    beyond the last row nothing is known: every keypoint is NaN there.

    Args:
        tracks: What the file says.
        first: Number of the individual that features and rules are about; it is put first.
        min_confidence: Keypoints of a lower confidence are NaN; their confidence is kept.
        identities: Who they are, in the order of the file; none: that is not known, and to be
            found out.
        facts: More for the provenance, e.g. of the video.
    """

    def __init__(
        self,
        tracks: Tracks,
        first: int,
        min_confidence: float,
        identities: Sequence[str] = (),
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        order = [first, *(k for k in range(len(tracks.individuals)) if k != first)]
        confidence = np.nan_to_num(tracks.confidence[:, order], nan=0.0)
        found = np.isfinite(tracks.xy[:, order]).all(axis=3) & (confidence >= min_confidence)
        self._xy = np.where(found[..., None], tracks.xy[:, order], np.float32(np.nan))
        self._confidence = confidence
        self._nobody = (
            np.full(self._xy.shape[1:], np.nan, np.float32),
            np.zeros(confidence.shape[1:], np.float32),
        )
        self._tracks = tracks
        self._identities = tuple(identities[k] for k in order) if identities else ()
        self._sure = (1.0,) * len(self._identities)
        self._facts = {
            "observer": "tracks",
            "network": tracks.scorer,
            "provider": "tracks",
            "file": str(tracks.path),
            "sha256": tracks.sha256,
            "program": tracks.program,
            "individuals": [tracks.individuals[k] for k in order],
            "rows": len(tracks),
            "min_confidence": min_confidence,
            **(facts or {}),
        }

    @property
    def skeleton(self) -> Skeleton:
        """Keypoints of every observation."""
        return self._tracks.skeleton

    @property
    def facts(self) -> Mapping[str, Any]:
        """That positions come from this file, with its hash; whose they are, in their order."""
        return self._facts

    def warm_up(self, shape: tuple[int, ...]) -> None:
        """Look whether the positions lie in such images.

        Raises:
            TrackFileError: If more than one in twenty does not.
        """
        height, width = shape[:2]
        x, y = self._xy[..., 0], self._xy[..., 1]
        n_found = np.isfinite(x).sum()
        outside = ((x < -1) | (y < -1) | (x > width) | (y > height)).sum()
        if outside > MOST_OUTSIDE * n_found:
            raise TrackFileError(
                f"{self._tracks.path}: {outside} of {n_found} positions lie outside of the "
                f"{width}x{height} px of the video (up to x {np.nanmax(x):.0f}, y "
                f"{np.nanmax(y):.0f}): is it the video that they were found in, not cropped or "
                f"resized?"
            )

    def observe(self, frame: Frame) -> Observation:
        """Return what the row of this frame says."""
        row = frame.index
        xy, confidence = self._nobody
        if row < len(self._xy):
            xy, confidence = self._xy[row], self._confidence[row]
        return Observation(
            frame.index,
            frame.captured_ns,
            xy,
            confidence,
            identities=self._identities,
            identity_confidence=self._sure,
        )
