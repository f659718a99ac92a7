"""The video of a session, or of a stretch of it, in however many files it is."""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tracker.errors import RecordingError
from tracker.session_folder.files import VIDEO, video_files, video_segment
from tracker.session_folder.video_reader import VideoReader
from tracker.types import Fate, Frame


class RecordedVideo:
    """Images by the camera's count of their frames. One thread.

    Args:
        folder: The session folder.
        ledger: Its ledger, or some rows of it that follow each other.
        segmented: Whether the video is several files.
        colour: True for RGB images, False for grey ones.
        may_be_short: True if the last frames may be missing: the session did not end well.
        first_ns: Tells the capture time of the first frame of a file (ns) by its number; None:
            the ledger is whole, and tells it.

    Raises:
        RecordingError: From every method, if a file is missing, cannot be read, is damaged, or
            holds other frames than the ledger says.
    """

    def __init__(
        self,
        folder: Path,
        ledger: pa.Table,
        *,
        segmented: bool,
        colour: bool,
        may_be_short: bool,
        first_ns: Callable[[int], int] | None = None,
    ) -> None:
        self._folder = folder
        self._segmented = segmented
        self._colour = colour
        self._may_be_short = may_be_short
        self._first_ns = first_ns
        self.rows = ledger.filter(pc.equal(ledger["recording"], str(Fate.RECORDED)))
        """Rows of the ledger whose frames are in the video, in the order of the video."""

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that have to be there, in order."""
        if not self._segmented:
            return (self._folder / VIDEO,)
        last = int(self._segments[-1]) if len(self._segments) else 0
        return tuple(self._folder / video_segment(number) for number in range(last + 1))

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of files that have to be there and are not."""
        return tuple(path.name for path in self.files if not path.is_file())

    def frames(self, first: int | None = None, last: int | None = None) -> Iterator[Frame]:
        """Frames in order, as the camera delivered them; `device_tick` is None.

        Args:
            first: Index of the first one; if it is not in the video, the next one that is.
            last: Index of the last one, inclusive; None: to the end.
        """
        begin = 0 if first is None else int(np.searchsorted(self._indices, first))
        every = len(self._indices)
        end = every if last is None else int(np.searchsorted(self._indices, last, side="right"))
        columns = ["index", "captured_ns", "received_ns"]
        rows = self.rows.slice(begin, max(0, end - begin)).select(columns).to_pylist()
        for row, image in zip(rows, self._images(begin, end), strict=False):
            yield Frame(row["index"], row["captured_ns"], row["received_ns"], image)

    def image(self, index: int) -> NDArray[np.uint8]:
        """The image of one frame: uint8, (height, width) or (height, width, 3) RGB.

        Raises:
            RecordingError: If that frame is not in the video.
        """
        place = self._place(index)
        number = int(self._segments[place])
        return self._reader(number).image(place - self._first_of(number))

    def origin(self, index: int) -> tuple[int, int]:
        """Column and row of the sensor (px) in which the image of a frame begins.

        Raises:
            RecordingError: If that frame is not in the video.
        """
        place = self._place(index)
        if "crop_x_px" not in self.rows.column_names:
            return 0, 0
        x, y = (self.rows[name][place].as_py() for name in ("crop_x_px", "crop_y_px"))
        return x or 0, y or 0

    def count(self) -> int:
        """Number of frames in all files that are there, found by reading them."""
        return sum(self._reader(number).count() for number in range(len(self.files)))

    @cached_property
    def _indices(self) -> NDArray[np.int64]:
        indices: NDArray[np.int64] = self.rows["index"].to_numpy()
        return indices

    def _place(self, index: int) -> int:
        place = int(np.searchsorted(self._indices, index))
        if place == len(self._indices) or self._indices[place] != index:
            raise RecordingError(
                f"frame {index} is not in the video of {self._folder}: see frames.arrow for why"
            )
        return place

    def _images(self, begin: int, end: int) -> Iterator[NDArray[np.uint8]]:
        """Images of the rows from `begin` up to `end`, exclusive."""
        if begin >= end:
            return
        for number in range(int(self._segments[begin]), int(self._segments[end - 1]) + 1):
            first, after = self._first_of(number), self._first_of(number + 1)
            begin_here, end_here = max(begin, first), min(end, after)
            yield from self._reader(number).images(begin_here - first, end_here - first)

    @cached_property
    def _segments(self) -> NDArray[np.int64]:
        """Number of the file of each recorded frame; rising."""
        if "segment" not in self.rows.column_names:
            return np.zeros(self.rows.num_rows, np.int64)
        numbers: NDArray[np.int64] = pc.fill_null(self.rows["segment"], 0).to_numpy()
        return numbers.astype(np.int64)

    def _first_of(self, number: int) -> int:
        return int(np.searchsorted(self._segments, number))

    def _reader(self, number: int) -> VideoReader:
        is_last = not (self._folder / video_segment(number + 1)).is_file()
        first, end = self._first_of(number), self._first_of(number + 1)
        return VideoReader(
            self._folder / (video_segment(number) if self._segmented else VIDEO),
            self.rows["captured_ns"].to_numpy()[first:end],
            colour=self._colour,
            may_be_short=self._may_be_short and is_last,
            first_ns=None if self._first_ns is None else self._first_ns(number),
        )


def is_segmented(recorder: Mapping[str, Any]) -> bool:
    """Whether the video of a session with these recorder's settings is several files."""
    limits = ("segment_minutes", "segment_mb")
    return bool(recorder.get("by_hand")) or any(recorder.get(name) is not None for name in limits)


def has_video(folder: Path) -> bool:
    """Whether there is a video in a session folder."""
    return bool(video_files(folder))
