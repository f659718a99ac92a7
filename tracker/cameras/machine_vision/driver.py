"""What is asked of a camera driver: the little that drivers do differently."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Value = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Identity:
    """Which camera it is, as it says itself."""

    vendor: str
    model: str
    serial: str


@dataclass(frozen=True, slots=True, eq=False)
class Buffer:
    """What the driver delivered for one frame, whole or not.

    Attributes:
        number: The link's count of frames; wraps as the stream says. None: what says it was lost.
        problem: In the driver's words why it cannot be used; "" if it is whole.
        data: uint8, 1-D: the driver's own memory, until it is given back. Empty if not whole.
        width: px.
        height: px.
        padding: Bytes behind each row.
        pixel_format: GenICam's name, e.g. "Mono8".
        tick: The camera's own time stamp; None if it has none.
        exposures: The sensor's count of exposures, where it has one beside `number`.
    """

    number: int | None
    problem: str
    data: NDArray[np.uint8]
    width: int
    height: int
    padding: int
    pixel_format: str
    tick: int | None = None
    exposures: int | None = None


@dataclass(frozen=True, slots=True)
class Backlog:
    """How far the reader is behind the driver.

    Attributes:
        n_waiting: Buffers that are filled and not taken.
        n_overruns: What the driver has counted, since it started, for lack of an empty buffer;
            frames or packets: it is only ever compared with itself.
    """

    n_waiting: int
    n_overruns: int


class Features(Protocol):
    """The camera's settings, by GenICam's names. Each call raises `DeviceError`."""

    def has(self, name: str) -> bool:
        """Whether there is such a feature and it can be used now."""

    def get(self, name: str) -> Value:
        """Return its value; enumerations as their entry's name."""

    def set(self, name: str, value: Value) -> None:
        """Ask for a value; what became of it is for `get` to say."""

    def choices(self, name: str) -> tuple[str, ...]:
        """Return the entries of an enumeration that can be chosen now."""

    def run(self, name: str) -> None:
        """Carry out a command."""


class Stream(Protocol):
    """Buffers that the camera fills."""

    @property
    def last_number(self) -> int | None:
        """After which `Buffer.number` begins again at 1; None: it never wraps."""

    @property
    def tick_hz(self) -> float:
        """Rate of `Buffer.tick` (1/s); NaN if not known, or there is none."""

    def start(self, n_buffers: int) -> None:
        """Let the camera send. Raises `DeviceError`."""

    def take(self, timeout_s: float) -> Buffer | None:
        """Return the next buffer, None if none came. Raises `DeviceLost`."""

    def give_back(self) -> None:
        """Let the driver fill the buffer last taken again; harmless without one."""

    def trigger(self, timeout_s: float) -> bool:
        """Start one exposure; False if the camera was not ready in time. Raises `DeviceLost`."""

    def backlog(self) -> Backlog:
        """How far the reader is behind."""

    def counts(self) -> dict[str, int]:
        """What the driver has counted since it started, by its own names, also when stopped.

        `unread` are the buffers that are filled and were not taken.
        """

    def stop(self) -> None:
        """Stop sending; twice does no harm."""


class Connection(Protocol):
    """An open camera."""

    @property
    def identity(self) -> Identity:
        """Which camera it is."""

    @property
    def features(self) -> Features:
        """Its settings."""

    @property
    def stream(self) -> Stream:
        """Its pictures."""

    def close(self) -> None:
        """Release it, whatever state it is in. Never raises."""


Connect = Callable[[], Connection]
"""Opens the camera; raises `DeviceNotFound`, or `MissingExtra` without the driver."""
