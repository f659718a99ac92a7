"""Follows a session while it runs: how the loop does, told to listeners twice a second."""

from collections.abc import Callable, Sequence

from tracker import session_status
from tracker.closed_loop import ClosedLoop
from tracker.health import LoopHealth
from tracker.machine import Load, Machine
from tracker.session_parts import Parts, fit_of
from tracker.types import LedgerRow

STATUS_EVERY_NS = 500_000_000
"""How often listeners are told how the session is doing."""

DOSES_EVERY_NS = 1_000_000_000
"""How often doses are forced onto the disk: what a power cut may lose."""


CLOCK_AFTER_NS, CLOCK_EVERY_NS = 10_000_000_000, 60_000_000_000
"""When the log first says how the camera's clock stands, and how often from then on."""


class Reporting:
    """Takes rows on the recorder's thread, and tells listeners on that of the watch.

    So listeners also hear of a recorder that stands still.

    Args:
        parts: Of the session.
        loop: Its outputs; None if it has none.
        status: How the session is doing, as listeners are told.
        note: `Session.note`.
    """

    def __init__(
        self,
        parts: Parts,
        loop: ClosedLoop | None,
        status: Callable[[], session_status.Status],
        note: Callable[..., None],
    ) -> None:
        self._parts = parts
        self._loop = loop
        self._status = status
        self._note = note
        self._status_due_ns = self._doses_due_ns = 0
        self._clock_due_ns = parts.clock.now_ns() + CLOCK_AFTER_NS
        self.health = LoopHealth()
        self.load = Load()
        self.machine: Machine | None = None
        """Set before the first call."""

    def __call__(self, rows: Sequence[LedgerRow]) -> None:
        """Take in rows that the ledger has finished. Recorder's thread."""
        self.health.update(rows)

    def tell(self) -> None:
        """Offer listeners a status, keep doses, log the camera's clock, each when it is due.

        Thread of the watch.

        Raises:
            TrackerError: If doses cannot be kept.
        """
        now_ns, publisher = self._parts.clock.now_ns(), self._parts.publisher
        if now_ns >= self._status_due_ns:
            self._status_due_ns = now_ns + STATUS_EVERY_NS
            if self.machine is not None:
                self.load = self.machine.look()
            if publisher is not None:
                publisher.offer_status(self._status())
        if self._loop is not None and now_ns >= self._doses_due_ns:
            self._doses_due_ns = now_ns + DOSES_EVERY_NS
            self._loop.interlocks.keep_doses()
        if now_ns >= self._clock_due_ns:
            self._clock_due_ns = now_ns + CLOCK_EVERY_NS
            fit = fit_of(self._parts.camera)
            if fit is not None:
                self._note("info", "clock of the camera", **fit.as_facts())
