"""What devices have and the emulator has not: time stamps, counts of exposures, a wrapping link.

A stand-in plays pylon's camera, shaped after pypylon's samples of chunk data.
"""

from types import SimpleNamespace

import numpy as np
import pytest

from tracker.cameras.basler.stream import PylonStream
from tracker.errors import DeviceError, DeviceLost


class GenericException(Exception):
    pass


PYLON = SimpleNamespace(
    GenericException=GenericException, GrabStrategy_OneByOne=1, TimeoutHandling_Return=2
)


class Features:
    def __init__(self, **values):
        self.values, self.enabled = values, {}

    def has(self, name):
        return name in self.values or (name == "ChunkEnable" and "ChunkSelector" in self.values)

    def get(self, name):
        return self.values[name]

    def set(self, name, value):
        if name == "ChunkEnable":
            self.enabled[self.values["ChunkSelector"]] = value
        else:
            self.values[name] = value

    def choices(self, name):
        return ("Image", "Timestamp", "Framecounter", "Gain") if name == "ChunkSelector" else ()


class Result:
    def __init__(self, block_id, stamp, frame_counter):
        self.block_id, self.TimeStamp = block_id, stamp
        self.ChunkTimestamp = SimpleNamespace(Value=stamp + 1)
        self.ChunkFramecounter = SimpleNamespace(Value=frame_counter)
        self.n_released = 0

    def IsValid(self):  # noqa: N802 - pylon's names, here and below
        return True

    def GrabSucceeded(self):  # noqa: N802
        return True

    def GetBlockID(self):  # noqa: N802
        return self.block_id

    def GetMemoryView(self):  # noqa: N802
        return memoryview(np.zeros(24, np.uint8))

    def GetWidth(self):  # noqa: N802
        return 6

    def GetHeight(self):  # noqa: N802
        return 4

    def GetPaddingX(self):  # noqa: N802
        return 0

    def Release(self):  # noqa: N802
        self.n_released += 1


class Camera:
    def __init__(self, device_class, results):
        self.device_class, self.results, self.is_removed = device_class, results, False
        self.MaxNumBuffer = SimpleNamespace(SetValue=lambda n: None)
        self.NumReadyBuffers = SimpleNamespace(GetValue=lambda: 0)

    def GetDeviceInfo(self):  # noqa: N802
        return SimpleNamespace(GetDeviceClass=lambda: self.device_class)

    def StartGrabbing(self, strategy):  # noqa: N802
        if self.results is None:
            raise GenericException("Insufficient bandwidth. : RuntimeException thrown")

    def GetStreamGrabberNodeMap(self):  # noqa: N802
        values = {"Statistic_Buffer_Underrun_Count": 4}
        return SimpleNamespace(
            GetNode=lambda name: SimpleNamespace(GetValue=lambda: values.get(name, 0))
        )

    def RetrieveResult(self, timeout_ms, handling):  # noqa: N802
        if self.results:
            return self.results.pop(0)
        return SimpleNamespace(IsValid=lambda: False)

    def IsCameraDeviceRemoved(self):  # noqa: N802
        return self.is_removed


def stream_of(device_class, results, **features):
    there = Features(PixelFormat="Mono8", **features)
    camera = Camera(device_class, results)
    return PylonStream(PYLON, camera, there), there, camera


def test_chunk_data_gives_time_and_the_sensors_count():
    results = [Result(65535, 1000, 41)]
    stream, features, _ = stream_of(
        *("BaslerGigE", results),
        ChunkModeActive=False,
        ChunkSelector="Gain",
        GevTimestampTickFrequency=125_000_000,
    )
    stream.start(8)
    buffer = stream.take(1)
    assert features.values["ChunkModeActive"] is True
    assert features.enabled == {"Timestamp": True, "Framecounter": True}
    assert (buffer.number, buffer.tick, buffer.exposures) == (65535, 1001, 41)
    assert (stream.tick_hz, stream.last_number) == (125e6, 65535)


def test_without_chunk_data_the_links_time_stamp_is_taken():
    stream, _, _ = stream_of("BaslerUsb", [Result(3, 1000, 41)])
    stream.start(8)
    buffer = stream.take(1)
    assert (buffer.tick, buffer.exposures) == (1000, None)
    assert (stream.tick_hz, stream.last_number) == (1e9, None)


def test_underruns_are_pylons():
    stream, _, _ = stream_of("BaslerUsb", [])
    stream.start(8)
    assert (stream.backlog().n_waiting, stream.backlog().n_overruns) == (0, 4)


def test_a_buffer_is_released_once():
    result = Result(3, 1000, 41)
    stream, _, _ = stream_of("BaslerUsb", [result])
    stream.start(8)
    stream.take(1)
    stream.give_back()
    stream.give_back()
    assert result.n_released == 1


def test_a_camera_that_is_removed_is_lost():
    stream, _, camera = stream_of("BaslerUsb", [])
    stream.start(8)
    assert stream.take(1) is None
    camera.is_removed = True
    with pytest.raises(DeviceLost, match="it was unplugged"):
        stream.take(1)


def test_a_camera_that_does_not_start_says_why():
    stream, _, _ = stream_of("BaslerUsb", None)
    with pytest.raises(DeviceError, match=r"the camera cannot start: Insufficient bandwidth$"):
        stream.start(8)
