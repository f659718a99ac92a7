"""One thread at a time has a device, and once it was made safe or lost nobody begins anything.

in use ──make_safe, or DeviceLost in a turn──▶ over: every line low, until it is opened anew
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tracker.errors import DeviceError, DeviceLost

LOCK_S = 0.1
"""How long `make_safe` waits for a turn; whoever has it brings every line low at its end then."""

_MADE_SAFE = "it was made safe"


class Turns:
    """From the opening of a device to its closing. Any thread.

    Args:
        go_low: Brings every line low, whatever they are believed to be; never raises. Called once,
            by whoever's turn it is.
    """

    def __init__(self, go_low: Callable[[], None]) -> None:
        self._go_low = go_low
        self._lock = threading.Lock()
        self._why = ""
        self._is_lost = False
        self._is_low = False

    @property
    def is_over(self) -> bool:
        """Whether it was made safe, or lost."""
        return bool(self._why)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Have the device for oneself; if it is over at the end, every line is low."""
        with self._lock:
            try:
                yield
            except DeviceLost as failure:
                if not self._why:
                    self._why, self._is_lost = str(failure), True
                raise
            finally:
                self._low_if_over()

    def must_go_on(self) -> None:
        """Refuse to go on if it is over.

        Raises:
            DeviceLost: If the device was lost.
            DeviceError: If it was made safe.
        """
        self.must_be_there()
        if self._why:
            raise DeviceError(f"{self._why}: open it again")

    def must_be_there(self) -> None:
        """Refuse to go on if the device was lost; having been made safe is no fault.

        Raises:
            DeviceLost: If it was.
        """
        if self._is_lost:
            raise DeviceLost(f"{self._why}: open it again")

    def make_safe(self) -> None:
        """Bring every line low; it is over. Never raises."""
        self._why = self._why or _MADE_SAFE
        if self._lock.acquire(timeout=LOCK_S):
            try:
                self._low_if_over()
            finally:
                self._lock.release()

    def _low_if_over(self) -> None:
        if self._why and not self._is_low:
            self._is_low = True
            self._go_low()
