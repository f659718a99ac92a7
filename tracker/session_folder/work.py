"""What the recorder's thread is busy with, and how long: the encoder, or the disk."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from tracker.types import Fate

BUSY_SHARE = 0.5
"""Part of a time from which on something counts as the cause of a loss in it."""


class Busy(StrEnum):
    """What takes the recorder's time."""

    ENCODER = "encoder"
    DISK = "disk"

    @property
    def fate(self) -> Fate:
        """Of frames that were lost to it."""
        return Fate.DISK_TOO_SLOW if self is Busy.DISK else Fate.ENCODER_TOO_SLOW


@dataclass(frozen=True, slots=True)
class Moment:
    """How long each had taken at one moment (ns)."""

    at_ns: int
    spent: Mapping[Busy, int]


class Work:
    """Sums up where time goes. Written by the recorder's thread, read by any.

    Times are those of the monotonic clock, since they measure the machine and not the session.
    """

    def __init__(self) -> None:
        self._spent = dict.fromkeys(Busy, 0)
        self._doing: tuple[Busy, int] | None = None

    @contextmanager
    def of(self, what: Busy) -> Iterator[None]:
        """Count the time inside as this; what is nested in it counts as its own."""
        outer, began_ns = self._doing, time.perf_counter_ns()
        if outer is not None:
            self._spent[outer[0]] += began_ns - outer[1]
        self._doing = (what, began_ns)
        try:
            yield
        finally:
            ended_ns = time.perf_counter_ns()
            self._spent[what] += ended_ns - self._doing[1]
            self._doing = None if outer is None else (outer[0], ended_ns)

    def so_far(self) -> Moment:
        """Return this moment, to ask later what took most of the time since."""
        now_ns, doing, spent = time.perf_counter_ns(), self._doing, dict(self._spent)
        if doing is not None:
            spent[doing[0]] += now_ns - doing[1]
        return Moment(now_ns, spent)

    def cause(self, since: Moment) -> Busy | None:
        """What took most of the time since then; None if neither did: something else ran."""
        now = self.so_far()
        spent = {what: now.spent[what] - since.spent[what] for what in Busy}
        most = max(spent, key=lambda what: spent[what])
        return most if spent[most] >= BUSY_SHARE * (now.at_ns - since.at_ns) else None

    @property
    def waits_for(self) -> tuple[Busy | None, float]:
        """What it is busy with right now, and for how many seconds without a break."""
        doing = self._doing
        if doing is None:
            return None, 0.0
        return doing[0], (time.perf_counter_ns() - doing[1]) / 1e9
