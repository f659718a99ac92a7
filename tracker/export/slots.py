"""The frames of a session: when each was taken, what became of it, and where it is in the video."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from tracker.errors import ExportError
from tracker.recording import Recording
from tracker.session_folder.data_frames import filled_times
from tracker.types import Fate


@dataclass(frozen=True, slots=True, eq=False)
class Slots:
    """Frames of a session, without what was seen in them; N of them.

    Attributes:
        index: int64, (N,): the camera's own count.
        captured_ns: int64, (N,): when each was taken, session clock.
        time_known: bool, (N,): False where a frame never came: its time is estimated from its
            neighbours.
        fate: str, (N,): what became of it in the pipeline.
        recorded: str, (N,): what became of it in the video.
        video_frame: int64, (N,): its number in the video from 0, all its files together; -1: it
            is not in it.
        segment: int64, (N,): number of the video file that it is in; -1: in none.
        segment_frame: int64, (N,): its number in that file; -1: in none.
    """

    index: NDArray[np.int64]
    captured_ns: NDArray[np.int64]
    time_known: NDArray[np.bool_]
    fate: NDArray[np.str_]
    recorded: NDArray[np.str_]
    video_frame: NDArray[np.int64]
    segment: NDArray[np.int64]
    segment_frame: NDArray[np.int64]

    def those(self, keep: NDArray[np.bool_]) -> "Slots":
        """Return some of them, in the same order."""
        return Slots(*(getattr(self, each.name)[keep] for each in fields(self)))


def slots_of(recording: Recording) -> tuple[Slots, tuple[str, ...]]:
    """Return all slots of a session, and what is wrong with its video.

    Ledger and observations are put together: either may end first if the session was cut off.

    Raises:
        ExportError: If no frame of it has a time.
        RecordingError: If the folder cannot be read.
    """
    ledger, observed = recording.ledger, recording.frame_indices
    listed: NDArray[np.int64] = ledger["index"].to_numpy()
    index = np.arange(max(listed.max(initial=-1), observed.max(initial=-1)) + 1)
    fate = np.full(len(index), str(Fate.UNKNOWN), dtype="U24")
    recorded = fate.copy()
    known = np.zeros(len(index), np.bool_)
    captured_ns = np.zeros(len(index), np.int64)
    known[observed], captured_ns[observed] = True, recording.captured_ns
    fate[observed] = str(Fate.PROCESSED)
    has_time = ledger["captured_ns"].is_valid().to_numpy()
    known[listed] |= has_time
    captured_ns[listed[has_time]] = ledger["captured_ns"].drop_null().to_numpy()
    fate[listed] = ledger["fate"].to_pylist()
    recorded[listed] = ledger["recording"].to_pylist()
    if not known.any():
        raise ExportError(
            f"{recording.folder}: no frame of this session came: there is nothing to export"
        )
    times = _all_times(recording, captured_ns, known)
    places, notes = _places_in_video(recording, listed, len(index))
    slots = Slots(
        index, times, known, fate, recorded, places.frame, places.segment, places.segment_frame
    )
    return slots, notes


@dataclass(frozen=True, slots=True, eq=False)
class _InVideo:
    """The last three of `Slots`."""

    frame: NDArray[np.int64]
    segment: NDArray[np.int64]
    segment_frame: NDArray[np.int64]


def _all_times(
    recording: Recording, captured_ns: NDArray[np.int64], known: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Times of all slots; those that are not known are estimated."""
    if known.sum() == 1:  # no line through one point
        at = int(np.flatnonzero(known)[0])
        period_ns = 1e9 / (recording.session["camera"]["fps"] or np.inf)
        filled = captured_ns[at] + (np.arange(len(known)) - at) * period_ns
    else:
        filled = filled_times(np.arange(len(known)), np.where(known, captured_ns, np.nan))
    return np.where(known, captured_ns, np.rint(filled).astype(np.int64))


def _places_in_video(
    recording: Recording, listed: NDArray[np.int64], n: int
) -> tuple[_InVideo, tuple[str, ...]]:
    """Where each of n slots is in the video, and what is wrong with it."""
    places = _InVideo(*(np.full(n, -1, np.int64) for _ in range(3)))
    if not recording.has_video:
        return places, ()
    ledger = recording.ledger
    there = pc.equal(ledger["recording"], str(Fate.RECORDED)).to_numpy()
    rows, notes = listed[there], []
    segments = np.zeros(len(rows), np.int64)
    if "segment" in ledger.column_names:
        segments = pc.fill_null(ledger["segment"], 0).to_numpy()[there].astype(np.int64)
    places.frame[rows] = np.arange(len(rows))
    places.segment[rows] = segments
    places.segment_frame[rows] = np.arange(len(rows)) - np.searchsorted(segments, segments)
    missing = [k for k, file in enumerate(files_of(recording)) if not file.is_file()]
    gone = np.isin(places.segment, missing) & (places.frame >= 0)
    if not missing and not recording.complete:
        n_frames = recording.n_video_frames()
        gone = places.frame >= n_frames
        if gone.any():
            notes.append(f"the video ends {int(gone.sum())} frames before the ledger does")
    for each in fields(places):
        getattr(places, each.name)[gone] = -1
    return places, tuple(notes)


def files_of(recording: Recording) -> tuple[Path, ...]:
    """Return the files of the video in order, also missing ones; it must have a video."""
    return recording.whole.video.files
