"""What every actuator promises; tests/contracts/test_actuator_contract.py holds them to it.

An actuator's life, in which no line is high but between `apply` and `make_safe`:

    closed ──open──▶ open, lines low ──apply──▶ ... ──make_safe──▶ lines low ──close──▶ closed
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tracker.stimuli import Edge, Order, Receipt


@dataclass(frozen=True, slots=True)
class ActuatorInfo:
    """What an open actuator says of itself.

    Attributes:
        name: Driver and device, for a person, e.g. "stimulus_box COM3, firmware 1.0".
        lines: Names of the lines that it was opened with.
        acknowledges: True if receipts tell when the device did it, False if when it was told.
        dead_man_s: After so long without the program the device itself goes low; None: it stays
            as it is, so that wiring has to make it safe.
        levels: True if it can hold levels between 0 and 1.
        measured: What it has found out since it was opened, JSON-ready: how its clock stands to the
            session's, and what went wrong on the way to it.
    """

    name: str
    lines: tuple[str, ...]
    acknowledges: bool
    dead_man_s: float | None
    levels: bool
    measured: Mapping[str, object] = field(default_factory=dict)


class Actuator(Protocol):
    """Carries out what the interlocks let through. Making one opens nothing.

    `open`, `apply` and `close` are called by one thread at a time (`apply` by the pipeline's),
    `tend` by the actuator's own thread, over and over, at the same time as `apply`; `make_safe`
    by any thread at any time.
    """

    @property
    def info(self) -> ActuatorInfo:
        """What it is. Raises `DeviceError` when closed."""

    def open(self) -> None:
        """Take hold of the device, with every line low. Does nothing if it is open.

        Raises:
            DeviceNotFound: If it is not there, or another program has it.
            DeviceError: If it is there and not what it should be.
            MissingExtra: If its driver is not installed.
        """

    def apply(self, order: Order) -> Receipt:
        """Carry out one order, which takes the place of whatever the line does now.

        Returns within 50 ms, and does not wait for the train to end. `train` is None for `STOP`.

        Raises:
            DeviceLost: If the device did not take it; every line is low then, or will be
                within `dead_man_s`.
            DeviceError: If it is closed, or refused the order; it says why.
        """

    def tend(self, *, alive: bool) -> Sequence[Edge]:
        """Say that the loop is alive, if it is, and return the edges reported since the last call.

        Returns within 20 ms. Without a device of its own clock: wait a little, return nothing.

        Raises:
            DeviceLost: If the device stopped answering, or went safe by itself; it says why.
        """

    def make_safe(self) -> None:
        """Bring every line low, as far as the device can be reached. Never raises, any thread.

        Twice does no harm, closed neither.
        """

    def close(self) -> None:
        """Bring every line low and let go of the device. Never raises; twice does no harm."""
