"""A camera that streams over the network (RTSP and whatever else FFmpeg reads), reconnecting."""

import re
from collections.abc import Iterator
from typing import Literal

import av
import av.container
import av.error
import numpy as np
from av.codec.context import Flags
from av.video.frame import VideoFrame
from numpy.typing import NDArray
from pydantic import Field

from tracker.cameras.machine_vision.absence import UNKNOWN_PERIOD_NS, AwaitedCamera, OnDisconnect
from tracker.cameras.options import CameraOption, options_from
from tracker.cameras.tick_clock import TickClock
from tracker.clock import Clock
from tracker.errors import DeviceError, DeviceLost, DeviceNotFound
from tracker.settings import Settings
from tracker.types import CameraInfo, Fate, Frame, Gap

RETRY_OPEN_S = 3.0
"""Longest wait for a stream that is away, so that a session can be stopped meanwhile (s)."""

_SECRET = re.compile(r"(://)[^/@]+@")


class RtspSettings(Settings):
    """A stream by its address."""

    kind: Literal["rtsp"] = "rtsp"
    url: str = Field(
        pattern=r"^[a-z0-9]+://.+", description="e.g. rtsp://user:password@192.168.1.20/stream1"
    )
    transport: Literal["tcp", "udp"] = Field(
        "tcp", description="RTSP: tcp repeats what was lost, and is late then; udp loses it"
    )
    fps: float | None = Field(
        None,
        gt=0,
        le=10_000,
        description="its rate, if that is constant: frames are counted by their time stamps; "
        "null: by their arrival, and what was lost leaves no trace",
    )
    colour: bool = Field(default=False, description="RGB images, otherwise grey")
    open_timeout_s: float = Field(10.0, gt=0, le=600, description="s until it answers")
    silent_s: float = Field(
        3.0, gt=0, le=600, description="silent for so long, the stream is taken as broken"
    )
    on_disconnect: OnDisconnect = OnDisconnect.END
    wait_at_most_s: float = Field(
        3600.0, gt=0, le=604_800, description="s that it may be away before the session fails"
    )

    @property
    def shown_url(self) -> str:
        """The address without user and password."""
        return _SECRET.sub(r"\1", self.url)


class RtspCamera(AwaitedCamera):
    """Decodes a stream; times are those that the sender stamped.

    A stream has no counter of frames. With `fps` their time stamps count them, and a time left
    out is a gap with the cause `LOST_ON_LINK`; a frame that arrives damaged is `INCOMPLETE`.
    While a broken stream is waited for, the frames that were due are `CAMERA_AWAY`. What
    the sender's encoder and network take is in no time stamp: such a camera is seconds late
    rather than milliseconds, and no good for closing a loop.

    A `read` waits as long as the stream is silent, at most `silent_s`, whatever `timeout_s` says.

    Args:
        settings: Which stream, and how.
        clock: The session clock.
    """

    def __init__(self, settings: RtspSettings, clock: Clock) -> None:
        self._settings = settings
        super().__init__(clock, settings.on_disconnect, settings.wait_at_most_s)
        self._container: av.container.InputContainer | None = None
        self._decoded: Iterator[VideoFrame | None] = iter(())
        self._pending: VideoFrame | None = None
        self._info: CameraInfo | None = None
        self.tick_clock: TickClock | None = None
        self._next_index = 0
        self._last_ns = self._captured_ns = -1
        self._last_s: float | None = None

    @property
    def info(self) -> CameraInfo:
        """What the stream says of itself. Raises `DeviceError` when closed."""
        if self._info is None:
            raise DeviceError(f"the stream {self._settings.shown_url} is closed: call open() first")
        return self._info

    @property
    def options(self) -> tuple[CameraOption, ...]:
        """How the stream is read; its size is what it is. Any thread."""
        return options_from(self._settings, ("transport", "fps", "colour"))

    @property
    def account(self) -> dict[str, int]:
        """How many frames were counted, and how often the stream came back; also when closed."""
        return {"frames": self._n_read, "returns": self._presence.n_returns}

    def open(self) -> None:
        """Connect, and decode a first picture.

        Raises:
            DeviceNotFound: If nobody answers, or with something else than pictures.
        """
        if self._info is not None:
            return
        self._next_index = 0
        self._last_ns = self._captured_ns = -1
        self._begin_anew()
        self._info = self._connect()

    def close(self) -> None:
        """Disconnect. Never raises."""
        self._disconnect()
        self._info = None
        self._ready.clear()

    def _look(self, timeout_s: float, info: CameraInfo) -> None:
        if self._container is None:
            self._presence.try_again(timeout_s, info, self._connect)
        else:
            self._take(info)

    def _connect(self) -> CameraInfo:
        settings = self._settings
        open_s = settings.open_timeout_s
        if self._presence.is_away:
            open_s = min(open_s, RETRY_OPEN_S)
        options = {"fpsprobesize": "0"}
        if not settings.url.startswith("file"):
            options["fflags"] = "nobuffer"  # what is read to find out the format is old by then
        if settings.url.startswith("rtsp"):
            options["rtsp_transport"] = settings.transport
        try:
            self._container = av.open(
                settings.url,
                options=options,
                timeout=(open_s, settings.silent_s),
            )
            if not self._container.streams.video:
                raise DeviceNotFound(f"{settings.shown_url} sends no pictures: check the address")
            stream = self._container.streams.video[0]
            stream.thread_type = "NONE"  # frames are not kept back for other threads
            stream.codec_context.flags |= Flags.low_delay
            self._decoded = self._decode(self._container)
            self._pending = next((frame for frame in self._decoded if frame is not None), None)
        except (av.error.FFmpegError, DeviceError) as failure:
            self._disconnect()
            if isinstance(failure, DeviceError):
                raise
            raise DeviceNotFound(
                f"{settings.shown_url} cannot be opened ({_words(failure)}): check the address, "
                f"user and password, and the camera's power"
            ) from failure
        if self._pending is None:
            self._disconnect()
            raise DeviceNotFound(f"{settings.shown_url} ended before its first picture")
        return self._describe(stream, self._pending)

    def _describe(self, stream: av.VideoStream, first: VideoFrame) -> CameraInfo:
        size = first.height, first.width
        rate = float(stream.average_rate) if stream.average_rate else float("nan")
        base = stream.time_base
        self.tick_clock = TickClock(float(1 / base), bits=None) if base else None
        self._last_s = None
        return CameraInfo(
            name=f"rtsp {self._settings.shown_url}",
            shape=(*size, 3) if self._settings.colour else size,
            fps=self._settings.fps if self._settings.fps is not None else rate,
            live=True,
            settings={
                "codec": stream.codec_context.name,
                "stated_fps": None if np.isnan(rate) else rate,
                "device_tick_hz": float(1 / base) if base else None,
            },
        )

    def _decode(self, container: av.container.InputContainer) -> Iterator[VideoFrame | None]:
        """Frames as they come; None for what arrived and cannot be decoded."""
        for packet in container.demux(video=0):
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                yield None
                continue
            for frame in frames:
                yield None if frame.is_corrupt else frame

    def _take(self, info: CameraInfo) -> None:
        """Wait for a frame; what it is and what is missing before it becomes ready."""
        frame, self._pending = self._pending, None
        if frame is None:
            try:
                frame = next(self._decoded)
            except StopIteration:
                raise DeviceLost("the stream has ended") from None
            except av.error.FFmpegError as failure:
                raise DeviceLost(_words(failure)) from failure
        now_ns = max(self._clock.now_ns(), self._last_ns + 1)
        if self._presence.is_away:
            gap, self._next_index = self._presence.back(self._next_index, now_ns)
            self._tell(gap)
        if frame is None:
            if self._settings.fps is None:  # otherwise its time stamp is missing, which counts it
                self._tell(self._gap(1, Fate.INCOMPLETE, now_ns))
            return
        self._tell(self._gap(self._left_out(frame), Fate.LOST_ON_LINK, now_ns))
        self._ready.append(self._frame(frame, info, now_ns))

    def _frame(self, frame: VideoFrame, info: CameraInfo, received_ns: int) -> Frame:
        image = self._image(frame)
        if image.shape != info.shape:
            raise DeviceError(
                f"{info.name}: frame {self._next_index} has shape {image.shape}, those before it "
                f"{info.shape}: begin another session for pictures of another size"
            )
        captured_ns = received_ns
        if self.tick_clock is not None and frame.pts is not None:
            captured_ns = self.tick_clock.captured_ns(frame.pts, received_ns)
        self._captured_ns = max(captured_ns, self._captured_ns + 1)
        self._last_ns = received_ns
        index, self._next_index = self._next_index, self._next_index + 1
        return Frame(index, self._captured_ns, received_ns, image, frame.pts)

    def _image(self, frame: VideoFrame) -> NDArray[np.uint8]:
        return np.asarray(
            frame.to_ndarray(format="rgb24" if self._settings.colour else "gray"), np.uint8
        )

    def _left_out(self, frame: VideoFrame) -> int:
        """How many frames the time stamps leave out before this one."""
        fps, last_s = self._settings.fps, self._last_s
        self._last_s = frame.time
        if fps is None or last_s is None or frame.time is None:
            return 0
        return max(round((frame.time - last_s) * fps) - 1, 0)

    def _gap(self, n: int, cause: Fate, now_ns: int) -> Gap | None:
        if not n:
            return None
        first, self._next_index = self._next_index, self._next_index + n
        return Gap(first, first + n - 1, cause, now_ns)

    def _go_away(self, failure: DeviceLost) -> None:
        self._disconnect()
        fps = self.info.fps
        self._presence.gone(
            failure,
            self.info.name,
            since_ns=self._last_ns if self._last_ns >= 0 else self._clock.now_ns(),
            period_ns=UNKNOWN_PERIOD_NS if np.isnan(fps) else round(1e9 / fps),
            next_index=self._next_index,
        )

    def _disconnect(self) -> None:
        self._decoded, self._pending = iter(()), None
        if self._container is not None:
            self._container.close()
        self._container = None


def _words(failure: av.error.FFmpegError) -> str:
    if isinstance(failure, av.error.ExitError):
        return "it was silent for too long"
    return str(failure.strerror)
