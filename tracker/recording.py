"""Reads a session folder, also one that a crash or a power cut left open."""

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tracker.errors import RecordingError
from tracker.session_folder import files as names
from tracker.session_folder.recorded_video import RecordedVideo, has_video
from tracker.session_folder.rows import FEATURE, SCORE, EpisodeLine, LogLine
from tracker.session_folder.stimulus_lines import edge_of, is_edge, is_seed, row_of
from tracker.session_folder.tables import read_table
from tracker.stimuli import Edge, StimulusRow
from tracker.types import Episode, Fate, Frame, Onset, Skeleton

_Line = TypeVar("_Line")


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
        self.session: Mapping[str, Any] = _read_session(folder)
        """Contents of session.json."""
        self._cut: dict[str, bool] = {}

    @property
    def complete(self) -> bool:
        """Whether the session was closed and every file was finished."""
        return not self.problems

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with the folder, one sentence each; reads everything but the video."""
        _ = self.ledger, self.observations, self.events, self.log, self.stimuli, self.edges
        found = [
            f"{name} was cut off: read up to its last whole row"
            for name, cut in self._cut.items()
            if cut
        ]
        if self.session["state"] != "closed":
            found.insert(0, "the session was not closed: the program died or lost its power")
        if self.session["recorder"]["codec"] != "none":
            found.extend(f"{name} is missing" for name in self._recorded_video.missing)
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
    def frame_indices(self) -> NDArray[np.int64]:
        """`Frame.index` of every observation, shape (T,)."""
        return _numbers(self.observations, "index")

    @cached_property
    def captured_ns(self) -> NDArray[np.int64]:
        """Capture time of every observation, shape (T,), ns."""
        return _numbers(self.observations, "captured_ns")

    @cached_property
    def xy(self) -> NDArray[np.float32]:
        """Positions, shape (T, individuals, keypoints, 2), sensor pixels; NaN: not seen."""
        return self._per_individual("xy", (len(self.skeleton.keypoints), 2))

    @cached_property
    def confidence(self) -> NDArray[np.float32]:
        """Confidence (0 to 1), shape (T, individuals, keypoints); NaN: no such individual."""
        return self._per_individual("confidence", (len(self.skeleton.keypoints),))

    @cached_property
    def features(self) -> dict[str, NDArray[np.float64]]:
        """Values by name, each of shape (T,); NaN where they could not be known."""
        return self._columns(FEATURE)

    @cached_property
    def scores(self) -> dict[str, NDArray[np.float64]]:
        """Scores (0 to 1) by behaviour, each of shape (T,); NaN where they could not be known."""
        return self._columns(SCORE)

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
            full = {row.command.stimulus_id: row for row in self._sealed_rows}
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
    def _sealed_rows(self) -> tuple[StimulusRow, ...]:
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

    def totals(self) -> dict[str, Any]:
        """Sums over the ledger as it was read, named as in `Totals.as_dict`."""
        columns: list[list[str]] = [self.ledger[name].to_pylist() for name in ("fate", "recording")]
        fates, recordings = Counter(columns[0]), Counter(columns[1])
        unknown = str(Fate.UNKNOWN)
        return {
            "captured": self.ledger.num_rows,
            "processed": fates.pop(str(Fate.PROCESSED), 0),
            "recorded": recordings.pop(str(Fate.RECORDED), 0),
            "lost": dict(fates),
            "not_recorded": dict(recordings),
            "unexplained": sum(unknown in pair for pair in zip(*columns, strict=True)),
        }

    @property
    def has_video(self) -> bool:
        """Whether there is a video."""
        return has_video(self.folder)

    def frames(self) -> Iterator[Frame]:
        """Every recorded frame in order, as the camera delivered it.

        The image is what the codec and the crop kept: exact with ffv1, all of it without a
        crop (`crop_origin` says where it lies). `device_tick` is None. The last frames may be
        missing if the session did not end well.
        """
        rows = self._video.rows.select(["index", "captured_ns", "received_ns"]).to_pylist()
        for row, image in zip(rows, self._video.images(), strict=False):
            yield Frame(row["index"], row["captured_ns"], row["received_ns"], image)

    def image(self, index: int) -> NDArray[np.uint8]:
        """The image of one frame by the camera's count: uint8, (height, width[, 3]).

        Where the video is cropped it is a part of what the camera gave: see `crop_origin`.

        Raises:
            RecordingError: If that frame is not in the video.
        """
        return self._video.image(self._place(index))

    def crop_origin(self, index: int) -> tuple[int, int]:
        """Sensor pixel (x, y) of the top-left pixel of `image(index)`; (0, 0) without a crop.

        Raises:
            RecordingError: If that frame is not in the video.
        """
        return self._video.origin(self._place(index))

    def n_video_frames(self) -> int:
        """Frames in the video file, counted by reading all of it."""
        return self._video.count()

    def _place(self, index: int) -> int:
        recorded = self._video.rows["index"]
        place = int(np.searchsorted(recorded.to_numpy(), index))
        if place == len(recorded) or recorded[place].as_py() != index:
            raise RecordingError(
                f"frame {index} is not in the video of {self.folder}: see frames.arrow for why"
            )
        return place

    @property
    def _video(self) -> RecordedVideo:
        if not self.has_video:
            raise RecordingError(f"there is no video in {self.folder}")
        return self._recorded_video

    @cached_property
    def _recorded_video(self) -> RecordedVideo:
        recorder = self.session["recorder"]
        keys = ("segment_minutes", "segment_mb")
        ended_well = self.session["state"] == "closed" and not self.session["recording_errors"]
        return RecordedVideo(
            self.folder,
            self.ledger,
            segmented=any(recorder.get(key) is not None for key in keys),
            colour=len(self.session["camera"]["shape"]) == 3,
            may_be_short=not ended_well,
        )

    def _table(self, name: str) -> pa.Table:
        table, finished = read_table(self.folder / name)
        self._cut[name] = not finished
        return table

    def _columns(self, prefix: str) -> dict[str, NDArray[np.float64]]:
        table = self.observations
        found = [name for name in table.column_names if name.startswith(prefix)]
        return {name.removeprefix(prefix): _numbers(table, name) for name in found}

    def _per_individual(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        counts = _numbers(self.observations, "individuals")
        most = int(counts.max(initial=0))
        values = np.full((len(counts), most, *shape), np.nan, np.float32)
        flat = pc.list_flatten(self.observations[name]).to_numpy()
        values[np.arange(most) < counts[:, None]] = flat.reshape(-1, *shape)
        return values

    def _json_lines(self, name: str) -> list[dict[str, Any]]:
        """Lines of a file that experiments without stimuli do not have."""
        return self._lines(name, dict[str, Any]) if (self.folder / name).is_file() else []

    def _lines(self, name: str, kind: type[_Line]) -> list[_Line]:
        """Whole lines of a file; a half one at the end is left out."""
        path = self.folder / name
        try:
            *whole, rest = path.read_bytes().split(b"\n")
        except OSError as failure:
            raise RecordingError(
                f"cannot read {name} in {self.folder}: {failure.strerror}"
            ) from failure
        self._cut[name] = bool(rest)
        decoder = msgspec.json.Decoder(kind)
        lines = []
        for number, line in enumerate(whole, start=1):
            try:
                lines.append(decoder.decode(line))
            except msgspec.DecodeError as failure:
                raise RecordingError(
                    f"line {number} of {name} in {self.folder} is damaged: {failure}"
                ) from failure
        return lines


def _read_session(folder: Path) -> dict[str, Any]:
    path = folder / names.SESSION
    try:
        session = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except OSError as failure:
        raise RecordingError(
            f"{folder} is no session folder: {names.SESSION} cannot be read ({failure.strerror})"
        ) from failure
    except msgspec.DecodeError as failure:
        raise RecordingError(f"{names.SESSION} in {folder} is damaged: {failure}") from failure
    if session.get("schema") != names.SCHEMA_VERSION:
        raise RecordingError(
            f"{folder} has schema {session.get('schema')}, this version reads "
            f"{names.SCHEMA_VERSION}: use the version of tracker that wrote it, or a newer one"
        )
    return session


def _numbers(table: pa.Table, name: str) -> NDArray[Any]:
    values: NDArray[Any] = table[name].to_numpy()
    return values
