"""What following another clock needs of it."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a clock: it stood at `theirs_us` somewhere between two times of the session.

    Attributes:
        theirs_us: Whole microseconds of its own time, rounded down.
        asked_ns: Before it was read (ns).
        heard_ns: After it was read (ns).
    """

    theirs_us: int
    asked_ns: int
    heard_ns: int


class OtherClock(Protocol):
    """A clock that can be read; used by one thread at a time. `open`, `close` may come twice."""

    def open(self) -> None:
        """Connect. Raises `DeviceNotFound`, or `MissingExtra`."""

    def look(self) -> Look | None:
        """Read it once; None if it did not answer in time. Raises `DeviceLost`."""

    def close(self) -> None:
        """Disconnect. Never raises."""
