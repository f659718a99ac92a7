"""Basler cameras through pylon; tested on pylon's camera emulator."""

import functools
import importlib
import math
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from tracker.cameras.machine_vision import MachineVisionCamera, MachineVisionSettings
from tracker.cameras.machine_vision.driver import Backlog, Buffer, Identity, Value
from tracker.clock import Clock
from tracker.errors import DeviceError, DeviceLost, DeviceNotFound, MissingExtra

GIGE_LAST_NUMBER = 65535
"""Block ids of GigE Vision have 16 bits, and 0 is not used."""

CHUNKS = ("Timestamp", "Framecounter", "FrameID", "CounterValue")
"""What the camera may write behind each picture, by older and newer cameras' names."""

EMULATED, N_EMULATED = "BaslerCamEmu", "4"
"""Pylon's class of cameras that it plays itself, and how many of them."""

_EMPTY = np.empty(0, np.uint8)


class BaslerSettings(MachineVisionSettings):
    """A Basler camera (GigE or USB3)."""

    kind: Literal["basler"] = "basler"
    emulated: bool = Field(
        default=False, description="a camera that pylon plays, for trying out; device may be null"
    )
    feature_file: Path | None = Field(
        None, description="settings saved by pylon Viewer (.pfs), loaded before all others"
    )


def load_pylon() -> Any:
    """Return the module `pypylon.pylon`.

    Raises:
        MissingExtra: If it is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its own, and fatal where warnings are errors
            return importlib.import_module("pypylon.pylon")
    except ImportError as failure:
        raise MissingExtra("basler", "a camera of kind basler") from failure


def basler_camera(settings: BaslerSettings, clock: Clock) -> MachineVisionCamera:
    """Return the camera, closed."""
    return MachineVisionCamera(settings, clock, settings.kind, functools.partial(connect, settings))


def connect(settings: BaslerSettings) -> "PylonConnection":
    """Return the camera, opened and with its feature file loaded.

    Raises:
        MissingExtra: If pypylon is not installed.
        DeviceNotFound: If the camera is not there, or is in use.
        DeviceError: If the feature file cannot be loaded.
    """
    pylon = load_pylon()
    factory = pylon.TlFactory.GetInstance()
    chosen = _choose(devices(factory, emulated=settings.emulated), settings)
    try:
        camera = pylon.InstantCamera(factory.CreateDevice(chosen))
        camera.Open()
    except pylon.GenericException as failure:
        raise DeviceNotFound(
            f"the camera {_named(chosen)} cannot be opened ({_words(failure)}): does another "
            f"program use it?"
        ) from failure
    connection = PylonConnection(pylon, camera)
    try:
        if settings.feature_file is not None:
            connection.load(settings.feature_file)
    except DeviceError:
        connection.close()
        raise
    return connection


def devices(factory: Any, *, emulated: bool) -> list[Any]:
    """Return what pylon finds: devices alone, or emulated ones alone."""
    if emulated:
        os.environ.setdefault("PYLON_CAMEMU", N_EMULATED)
        return list(factory.CreateTl(EMULATED).EnumerateDevices())
    return [each for each in factory.EnumerateDevices() if each.GetDeviceClass() != EMULATED]


def _choose(found: list[Any], settings: BaslerSettings) -> Any:
    device = settings.device
    known = ", ".join(_named(each) for each in found) or "none"
    if not found:
        raise DeviceNotFound(
            "no Basler camera is there: check cable and power; `tracker cameras` lists all cameras"
        )
    if device is None:
        if len(found) == 1 or settings.emulated:
            return found[0]
        raise DeviceNotFound(
            f"{len(found)} Basler cameras are there ({known}), expected one: set device to the "
            f"serial number of the one that is meant"
        )
    for each in found:
        if device in (each.GetSerialNumber(), each.GetUserDefinedName(), _address(each)):
            return each
    raise DeviceNotFound(
        f"no Basler camera {device!r} (serial number, own name or address) is there; there is "
        f"{known}: check cable and power"
    )


def _named(info: Any) -> str:
    return f"{info.GetModelName()} {info.GetSerialNumber()}"


def _address(info: Any) -> str:
    return str(info.GetIpAddress()) if info.IsIpAddressAvailable() else ""


def _words(failure: Exception) -> str:
    """What pylon says, without the place in its source."""
    return str(failure).split(" : ")[0].strip().rstrip(".")


class PylonConnection:
    """An open Basler camera.

    Args:
        pylon: The module.
        camera: Its `InstantCamera`, open.
    """

    def __init__(self, pylon: Any, camera: Any) -> None:
        self._pylon, self._camera = pylon, camera
        info = camera.GetDeviceInfo()
        self.identity = Identity(info.GetVendorName(), info.GetModelName(), info.GetSerialNumber())
        self.features = PylonFeatures(pylon, camera)
        self.stream = PylonStream(pylon, camera, self.features)

    def load(self, path: Path) -> None:
        """Load a feature file. Raises `DeviceError`."""
        if not path.is_file():
            raise DeviceError(f"feature_file {path} is not there: check the path")
        try:
            self._pylon.FeaturePersistence.Load(str(path), self._camera.GetNodeMap(), True)  # noqa: FBT003 - pylon takes no names
        except self._pylon.GenericException as failure:
            raise DeviceError(
                f"feature_file {path} cannot be loaded into this camera: {_words(failure)}"
            ) from failure

    def close(self) -> None:
        """Release the camera. Never raises."""
        with suppress(self._pylon.GenericException, DeviceError):
            self.stream.stop()
        with suppress(self._pylon.GenericException):
            self._camera.Close()
        with suppress(self._pylon.GenericException):
            self._camera.DestroyDevice()


class PylonFeatures:
    """Settings through pylon's node map."""

    def __init__(self, pylon: Any, camera: Any) -> None:
        self._pylon = pylon
        self._genicam = importlib.import_module("pypylon.genicam")
        self._nodes = camera.GetNodeMap()

    def has(self, name: str) -> bool:
        """Whether it can be read now, or written."""
        node = self._nodes.GetNode(name)
        return node is not None and (
            self._genicam.IsReadable(node) or self._genicam.IsWritable(node)
        )

    def get(self, name: str) -> Value:
        """Return its value. Raises `DeviceError`."""
        with self._told(name, "read"):
            value: Value = self._node(name).GetValue()
            return value

    def set(self, name: str, value: Value) -> None:
        """Ask for a value. Raises `DeviceError`."""
        node = self._node(name)
        if isinstance(node, self._genicam.IInteger) and isinstance(value, float):
            value = round(value)
        with self._told(name, f"set to {value}", self._range(node)):
            node.SetValue(value)

    def choices(self, name: str) -> tuple[str, ...]:
        """Return what can be chosen now. Raises `DeviceError`."""
        with self._told(name, "read"):
            return tuple(
                entry.GetSymbolic()
                for entry in self._node(name).GetEntries()
                if self._genicam.IsAvailable(entry)
            )

    def limits(self, name: str) -> tuple[float, float]:
        """Return smallest and largest value of a number, now. Raises `DeviceError`."""
        with self._told(name, "read"):
            node = self._node(name)
            return float(node.GetMin()), float(node.GetMax())

    def run(self, name: str) -> None:
        """Carry out a command. Raises `DeviceError`."""
        with self._told(name, "carried out"):
            self._node(name).Execute()

    def _node(self, name: str) -> Any:
        node = self._nodes.GetNode(name)
        if node is None or type(node).__name__ == "PlaceholderParameter":
            raise DeviceError(f"the camera has no feature {name}: check its spelling")
        return node

    def _range(self, node: Any) -> str:
        with suppress(self._pylon.GenericException):
            if isinstance(node, self._genicam.IEnumeration):
                return f"; it can be {', '.join(self.choices(node.GetNode().GetName()))}"
            if isinstance(node, (self._genicam.IInteger, self._genicam.IFloat)):
                return f"; it can be {node.GetMin():g} to {node.GetMax():g}"
        return ""

    @contextmanager
    def _told(self, name: str, what: str, more: str = "") -> Iterator[None]:
        try:
            yield
        except (self._pylon.GenericException, TypeError) as failure:
            raise DeviceError(f"{name} cannot be {what}{more} ({_words(failure)})") from failure


class PylonStream:
    """Buffers of pylon's grab engine, in the order in which they came."""

    def __init__(self, pylon: Any, camera: Any, features: PylonFeatures) -> None:
        self._pylon, self._camera, self._features = pylon, camera, features
        self._result: Any = None
        self._held: Any = None
        link = camera.GetDeviceInfo().GetDeviceClass()
        self.last_number = GIGE_LAST_NUMBER if link == "BaslerGigE" else None
        self._is_emulated = link == EMULATED
        self._chunks: tuple[str, ...] = ()
        self._statistics: Any = None
        self._nodes: dict[str, Any] = {}
        self._final: dict[str, int] = {}
        self.tick_hz = math.nan if self._is_emulated else self._tick_rate(link)

    def start(self, n_buffers: int) -> None:
        """Switch chunks on where there are any, and grab. Raises `DeviceError`."""
        self._enable_chunks()
        try:
            self._camera.MaxNumBuffer.SetValue(n_buffers)
            self._camera.StartGrabbing(self._pylon.GrabStrategy_OneByOne)
        except self._pylon.GenericException as failure:
            raise DeviceError(f"the camera cannot start: {_words(failure)}") from failure
        self._statistics = self._camera.GetStreamGrabberNodeMap()
        self._nodes.clear()

    def take(self, timeout_s: float) -> Buffer | None:
        """Return the next buffer. Raises `DeviceLost`."""
        try:
            result = self._camera.RetrieveResult(
                round(timeout_s * 1000), self._pylon.TimeoutHandling_Return
            )
            if result.IsValid():
                self._result = result
                return self._buffer(result)
            is_gone = self._camera.IsCameraDeviceRemoved()
        except self._pylon.GenericException as failure:
            raise DeviceLost(_words(failure)) from failure
        if is_gone:
            raise DeviceLost("it was unplugged")
        return None

    def give_back(self) -> None:
        """Let pylon fill the buffer again."""
        self._held = None
        if self._result is not None:
            self._result.Release()
            self._result = None

    def trigger(self, timeout_s: float) -> bool:
        """Start one exposure; pylon loses a trigger for which the camera is not ready."""
        try:
            if not self._camera.WaitForFrameTriggerReady(
                round(timeout_s * 1000), self._pylon.TimeoutHandling_Return
            ):
                return False
            self._camera.ExecuteSoftwareTrigger()
        except self._pylon.GenericException as failure:
            raise DeviceLost(_words(failure)) from failure
        return True

    def backlog(self) -> Backlog:
        """Pylon's filled buffers, and its count of frames without one."""
        n_overruns = self._statistic("Statistic_Buffer_Underrun_Count")
        return Backlog(self._camera.NumReadyBuffers.GetValue(), n_overruns)

    def counts(self) -> dict[str, int]:
        """Pylon's statistics, by its own names, and what waits."""
        if self._final or self._statistics is None:
            return self._final
        names = (
            *("Statistic_Total_Buffer_Count", "Statistic_Failed_Buffer_Count"),
            *("Statistic_Buffer_Underrun_Count", "Statistic_Failed_Packet_Count"),
            *("Statistic_Resend_Request_Count", "Statistic_Resend_Packet_Count"),
        )
        counts = {name.removeprefix("Statistic_").lower(): self._statistic(name) for name in names}
        return counts | {"unread": self.backlog().n_waiting}

    def stop(self) -> None:
        """Stop grabbing. Raises `DeviceError`."""
        self.give_back()
        self._final = self.counts()
        try:
            self._camera.StopGrabbing()
        except self._pylon.GenericException as failure:
            raise DeviceError(f"the camera cannot stop: {_words(failure)}") from failure

    def _buffer(self, result: Any) -> Buffer:
        number = int(result.GetBlockID())
        if not result.GrabSucceeded():
            words = result.GetErrorDescription().strip().rstrip(".")
            return Buffer(number, words or "it was not grabbed", _EMPTY, 0, 0, 0, "")
        self._held = memory = result.GetMemoryView()
        return Buffer(
            number,
            "",
            np.frombuffer(memory, np.uint8),
            result.GetWidth(),
            result.GetHeight(),
            result.GetPaddingX(),
            self._format,
            tick=None if self._is_emulated else self._chunk(result, "Timestamp", result.TimeStamp),
            exposures=self._exposures(result),
        )

    @functools.cached_property
    def _format(self) -> str:
        """Cannot change while it grabs."""
        return str(self._features.get("PixelFormat"))

    def _enable_chunks(self) -> None:
        """Let the camera write its time and its count of exposures behind each picture."""
        features = self._features
        if not features.has("ChunkModeActive") or self._is_emulated:
            return
        features.set("ChunkModeActive", value=True)
        if features.has("ChunkSelector"):
            offered = features.choices("ChunkSelector")
            self._chunks = tuple(name for name in CHUNKS if name in offered)
            for name in self._chunks:
                features.set("ChunkSelector", name)
                features.set("ChunkEnable", value=True)

    def _chunk(self, result: Any, name: str, otherwise: int | None) -> int | None:
        if name not in self._chunks:
            return otherwise
        node = getattr(result, f"Chunk{name}", None)
        with suppress(self._pylon.GenericException, AttributeError):
            return int(node.Value) if node is not None else otherwise
        return otherwise

    def _exposures(self, result: Any) -> int | None:
        """The sensor's own count; of GigE cameras alone is it known to count exposures."""
        return self._chunk(result, "Framecounter", None)

    def _statistic(self, name: str) -> int:
        if name not in self._nodes:
            self._nodes[name] = self._statistics.GetNode(name)
        with suppress(self._pylon.GenericException, AttributeError):
            return int(self._nodes[name].GetValue())
        return 0

    def _tick_rate(self, link: str) -> float:
        """GigE cameras say it; USB cameras count nanoseconds (Basler's documentation)."""
        if self._features.has("GevTimestampTickFrequency"):
            return float(self._features.get("GevTimestampTickFrequency"))
        return 1e9 if link == "BaslerUsb" else math.nan
