"""The last rows of a ledger after a crash, made to agree with what the other files hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tracker.session_folder.mending import presentation_times
from tracker.session_folder.video_reader import matroska_ms
from tracker.types import Fate

RECORDED, PROCESSED = str(Fate.RECORDED), str(Fate.PROCESSED)
LOST, UNKNOWN = str(Fate.LOST_IN_CRASH), str(Fate.UNKNOWN)
_CROP = ("crop_x_px", "crop_y_px")


@dataclass(frozen=True, slots=True)
class LedgerEnd:
    """A ledger that agrees with observations and video.

    Attributes:
        table: All its rows.
        changed: Whether rows were changed or added.
        lost: What was changed and is lost, one sentence each.
    """

    table: pa.Table
    changed: bool
    lost: tuple[str, ...]

    @property
    def totals(self) -> dict[str, Any]:
        """Sums over the rows, named as in `Totals.as_dict`."""
        return count_rows(self.table)

    @property
    def last_ns(self) -> int:
        """The last time in it; 0 without rows."""
        columns = ("captured_ns", "received_ns", "decided_ns", "published_ns")
        return max((pc.max(self.table[name]).as_py() or 0) for name in columns)


def count_rows(ledger: pa.Table) -> dict[str, Any]:
    """Sums over the rows of a ledger, named as in `Totals.as_dict`."""
    fates, recordings = (_counts(ledger[name]) for name in ("fate", "recording"))
    unknown = pc.or_(pc.equal(ledger["fate"], UNKNOWN), pc.equal(ledger["recording"], UNKNOWN))
    return {
        "captured": ledger.num_rows,
        "processed": fates.pop(PROCESSED, 0),
        "recorded": recordings.pop(RECORDED, 0),
        "lost": fates,
        "not_recorded": recordings,
        "unexplained": pc.sum(unknown).as_py() or 0,
    }


def mend_ledger(
    ledger: pa.Table,
    observations: pa.Table,
    videos: Sequence[tuple[Path, int]],
    crop: Mapping[str, Any] | None,
) -> LedgerEnd:
    """Return the ledger with rows that the other files bear out.

    Frames that it calls recorded and that the video does not hold become `lost_in_crash`.
    Frames that were observed after its last row get a row again: what an observation knows of
    them, and `recorded` where the video holds a frame of that time; frames between them of
    which nothing is left are `lost_in_crash`.

    Args:
        ledger: Whole rows of frames.arrow.
        observations: Whole rows of observations.arrow.
        videos: Each video file, in order, and how many of its frames can be read; empty if
            there is no video.
        crop: The recorder's setting.
    """
    said: list[str] = []
    segments = _segments(ledger)
    recorded = pc.equal(ledger["recording"], RECORDED).to_numpy()
    gone = np.zeros(ledger.num_rows, bool)
    for number, (_, n_frames) in enumerate(videos):
        gone[np.flatnonzero(recorded & (segments == number))[n_frames:]] = True
    if gone.any():
        ledger = _without_video(ledger, gone)
        said.append(f"{gone.sum()} frames at the end of the video are lost (lost_in_crash)")
    extra = _extra_frames(ledger, segments[recorded], videos, crop)
    added = _rows_again(ledger, observations, extra, has_video=bool(videos))
    if added:
        said.append(f"{len(added)} rows of the ledger were made again from the observations")
        ledger = pa.concat_tables([ledger, pa.Table.from_pylist(added, ledger.schema)])
    n_unread = sum(n for _, n in videos) - count_rows(ledger)["recorded"]
    if n_unread > 0:
        said.append(f"{n_unread} frames at the end of the video have no row in the ledger")
    return LedgerEnd(ledger, bool(gone.any() or added), tuple(said))


@dataclass(slots=True)
class _Extra:
    """Frames of the video behind the last one that the ledger knows.

    Attributes:
        times_ms: Their presentation times.
        first_ns: Capture time of the first frame of that file.
        place: `segment`, `crop_x_px` and `crop_y_px` of their rows.
    """

    times_ms: list[int]
    first_ns: int
    place: Mapping[str, int]

    def take(self, captured_ns: int) -> bool:
        """Whether the next one is the frame of that time; it is used up then."""
        elapsed_ns = np.array([captured_ns - self.first_ns], np.int64)
        found = bool(self.times_ms) and self.times_ms[0] == matroska_ms(elapsed_ns)[0]
        if found:
            del self.times_ms[0]
        return found


def _extra_frames(
    ledger: pa.Table,
    segments: NDArray[np.int64],
    videos: Sequence[tuple[Path, int]],
    crop: Mapping[str, Any] | None,
) -> _Extra | None:
    """None if there are none, or if nobody can say where they lie in the image."""
    if not len(segments) or (crop is not None and crop["kind"] != "region"):
        return None
    number = int(segments[-1])
    n_known = int(np.count_nonzero(segments == number))
    path, n_frames = videos[number]
    if n_frames <= n_known:
        return None
    times = islice(presentation_times(path), n_known, n_frames)
    rows = pc.and_(
        pc.equal(ledger["recording"], RECORDED), pc.equal(pa.array(_segments(ledger)), number)
    )
    first_ns = ledger.filter(rows)["captured_ns"][0].as_py()
    x, y = (crop["x_px"], crop["y_px"]) if crop else (0, 0)
    return _Extra(list(times), first_ns, {"segment": number, "crop_x_px": x, "crop_y_px": y})


def _rows_again(
    ledger: pa.Table, observations: pa.Table, extra: _Extra | None, *, has_video: bool
) -> list[dict[str, Any]]:
    """Rows for the frames from the ledger's end to the last one that was observed."""
    last = ledger["index"][-1].as_py() if ledger.num_rows else -1
    seen = observations.filter(pc.greater(observations["index"], last))
    columns = seen.select(["index", "captured_ns", "network_ns"]).to_pylist()
    known = {row["index"]: row for row in columns}
    rows: list[dict[str, Any]] = []
    for index in range(last + 1, max(known, default=last) + 1):
        row: dict[str, Any] = {"index": index, "fate": LOST}
        row["recording"] = LOST if has_video else str(Fate.NOT_WANTED)
        if index in known:
            row |= known[index] | {"fate": PROCESSED}
            if extra is not None and extra.take(row["captured_ns"]):
                row |= {"recording": RECORDED, **extra.place}
        rows.append(row)
    return rows


def _without_video(ledger: pa.Table, gone: NDArray[np.bool_]) -> pa.Table:
    """The ledger with some frames called lost."""
    mask = pa.array(gone)
    for name, value in (("recording", LOST), ("segment", None), *((n, None) for n in _CROP)):
        if name in ledger.column_names:
            place = ledger.schema.get_field_index(name)
            field = ledger.schema.field(name)
            column = pc.if_else(mask, pa.scalar(value, field.type), ledger[name])
            ledger = ledger.set_column(place, field, column)
    return ledger


def _segments(ledger: pa.Table) -> NDArray[np.int64]:
    """Number of the video file of each row; 0 for frames that are in none."""
    if "segment" not in ledger.column_names:
        return np.zeros(ledger.num_rows, np.int64)
    numbers: NDArray[np.int64] = pc.fill_null(ledger["segment"], 0).to_numpy().astype(np.int64)
    return numbers


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    """How often each word is there, in the order in which they come."""
    return {row["values"]: row["counts"] for row in pc.value_counts(column).to_pylist()}
