"""A camera as a maker's driver sees it: features with ranges, frames that a test writes down."""

from dataclasses import dataclass, field

import numpy as np

WIDTH, HEIGHT = 8, 6


@dataclass
class Number:
    """An integer or a float, by the type of its value."""

    value: float
    least: float
    most: float
    step: float = 0.0

    def set(self, value):
        if not self.least <= value <= self.most:
            raise ValueError(f"{value} is out of range")
        self.value = (
            self.least + int((value - self.least) / self.step) * self.step if self.step else value
        )


@dataclass
class Choice:
    value: str
    entries: tuple

    def set(self, value):
        if value not in self.entries:
            raise ValueError(f"{value} is no entry")
        self.value = value


@dataclass
class Command:
    n_run: int = 0


@dataclass
class Text:
    value: str


def features():
    return {
        "Width": Number(WIDTH, 1, 2048),
        "Height": Number(HEIGHT, 1, 2048),
        "OffsetX": Number(0, 0, 2048),
        "OffsetY": Number(0, 0, 2048),
        "PixelFormat": Choice("Mono8", ("Mono8", "Mono12", "BayerRG8")),
        "ExposureTime": Number(5000.0, 10.0, 1e6),
        "ExposureAuto": Choice("Continuous", ("Off", "Once", "Continuous")),
        "Gain": Number(0.0, 0.0, 48.0),
        "AcquisitionMode": Choice("SingleFrame", ("SingleFrame", "Continuous")),
        "AcquisitionFrameRate": Number(30.0, 1.0, 500.0),
        "TriggerMode": Choice("Off", ("On", "Off")),
        "TriggerSource": Choice("Line0", ("Software", "Line0", "Line1")),
        "TriggerActivation": Choice("RisingEdge", ("RisingEdge", "FallingEdge")),
        "TriggerSoftware": Command(),
        "DeviceFirmwareVersion": Text("1.2.3"),
    }


@dataclass
class Picture:
    """A frame that the camera sends; of one that is not whole, `problem` says why."""

    number: int
    tick: int = 0
    problem: str = ""
    value: int = 0

    @property
    def data(self):
        return np.full(WIDTH * HEIGHT, self.value, np.uint8)


class Unplugged(Exception):
    pass


@dataclass
class MakerDevice:
    """What is plugged in: each read takes one entry of the script; None is a time-out."""

    script: list = field(default_factory=list)
    serial: str = "20012345"
    features: dict = field(default_factory=features)
    statistics: dict = field(default_factory=dict)
    is_gige: bool = False
    is_in_use: bool = False
    is_open: bool = False
    n_buffers: int | None = None
    n_lent: int = 0
    """Buffers that the program holds; must never pass 1."""
