"""Follows another clock while a session runs, and says how it stands to the session's."""

import threading
from collections.abc import Callable

from tracker.actuators.stimulus_box.device_clock import DeviceClock
from tracker.clock import Clock
from tracker.clocks.base import Look, OtherClock
from tracker.errors import DeviceError, DeviceNotFound

LOOK_EVERY_S = 1.0
LOOKS = 5
"""Looks at a time: the one that took the shortest counts."""

LINE_EVERY_NS = 60_000_000_000
"""How often a line of the log says how the clocks stand; also after the first look."""

Note = Callable[..., None]
"""Takes a level, a text, and facts by name: `Session.note`."""


class ClockFeed:
    """A clock's place on the session clock, from looks at it; used by a thread of its own.

    Every two looks bound the rate, and each the offset: what is stated holds as long as that
    clock runs evenly for half a minute (see `DeviceClock`). A clock that stops answering does not
    end the session: it is said in the log, and tried again.

    Args:
        name: Of the clock.
        other: The clock, not connected.
        clock: The session clock.
        every_s: How often it is looked at.
    """

    def __init__(
        self, name: str, other: OtherClock, clock: Clock, every_s: float = LOOK_EVERY_S
    ) -> None:
        self.name = name
        self._other = other
        self._clock = clock
        self._every_s = every_s
        self._waking = threading.Event()
        self._note: Note = _nobody
        self._is_open = False
        self._first_us = 0
        self._device: DeviceClock | None = None
        self._last: Look | None = None
        self._line_due_ns = 0
        self.n_looks = 0
        """Looks that were answered."""
        self.n_losses = 0
        """How often it stopped answering."""

    def open(self, note: Note, /) -> None:
        """Connect, and look once.

        Args:
            note: Whom to tell, from other threads too.

        Raises:
            DeviceNotFound: If it is not there.
            DeviceError: If it does not answer.
        """
        self._note = note
        self._waking.clear()
        self._other.open()
        self._is_open = True
        if not self._look():
            self.close()
            raise DeviceNotFound(f"clock {self.name}: it is connected and does not answer")

    def step(self) -> bool:
        """Wait a little and look again; always True."""
        self._waking.wait(self._every_s)
        if self._waking.is_set():
            return True
        try:
            if not self._is_open:
                self._other.open()
                self._is_open = True
            if self._look():
                self._tell_if_due()
        except DeviceError as failure:
            self._lost(failure)
        return True

    def close(self) -> None:
        """Disconnect; twice does no harm."""
        self._waking.set()
        self._is_open = False
        self._other.close()

    @property
    def facts(self) -> dict[str, object]:
        """What session.json says of it: how its time stands to the session's, and how sure."""
        if self._device is None or self._last is None:
            return {"n_looks": 0, "n_losses": self.n_losses}
        fit = self._device.fit
        at_ns, uncertainty_ns = self._device.at(self._last.theirs_us)
        return {
            "theirs_us": self._last.theirs_us,
            "at_ns": at_ns,
            "uncertainty_ns": uncertainty_ns,
            "drift_ppm": fit.drift * 1e6,
            "drift_error_ppm": fit.drift_error * 1e6,
            "residual_ns": fit.residual_ns,
            "n_looks": self.n_looks,
            "n_steps": self._device.n_steps,
            "n_losses": self.n_losses,
        }

    def _look(self) -> bool:
        """Look some times and take in the quickest; False if it did not answer."""
        looks = [look for _ in range(LOOKS) if (look := self._other.look()) is not None]
        if not looks:
            return False
        best = min(looks, key=lambda look: look.heard_ns - look.asked_ns)
        if self._device is None:
            self._device = DeviceClock(best.theirs_us)
        self._device.add(best.asked_ns, best.theirs_us, best.heard_ns)
        self._last = best
        self.n_looks += 1
        return True

    def _tell_if_due(self) -> None:
        now_ns = self._clock.now_ns()
        if now_ns >= self._line_due_ns:
            self._line_due_ns = now_ns + LINE_EVERY_NS
            self._note("info", f"clock {self.name}", **self.facts)

    def _lost(self, failure: DeviceError) -> None:
        if self._is_open:
            self.n_losses += 1
            self._line_due_ns = 0
            self._note("warning", f"clock {self.name} is lost, and tried again: {failure}")
        self._is_open = False
        self._other.close()


def _nobody(*_told: object, **_facts: object) -> None:
    """Nobody is told before `open`."""
