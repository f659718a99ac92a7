"""What a session does for its control socket."""

from concurrent.futures import Future
from typing import Protocol

from tracker.control.description import Facts
from tracker.session_status import Status
from tracker.stimuli import PulseTrain, StimulusRow


class Handler(Protocol):
    """What a session does for the control socket; called by the control thread.

    Every method returns at once: while it runs nobody can disarm. Each may raise `TrackerError`,
    and so may the futures: it was not done, and the text goes to whoever asked.
    """

    def arm(self, by: str) -> "Future[None]":
        """Begin to let stimuli through; done when `status().armed_by` is not None."""

    def disarm(self, why: str) -> None:
        """Let nothing through from now on, and bring every output low."""

    def stimulate(
        self, output: str, train: PulseTrain, by: str, not_after_ns: int
    ) -> "Future[StimulusRow]":
        """Ask the interlocks for a pulse train; it is late after `not_after_ns`.

        The result is what became of it.
        """

    def mark(self, text: str, by: str) -> None:
        """Write a line into the log."""

    def film(self, by: str, *, on: bool) -> str:
        """Start or stop the video; the result says in words what happens."""

    def change(self, behaviour: str, place: int, to: float, by: str) -> "Future[str]":
        """Move a threshold before the next frame; the result says what was done."""

    def status(self) -> Status:
        """How the session is doing."""

    def describe(self) -> Facts:
        """What the session is."""

    def stop(self, by: str) -> None:
        """Ask for the end of the session; it ends after this has returned."""
