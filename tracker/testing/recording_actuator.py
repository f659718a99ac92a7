"""An actuator that keeps what it was told, and fails when a test wants it to."""

import threading
from collections.abc import Mapping, Sequence

from tracker.actuators.base import ActuatorInfo
from tracker.clock import Clock
from tracker.errors import DeviceError
from tracker.stimuli import Edge, LineLimits, Order, Receipt

PAUSE_S = 0.002
"""How long `tend` waits if there are no edges to hand out."""


class RecordingActuator:
    """Keeps `tracker.actuators.base.Actuator`.

    Args:
        lines: What its device would have to enforce.
        clock: Stamps receipts.
        levels: Whether it says that it can hold levels.

    Attributes:
        measured: What it says that it has found out.
        told: Every order that it took, the first one first.
        calls: Names of all calls but `tend`, in order.
        fed: Whether the loop was alive, at each `tend`.
        edges: Handed out, and emptied, by the next `tend`.
        failure: Raised by the next `open`, `apply` or `tend`, once.
    """

    def __init__(
        self, lines: Mapping[str, LineLimits], clock: Clock, *, levels: bool = True
    ) -> None:
        self._levels = levels
        self.measured: Mapping[str, object] = {}
        self._lines = dict(lines)
        self._clock = clock
        self._is_open = False
        self._never = threading.Event()
        self.told: list[Order] = []
        self.calls: list[str] = []
        self.fed: list[bool] = []
        self.edges: list[Edge] = []
        self.failure: DeviceError | None = None

    @property
    def info(self) -> ActuatorInfo:
        """What it is. Raises `DeviceError` when closed."""
        self._check()
        return ActuatorInfo(
            "recording",
            tuple(self._lines),
            acknowledges=False,
            dead_man_s=None,
            levels=self._levels,
            measured=self.measured,
        )

    def open(self) -> None:
        """Open, or fail as the test wants."""
        self.calls.append("open")
        self._fail()
        self._is_open = True

    def apply(self, order: Order) -> Receipt:
        """Keep the order, or fail as the test wants."""
        self._check()
        self.calls.append("apply")
        self._fail()
        self.told.append(order)
        return Receipt(self._clock.now_ns())

    def tend(self, *, alive: bool) -> Sequence[Edge]:
        """Hand out the edges that the test has put in."""
        self._check()
        self.fed.append(alive)
        self._fail()
        edges, self.edges = self.edges, []
        if not edges:
            self._never.wait(PAUSE_S)
        return edges

    def make_safe(self) -> None:
        """Note that it was called."""
        self.calls.append("make_safe")

    def close(self) -> None:
        """Note that it was called."""
        if self._is_open:
            self.make_safe()
        self.calls.append("close")
        self._is_open = False

    def _fail(self) -> None:
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure

    def _check(self) -> None:
        if not self._is_open:
            raise DeviceError("the actuator is closed: call open() first")
