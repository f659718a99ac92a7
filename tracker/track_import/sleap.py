"""SLEAP's two files of tracks: a .slp, and the analysis HDF5."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tracker.errors import TrackFileError
from tracker.label_files import BROKEN_SLP, open_slp
from tracker.observers.tracks import Tracks
from tracker.types import Skeleton

if TYPE_CHECKING:
    from sleap_io import Labels, Video

USUAL_CONFIDENCE = 0.2
"""SLEAP's own `peak_threshold` (sleap/nn/config/model.py)."""

MATLAB = ("track", "xy", "node", "frame")
"""Order of the axes of `tracks` in files that do not say another: those of SLEAP itself."""


def read_slp(path: Path, sha256: str, video: Path | None) -> Tracks:
    """Return the tracks of a .slp; raises as `read_tracks`.

    Positions that a person made or corrected count as certain (confidence 1).
    """
    labels = open_slp(path, "export")
    if len(labels.skeletons) != 1:
        found = [skeleton.node_names for skeleton in labels.skeletons]
        raise TrackFileError(f"it has {len(found)} skeletons, expected one: {found}")
    chosen = _video(labels, video)
    skeleton = labels.skeletons[0]
    tracked = bool(labels.tracks)
    try:
        values = labels.numpy(video=chosen, untracked=not tracked, return_confidence=True)
    except BROKEN_SLP as error:
        raise TrackFileError(f"its instances cannot be read ({error})") from error
    if not values.size or np.isnan(values[..., 0]).all():
        raise TrackFileError("it has no instance in this video")
    names = _names(labels, values.shape[1])
    notes = []
    if not tracked and values.shape[1] > 1:
        notes.append("its instances are on no tracks: who is who is found out as `tracking` says")
    edges = tuple((int(a), int(b)) for a, b in skeleton.edge_inds)
    return Tracks(
        path=path,
        sha256=sha256,
        program="SLEAP",
        scorer=path.stem,
        skeleton=Skeleton(tuple(skeleton.node_names), edges),
        individuals=names,
        tracked=tracked or values.shape[1] == 1,
        xy=values[..., :2].astype(np.float32),
        confidence=values[..., 2].astype(np.float32),
        usual_confidence=USUAL_CONFIDENCE,
        notes=tuple(notes),
    )


def read_analysis(path: Path, sha256: str) -> Tracks:
    """Return the tracks of an analysis file; raises as `read_tracks`."""
    import h5py

    with h5py.File(path) as file:
        try:
            tracks, nodes = file["tracks"], _texts(file["node_names"])
            dims = tuple(json.loads(tracks.attrs["dims"])) if "dims" in tracks.attrs else MATLAB
            xy = _in_order(tracks[()], dims, ("frame", "track", "node", "xy"))
            confidence = np.where(np.isfinite(xy[..., 0]), 1.0, np.nan)
            if "point_scores" in file:
                without_xy = tuple(dim for dim in dims if dim != "xy")
                scores = file["point_scores"][()]
                confidence = _in_order(scores, without_xy, ("frame", "track", "node"))
            edges = file["edge_inds"][()].reshape(-1, 2) if "edge_inds" in file else []
            names = _texts(file["track_names"]) if "track_names" in file else []
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise TrackFileError(f"it is no analysis file of SLEAP ({error})") from error
    if np.isnan(xy).all():
        raise TrackFileError("it has no position in any of its frames")
    return Tracks(
        path=path,
        sha256=sha256,
        program="SLEAP",
        scorer=path.name.split(".")[0],
        skeleton=Skeleton(tuple(nodes), tuple((int(a), int(b)) for a, b in edges)),
        tracked=True,
        individuals=tuple(names) if len(names) == xy.shape[1] else _numbered(xy.shape[1]),
        xy=xy.astype(np.float32),
        confidence=confidence.astype(np.float32),
        usual_confidence=USUAL_CONFIDENCE,
    )


def _video(labels: "Labels", video: Path | None) -> "Video":
    """The video that is meant: the only one, or the one of the same name."""
    if len(labels.videos) == 1:
        return labels.videos[0]
    names = [_name(each.filename) for each in labels.videos]
    if video is None or names.count(video.name) != 1:
        raise TrackFileError(
            f"it has tracks of {len(names)} videos ({', '.join(names)}): name one of them with "
            f"--video"
        )
    return labels.videos[names.index(video.name)]


def _name(stored: str | Sequence[str]) -> str:
    first = stored if isinstance(stored, str) else (stored[0] if stored else "")
    return re.split(r"[/\\]", first)[-1]


def _names(labels: "Labels", n: int) -> tuple[str, ...]:
    """Names of n individuals: those of the tracks, as far as they have different ones."""
    names = [track.name for track in labels.tracks]
    return tuple(names) if len(names) == n and len(set(names)) == n else _numbered(n)


def _numbered(n: int) -> tuple[str, ...]:
    return tuple(f"individual_{k}" for k in range(n))


def _texts(dataset: Any) -> list[str]:
    return [text.decode() if isinstance(text, bytes) else str(text) for text in dataset[()]]


def _in_order(
    values: NDArray[Any], dims: Sequence[str], wanted: Sequence[str]
) -> NDArray[np.float64]:
    """The same array with its axes in the order wanted."""
    return np.asarray(np.transpose(values, [dims.index(dim) for dim in wanted]), np.float64)
