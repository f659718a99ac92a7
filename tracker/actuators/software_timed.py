"""An actuator whose device only switches: the program plays the trains, see `software_trains`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from tracker.actuators.base import ActuatorInfo
from tracker.actuators.software_trains import SoftwareTrains
from tracker.clock import Clock
from tracker.errors import DeviceError
from tracker.stimuli import Edge, LineLimits, Order, Receipt


class Device(Protocol):
    """An open device, every line low. `write` and `look` are called by one thread at a time."""

    @property
    def name(self) -> str:
        """What it is, for a person."""

    @property
    def modulated(self) -> frozenset[str]:
        """Lines that can hold levels between 0 and 1."""

    def write(self, line: str, level: float) -> None:
        """Set a line to a level; 0 is low, and lines that only switch get 0 and 1.

        Returns within 50 ms, and raises `DeviceLost` if the device cannot be told.
        """

    def look(self) -> None:
        """See whether it is still there, without waiting; raises `DeviceLost` if it is not."""

    def close(self) -> None:
        """Let go of it. Never raises."""


class SoftwareTimed:
    """Keeps `tracker.actuators.base.Actuator` over a device that only switches.

    Args:
        connect: Opens the device; raises as `Actuator.open`.
        lines: What each line has to keep; the program sees to it.
        clock: The session clock.
    """

    def __init__(
        self, connect: Callable[[], Device], lines: Mapping[str, LineLimits], clock: Clock
    ) -> None:
        self._connect = connect
        self._lines = dict(lines)
        self._clock = clock
        self._open: tuple[Device, SoftwareTrains] | None = None

    @property
    def info(self) -> ActuatorInfo:
        """What it is. Raises `DeviceError` when closed."""
        device, _ = self._opened()
        return ActuatorInfo(
            name=device.name,
            lines=tuple(self._lines),
            acknowledges=False,
            dead_man_s=None,
            levels=device.modulated.issuperset(self._lines),
        )

    @property
    def worst_late_ns(self) -> int:
        """By how much the latest edge so far came too late (ns). `DeviceError` when closed."""
        return self._opened()[1].worst_late_ns

    def open(self) -> None:
        """Take hold of the device, with every line low; see `Actuator.open`."""
        if self._open is None:
            device = self._connect()
            trains = SoftwareTrains(
                self._lines, device.write, self._clock, device.modulated, device.look
            )
            self._open = device, trains

    def apply(self, order: Order) -> Receipt:
        """Begin or end a train; see `SoftwareTrains.apply`."""
        device, trains = self._opened()
        try:
            return trains.apply(order)
        except DeviceError as failure:
            raise type(failure)(f"{device.name}: {failure}") from failure

    def tend(self, *, alive: bool) -> Sequence[Edge]:
        """Play what is due; nothing is reported, since the device says nothing."""
        device, trains = self._opened()
        try:
            trains.tend(alive=alive)
        except DeviceError as failure:
            raise type(failure)(f"{device.name}: {failure}") from failure
        return ()

    def make_safe(self) -> None:
        """Bring every line low, until it is opened anew. Never raises, any thread."""
        opened = self._open
        if opened is not None:
            opened[1].make_safe()

    def close(self) -> None:
        """Bring every line low and let go of the device. Never raises; twice does no harm."""
        opened, self._open = self._open, None
        if opened is not None:
            device, trains = opened
            trains.make_safe()
            device.close()

    def _opened(self) -> tuple[Device, SoftwareTrains]:
        if self._open is None:
            raise DeviceError("the actuator is closed: call open() first")
        return self._open
