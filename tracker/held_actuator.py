"""An actuator in use, and not in use any more once it was made safe."""

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress

from tracker.actuators.base import Actuator
from tracker.errors import DeviceError
from tracker.stimuli import Edge, Order, Receipt

IDLE_S = 0.02
"""How long an actuator's thread waits while its actuator is not in use."""


class HeldActuator:
    """An actuator that may be used from `open` until it was made safe; then it is opened anew.

    Args:
        actuator: Closed.
    """

    def __init__(self, actuator: Actuator) -> None:
        self._actuator = actuator
        self._unused = threading.Event()  # never set: a wait that nothing ends early
        self.ready = False
        """Whether it may be used. Any thread may look."""
        self.levels = False
        """Whether it holds levels between 0 and 1, as it said when it was opened."""
        self.facts: dict[str, object] = {}
        """What it said of itself when it was opened, JSON-ready."""
        self.measured: list[Mapping[str, object]] = []
        """What it had found out whenever it was closed, JSON-ready."""

    def open(self) -> None:
        """Open it; raises as `Actuator.open`."""
        self._actuator.open()
        info = self._actuator.info
        self.levels = info.levels
        self.facts = {
            "name": info.name,
            "acknowledges": info.acknowledges,
            "dead_man_s": info.dead_man_s,
        }
        self.ready = True

    def reopen(self) -> None:
        """Close it and open it again, with its self-test; raises as `Actuator.open`."""
        self._let_go()
        self.open()

    def close(self) -> None:
        """Bring every line low and let go of it. Never raises."""
        self.ready = False
        self._let_go()

    def _let_go(self) -> None:
        with suppress(DeviceError):  # it is closed, or is not there any more
            if measured := self._actuator.info.measured:
                self.measured.append(measured)
        self._actuator.close()

    def make_safe(self) -> None:
        """Bring every line low; it is not used until it is opened again. Never raises."""
        self.ready = False
        self._actuator.make_safe()

    def apply(self, order: Order) -> Receipt:
        """Carry out an order, if it may be used; raises as `Actuator.apply`."""
        if not self.ready:
            raise DeviceError("it was made safe: arm the session again")
        return self._actuator.apply(order)

    def tend(self, *, alive: bool) -> Sequence[Edge]:
        """Look after it; raises as `Actuator.tend`, while it is in use.

        Once it was made safe: return what it still reports, such as the edges of going low.
        """
        try:
            return self._actuator.tend(alive=alive and self.ready)
        except DeviceError:
            if self.ready:
                raise
            self._unused.wait(IDLE_S)  # it was made safe, or closed
            return ()
