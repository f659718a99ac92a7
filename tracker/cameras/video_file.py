"""A video file as a camera: its own frames, at its own times."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import av
import av.container
import av.error
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray
from pydantic import Field, model_validator

from tracker.cameras.options import CameraOption, options_from
from tracker.clock import Clock, SystemClock
from tracker.errors import DeviceError, DeviceLost, DeviceNotFound, EndOfStream
from tracker.settings import Settings
from tracker.types import CameraInfo, Frame, Gap

_LUMA_FIRST = {
    "gray",
    "nv12",
    "yuv420p",
    "yuv422p",
    "yuv444p",
    "yuvj420p",
    "yuvj422p",
    "yuvj444p",
}
"""8-bit pixel formats whose first plane is the grey picture."""

_NO_VIDEO = {"tty"}
"""Containers that FFmpeg makes pictures of although they are text."""

_REMUX = "write its times anew: ffmpeg -fflags +genpts -i OLD -c copy NEW.mkv"


MAX_LAST_FRAME_S = 2.0
"""How long the last frame may stand; a header that states more speaks of frames that are gone."""


class VideoFileSettings(Settings):
    """A file that FFmpeg can read."""

    kind: Literal["video_file"] = "video_file"
    path: Path
    fast: bool = Field(
        default=False, description="as fast as frames are asked for, otherwise at the video's pace"
    )
    loop: bool = Field(default=False, description="begin again at the end; index and time go on")
    colour: bool = Field(default=False, description="RGB images, otherwise grey")
    from_zero: bool = Field(
        default=False,
        description="with fast: capture times begin at 0, so that they are the same at every run",
    )

    @model_validator(mode="after")
    def _only_fast_is_from_zero(self) -> "VideoFileSettings":
        if self.from_zero and not self.fast:
            raise ValueError("from_zero goes with fast: true alone: a paced video keeps the time")
        return self


class VideoFileCamera:
    """Plays a video file; nothing gets lost, and every time is the file's own.

    captured_ns is the clock's time at the first `read` (0 with `from_zero`) plus the frame's
    presentation time, counted from the first frame's. At the video's pace a frame is never
    handed out before it is due; a reader who comes late gets the backlog at once, since a file
    cannot lose frames.

    Grey images are the luma plane as the file stores it, not stretched from studio range; RGB
    is FFmpeg's conversion. A rotation noted in the header is not applied.

    A file that was cut off is told from one that ended where its header counts frames (MP4,
    AVI) and not elsewhere: a Matroska file that a crash left open simply ends early. Damage
    that the decoder finds ends the stream: it is told not to patch pictures up.

    Args:
        settings: Which file, and how.
        clock: The session clock.
    """

    def __init__(self, settings: VideoFileSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._container: av.container.InputContainer | None = None
        self._frames: Iterator[VideoFrame] = iter(())
        self._info: CameraInfo | None = None
        self._pending: VideoFrame | None = None
        self._next_index = 0
        self._first_ns = 0
        self._start_ns: int | None = None
        self._last_ns: int | None = None
        self._period_ns = 0

    @property
    def info(self) -> CameraInfo:
        """What the header says; `live` unless `fast`. Raises `DeviceError` when closed.

        `n_frames` is the header's count and may be wrong; None if it has none, or on a loop.
        """
        if self._info is None:
            raise DeviceError(f"the video {self._settings.path} is closed: call open() first")
        return self._info

    @property
    def options(self) -> tuple[CameraOption, ...]:
        """How the file is read; its size and rate are what they are. Any thread."""
        return options_from(self._settings, ("fast", "loop", "colour"))

    def open(self) -> None:
        """Open the file and decode its first frame.

        Raises:
            DeviceNotFound: If there is no such file, or it holds no video that can be read.
        """
        if self._info is not None:
            return
        path = self._settings.path
        if not path.is_file():
            what = "is a folder" if path.is_dir() else "does not exist"
            raise DeviceNotFound(f"{path} {what}, expected a video file: check the path")
        try:
            stream = self._start_decoding()
            first = next(self._frames, None)
        except av.error.FFmpegError as error:
            self.close()
            raise DeviceNotFound(
                f"{path} cannot be read as a video ({error.strerror}): it is another kind of file, "
                f"or was cut off while it was written; play it in a video player to be sure"
            ) from error
        if stream is None or first is None or self._container_name() in _NO_VIDEO:
            self.close()
            raise DeviceNotFound(f"{path} holds no frame of video: choose another file")
        if first.pts is None:
            self.close()
            raise DeviceNotFound(f"{path}: its frames have no presentation times; {_REMUX}")
        self._pending = first
        self._next_index, self._start_ns, self._last_ns = 0, None, None
        self._info = self._describe(stream, first)

    def read(self, timeout_s: float) -> Frame | Gap | None:
        """Return the next frame once it is due; the image is the caller's to keep.

        Raises:
            DeviceError: If the camera is closed.
            DeviceLost: If the file breaks off, changes its size, or a frame has no time of
                its own or one that is not later than the frame before.
            EndOfStream: After the last frame, unless on a loop.
        """
        info = self.info
        if self._start_ns is None:
            self._start_ns = 0 if self._settings.from_zero else self._clock.now_ns()
            if self._pending is not None:
                self._first_ns = self._time_ns(self._pending)
        frame = self._pending if self._pending is not None else self._decode()
        captured_ns = self._start_ns + self._time_ns(frame) - self._first_ns
        if self._last_ns is not None and captured_ns <= self._last_ns:
            raise DeviceLost(
                f"{self._settings.path}: frame {self._next_index} is not later than the frame "
                f"before it ({captured_ns - self._last_ns} ns); {_REMUX}"
            )
        self._pending = frame
        if not self._settings.fast and not self._clock.wait_until(captured_ns, timeout_s):
            return None
        image = self._image(frame, info.shape)
        self._pending = None
        index, self._next_index, self._last_ns = self._next_index, self._next_index + 1, captured_ns
        return Frame(index, captured_ns, self._clock.now_ns(), image, device_tick=frame.pts)

    def close(self) -> None:
        """Close the file. Never raises."""
        if self._container is not None:
            self._container.close()
        self._container, self._info, self._pending = None, None, None
        self._frames = iter(())

    def _start_decoding(self) -> VideoStream | None:
        if self._container is not None:
            self._container.close()
        self._container = av.open(str(self._settings.path))
        if not self._container.streams.video:
            return None
        stream = self._container.streams.video[0]
        stream.codec_context.options = {"err_detect": "crccheck+explode"}
        self._frames = self._demux(self._container, stream)
        return stream

    def _container_name(self) -> str:
        return self._container.format.name if self._container is not None else ""

    def _demux(
        self, container: av.container.InputContainer, stream: VideoStream
    ) -> Iterator[VideoFrame]:
        """All frames in order of presentation; raises `DeviceLost` if the header counts more."""
        packets, end_s = 0, 0.0
        for packet in container.demux(stream):
            packets += packet.size > 0
            if packet.pts is not None and packet.time_base is not None:
                end_s = max(end_s, float(packet.pts * packet.time_base))
            yield from packet.decode()
        if packets < stream.frames:
            raise DeviceLost(
                f"{self._settings.path} ends after {packets} of the {stream.frames} frames that "
                f"its header counts: the file was cut off; get a whole copy"
            )
        length_s = (container.duration or 0) / av.time_base if len(container.streams) == 1 else 0.0
        if length_s - end_s > MAX_LAST_FRAME_S:
            raise DeviceLost(
                f"{self._settings.path} ends after {end_s:.1f} of the {length_s:.1f} s that its "
                f"header states: the file was cut off; get a whole copy"
            )

    def _describe(self, stream: VideoStream, first: VideoFrame) -> CameraInfo:
        settings = self._settings
        rate = stream.average_rate
        self._period_ns = round(1e9 / rate) if rate else 1
        size = (first.height, first.width)
        return CameraInfo(
            name=f"video_file {settings.path.name}",
            shape=(*size, 3) if settings.colour else size,
            fps=float(rate) if rate else float("nan"),
            live=not settings.fast,
            n_frames=None if settings.loop else (stream.frames or None),
            settings={
                "path": str(settings.path.absolute()),
                "container": self._container_name(),
                "codec": stream.codec_context.name,
                "pixel_format": first.format.name,
                "fps": float(rate) if rate else None,
                "time_base_s": float(stream.time_base) if stream.time_base else None,
                "frames_in_header": stream.frames or None,
                "n_bytes": settings.path.stat().st_size,
            },
        )

    def _decode(self) -> VideoFrame:
        """The next frame; on a loop, after the last comes the first, one period later."""
        path, index = self._settings.path, self._next_index
        try:
            frame = next(self._frames, None)
            if frame is None and self._settings.loop:
                self._start_decoding()
                frame = next(self._frames, None)
                if frame is not None and self._start_ns is not None and self._last_ns is not None:
                    due_ns = self._last_ns + self._period_ns
                    self._first_ns = self._time_ns(frame) - (due_ns - self._start_ns)
        except av.error.FFmpegError as error:
            raise DeviceLost(
                f"{path} {self._broken(error.strerror or 'no reason given')}"
            ) from error
        if frame is None:
            raise EndOfStream(f"all {index} frames of {path} were read")
        return frame

    def _broken(self, why: str) -> str:
        return (
            f"breaks off at frame {self._next_index} ({why}): the file is damaged; get an "
            f"undamaged copy, or end the experiment before that frame"
        )

    def _time_ns(self, frame: VideoFrame) -> int:
        if frame.pts is None or frame.time_base is None:
            raise DeviceLost(
                f"{self._settings.path}: frame {self._next_index} has no time: {_REMUX}"
            )
        return round(frame.pts * frame.time_base * 1_000_000_000)

    def _image(self, frame: VideoFrame, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        if (frame.height, frame.width) != shape[:2]:
            raise DeviceLost(
                f"{self._settings.path}: frame {self._next_index} is {frame.width}x{frame.height} "
                f"px, the frames before were {shape[1]}x{shape[0]}: cut the file there"
            )
        if self._settings.colour:
            return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
        if frame.format.name not in _LUMA_FIRST:
            return np.asarray(frame.to_ndarray(format="gray"), np.uint8)
        plane = frame.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        image: NDArray[np.uint8] = rows[: frame.height, : frame.width].copy()
        return image


def count_frames(path: Path) -> int:
    """How many frames a video has, counted without decoding them: headers may be wrong.

    Raises:
        DeviceError: If the file is no video, or breaks off.
    """
    camera = VideoFileCamera(VideoFileSettings(path=path, fast=True), SystemClock())
    camera.open()
    camera.close()
    try:
        with av.open(path.as_posix()) as container:
            return sum(packet.size > 0 for packet in container.demux(video=0))
    except av.error.FFmpegError as error:
        raise DeviceError(f"{path} breaks off ({error.strerror}): get a whole copy") from error
