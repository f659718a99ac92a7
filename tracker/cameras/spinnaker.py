"""FLIR (Teledyne) cameras through Spinnaker's PySpin.

Tested against a stand-in for PySpin, not against a camera.
"""

import functools
import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Literal

import numpy as np

from tracker.cameras.machine_vision import MachineVisionCamera, MachineVisionSettings
from tracker.cameras.machine_vision.driver import Backlog, Buffer, Identity, Value
from tracker.clock import Clock
from tracker.errors import DeviceError, DeviceLost, DeviceNotFound, MissingDriver

GIGE_LAST_NUMBER = 65535
"""Frame ids of GigE Vision 1 have 16 bits, and 0 is not used."""

TICK_HZ = 1e9
"""Spinnaker gives the camera's time in ns."""

HOW_TO_INSTALL = (
    "the Spinnaker SDK from Teledyne's site, and the wheel spinnaker_python for your version of "
    "Python from there"
)

COUNTS = (
    *("StreamDeliveredFrameCount", "StreamLostFrameCount", "StreamDroppedFrameCount"),
    *("StreamIncompleteFrameCount", "StreamMissedPacketCount", "StreamOutputBufferCount"),
)
"""Spinnaker's figures that are kept."""

_EMPTY = np.empty(0, np.uint8)


class SpinnakerSettings(MachineVisionSettings):
    """A FLIR camera (GigE or USB3)."""

    kind: Literal["spinnaker"] = "spinnaker"


def load_pyspin() -> Any:
    """Return the module PySpin.

    Raises:
        MissingDriver: If it is not installed.
    """
    try:
        return importlib.import_module("PySpin")
    except ImportError as failure:
        raise MissingDriver("a camera of kind spinnaker", HOW_TO_INSTALL) from failure


def spinnaker_camera(
    settings: SpinnakerSettings, clock: Clock, load: Callable[[], Any] = load_pyspin
) -> MachineVisionCamera:
    """Return the camera, closed.

    Args:
        settings: Which camera, and how.
        clock: The session clock.
        load: Gives PySpin.
    """
    return MachineVisionCamera(
        settings, clock, settings.kind, functools.partial(connect, settings, load)
    )


def connect(
    settings: SpinnakerSettings, load: Callable[[], Any] = load_pyspin
) -> "SpinnakerConnection":
    """Return the camera, opened.

    Raises:
        MissingDriver: If PySpin is not installed.
        DeviceNotFound: If the camera is not there, or is in use.
    """
    pyspin = load()
    system = pyspin.System.GetInstance()
    cameras = system.GetCameras()
    try:
        camera = _choose(pyspin, cameras, settings.device)
        try:
            camera.Init()
        except pyspin.SpinnakerException as failure:
            raise DeviceNotFound(
                f"the camera {_said(pyspin, camera).serial} cannot be opened ({failure}): does "
                f"another program use it?"
            ) from failure
    except DeviceNotFound:
        cameras.Clear()
        system.ReleaseInstance()
        raise
    return SpinnakerConnection(pyspin, system, cameras, camera)


def found(pyspin: Any) -> list[Identity]:
    """Return all cameras that Spinnaker sees."""
    system = pyspin.System.GetInstance()
    cameras = system.GetCameras()
    try:
        return [_said(pyspin, cameras.GetByIndex(n)) for n in range(cameras.GetSize())]
    finally:
        cameras.Clear()
        system.ReleaseInstance()


def _choose(pyspin: Any, cameras: Any, device: str | None) -> Any:
    there = [cameras.GetByIndex(n) for n in range(cameras.GetSize())]
    known = ", ".join(f"{who.model} {who.serial}" for who in (_said(pyspin, c) for c in there))
    if device is None and len(there) == 1:
        return there[0]
    for camera in there if device is not None else ():
        nodes = camera.GetTLDeviceNodeMap()
        names = (_text(pyspin, nodes, "DeviceSerialNumber"), _text(pyspin, nodes, "DeviceUserID"))
        if device in names:
            return camera
    wanted = "one FLIR camera" if device is None else f"FLIR camera {device!r}"
    raise DeviceNotFound(
        f"{wanted} was expected, there is {known or 'none'}: check cable and power, and set device "
        f"to a serial number"
    )


def _said(pyspin: Any, camera: Any) -> Identity:
    nodes = camera.GetTLDeviceNodeMap()
    return Identity(
        *(
            _text(pyspin, nodes, name)
            for name in ("DeviceVendorName", "DeviceModelName", "DeviceSerialNumber")
        )
    )


def _text(pyspin: Any, nodes: Any, name: str) -> str:
    node = pyspin.CStringPtr(nodes.GetNode(name))
    readable = pyspin.IsAvailable(node) and pyspin.IsReadable(node)
    return str(node.GetValue()) if readable else ""


class SpinnakerConnection:
    """An open FLIR camera; lets go of Spinnaker in the order that it asks for.

    Args:
        pyspin: The module.
        system: Its `System`.
        cameras: The list that the camera is from.
        camera: Initialised.
    """

    def __init__(self, pyspin: Any, system: Any, cameras: Any, camera: Any) -> None:
        self._pyspin, self._system, self._cameras, self._camera = pyspin, system, cameras, camera
        self.identity = _said(pyspin, camera)
        self.features = SpinnakerFeatures(pyspin, camera.GetNodeMap())
        self.stream = SpinnakerStream(pyspin, camera, self.features)

    def close(self) -> None:
        """Release the camera, the list and the system. Never raises."""
        with suppress(DeviceError):
            self.stream.stop()
        error = self._pyspin.SpinnakerException
        with suppress(error):
            self._camera.DeInit()
        self._camera = None  # Spinnaker refuses while anybody holds the camera
        self.stream.release()
        with suppress(error):
            self._cameras.Clear()
        with suppress(error):
            self._system.ReleaseInstance()


class SpinnakerFeatures:
    """Settings through one of Spinnaker's node maps."""

    def __init__(self, pyspin: Any, nodes: Any) -> None:
        self._pyspin, self._nodes = pyspin, nodes
        self._pointers = {
            pyspin.intfIInteger: pyspin.CIntegerPtr,
            pyspin.intfIFloat: pyspin.CFloatPtr,
            pyspin.intfIBoolean: pyspin.CBooleanPtr,
            pyspin.intfIString: pyspin.CStringPtr,
            pyspin.intfIEnumeration: pyspin.CEnumerationPtr,
            pyspin.intfICommand: pyspin.CCommandPtr,
        }

    def has(self, name: str) -> bool:
        """Whether it can be read now, or written."""
        node = self._nodes.GetNode(name)
        pyspin = self._pyspin
        return bool(
            node is not None
            and pyspin.IsAvailable(node)
            and (pyspin.IsReadable(node) or pyspin.IsWritable(node))
        )

    def get(self, name: str) -> Value:
        """Return its value. Raises `DeviceError`."""
        with self._told(name, "read"):
            pointer = self._pointer(name)
            if isinstance(pointer, self._pyspin.CEnumerationPtr):
                return str(pointer.GetCurrentEntry().GetSymbolic())
            value: Value = pointer.GetValue()
            return value

    def set(self, name: str, value: Value) -> None:
        """Ask for a value. Raises `DeviceError`."""
        pyspin, pointer = self._pyspin, self._pointer(name)
        with self._told(name, f"set to {value}", self._range(name, pointer)):
            if isinstance(pointer, pyspin.CEnumerationPtr):
                entry = pointer.GetEntryByName(str(value))
                if entry is None or not pyspin.IsAvailable(entry):
                    raise ValueError("there is no such entry")
                pointer.SetIntValue(entry.GetValue())
            elif isinstance(pointer, pyspin.CIntegerPtr):
                pointer.SetValue(round(float(value)))
            else:
                pointer.SetValue(value)

    def choices(self, name: str) -> tuple[str, ...]:
        """Return what can be chosen now. Raises `DeviceError`."""
        pyspin = self._pyspin
        with self._told(name, "read"):
            entries = (pyspin.CEnumEntryPtr(each) for each in self._pointer(name).GetEntries())
            return tuple(e.GetSymbolic() for e in entries if pyspin.IsAvailable(e))

    def limits(self, name: str) -> tuple[float, float]:
        """Return smallest and largest value of a number, now. Raises `DeviceError`."""
        with self._told(name, "read"):
            pointer = self._pointer(name)
            return float(pointer.GetMin()), float(pointer.GetMax())

    def run(self, name: str) -> None:
        """Carry out a command. Raises `DeviceError`."""
        with self._told(name, "carried out"):
            self._pointer(name).Execute()

    def _pointer(self, name: str) -> Any:
        node = self._nodes.GetNode(name)
        if node is None or not self._pyspin.IsAvailable(node):
            raise DeviceError(f"the camera has no feature {name} now: check its spelling")
        make = self._pointers.get(node.GetPrincipalInterfaceType())
        if make is None:
            raise DeviceError(f"{name} has no value: it is a group of features")
        return make(node)

    def _range(self, name: str, pointer: Any) -> str:
        with suppress(DeviceError):
            if isinstance(pointer, self._pyspin.CEnumerationPtr):
                return f"; it can be {', '.join(self.choices(name))}"
            if isinstance(pointer, (self._pyspin.CIntegerPtr, self._pyspin.CFloatPtr)):
                return "; it can be {:g} to {:g}".format(*self.limits(name))
        return ""

    @contextmanager
    def _told(self, name: str, what: str, more: str = "") -> Iterator[None]:
        try:
            yield
        except (self._pyspin.SpinnakerException, ValueError, TypeError) as failure:
            raise DeviceError(f"{name} cannot be {what}{more} ({failure})") from failure


class SpinnakerStream:
    """Buffers of Spinnaker's stream, oldest first."""

    tick_hz = TICK_HZ

    def __init__(self, pyspin: Any, camera: Any, features: SpinnakerFeatures) -> None:
        self._pyspin, self._camera, self._features = pyspin, camera, features
        self._stream = SpinnakerFeatures(pyspin, camera.GetTLStreamNodeMap())
        self._image: Any = None
        self._held: Any = None
        link = SpinnakerFeatures(pyspin, camera.GetTLDeviceNodeMap())
        is_gige = link.has("DeviceType") and "GigE" in str(link.get("DeviceType"))
        self.last_number = GIGE_LAST_NUMBER if is_gige else None
        self._final: dict[str, int] = {}

    def start(self, n_buffers: int) -> None:
        """Let the camera send. Raises `DeviceError`."""
        stream = self._stream
        if stream.has("StreamBufferCountMode"):
            stream.set("StreamBufferCountMode", "Manual")
            stream.set("StreamBufferCountManual", n_buffers)
        if stream.has("StreamBufferHandlingMode"):
            stream.set("StreamBufferHandlingMode", "OldestFirst")
        if self._features.has("AcquisitionMode"):
            self._features.set("AcquisitionMode", "Continuous")
        self._pixel_format = str(self._features.get("PixelFormat"))
        try:
            self._camera.BeginAcquisition()
        except self._pyspin.SpinnakerException as failure:
            raise DeviceError(f"the camera cannot start: {failure}") from failure

    def take(self, timeout_s: float) -> Buffer | None:
        """Return the next buffer. Raises `DeviceLost`."""
        pyspin = self._pyspin
        try:
            image = self._camera.GetNextImage(round(timeout_s * 1000))
        except pyspin.SpinnakerException as failure:
            if failure.errorcode == pyspin.SPINNAKER_ERR_TIMEOUT:
                return None
            raise DeviceLost(f"Spinnaker says: {failure}") from failure
        self._image = image
        number, tick = int(image.GetFrameID()), int(image.GetTimeStamp())
        if image.IsIncomplete():
            status = pyspin.Image.GetImageStatusDescription(image.GetImageStatus())
            return Buffer(number, str(status) or "incomplete", _EMPTY, 0, 0, 0, "")
        self._held = data = np.asarray(image.GetData(), np.uint8).reshape(-1)
        size = image.GetWidth(), image.GetHeight()
        return Buffer(number, "", data, *size, image.GetXPadding(), self._pixel_format, tick)

    def give_back(self) -> None:
        """Let Spinnaker fill the buffer again."""
        self._held = None
        if self._image is not None:
            with suppress(self._pyspin.SpinnakerException):
                self._image.Release()
            self._image = None

    def trigger(self, timeout_s: float) -> bool:
        """Start one exposure; Spinnaker cannot say whether the camera is ready."""
        del timeout_s
        try:
            self._features.run("TriggerSoftware")
        except DeviceError as failure:
            raise DeviceLost(str(failure)) from failure
        return True

    def backlog(self) -> Backlog:
        """Spinnaker's filled buffers, and its count of frames that it dropped for want of one."""
        return Backlog(
            self._count("StreamOutputBufferCount"), self._count("StreamDroppedFrameCount")
        )

    def counts(self) -> dict[str, int]:
        """Spinnaker's statistics, by its own names, and what waits."""
        if self._final or self._camera is None:
            return self._final
        there = {name: self._count(name) for name in COUNTS if self._stream.has(name)}
        return there | {"unread": self._count("StreamOutputBufferCount")}

    def stop(self) -> None:
        """Stop the camera. Raises `DeviceError`."""
        self.give_back()
        if self._camera is None or not self._camera.IsStreaming():
            return
        self._final = self.counts()
        try:
            self._camera.EndAcquisition()
        except self._pyspin.SpinnakerException as failure:
            raise DeviceError(f"the camera cannot stop: {failure}") from failure

    def release(self) -> None:
        """Let go of the camera."""
        self._camera = None

    def _count(self, name: str) -> int:
        with suppress(DeviceError):
            if self._stream.has(name):
                return int(self._stream.get(name))
        return 0
