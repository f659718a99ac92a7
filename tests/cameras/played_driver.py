"""A camera driver that plays what a test has written down: no device, no library."""

import math
from dataclasses import dataclass, field

import numpy as np

from tracker.cameras.machine_vision.driver import Backlog, Buffer, Identity
from tracker.errors import DeviceError, DeviceLost, DeviceNotFound
from tracker.types import Frame

SIZE = (6, 4)
"""Width and height (px) of every picture."""


def whole(number, *, tick=None, exposures=None, value=0, pixel_format="Mono8"):
    """A buffer of frame `number`, all of whose pixels have one value."""
    data = np.full(SIZE[0] * SIZE[1], value, np.uint8)
    return Buffer(number, "", data, *SIZE, 0, pixel_format, tick, exposures)


def broken(number):
    return Buffer(number, "missing packets", np.empty(0, np.uint8), 0, 0, 0, "")


@dataclass
class Overrun:
    """The driver counts that it had no buffer, while `n_waiting` were filled."""

    n_waiting: int


@dataclass
class Later:
    """Time passes before the next entry."""

    by_ns: int


@dataclass
class Device:
    """What is plugged in.

    Attributes:
        script: What each `take` gives: a buffer, None for a time-out, an error; before it,
            `Overrun`, `Later`.
        features: Value by name.
        rounds_to: What a feature really takes when it is asked for, by name.
        is_there: Whether it can be opened.
        clock: Moved by `Later`; None: nothing is.
    """

    script: list
    features: dict = field(
        default_factory=lambda: {
            "PixelFormat": "Mono8",
            "Width": SIZE[0],
            "Height": SIZE[1],
            "OffsetX": 0,
            "OffsetY": 0,
            "ExposureTime": 5000.0,
            "Gain": 0.0,
            "AcquisitionFrameRate": 100.0,
            "TriggerMode": "Off",
            "TriggerSource": "Line1",
            "TriggerActivation": "RisingEdge",
        }
    )
    rounds_to: dict = field(default_factory=dict)
    formats: tuple = ("Mono8", "Mono12", "BayerRG8")
    selectors: tuple = ("FrameStart",)
    is_there: bool = True
    last_number: int | None = None
    tick_hz: float = math.nan
    clock: object = None
    asked: list = field(default_factory=list)
    n_opened: int = 0
    n_open: int = 0
    n_triggers: int = 0
    n_failing_starts: int = 0
    ready_for_trigger: bool = True

    def connect(self):
        if not self.is_there:
            raise DeviceNotFound("no camera is there")
        self.n_opened += 1
        self.n_open += 1
        return Connection(self)


class Connection:
    identity = Identity("Maker", "Model", "123")

    def __init__(self, device):
        self.device = device
        self.features = Features(device)
        self.stream = Stream(device)

    def close(self):
        self.device.n_open -= 1


class Features:
    def __init__(self, device):
        self._device = device

    def has(self, name):
        return name in self._device.features

    def get(self, name):
        return self._device.features[name]

    def set(self, name, value):
        if name not in self._device.features:
            raise DeviceError(f"the camera has no feature {name}: check its spelling")
        self._device.asked.append((name, value))
        self._device.features[name] = self._device.rounds_to.get(name, value)

    def choices(self, name):
        offered = {"PixelFormat": self._device.formats, "TriggerSelector": self._device.selectors}
        return offered.get(name, ())

    def run(self, name):
        self._device.asked.append((name, None))


class Stream:
    def __init__(self, device):
        self._device = device
        self.last_number, self.tick_hz = device.last_number, device.tick_hz
        self._n_overruns, self._n_waiting = 0, 0
        self._is_out = False
        self.is_running = False

    def start(self, n_buffers):
        if self._device.n_failing_starts:
            self._device.n_failing_starts -= 1
            raise DeviceError("the camera cannot start: no bandwidth")
        self.is_running = True

    def take(self, timeout_s):
        assert not self._is_out, "a buffer was taken before the last one was given back"
        while self._device.script:
            entry = self._device.script.pop(0)
            match entry:
                case Later(by_ns=by_ns):
                    self._device.clock.advance(by_ns)
                case DeviceLost():
                    raise entry
                case None:
                    break
                case _:
                    self._is_out = True
                    return entry
        self._device.clock.advance(round(timeout_s * 1e9))
        return None

    def give_back(self):
        self._is_out = False

    def trigger(self, timeout_s):
        self._device.n_triggers += self._device.ready_for_trigger
        return self._device.ready_for_trigger

    def backlog(self):
        script = self._device.script
        if script and isinstance(script[0], Overrun):
            self._n_waiting = script.pop(0).n_waiting
            self._n_overruns += 1
        return Backlog(self._n_waiting, self._n_overruns)

    def counts(self):
        return {"overruns": self._n_overruns, "unread": len(self._device.script)}

    def stop(self):
        self.is_running = False


def told(entries):
    """Frames by index, gaps as first, last and cause."""
    return [
        entry.index
        if isinstance(entry, Frame)
        else entry and (entry.first_index, entry.last_index, str(entry.cause))
        for entry in entries
    ]


def read(camera, n, timeout_s=0.1):
    return [camera.read(timeout_s) for _ in range(n)]
