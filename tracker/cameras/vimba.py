"""Allied Vision cameras through Vimba X (vmbpy).

Tested against a stand-in for vmbpy whose names are compared with the real package's, not against
a camera.
"""

import functools
import importlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Any, Literal

import numpy as np

from tracker.cameras.machine_vision import MachineVisionCamera, MachineVisionSettings
from tracker.cameras.machine_vision.driver import Backlog, Buffer, Identity, Value
from tracker.clock import Clock
from tracker.errors import DeviceError, DeviceLost, DeviceNotFound, MissingExtra

GIGE_LAST_NUMBER = 65535
"""Frame ids of GigE Vision 1 have 16 bits, and 0 is not used; longer ones pass it."""

TICK_HZ = 1e9
"""Unless the camera states another rate, its time is in ns."""

COUNTS = (
    *("StatFrameDelivered", "StatFrameDropped", "StatFrameUnderrun"),
    *("StatPacketReceived", "StatPacketMissed", "StatPacketRequested"),
)
"""Vimba's figures that are kept, of streams that have them."""

_EMPTY = np.empty(0, np.uint8)


class VimbaSettings(MachineVisionSettings):
    """An Allied Vision camera (GigE or USB3)."""

    kind: Literal["vimba"] = "vimba"


def load_vmbpy() -> Any:
    """Return the module vmbpy.

    Raises:
        MissingExtra: If it is not installed.
    """
    try:
        return importlib.import_module("vmbpy")
    except ImportError as failure:
        raise MissingExtra("vimba", "a camera of kind vimba") from failure


def vimba_camera(
    settings: VimbaSettings, clock: Clock, load: Callable[[], Any] = load_vmbpy
) -> MachineVisionCamera:
    """Return the camera, closed.

    Args:
        settings: Which camera, and how.
        clock: The session clock.
        load: Gives vmbpy.
    """
    return MachineVisionCamera(
        settings, clock, settings.kind, functools.partial(connect, settings, load)
    )


def connect(settings: VimbaSettings, load: Callable[[], Any] = load_vmbpy) -> "VimbaConnection":
    """Return the camera, opened.

    Raises:
        MissingExtra: If vmbpy is not installed.
        DeviceNotFound: If Vimba X or the camera is not there, or the camera is in use.
    """
    vmbpy = load()
    with ExitStack() as opened:
        system = opened.enter_context(_started(vmbpy))
        camera = _choose(list(system.get_all_cameras()), settings.device)
        try:
            opened.enter_context(camera)
        except (vmbpy.VmbCameraError, vmbpy.VmbSystemError) as failure:
            raise DeviceNotFound(
                f"the camera {camera.get_serial()} cannot be opened ({failure}): does another "
                f"program use it?"
            ) from failure
        return VimbaConnection(vmbpy, system, camera, opened.pop_all())


def found(vmbpy: Any) -> list[Identity]:
    """Return all cameras that Vimba X sees. Raises `DeviceNotFound` without Vimba X."""
    with _started(vmbpy) as system:
        return [_said(camera) for camera in system.get_all_cameras()]


@contextmanager
def _started(vmbpy: Any) -> Iterator[Any]:
    """Vimba's system; it counts how often it is entered."""
    with ExitStack() as running:
        try:
            system = running.enter_context(vmbpy.VmbSystem.get_instance())
        except (vmbpy.VmbSystemError, vmbpy.VmbTransportLayerError) as failure:
            raise DeviceNotFound(
                f"Vimba X does not start ({failure}): install the Vimba X SDK, which brings the "
                f"transport layers"
            ) from failure
        yield system


def _choose(there: list[Any], device: str | None) -> Any:
    if device is None and len(there) == 1:
        return there[0]
    for camera in there if device is not None else ():
        if device in (camera.get_serial(), camera.get_id(), camera.get_name()):
            return camera
    known = ", ".join(f"{camera.get_model()} {camera.get_serial()}" for camera in there)
    wanted = "one Allied Vision camera" if device is None else f"Allied Vision camera {device!r}"
    raise DeviceNotFound(
        f"{wanted} was expected, there is {known or 'none'}: check cable and power, and set device "
        f"to a serial number"
    )


def _said(camera: Any) -> Identity:
    return Identity("Allied Vision", str(camera.get_model()), str(camera.get_serial()))


class VimbaConnection:
    """An open Allied Vision camera.

    Args:
        vmbpy: The module.
        system: Its `VmbSystem`, started.
        camera: Opened.
        opened: Closes both.
    """

    def __init__(self, vmbpy: Any, system: Any, camera: Any, opened: ExitStack) -> None:
        self._vmbpy, self._system, self._opened = vmbpy, system, opened
        self.identity = _said(camera)
        self.features = VimbaFeatures(vmbpy, camera)
        self.stream = VimbaStream(vmbpy, camera, self.features)
        self._id = camera.get_id()
        system.register_camera_change_handler(self._on_change)

    def close(self) -> None:
        """Release camera and system. Never raises."""
        vmbpy = self._vmbpy
        with suppress(DeviceError):
            self.stream.stop()
        with suppress(vmbpy.VmbSystemError, vmbpy.VmbCameraError):
            self._system.unregister_camera_change_handler(self._on_change)
        with suppress(vmbpy.VmbSystemError, vmbpy.VmbCameraError):
            self._opened.close()

    def _on_change(self, camera: Any, event: Any) -> None:
        """Called on Vimba's thread."""
        if event == self._vmbpy.CameraEvent.Missing and camera.get_id() == self._id:
            self.stream.is_lost = True


class VimbaFeatures:
    """Settings through vmbpy's features, of a camera or a stream."""

    def __init__(self, vmbpy: Any, owner: Any) -> None:
        self._vmbpy, self._owner = vmbpy, owner
        self._errors = (vmbpy.VmbFeatureError, vmbpy.VmbCameraError, TypeError, ValueError)

    def has(self, name: str) -> bool:
        """Whether it can be read now, or written."""
        with suppress(*self._errors):
            feature = self._owner.get_feature_by_name(name)
            return bool(feature.is_readable() or feature.is_writeable())
        return False

    def get(self, name: str) -> Value:
        """Return its value. Raises `DeviceError`."""
        feature = self._feature(name)
        with self._told(name, "read"):
            value = feature.get()
        is_entry = isinstance(feature, self._vmbpy.EnumFeature)
        plain: Value = str(value) if is_entry else value
        return plain

    def set(self, name: str, value: Value) -> None:
        """Ask for a value. Raises `DeviceError`."""
        vmbpy, feature = self._vmbpy, self._feature(name)
        with self._told(name, f"set to {value}", self._range(name, feature)):
            if isinstance(feature, vmbpy.IntFeature):
                feature.set(round(float(value)))
            elif isinstance(feature, vmbpy.FloatFeature):
                feature.set(float(value))
            else:
                feature.set(value)

    def choices(self, name: str) -> tuple[str, ...]:
        """Return what can be chosen now. Raises `DeviceError`."""
        feature = self._feature(name)
        with self._told(name, "read"):
            return tuple(str(entry) for entry in feature.get_available_entries())

    def limits(self, name: str) -> tuple[float, float]:
        """Return smallest and largest value of a number, now. Raises `DeviceError`."""
        feature = self._feature(name)
        with self._told(name, "read"):
            least, most = feature.get_range()
        return float(least), float(most)

    def run(self, name: str) -> None:
        """Carry out a command. Raises `DeviceError`."""
        feature = self._feature(name)
        with self._told(name, "carried out"):
            feature.run()

    def _feature(self, name: str) -> Any:
        try:
            return self._owner.get_feature_by_name(name)
        except self._errors as failure:
            raise DeviceError(f"the camera has no feature {name}: check its spelling") from failure

    def _range(self, name: str, feature: Any) -> str:
        with suppress(DeviceError):
            if isinstance(feature, self._vmbpy.EnumFeature):
                return f"; it can be {', '.join(self.choices(name))}"
            if isinstance(feature, (self._vmbpy.IntFeature, self._vmbpy.FloatFeature)):
                return "; it can be {:g} to {:g}".format(*self.limits(name))
        return ""

    @contextmanager
    def _told(self, name: str, what: str, more: str = "") -> Iterator[None]:
        try:
            yield
        except self._errors as failure:
            raise DeviceError(f"{name} cannot be {what}{more} ({failure})") from failure


class VimbaStream:
    """Frames that Vimba's thread hands over, in their order."""

    def __init__(self, vmbpy: Any, camera: Any, features: VimbaFeatures) -> None:
        self._vmbpy, self._camera, self._features = vmbpy, camera, features
        kind = camera.get_transport_layer().get_type()
        is_gige = kind == vmbpy.TransportLayerType.GEV
        self.last_number = GIGE_LAST_NUMBER if is_gige else None
        self.tick_hz = TICK_HZ
        if features.has("GevTimestampTickFrequency"):
            self.tick_hz = float(features.get("GevTimestampTickFrequency"))
        self.is_lost = False
        """Set when Vimba says that the camera is missing."""
        self._filled: SimpleQueue[Any] = SimpleQueue()
        self._frame: Any = None
        self._statistics = features  # of the camera, until its stream is there
        self._final: dict[str, int] = {}

    def start(self, n_buffers: int) -> None:
        """Let the camera send. Raises `DeviceError`."""
        if self._features.has("AcquisitionMode"):
            self._features.set("AcquisitionMode", "Continuous")
        self._pixel_format = str(self._features.get("PixelFormat"))
        streams = self._camera.get_streams()
        if streams:
            self._statistics = VimbaFeatures(self._vmbpy, streams[0])
        try:
            self._camera.start_streaming(self._on_frame, buffer_count=n_buffers)
        except (self._vmbpy.VmbCameraError, self._vmbpy.VmbFeatureError) as failure:
            raise DeviceError(f"the camera cannot start: {failure}") from failure

    def take(self, timeout_s: float) -> Buffer | None:
        """Return the next buffer. Raises `DeviceLost`."""
        try:
            frame = self._filled.get(timeout=timeout_s)
        except Empty:
            if self.is_lost:
                raise DeviceLost("it was unplugged, Vimba says") from None
            return None
        self._frame = frame
        number, status = frame.get_id(), frame.get_status()
        if status != self._vmbpy.FrameStatus.Complete:
            return Buffer(number, str(status), _EMPTY, 0, 0, 0, "")
        data = np.frombuffer(frame.get_buffer(), np.uint8)
        size = frame.get_width(), frame.get_height()
        return Buffer(number, "", data, *size, 0, self._pixel_format, frame.get_timestamp())

    def give_back(self) -> None:
        """Let Vimba fill the frame again."""
        if self._frame is not None:
            with suppress(self._vmbpy.VmbCameraError):
                self._camera.queue_frame(self._frame)
            self._frame = None

    def trigger(self, timeout_s: float) -> bool:
        """Start one exposure; Vimba cannot say whether the camera is ready."""
        del timeout_s
        try:
            self._features.run("TriggerSoftware")
        except DeviceError as failure:
            raise DeviceLost(str(failure)) from failure
        return True

    def backlog(self) -> Backlog:
        """Frames that wait, and Vimba's count of those that it had no buffer for."""
        return Backlog(self._filled.qsize(), self._count("StatFrameUnderrun"))

    def counts(self) -> dict[str, int]:
        """Vimba's statistics, by its own names, and what waits."""
        if self._final:
            return self._final
        there = {name: self._count(name) for name in COUNTS if self._statistics.has(name)}
        return there | {"unread": self._filled.qsize()}

    def stop(self) -> None:
        """Stop the camera. Raises `DeviceError`."""
        if not self._camera.is_streaming():
            return
        self.give_back()
        self._final = self.counts()
        try:
            self._camera.stop_streaming()
        except (self._vmbpy.VmbCameraError, self._vmbpy.VmbFeatureError) as failure:
            raise DeviceError(f"the camera cannot stop: {failure}") from failure

    def _on_frame(self, camera: Any, stream: Any, frame: Any) -> None:
        """Called on Vimba's thread."""
        del camera, stream
        self._filled.put(frame)

    def _count(self, name: str) -> int:
        with suppress(DeviceError):
            if self._statistics.has(name):
                return int(self._statistics.get(name))
        return 0
