"""Images out of a recorded video: every one the right one, undamaged, or an error."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import dropwhile, islice
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from tracker.errors import RecordingError

_DAMAGED = "CRC mismatch"  # what FFmpeg's FFV1 decoder logs when it patches a damaged picture


class VideoReader:
    """Reads the frames of one video file by their place in it. One thread.

    Each presentation time is compared with the ledger's capture time, and each checksum of
    an FFV1 picture with its pixels, so that no frame is taken for another.

    Args:
        path: Matroska file, perhaps cut off by a crash.
        captured_ns: Capture times of the frames in it, in order (ns), or of some that follow each
            other. Places are counted from the first of them.
        colour: True for RGB images, False for grey ones.
        may_be_short: True if the last frames may be missing: the session did not end well.
        first_ns: Capture time of the first frame of the file (ns); None: it is the first of
            `captured_ns`, which then are those of all frames.

    Raises:
        RecordingError: From every method, if the file cannot be read, is damaged, or holds
            other frames than the ledger says.
    """

    def __init__(
        self,
        path: Path,
        captured_ns: NDArray[np.int64],
        *,
        colour: bool,
        may_be_short: bool,
        first_ns: int | None = None,
    ) -> None:
        self._path = path
        self._colour = colour
        self._may_be_short = may_be_short
        self._is_all = first_ns is None
        first = captured_ns[:1] if first_ns is None else np.int64(first_ns)
        self._times_ms = matroska_ms(captured_ns - first)

    def images(self, first: int = 0, end: int | None = None) -> Iterator[NDArray[np.uint8]]:
        """Images in order: uint8, (height, width) or (height, width, 3) RGB.

        Decodes from the keyframe before the first one: a few frames more, not the whole video.

        Args:
            first: Place of the first one.
            end: Place behind the last one; None: to the end.
        """
        places = range(first, len(self._times_ms) if end is None else end)
        if not places:
            return
        n_found = 0
        for place, picture in zip(places, self._from(first), strict=False):
            self._check_time(picture, place)
            yield self._pixels(picture)
            n_found += 1
        if n_found < len(places) and not self._may_be_short:
            raise self._short(places[n_found])

    def image(self, place: int) -> NDArray[np.uint8]:
        """The image at a place, from 0: as in `images`."""
        for image in self.images(place, place + 1):
            return image
        raise self._short(place)

    def count(self) -> int:
        """Number of frames in the file, found by reading all of it without decoding."""
        with _opened(self._path) as container:
            return sum(1 for packet in container.demux(video=0) if packet.size)

    def _from(self, place: int) -> Iterator[av.VideoFrame]:
        """Pictures from this place on; of several in one millisecond they are counted off."""
        at_ms = int(self._times_ms[place])
        nth = place - int(np.searchsorted(self._times_ms, at_ms))
        pictures = dropwhile(lambda each: (each.pts or 0) < at_ms, self._decode(at_ms - 1))
        return islice(pictures, nth, None)

    def _decode(self, from_ms: int) -> Iterator[av.VideoFrame]:
        """Decoded frames from the last keyframe that is not after a time."""
        with _opened(self._path) as container:
            stream = container.streams.video[0]
            stream.thread_type = "NONE"  # messages are caught on this thread alone
            if from_ms > 0:
                container.seek(from_ms, stream=stream, backward=True)
            pictures = container.decode(stream)
            while True:
                with decoding_messages() as told:
                    picture = next(pictures, None)
                if any(_DAMAGED in text for _, _, text in told):
                    raise RecordingError(
                        f"{self._path.name} in {self._path.parent} is damaged: the checksum of a "
                        f"frame near {picture.time if picture else 0:.3f} s is wrong"
                    )
                if picture is None:
                    return
                yield picture

    def _check_time(self, picture: av.VideoFrame, place: int) -> None:
        if picture.pts != self._times_ms[place]:
            raise RecordingError(
                f"frame {place} of {self._path.name} in {self._path.parent} is at {picture.pts} "
                f"ms, but the ledger says {self._times_ms[place]} ms: they do not belong together"
            )

    def _short(self, place: int) -> RecordingError:
        where = f"{self._path.name} in {self._path.parent}"
        n_found = self.count()
        told = f"the ledger says {len(self._times_ms)}"
        if not self._is_all:
            told = f"none at {self._times_ms[place]} ms, where the ledger says there is one"
        return RecordingError(f"{where} holds {n_found} frames, but {told}")

    def _pixels(self, picture: av.VideoFrame) -> NDArray[np.uint8]:
        if self._colour:
            return np.asarray(picture.to_ndarray(format="rgb24"), np.uint8)
        plane = picture.planes[0]  # luma as it is stored, without any conversion of range
        lines: NDArray[np.uint8] = np.array(memoryview(plane)).reshape(-1, plane.line_size)
        return lines[: picture.height, : picture.width]


def matroska_ms(elapsed_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Times in the file, of times since its first frame: cut to µs by us, to ms by FFmpeg."""
    times_us: NDArray[np.int64] = elapsed_ns // 1000
    return (times_us + 500) // 1000


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """A container; what FFmpeg cannot do with it becomes a `RecordingError`."""
    try:
        with av.open(str(path)) as container:
            yield container
    except FileNotFoundError as failure:
        raise RecordingError(f"{path.name} is missing in {path.parent}") from failure
    except (av.FFmpegError, OSError) as failure:
        raise RecordingError(f"cannot read {path.name} in {path.parent}: {failure}") from failure


@contextmanager
def decoding_messages() -> Iterator[list[tuple[int, str, str]]]:
    """What FFmpeg logs on this thread: a patched picture is nothing but a message to it."""
    level = av.logging.get_level()
    av.logging.set_level(av.logging.ERROR)
    try:
        with av.logging.Capture(local=True) as told:
            yield told
    finally:
        av.logging.set_level(level)
