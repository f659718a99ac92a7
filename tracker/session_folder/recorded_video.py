"""The video of one session as one row of images, in however many files it is."""

from collections.abc import Iterator
from functools import cached_property
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tracker.session_folder.files import VIDEO, VIDEO_SEGMENTS, video_segment
from tracker.session_folder.video_reader import VideoReader
from tracker.types import Fate


class RecordedVideo:
    """Images by their place among all recorded frames. One thread.

    Args:
        folder: The session folder.
        ledger: Its ledger.
        segmented: Whether the video is several files.
        colour: True for RGB images, False for grey ones.
        may_be_short: True if the last frames may be missing: the session did not end well.

    Raises:
        RecordingError: From every method, if a file is missing, cannot be read, is damaged, or
            holds other frames than the ledger says.
    """

    def __init__(
        self, folder: Path, ledger: pa.Table, *, segmented: bool, colour: bool, may_be_short: bool
    ) -> None:
        self._folder = folder
        self._segmented = segmented
        self._colour = colour
        self._may_be_short = may_be_short
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

    def images(self) -> Iterator[NDArray[np.uint8]]:
        """Every image in order: uint8, (height, width) or (height, width, 3) RGB."""
        return chain.from_iterable(
            self._reader(number).images() for number in range(len(self.files))
        )

    def image(self, place: int) -> NDArray[np.uint8]:
        """The image at a place, from 0: as in `images`."""
        number = int(self._segments[place])
        return self._reader(number).image(place - self._first_of(number))

    def count(self) -> int:
        """Number of frames in all files that are there, found by reading them."""
        return sum(self._reader(number).count() for number in range(len(self.files)))

    def origin(self, place: int) -> tuple[int, int]:
        """Column and row of the sensor (px) in which the image at a place begins."""
        if "crop_x_px" not in self.rows.column_names:
            return 0, 0
        x, y = (self.rows[name][place].as_py() for name in ("crop_x_px", "crop_y_px"))
        return x or 0, y or 0

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
        last = number == len(self.files) - 1
        first, end = self._first_of(number), self._first_of(number + 1)
        return VideoReader(
            self.files[number],
            self.rows["captured_ns"].to_numpy()[first:end],
            colour=self._colour,
            may_be_short=self._may_be_short and last,
        )


def has_video(folder: Path) -> bool:
    """Whether there is a video in a session folder."""
    return (folder / VIDEO).is_file() or any(folder.glob(VIDEO_SEGMENTS))
