"""Frames into one Matroska file that stays readable when the program dies."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

from tracker.errors import RecordingError
from tracker.session_folder.files import AppendFile
from tracker.session_folder.video_encoder import TIME_BASE, EncoderChoice
from tracker.session_folder.work import Work
from tracker.types import Frame

_CONTAINER = {"cluster_time_limit": "250", "flush_packets": "1"}  # ms until frames leave memory
_IO_BUFFER = 1 << 18


class VideoWriter:
    """Encodes frames as they come; presentation time is capture time since the first frame.

    Matroska keeps times to the millisecond; the exact ones are in the ledger. Used by one
    thread; encoding does not hold the interpreter's lock.

    Args:
        path: A file that does not exist yet.
        shape: Of every image: (height, width) grey, (height, width, 3) RGB.
        tags: Text by name, kept in the file.
        encoder: Chosen for images of this shape.
        threads: Threads of the encoder, at least 1.
        work: Told how long the disk takes.

    Raises:
        RecordingError: If the codec cannot store such frames, or the file cannot be written.
        DiskFull: If there is no room left.
    """

    def __init__(
        self,
        path: Path,
        shape: tuple[int, ...],
        *,
        tags: Mapping[str, str],
        encoder: EncoderChoice,
        threads: int,
        work: Work | None = None,
    ) -> None:
        self._shape = shape
        self._colour = len(shape) == 3
        self._tags = tags
        self._name = path.name
        self._encoder = encoder
        self._first_ns: int | None = None
        self._last_ns = -1
        self._file = AppendFile(path, work)
        try:
            self._open(threads)
        except (av.FFmpegError, RecordingError) as failure:
            self._file.close()
            raise self._error(failure) from failure

    @property
    def n_bytes(self) -> int:
        """Length of the file so far; what is in the encoder does not count."""
        return self._file.tell()

    def write(self, frame: Frame) -> None:
        """Add one frame.

        Raises:
            RecordingError: If its shape or type is not the camera's, its capture time is not
                later than the one before, or it cannot be written.
            DiskFull: If there is no room left.
        """
        self._refuse_frame(frame)
        if self._first_ns is None:
            self._first_ns = frame.captured_ns
        self._last_ns = frame.captured_ns
        try:
            picture = self._picture(frame)
            picture.pts = (frame.captured_ns - self._first_ns) // 1000
            picture.time_base = TIME_BASE
            self._container.mux(self._stream.encode(picture))
        except (av.FFmpegError, RecordingError) as failure:
            raise self._error(failure) from failure

    def sync(self) -> None:
        """Return once the disk has all that left the encoder."""
        self._file.sync()

    def close(self) -> None:
        """Finish the file; always closes it. Raises as `write` does."""
        try:
            with ExitStack() as last_steps:
                last_steps.callback(self._file.close)
                last_steps.callback(self._container.close)
                if self._file.failure is None:
                    self._container.mux(self._stream.encode(None))
        except (av.FFmpegError, RecordingError) as failure:
            raise self._error(failure) from failure

    def _open(self, threads: int) -> None:
        container = av.open(
            self._file, "w", format="matroska", options=_CONTAINER, buffer_size=_IO_BUFFER
        )
        container.metadata.update(self._tags)
        encoder = self._encoder
        stream: Any = container.add_stream(encoder.name, options=dict(encoder.options))
        stream.height, stream.width = self._shape[:2]
        stream.pix_fmt = encoder.pixel_format
        stream.codec_context.time_base = TIME_BASE
        stream.codec_context.thread_count = threads
        if not encoder.lossless and not self._colour:
            stream.codec_context.color_range = ColorRange.JPEG  # grey values as they are
        container.start_encoding()
        self._container, self._stream = container, stream

    def _picture(self, frame: Frame) -> av.VideoFrame:
        image = np.ascontiguousarray(frame.image)  # some versions of PyAV take nothing else
        if self._colour:
            colours = av.VideoFrame.from_ndarray(image, format="rgb24")
            return colours.reformat(format=self._stream.pix_fmt)
        if self._encoder.pixel_format == "yuv420p":
            return grey_as_yuv(image)
        return av.VideoFrame.from_ndarray(image, format="gray")

    def _refuse_frame(self, frame: Frame) -> None:
        if frame.image.shape != self._shape or frame.image.dtype != np.uint8:
            raise RecordingError(
                f"frame {frame.index} is {frame.image.dtype} {frame.image.shape}, but the camera "
                f"promised uint8 {self._shape}"
            )
        if self._first_ns is not None and frame.captured_ns <= self._last_ns:
            raise RecordingError(
                f"frame {frame.index} was captured at {frame.captured_ns} ns, not later than the "
                f"frame before it ({self._last_ns} ns)"
            )

    def _error(self, failure: Exception) -> RecordingError:
        """The file's own error where there is one: FFmpeg reports it as something vague."""
        if self._file.failure is not None:
            return self._file.failure
        return RecordingError(f"cannot write {self._name}: {failure}")


def grey_as_yuv(image: NDArray[np.uint8]) -> av.VideoFrame:
    """A grey image for encoders that take colour alone: its values as luma, untouched.

    Args:
        image: uint8, (height, width), both even.
    """
    height, width = image.shape
    planes = np.full((height * 3 // 2, width), 128, np.uint8)  # 128: no colour
    planes[:height] = image
    return av.VideoFrame.from_ndarray(planes, format="yuv420p")
