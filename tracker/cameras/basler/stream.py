"""Pictures of a Basler camera."""

import functools
import math
from contextlib import suppress
from typing import Any

import numpy as np

from tracker.cameras.basler.features import PylonFeatures
from tracker.cameras.basler.load import EMULATED, words
from tracker.cameras.machine_vision.driver import Backlog, Buffer
from tracker.errors import DeviceError, DeviceLost

GIGE_LAST_NUMBER = 65535
"""Block ids of GigE Vision have 16 bits, and 0 is not used."""

CHUNKS = ("Timestamp", "Framecounter", "FrameID", "CounterValue")
"""What the camera may write behind each picture, by older and newer cameras' names."""

_EMPTY = np.empty(0, np.uint8)


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
            raise DeviceError(f"the camera cannot start: {words(failure)}") from failure
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
            raise DeviceLost(words(failure)) from failure
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
            raise DeviceLost(words(failure)) from failure
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
            raise DeviceError(f"the camera cannot stop: {words(failure)}") from failure

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
