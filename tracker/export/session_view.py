"""A session as files of the field want it: a row per frame slot, times in s, NaN for nothing.

A slot is a frame that the camera counted, whether it came or not. Leaving lost frames out would
shift every later row, and programs that work out times from row numbers would be wrong.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tracker.alignment.clock_map import alignments_of
from tracker.errors import ExportError
from tracker.export.slots import Slots, files_of, slots_of
from tracker.recording import Recording
from tracker.session_folder.data_frames import spread_rows

UNITS = (
    ("_cm_s", "cm/s"),
    ("_px_s", "px/s"),
    ("_deg_s", "deg/s"),
    ("_cm", "cm"),
    ("_px", "px"),
    ("_deg", "deg"),
    ("_hz", "Hz"),
    ("_s", "s"),
)
"""How the name of a feature ends, and its unit; others have none."""


class Rows(StrEnum):
    """Which frames have a row."""

    SLOTS = "slots"
    """Every frame that the camera counted, also lost ones."""

    PROCESSED = "processed"
    """Only those that an observation was made of."""

    VIDEO = "video"
    """Only those in the video file: row k is frame k of the video."""


@dataclass(frozen=True, slots=True, eq=False)
class SessionView:
    """The rows of a session; N of them, I individuals, K keypoints.

    Attributes:
        recording: Where it comes from.
        rows: Which frames have a row.
        every: All slots, also those without a row.
        slots: Those with a row.
        individuals: Names, I of them.
        xy: float32, (N, I, K, 2), sensor pixels; NaN: not seen.
        confidence: float32, (N, I, K), 0 to 1; NaN: nothing was observed.
        columns: float64, (N,) by name: `feature/...`, `score/...`, `class/...`, `measure/...`,
            `identity_confidence/<animal>`, `clock/<recording>_s`, `novelty`, and `abstained`
            (0 or 1); NaN: not known.
        notes: What a reader has to know, one sentence each.
        settings: The experiment as it ran; empty if its file is missing or no YAML.
    """

    recording: Recording
    rows: Rows
    every: Slots
    slots: Slots
    individuals: tuple[str, ...]
    xy: NDArray[np.float32]
    confidence: NDArray[np.float32]
    columns: Mapping[str, NDArray[np.float64]]
    notes: tuple[str, ...]
    settings: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What files are named after: the session's folder."""
        return self.recording.folder.resolve().name

    @property
    def keypoints(self) -> tuple[str, ...]:
        """Names, K of them."""
        return self.recording.skeleton.keypoints

    @property
    def zero_ns(self) -> int:
        """Session time of `time_s` = 0: exposure of the first frame that came."""
        return int(self.every.captured_ns[self.every.time_known][0])

    @property
    def time_s(self) -> NDArray[np.float64]:
        """Seconds since the first frame that came, shape (N,); negative before it."""
        return np.asarray((self.slots.captured_ns - self.zero_ns) / 1e9, np.float64)

    @property
    def zero_utc_ns(self) -> int:
        """UTC at `time_s` = 0, ns since 1970-01-01."""
        return int(self.recording.session["anchor_utc_ns"]) + self.zero_ns

    @property
    def zero_utc(self) -> datetime:
        """The same, cut to whole microseconds."""
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=self.zero_utc_ns // 1000)

    @property
    def found(self) -> NDArray[np.bool_]:
        """Which keypoints were found, shape (N, I, K)."""
        return np.asarray(np.isfinite(self.xy).all(axis=3), np.bool_)

    @property
    def fps(self) -> float:
        """Nominal frames per second; else from the median time between slots; NaN if unknown."""
        stated = self.recording.session["camera"]["fps"]
        return float(stated) if stated else _median_rate(self.every.captured_ns)

    @property
    def video_files(self) -> tuple[Path, ...]:
        """Files of the video in order, also if they are missing; none if there is no video."""
        return files_of(self.recording) if self.recording.has_video else ()

    @property
    def row_number(self) -> NDArray[np.int64]:
        """Frame number for formats without times: that in the video for `VIDEO`, else the index."""
        return self.slots.video_frame if self.rows is Rows.VIDEO else self.slots.index

    @property
    def program(self) -> str:
        """What found the keypoints: this program, or that of imported tracks."""
        model = self.recording.session["provenance"].get("model") or {}
        return str(model.get("program") or "behaviour-tracker")

    @property
    def network(self) -> str:
        """Name of what found the keypoints, with `_` for what file names do not take."""
        model = self.recording.session["provenance"].get("model") or {}
        return re.sub(r"[^\w.-]+", "_", str(model.get("network") or "unknown"))

    def seconds(self, at_ns: int | None) -> float:
        """Return a time on the session clock in s since the first frame; NaN for None."""
        return float("nan") if at_ns is None else (at_ns - self.zero_ns) / 1e9

    def session_setting(self, name: str) -> str:
        """Return a setting of `session` as text; empty if there is none."""
        value = (self.settings.get("session") or {}).get(name)
        return "" if value is None else str(value)


def unit_of(feature: str) -> str:
    """Return the unit that a name ends with; "1" if it has none."""
    return next((unit for ending, unit in UNITS if feature.endswith(ending)), "1")


def view_of(recording: Recording, rows: Rows = Rows.SLOTS) -> SessionView:
    """Return the rows of a session.

    Raises:
        ExportError: If no frame of it has a time, or it has no video and `VIDEO` is asked for.
        RecordingError: If the folder cannot be read.
    """
    every, video_notes = slots_of(recording)
    seen, n = recording.frame_indices, len(every.index)
    xy = spread_rows(_one(recording.xy), seen, n)
    confidence = spread_rows(_one(recording.confidence), seen, n)
    keep = {
        Rows.SLOTS: np.ones(n, np.bool_),
        Rows.PROCESSED: np.isin(np.arange(n), seen),
        Rows.VIDEO: every.video_frame >= 0,
    }[rows]
    if not keep.any():
        raise ExportError(
            f"{recording.folder}: none of its {n} frames is {_WANTED[rows]}: choose --frames slots"
        )
    individuals = _individuals(recording, xy.shape[1])
    return SessionView(
        recording=recording,
        rows=rows,
        every=every,
        slots=every.those(keep),
        individuals=individuals,
        xy=xy[keep],
        confidence=confidence[keep],
        columns={
            name: spread_rows(values, seen, n)[keep] for name, values in _columns(recording).items()
        },
        notes=(*recording.problems, *video_notes, *_notes(recording, individuals)),
        settings=recording.settings,
    )


_WANTED = {Rows.SLOTS: "there", Rows.PROCESSED: "processed", Rows.VIDEO: "in its video"}


def _one(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same with at least one individual, so that a session that saw nobody has columns too."""
    if values.shape[1]:
        return values
    return np.full((len(values), 1, *values.shape[2:]), np.nan, values.dtype)


def _columns(recording: Recording) -> dict[str, NDArray[np.float64]]:
    table = recording.observations
    columns = {f"feature/{name}": values for name, values in recording.features.items()}
    columns |= {f"score/{name}": values for name, values in recording.scores.items()}
    for source, prefix in (("class_scores", "class"), ("measures", "measure")):
        columns |= {f"{prefix}/{name}": each for name, each in _maps(table[source]).items()}
    columns |= _identity_confidence(recording)
    columns |= {
        f"clock/{each.name}_s": each.their_s(recording.captured_ns)
        for each in alignments_of(recording.folder)
    }
    columns["novelty"] = table["novelty"].to_numpy()
    columns["abstained"] = table["abstained"].to_numpy().astype(np.float64)
    return columns


def _maps(column: pa.ChunkedArray) -> dict[str, NDArray[np.float64]]:
    """Columns of a column of maps, by key; NaN in rows that lack it."""
    found: dict[str, NDArray[np.float64]] = {}
    start = 0
    for chunk in column.chunks:
        offsets = chunk.offsets.to_numpy()
        rows = np.repeat(np.arange(len(chunk)), np.diff(offsets)) + start
        keys = chunk.keys[offsets[0] : offsets[-1]]
        values = chunk.items[offsets[0] : offsets[-1]].to_numpy(zero_copy_only=False)
        for key in pc.unique(keys).to_pylist():
            where = pc.equal(keys, key).to_numpy(zero_copy_only=False)
            each = found.setdefault(key, np.full(len(column), np.nan))
            each[rows[where]] = values[where]
        start += len(chunk)
    return found


def _animals(recording: Recording) -> tuple[str, ...]:
    """Names of the animals that were followed: the first rows of every frame are theirs."""
    table = recording.observations
    if not table.num_rows or "identity" not in table.column_names:
        return ()
    return tuple(name for name in table["identity"][0].as_py() if name)


def _identity_confidence(recording: Recording) -> dict[str, NDArray[np.float64]]:
    """How sure it is who each animal is, by column."""
    animals, table = _animals(recording), recording.observations
    if not animals:
        return {}
    lists = table["identity_confidence"]
    starts = np.cumsum([0, *pc.list_value_length(lists).to_numpy()[:-1]])
    flat = pc.list_flatten(lists).to_numpy()
    return {
        f"identity_confidence/{name}": np.asarray(flat[starts + k], np.float64)
        for k, name in enumerate(animals)
    }


def _individuals(recording: Recording, n: int) -> tuple[str, ...]:
    animals = _animals(recording)
    if animals:
        return (*animals, *(f"other_{k}" for k in range(n - len(animals))))
    model = recording.session["provenance"].get("model") or {}
    named = tuple(model.get("individuals") or ())
    if len(named) == n:
        return named
    subject = recording.session["provenance"].get("subject") or "subject"
    return (str(subject),) if n == 1 else tuple(f"individual_{k}" for k in range(n))


def _notes(recording: Recording, individuals: tuple[str, ...]) -> tuple[str, ...]:
    notes = []
    if recording.is_blinded:
        notes.append(
            "the session is blinded: which stimuli were sham is hidden; "
            "export it again after `tracker unblind`"
        )
    model = recording.session["provenance"].get("model") or {}
    if model.get("observer") == "tracks":
        notes.append(
            f"the session was imported from tracks of {model.get('program', 'another program')}: "
            f"its date and times of day are those of the import"
        )
    crop = recording.session["recorder"].get("crop")
    if crop and recording.has_video:
        notes.append(
            "the video is cropped, positions are in sensor pixels: to lay them over the video, "
            "subtract crop_x_px and crop_y_px of each frame"
        )
    if any(name.startswith("other_") for name in individuals[1:]):
        notes.append(
            "other_0 and so on are individuals that are none of the animals followed: a row's "
            "other_0 need not be that of the row before"
        )
    elif len(individuals) > 1 and individuals[0] == "individual_0" and not _animals(recording):
        notes.append(
            "individuals are in the order in which each frame was read: "
            "a row's individual_0 need not be the animal that it was in the row before"
        )
    return tuple(notes)


def way_to(path: Path, home: Path) -> str:
    """Return a file as seen from the folder of the files that name it, with `/`."""
    try:
        return Path(os.path.relpath(path, home)).as_posix()
    except ValueError:  # another drive on Windows
        return path.resolve().as_posix()


def _median_rate(captured_ns: NDArray[np.int64]) -> float:
    if len(captured_ns) < 2:
        return float("nan")
    return float(1e9 / np.median(np.diff(captured_ns)))
