"""The clock of the Lab Streaming Layer on this computer, which its recorders bring others onto."""

from typing import Any, Literal

from tracker.actuators.lsl import load_pylsl
from tracker.clock import Clock
from tracker.clocks.base import Look
from tracker.settings import Settings


class LslClockSettings(Settings):
    """`local_clock()` of this computer: what streams made here are stamped with."""

    kind: Literal["lsl"] = "lsl"


class LslClock:
    """Keeps `OtherClock`.

    Args:
        settings: There is nothing to set.
        clock: The session clock.
    """

    def __init__(self, settings: LslClockSettings, clock: Clock) -> None:
        del settings
        self._clock = clock
        self._pylsl: Any = None

    def open(self) -> None:
        """Load LSL. Raises `MissingExtra`, or `DeviceNotFound` without its library."""
        self._pylsl = load_pylsl("a clock of kind lsl")

    def look(self) -> Look | None:
        """Read it once; takes microseconds."""
        asked_ns = self._clock.now_ns()
        seconds = self._pylsl.local_clock()
        return Look(int(seconds * 1e6), asked_ns, self._clock.now_ns())

    def close(self) -> None:
        """Nothing is held."""
