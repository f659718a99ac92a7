"""Reads a session folder, also one that a crash or a power cut left open."""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tracker.errors import RecordingError
from tracker.registration.lines import ViewRow
from tracker.session_folder import files as names
from tracker.session_folder.ledger_end import count_rows
from tracker.session_folder.lines import read_lines, read_session
from tracker.session_folder.recorded_video import RecordedVideo, has_video, is_segmented
from tracker.session_folder.rows import EpisodeLine, LogLine
from tracker.session_folder.stimulus_lines import edge_of, is_edge, is_seed, row_of
from tracker.session_folder.stretch import Origin, Stretch
from tracker.session_folder.table_file import TableFile
from tracker.session_folder.tables import read_table
from tracker.session_folder.view_files import read_views
from tracker.stimuli import Edge, StimulusRow
from tracker.types import Episode, Frame, Onset, Skeleton

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

_Line = TypeVar("_Line")

MOST_PER_MS = 64
"""Frames within one millisecond at most, the video's unit of time: 64,000 frames/s."""

LONGEST_LOOK_BACK_S = 60.0
"""How old the newest image may be."""


class Recording:
    """What one session left behind. Reading is lazy and never writes into the folder.

    Args:
        folder: A session folder.

    Raises:
        RecordingError: If it is no session folder, or was written by a newer version; from
            every method and property, if its file is missing or damaged other than at the
            end. A file that was cut off is read up to its last whole row or frame.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.session: Mapping[str, Any] = read_session(folder)
        """Contents of session.json."""
        self._cut: dict[str, bool] = {}

    @property
    def complete(self) -> bool:
        """Whether the session was closed and every file was finished."""
        return not self.problems

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with the folder, one sentence each; reads everything but the video."""
        _ = (
            self.ledger,
            self.observations,
            self.events,
            self.log,
            self.stimuli,
            self.edges,
            self.views,
        )
        found = [
            f"{name} was cut off: read up to its last whole row"
            for name, cut in self._cut.items()
            if cut
        ]
        if self.session["state"] != "closed":
            found.insert(0, "the session was not closed: the program died or lost its power")
        if self.session["recorder"]["codec"] != "none":
            video = self._recorded_video(self.ledger, is_part=False)
            found.extend(f"{name} is missing" for name in video.missing)
        found.extend(self.session.get("recording_errors", ()))
        return tuple(found)

    @cached_property
    def ledger(self) -> pa.Table:
        """One row per frame that the camera counted; columns as in `LedgerRow`."""
        return self._table(names.LEDGER)

    @cached_property
    def observations(self) -> pa.Table:
        """One row per frame that was processed; columns as in docs/session_folder.md."""
        return self._table(names.OBSERVATIONS)

    @cached_property
    def skeleton(self) -> Skeleton:
        """Keypoints of every observation."""
        return msgspec.convert(self.session["skeleton"], Skeleton)

    @cached_property
    def origin(self) -> Origin:
        """Where seconds are counted from: the session's first frame that arrived."""
        start_ns = TableFile(self.folder / names.LEDGER).first("captured_ns")
        return Origin(
            int(self.session["opened_ns"]) if start_ns is None else start_ns,
            int(self.session["anchor_utc_ns"]),
        )

    @cached_property
    def whole(self) -> Stretch:
        """All of the session. Reads both tables: of a day it takes many seconds."""
        video = partial(self._video, lambda: self.ledger, is_part=False)
        return Stretch(self.ledger, self.observations, self.skeleton, self.origin, video)

    def part(self, from_s: float, to_s: float) -> Stretch:
        """Return a stretch of the session, without reading the rest of it.

        Args:
            from_s: Seconds from the first frame to the first one wanted.
            to_s: The same of the last one; a frame at just this time belongs to the part.
        """
        table = TableFile(self.folder / names.LEDGER)
        begin_ns, end_ns = self.origin.at_ns(from_s), self.origin.at_ns(to_s)
        inside = table.between("captured_ns", begin_ns, end_ns)["index"]
        if not len(inside):
            return self._part(0, -1)
        return self._part(inside[0].as_py(), inside[-1].as_py())

    def _part(self, first: int, last: int) -> Stretch:
        """Return the stretch between two indices, both inclusive."""
        ledger = TableFile(self.folder / names.LEDGER)
        observations = TableFile(self.folder / names.OBSERVATIONS)
        return Stretch(
            ledger.between("index", first, last),
            observations.between("index", first, last),
            self.skeleton,
            self.origin,
            # with those before it, since several frames may have one time in the video
            lambda: self._video(
                lambda: ledger.between("index", first - MOST_PER_MS, last), is_part=True
            ),
        )

    @property
    def frame_indices(self) -> NDArray[np.int64]:
        """`Frame.index` of every observation, shape (T,)."""
        return self.whole.frame_indices

    @cached_property
    def settings(self) -> Mapping[str, Any]:
        """The experiment as it ran; empty if its file is missing or is no mapping."""
        try:
            text = (self.folder / names.EXPERIMENT).read_text(encoding="utf-8")
            content = YAML(typ="safe", pure=True).load(text)
        except (OSError, UnicodeDecodeError, YAMLError):
            return {}
        return content if isinstance(content, dict) else {}

    @cached_property
    def frame_interval_s(self) -> float:
        """Median time between captured frames (s); NaN if there are less than two.

        A bout lasts from its first frame to its last, both included: of one frame, this long.
        """
        captured_ns = self.ledger["captured_ns"].drop_null().to_numpy()
        return float(np.median(np.diff(captured_ns))) / 1e9 if len(captured_ns) > 1 else np.nan

    @property
    def captured_ns(self) -> NDArray[np.int64]:
        """Capture time of every observation, shape (T,), ns."""
        return self.whole.captured_ns

    @property
    def xy(self) -> NDArray[np.float32]:
        """Positions, shape (T, individuals, keypoints, 2), sensor pixels; NaN: not seen."""
        return self.whole.xy

    @property
    def confidence(self) -> NDArray[np.float32]:
        """Confidence (0 to 1), shape (T, individuals, keypoints); NaN: no such individual."""
        return self.whole.confidence

    @property
    def features(self) -> dict[str, NDArray[np.float64]]:
        """Values by name, each of shape (T,); NaN where they could not be known."""
        return self.whole.features

    @property
    def scores(self) -> dict[str, NDArray[np.float64]]:
        """Scores (0 to 1) by behaviour, each of shape (T,); NaN where they could not be known."""
        return self.whole.scores

    @cached_property
    def events(self) -> tuple[Onset | Episode, ...]:
        """Onsets and episodes in the order in which they became certain."""
        return tuple(line.event() for line in self._lines(names.EPISODES, EpisodeLine))

    @property
    def episodes(self) -> tuple[Episode, ...]:
        """Episodes that ended, in the order of their ends."""
        return tuple(event for event in self.events if isinstance(event, Episode))

    @property
    def open_onsets(self) -> tuple[Onset, ...]:
        """Onsets whose end was never written: the session died in these episodes."""
        ended = {episode.onset.episode_id for episode in self.episodes}
        onsets = (event for event in self.events if isinstance(event, Onset))
        return tuple(onset for onset in onsets if onset.episode_id not in ended)

    @property
    def has_stimuli(self) -> bool:
        """Whether the experiment had outputs."""
        return (self.folder / names.STIMULI).is_file()

    @property
    def is_blinded(self) -> bool:
        """Whether arms are hidden: they are until `tracker unblind` has been called."""
        sealed = (self.folder / names.SEALED).is_file()
        return sealed and not (self.folder / names.UNBLINDING).is_file()

    @cached_property
    def stimuli(self) -> tuple[StimulusRow, ...]:
        """What became of each stimulus command, in order; in full once it is unblinded."""
        rows = [row_of(line) for line in self._json_lines(names.STIMULI)]
        if not self.is_blinded:
            full = {row.command.stimulus_id: row for row in self.sealed_rows}
            rows = [full.get(row.command.stimulus_id, row) for row in rows]
        return tuple(rows)

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """Edges that devices reported, in device time; without blinded ones until unblinded."""
        lines = self._json_lines(names.EDGES)
        if not self.is_blinded:
            lines += [line for line in self._json_lines(names.SEALED) if is_edge(line)]
        return tuple(sorted((edge_of(line) for line in lines), key=lambda edge: edge.at_ns))

    @cached_property
    def sealed_rows(self) -> tuple[StimulusRow, ...]:
        """Rows in full of controllers whose arms are hidden: to be checked, never to be shown."""
        lines = self._json_lines(names.SEALED)
        return tuple(row_of(line) for line in lines if not (is_edge(line) or is_seed(line)))

    @property
    def sealed_seeds(self) -> Mapping[str, Any]:
        """What each blinded controller's schedule follows from, by controller."""
        lines = self._json_lines(names.SEALED)
        return next((line["controllers"] for line in lines if is_seed(line)), {})

    @cached_property
    def log(self) -> tuple[LogLine, ...]:
        """Lines of the log."""
        return tuple(self._lines(names.LOG, LogLine))

    @cached_property
    def views(self) -> tuple[ViewRow, ...]:
        """Looks at where the camera looks; none where that was not watched."""
        rows, self._cut[names.REGISTRATION] = read_views(self.folder)
        return tuple(rows)

    def totals(self) -> dict[str, Any]:
        """Sums over the ledger as it was read, named as in `Totals.as_dict`."""
        return count_rows(self.ledger)

    @property
    def has_video(self) -> bool:
        """Whether there is a video."""
        return has_video(self.folder)

    def frames(self, first: int | None = None, last: int | None = None) -> Iterator[Frame]:
        """Recorded frames in order, as the camera delivered them.

        The image is what the codec and the crop kept: exact with ffv1, all of it without a
        crop (`crop_origin` says where it lies). `device_tick` is None. The last frames may be
        missing if the session did not end well.

        Args:
            first: Index of the first one; None: from the beginning.
            last: Index of the last one, inclusive; None: to the end.
        """
        if "whole" in self.__dict__ or first is None or last is None:
            return self.whole.video.frames(first, last)
        return self._part(first, last).video.frames(first, last)

    def image(self, index: int) -> NDArray[np.uint8]:
        """The image of one frame by the camera's count: uint8, (height, width[, 3]).

        Where the video is cropped it is a part of what the camera gave: see `crop_origin`.
        Decodes from the keyframe before it, and reads no more of the tables than it needs.

        Raises:
            RecordingError: If that frame is not in the video.
        """
        return self._part(index, index).video.image(index)

    def image_at(self, at_s: float) -> NDArray[np.uint8]:
        """The newest image at a time: of the last recorded frame captured at or before it.

        Args:
            at_s: Seconds since the first frame.

        Raises:
            RecordingError: If no recorded frame is so early, or none in the minute before.
        """
        recorded = self.part(at_s - LONGEST_LOOK_BACK_S, at_s).recorded["index"]
        if not len(recorded):
            raise RecordingError(
                f"no frame of the minute before {at_s:g} s is in the video of {self.folder}"
            )
        return self.image(recorded[-1].as_py())

    def crop_origin(self, index: int) -> tuple[int, int]:
        """Sensor pixel (x, y) of the top-left pixel of `image(index)`; (0, 0) without a crop.

        Raises:
            RecordingError: If that frame is not in the video.
        """
        return self._part(index, index).video.origin(index)

    def n_video_frames(self) -> int:
        """Frames in the video, counted by reading all of it."""
        return self.whole.video.count()

    def observations_frame(self, *, every_slot: bool = False) -> "pd.DataFrame":
        """Return all observations as a data frame, as `Stretch.observations_frame`."""
        return self.whole.observations_frame(every_slot=every_slot)

    def ledger_frame(self) -> "pd.DataFrame":
        """Return the ledger as a data frame, as `Stretch.ledger_frame`."""
        return self.whole.ledger_frame()

    def to_xarray(self, *, every_slot: bool = False) -> "xr.Dataset":
        """Return all observations as a data set, as `Stretch.to_xarray`."""
        return self.whole.to_xarray(every_slot=every_slot)

    def episodes_frame(self) -> "pd.DataFrame":
        """Return the episodes as a data frame; see `data_frames.episodes_frame`."""
        from tracker.session_folder.data_frames import episodes_frame

        about = self.origin, self.frame_interval_s
        return episodes_frame(self.episodes, self.open_onsets, *about)

    def stimuli_frame(self) -> "pd.DataFrame":
        """Return what became of the stimuli as a data frame; see `data_frames.stimuli_frame`."""
        from tracker.session_folder.data_frames import stimuli_frame

        return stimuli_frame(self.stimuli, self.origin)

    def _video(self, ledger: Callable[[], pa.Table], *, is_part: bool) -> RecordedVideo:
        if not self.has_video:
            raise RecordingError(f"there is no video in {self.folder}")
        return self._recorded_video(ledger(), is_part=is_part)

    def _recorded_video(self, ledger: pa.Table, *, is_part: bool) -> RecordedVideo:
        recorder = self.session["recorder"]
        ended_well = self.session["state"] == "closed" and not self.session["recording_errors"]
        return RecordedVideo(
            self.folder,
            ledger,
            segmented=is_segmented(recorder),
            colour=len(self.session["camera"]["shape"]) == 3,
            may_be_short=not ended_well,
            first_ns=self._first_recorded_ns if is_part else None,
        )

    def _first_recorded_ns(self, segment: int) -> int:
        """Capture time of the first frame of a video file (ns)."""
        table = TableFile(self.folder / names.LEDGER)
        if "segment" not in table.columns:  # written before there were any: one file
            return int(self.whole.recorded["captured_ns"][0].as_py())
        return int(table.first_from("segment", segment)["captured_ns"])

    def _table(self, name: str) -> pa.Table:
        table, finished = read_table(self.folder / name)
        self._cut[name] = not finished
        return table

    def _json_lines(self, name: str) -> list[dict[str, Any]]:
        """Lines of a file that experiments without stimuli do not have."""
        return self._lines(name, dict[str, Any]) if (self.folder / name).is_file() else []

    def _lines(self, name: str, kind: type[_Line]) -> list[_Line]:
        """Whole lines of a file; a half one at the end is left out."""
        lines, self._cut[name] = read_lines(self.folder / name, kind)
        return lines
