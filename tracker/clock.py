"""The session clock: nanoseconds since the session began, anchored once to UTC."""

import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time. Any thread may ask."""

    @property
    def anchor_utc_ns(self) -> int:
        """UTC at the clock's zero (ns since 1970-01-01)."""

    def now_ns(self) -> int:
        """Nanoseconds since the clock's zero; never goes back."""

    def wait_until(self, due_ns: int, timeout_s: float) -> bool:
        """Return True once `due_ns` has come, False if `timeout_s` passed before it did."""


class SystemClock:
    """The computer's monotonic clock. Stepping the wall clock does not move it."""

    def __init__(self) -> None:
        self._zero_ns = time.perf_counter_ns()
        self._anchor_utc_ns = time.time_ns()

    @property
    def anchor_utc_ns(self) -> int:
        """UTC when the clock was made (ns since 1970-01-01)."""
        return self._anchor_utc_ns

    def now_ns(self) -> int:
        """Nanoseconds since the clock was made."""
        return time.perf_counter_ns() - self._zero_ns

    def wait_until(self, due_ns: int, timeout_s: float) -> bool:
        """Sleep until `due_ns`, at most `timeout_s`."""
        wait_s = (due_ns - self.now_ns()) / 1e9
        if wait_s > timeout_s:
            time.sleep(timeout_s)
            return False
        if wait_s > 0:
            time.sleep(wait_s)
        return True
