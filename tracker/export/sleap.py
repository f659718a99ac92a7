"""SLEAP: a .slp of predicted instances, and the analysis HDF5 that its own export writes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tracker.errors import MissingExtra
from tracker.export.session_view import Rows, SessionView, way_to
from tracker.session_folder.files import VIDEO

if TYPE_CHECKING:
    from sleap_io import Labels, Skeleton

TICK_EVERY = 500
"""Frames between two moves of the progress bar."""


def names(view: SessionView) -> list[str]:
    """Return the names of the files that `write` makes."""
    return [f"{view.name}.slp", f"{view.name}.analysis.h5"]


def write(view: SessionView, folder: Path, home: Path, tick: Callable[[int, int], None]) -> None:
    """Write both files; tracks are individuals, frame numbers are `SessionView.row_number`.

    Args:
        view: What to write.
        folder: Where to write it.
        home: Where the files will lie afterwards, which paths in them are relative to.
        tick: Told how much is done.

    Raises:
        MissingExtra: If sleap-io or h5py is not installed.
    """
    try:
        import h5py  # noqa: F401 - comes with sleap-io
        import sleap_io
    except ImportError as error:
        raise MissingExtra("export", "writing files of SLEAP") from error
    slp, analysis = names(view)
    files = view.video_files or (view.recording.folder / VIDEO,)
    videos = [way_to(path, home) for path in files]
    sleap_io.save_slp(_labels(view, videos, tick), str(folder / slp), embed=False, verbose=False)
    _write_analysis(view, folder / analysis, videos[0])


def _skeleton(view: SessionView) -> "Skeleton":
    import sleap_io

    keypoints = list(view.keypoints)
    edges = [(keypoints[a], keypoints[b]) for a, b in view.recording.skeleton.edges]
    return sleap_io.Skeleton(keypoints, edges=edges, name=view.network)


def _labels(view: SessionView, paths: list[str], tick: Callable[[int, int], None]) -> "Labels":
    """Rows of the video are numbered within its files; all others within the first one."""
    import sleap_io

    skeleton = _skeleton(view)
    videos = [sleap_io.Video(filename=path, open_backend=False) for path in paths]
    numbers, segments = view.row_number.tolist(), [0] * len(view.row_number)
    if view.rows is Rows.VIDEO:
        numbers, segments = view.slots.segment_frame.tolist(), view.slots.segment.tolist()
    tracks = [sleap_io.Track(name) for name in view.individuals]
    frames, n_rows = [], len(numbers)
    found = view.found
    for row, (number, segment) in enumerate(zip(numbers, segments, strict=True)):
        if row % TICK_EVERY == 0:
            tick(row, n_rows)
        instances = [
            sleap_io.PredictedInstance.from_numpy(
                view.xy[row, k].astype(np.float64),
                skeleton=skeleton,
                point_scores=view.confidence[row, k].astype(np.float64),
                score=float(np.mean(view.confidence[row, k])),
                track=track,
            )
            for k, track in enumerate(tracks)
            if found[row, k].any()
        ]
        if instances:
            frames.append(
                sleap_io.LabeledFrame(video=videos[segment], frame_idx=number, instances=instances)
            )
    return sleap_io.Labels(
        frames,
        videos=videos,
        skeletons=[skeleton],
        tracks=tracks,
        provenance=_provenance(view),
    )


def _provenance(view: SessionView) -> dict[str, str]:
    return {
        "source": "behaviour-tracker",
        "session": view.recording.session["session_id"],
        "time_zero_utc": view.zero_utc.isoformat(),
        "notes": "\n".join(view.notes),
    }


def _write_analysis(view: SessionView, path: Path, video: str) -> None:
    """Write the arrays as SLEAP does for MATLAB: last axis first. One frame a row, none left out.

    `time_s` is ours: the exposure of each frame. Layout: sleap/io/format/sleap_analysis.py.
    """
    import h5py

    skeleton = view.recording.skeleton
    there = np.asarray(view.found.any(axis=2), np.uint8)
    scores = np.where(there > 0, view.confidence.mean(axis=2), np.nan)
    arrays: dict[str, tuple[NDArray[np.generic], tuple[str, ...]]] = {
        "tracks": (np.transpose(view.xy, (1, 3, 2, 0)), ("track", "xy", "node", "frame")),
        "track_occupancy": (there, ("frame", "track")),
        "point_scores": (np.transpose(view.confidence, (1, 2, 0)), ("track", "node", "frame")),
        "instance_scores": (scores.T, ("track", "frame")),
        "tracking_scores": (np.full(scores.T.shape, np.nan), ("track", "frame")),
        "time_s": (view.time_s, ("frame",)),
    }
    keypoints = view.keypoints
    edge_names = [[keypoints[a].encode(), keypoints[b].encode()] for a, b in skeleton.edges]
    with h5py.File(path, "w") as file:
        for name, (array, dims) in arrays.items():
            dataset = file.create_dataset(name, data=array, compression="gzip", compression_opts=9)
            dataset.attrs["dims"] = json.dumps(dims)
        file["track_names"] = np.array([name.encode() for name in view.individuals])
        file["node_names"] = np.array([name.encode() for name in keypoints])
        file["edge_names"] = (
            np.array(edge_names, dtype="S") if edge_names else np.empty((0, 2), "S1")
        )
        file["edge_inds"] = np.array(skeleton.edges, np.int64).reshape(-1, 2)
        file["labels_path"] = ""
        file["video_path"] = video
        file["video_ind"] = 0
        file["provenance"] = json.dumps(_provenance(view))
        file.attrs["preset"], file.attrs["format"] = "matlab", "analysis"
