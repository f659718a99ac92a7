"""Frames into one Matroska file that stays readable when the program dies."""

from collections.abc import Mapping
from contextlib import ExitStack
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.codec.codec import UnknownCodecError
from av.video.reformatter import ColorRange

from tracker.errors import RecordingError
from tracker.session_folder.files import AppendFile
from tracker.session_folder.work import Work
from tracker.types import Frame

_TIME_BASE = Fraction(1, 1_000_000)
_CONTAINER = {"cluster_time_limit": "250", "flush_packets": "1"}  # ms until frames leave memory
_IO_BUFFER = 1 << 18


class Codec(StrEnum):
    """How frames are stored."""

    FFV1 = "ffv1"
    """Every pixel as the camera gave it: a replay sees exactly what was seen live."""

    H264 = "h264"
    """A tenth of the size or less, with losses: a replay may differ."""

    NONE = "none"
    """No video at all."""


class VideoWriter:
    """Encodes frames as they come; presentation time is capture time since the first frame.

    Matroska keeps times to the millisecond; the exact ones are in the ledger. Used by one
    thread; encoding does not hold the interpreter's lock.

    Args:
        path: A file that does not exist yet.
        shape: Of every image: (height, width) grey, (height, width, 3) RGB.
        tags: Text by name, kept in the file.
        codec: Any but `NONE`.
        crf: For h264 alone: 0 (best) to 51 (worst).
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
        codec: Codec,
        crf: int,
        threads: int,
        work: Work | None = None,
    ) -> None:
        self._shape = shape
        self._colour = len(shape) == 3
        self._tags = tags
        self._name = path.name
        self._lossless = codec is Codec.FFV1
        refuse_shape(shape, codec)
        self._first_ns: int | None = None
        self._last_ns = -1
        self._file = AppendFile(path, work)
        try:
            self._open(_encoder_options(codec, crf), threads)
        except (av.FFmpegError, UnknownCodecError, RecordingError) as failure:
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
            picture.time_base = _TIME_BASE
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

    def _open(self, options: dict[str, str], threads: int) -> None:
        container = av.open(
            self._file, "w", format="matroska", options=_CONTAINER, buffer_size=_IO_BUFFER
        )
        container.metadata.update(self._tags)
        codec = "ffv1" if self._lossless else "libx264"
        stream: Any = container.add_stream(codec, options=options)
        stream.height, stream.width = self._shape[:2]
        if self._colour:
            stream.pix_fmt = "bgr0" if self._lossless else "yuv420p"
        else:
            stream.pix_fmt = "gray"
        stream.codec_context.time_base = _TIME_BASE
        stream.codec_context.thread_count = threads
        if not self._lossless and not self._colour:
            stream.codec_context.color_range = ColorRange.JPEG  # grey values as they are
        container.start_encoding()
        self._container, self._stream = container, stream

    def _picture(self, frame: Frame) -> av.VideoFrame:
        image = np.ascontiguousarray(frame.image)  # some versions of PyAV take nothing else
        if self._colour:
            colours = av.VideoFrame.from_ndarray(image, format="rgb24")
            return colours.reformat(format=self._stream.pix_fmt)
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


def refuse_shape(shape: tuple[int, ...], codec: Codec) -> None:
    """Raise `RecordingError` if the codec cannot store images of this shape."""
    if codec is Codec.H264 and len(shape) == 3 and (shape[0] % 2 or shape[1] % 2):
        raise RecordingError(
            f"h264 stores colour only in even sizes, and the camera gives {shape[1]}x{shape[0]}: "
            f"choose another size, or codec: ffv1"
        )


def _encoder_options(codec: Codec, crf: int) -> dict[str, str]:
    if codec is Codec.FFV1:
        return {"level": "3", "slices": "4", "slicecrc": "1", "g": "10"}
    return {"preset": "ultrafast", "tune": "zerolatency", "crf": str(crf), "g": "30"}
