"""A camera whose driver counts frames: every one of them becomes a frame or a gap."""

import math
from contextlib import suppress

from tracker.cameras.machine_vision import requests
from tracker.cameras.machine_vision.absence import UNKNOWN_PERIOD_NS, AwaitedCamera, OnDisconnect
from tracker.cameras.machine_vision.counting import Counting
from tracker.cameras.machine_vision.driver import Buffer, Connect, Connection, Stream, Value
from tracker.cameras.machine_vision.options import options_of_features
from tracker.cameras.machine_vision.pixels import Converter, Levels
from tracker.cameras.machine_vision.rate import RateCheck
from tracker.cameras.machine_vision.settings import MachineVisionSettings
from tracker.cameras.options import CameraOption
from tracker.cameras.tick_clock import TickClock
from tracker.clock import Clock
from tracker.errors import DeviceError, DeviceLost
from tracker.types import CameraInfo, Frame

TRIGGER_PATIENCE_S = 0.1
"""How long a software trigger waits for the camera to be ready (s)."""

FRAMES_FOR_A_RATE = 200
"""Frames after which the rate of their arrivals is believed more than the nominal one."""


class MachineVisionCamera(AwaitedCamera):
    """Frames of any camera with a driver that counts them, with the cause of each loss.

    `Frame.index` is the camera's own count. `Frame.image` is the driver's memory wherever the
    pixel format allows it, until the next `read`. captured_ns follows from the camera's own
    time stamps (`tick_clock`), the time of arrival where it has none.

    With `on_disconnect: wait`, frames that an unplugged camera would have sent are gaps with the
    cause `CAMERA_AWAY`, handed out as they are due. An attempt to open it again may take
    some seconds, and `read` as long.

    Args:
        settings: What is asked of the camera.
        clock: The session clock.
        kind: Name of the driver in configs.
        connect: Opens the camera through its driver.
    """

    def __init__(
        self, settings: MachineVisionSettings, clock: Clock, kind: str, connect: Connect
    ) -> None:
        self._settings = settings
        super().__init__(clock, settings.on_disconnect, settings.wait_at_most_s)
        self._kind = kind
        self._connect = connect
        self._connection: Connection | None = None
        self._info: CameraInfo | None = None
        self._options: tuple[CameraOption, ...] = ()
        self._counting = Counting(None)
        self.tick_clock: TickClock | None = None
        self._exposure_ns: int | None = None
        self._rate: RateCheck | None = None
        self._first: tuple[int, int] | None = None
        self._last_index, self._last_ns, self._heard_ns = -1, -1, 0
        self._is_sending = self._is_exposing = False
        self._due_ns = 0
        self._counts: dict[str, int] = {}

    @property
    def info(self) -> CameraInfo:
        """What the camera says of itself. Raises `DeviceError` when closed."""
        if self._info is None:
            raise DeviceError(f"the {self._kind} camera is closed: call open() first")
        return self._info

    @property
    def options(self) -> tuple[CameraOption, ...]:
        """The settings that it has, as it was when it was opened. Any thread."""
        return self._options

    @property
    def account(self) -> dict[str, int]:
        """What the camera and its driver have counted, by the driver's names; also when closed.

        `frames` is the camera's own count up to the last frame read; `returns` how often it
        came back after it had been unplugged, which the driver's figures begin after.
        """
        if self._connection is not None:
            self._counts = self._connection.stream.counts()
        return {"frames": self._n_read, "returns": self._presence.n_returns} | self._counts

    def open(self) -> None:
        """Open the camera, set it, and compare what it does; the first `read` lets it send.

        Raises:
            MissingExtra: If the driver is not installed.
            DeviceNotFound: If the camera is not there.
            DeviceError: If it does not do what was asked of it.
        """
        if self._info is not None:
            return
        self._first, self._last_index, self._last_ns = None, -1, -1
        self._begin_anew()
        self._info = self._start()
        if self._settings.runs_by_itself and self._settings.fps is not None:
            tick_hz = float(self._info.settings["device_tick_hz"] or math.nan)
            self._rate = None if math.isnan(tick_hz) else RateCheck(self._settings.fps, tick_hz)
        self._counting = Counting(self._stream_end())
        self._heard_ns = self._clock.now_ns()

    def close(self) -> None:
        """Stop and release the camera. Never raises."""
        self._disconnect()
        self._info = None
        self._ready.clear()

    def _look(self, timeout_s: float, info: CameraInfo) -> None:
        if self._connection is not None:
            self._take(self._connection, timeout_s)
        elif self._presence.try_again(timeout_s, info, self._start):
            self._heard_ns = self._clock.now_ns()

    def _stream_end(self) -> int | None:
        return self._connection.stream.last_number if self._connection else None

    def _start(self) -> CameraInfo:
        """Connect, ask, compare. Leaves nothing open if it fails."""
        connection = self._connect()
        self._connection = connection
        try:
            requests.apply(connection.features, self._settings)
            info = self._describe(connection)
            self._options = options_of_features(connection.features)
            self._convert = Converter(
                str(connection.features.get("PixelFormat")),
                colour=self._settings.colour,
                levels=Levels(self._settings.darkest, self._settings.brightest),
            )
        except DeviceError:
            self._disconnect()
            raise
        self._is_sending = False
        self._set_time(connection)
        return info

    def _set_time(self, connection: Connection) -> None:
        settings, tick_hz = self._settings, connection.stream.tick_hz
        self._exposure_ns = requests.exposure_ns(connection.features)
        self.tick_clock = None
        if settings.device_time and not math.isnan(tick_hz):
            self.tick_clock = TickClock(
                tick_hz,
                least_delay_ns=round(settings.least_delay_us * 1000),
                ptp_utc_ns=self._clock.anchor_utc_ns if settings.ptp else None,
            )

    def _describe(self, connection: Connection) -> CameraInfo:
        features, who = connection.features, connection.identity
        size = int(features.get("Height")), int(features.get("Width"))
        found: dict[str, Value | None] = dict(requests.read_back(features))
        found |= {"vendor": who.vendor, "model": who.model, "serial": who.serial}
        tick_hz = connection.stream.tick_hz
        found |= {
            "driver_buffers": self._settings.buffers,
            "device_tick_hz": None if math.isnan(tick_hz) else tick_hz,
        }
        return CameraInfo(
            name=f"{self._kind} {who.vendor} {who.model} {who.serial}".strip(),
            shape=(*size, 3) if self._settings.colour else size,
            fps=requests.rate_of(features, self._settings),
            live=True,
            settings=found,
        )

    def _take(self, connection: Connection, timeout_s: float) -> None:
        """Wait for one buffer; what it is and what is missing before it becomes ready."""
        stream = connection.stream
        if not self._is_sending:  # not before: frames would wait, and be lost, until somebody reads
            self._let_send(stream)
            self._is_sending, self._is_exposing = True, False
            self._due_ns = self._heard_ns = self._clock.now_ns()
        stream.give_back()
        self._counting.look(stream.backlog())
        trigger = self._settings.trigger
        if trigger is not None and trigger.by_software and not self._trigger(stream, timeout_s):
            return
        buffer = stream.take(timeout_s)
        now_ns = self._clock.now_ns()
        if buffer is None:
            self._bear_silence(now_ns)
            return
        self._heard_ns, self._is_exposing = now_ns, False
        if self._presence.is_away:
            self._rate = None  # its clock may have begun anew
            gap, index = self._presence.back(self._counting.next_index, now_ns)
            self._tell(gap)
            self._counting = Counting(self._stream_end(), index)
        index, gaps = self._counting.take(buffer, now_ns)
        self._ready.extend(gaps)
        if not buffer.problem:
            self._ready.append(self._frame(buffer, index, now_ns))

    def _let_send(self, stream: Stream) -> None:
        try:
            stream.start(self._settings.buffers)
        except DeviceError as failure:
            if not self._presence.is_away:
                raise
            raise DeviceLost(str(failure)) from failure  # it is tried again

    def _trigger(self, stream: Stream, timeout_s: float) -> bool:
        """Trigger when it is time; False if there is nothing to wait for yet."""
        now_ns = self._clock.now_ns()
        if self._is_exposing and now_ns < self._due_ns:
            return True
        if not self._clock.wait_until(self._due_ns, timeout_s):
            return False
        self._is_exposing = stream.trigger(TRIGGER_PATIENCE_S)
        if self._is_exposing and self._settings.fps is not None:
            period_ns = round(1e9 / self._settings.fps)
            self._due_ns = max(self._due_ns + period_ns, self._clock.now_ns())
        return self._is_exposing

    def _frame(self, buffer: Buffer, index: int, now_ns: int) -> Frame:
        image = self._convert(buffer)
        if image.shape != self.info.shape:
            raise DeviceError(
                f"frame {index} has shape {image.shape}, the camera promised {self.info.shape}"
            )
        received_ns = max(now_ns, self._last_ns + 1)
        captured_ns = received_ns
        if self.tick_clock is not None and buffer.tick is not None:
            if self._rate is not None:
                self._rate.note(index, buffer.tick)
            captured_ns = self.tick_clock.captured_ns(buffer.tick, received_ns, self._exposure_ns)
        if self._first is None:
            self._first = index, received_ns
        self._last_index, self._last_ns = index, received_ns
        return Frame(index, captured_ns, received_ns, image, buffer.tick)

    def _bear_silence(self, now_ns: int) -> None:
        """Take a camera that should send by itself and does not as unplugged."""
        settings = self._settings
        silent_s = (now_ns - self._heard_ns) / 1e9
        waits = settings.on_disconnect is OnDisconnect.WAIT and settings.runs_by_itself
        if waits and silent_s > settings.away_after_s:
            raise DeviceLost(f"it sent nothing for {silent_s:.1f} s")

    def _go_away(self, failure: DeviceLost) -> None:
        """Begin to wait for the camera, or raise."""
        self._disconnect()
        self._presence.gone(
            failure,
            self.info.name,
            since_ns=self._last_ns if self._last_ns >= 0 else self._heard_ns,
            period_ns=self._period_ns(),
            next_index=self._counting.next_index,
        )

    def _period_ns(self) -> int:
        """Time from frame to frame: as the camera said, unless many frames say otherwise."""
        fps = self.info.fps
        if self._first is not None:
            index, received_ns = self._first
            n = self._last_index - index
            if n >= FRAMES_FOR_A_RATE or (n > 0 and math.isnan(fps)):
                return max((self._last_ns - received_ns) // n, 1)
        return UNKNOWN_PERIOD_NS if math.isnan(fps) or fps <= 0 else round(1e9 / fps)

    def _disconnect(self) -> None:
        if self._connection is None:
            return
        stream = self._connection.stream
        with suppress(DeviceError):
            stream.give_back()
            stream.stop()
        self._counts = stream.counts()
        self._connection.close()
        self._connection = None
