"""A session for the control socket that only writes down what it was asked for."""

from concurrent.futures import Future

from tracker.control.description import Facts
from tracker.session_status import Status
from tracker.stimuli import (
    Action,
    Delivery,
    PulseTrain,
    Refusal,
    StimulusCommand,
    StimulusRow,
)


class RecordingHandler:
    """Keeps `tracker.control.handler.Handler`; used by one thread.

    Args:
        slow: True: what takes time is done only by `finish_arming` and `finish_stimulus`.

    Attributes:
        asked: What was asked for, in order: name of the method and its arguments.
        armed_by: Who has armed; None: nobody.
        fails_with: Raised by every method but `status`, if not None.
    """

    def __init__(self, *, slow: bool = False) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.armed_by: str | None = None
        self.fails_with: Exception | None = None
        self._disarmed_why = ""
        self._slow = slow
        self._arming: list[tuple[str, Future[None]]] = []
        self._stimuli: list[tuple[StimulusCommand, Future[StimulusRow]]] = []

    def arm(self, by: str) -> "Future[None]":
        """Arm, now or by `finish_arming`."""
        self._write_down("arm", by)
        future: Future[None] = Future()
        self._arming.append((by, future))
        if not self._slow:
            self.finish_arming()
        return future

    def disarm(self, why: str) -> None:
        """Disarm."""
        self._write_down("disarm", why)
        self.armed_by, self._disarmed_why = None, why

    def stimulate(
        self, output: str, train: PulseTrain, by: str, not_after_ns: int
    ) -> "Future[StimulusRow]":
        """Deliver if it is armed, now or by `finish_stimulus`."""
        self._write_down("stimulate", output, train, by, not_after_ns)
        future: Future[StimulusRow] = Future()
        stimulus_id = f"manual/{len(self._stimuli) + 1}"
        command = StimulusCommand(stimulus_id, "manual", output, Action.TRAIN, train, trigger=by)
        self._stimuli.append((command, future))
        if not self._slow:
            self.finish_stimulus()
        return future

    def mark(self, text: str, by: str) -> None:
        """Only write it down."""
        self._write_down("mark", text, by)

    def film(self, by: str, *, on: bool) -> str:
        """Only write it down."""
        self._write_down("film", by, on)
        return "the video begins with the next frame" if on else "the video ends"

    def change(self, behaviour: str, place: int, to: float, by: str) -> "Future[str]":
        """Write it down; it is done at once."""
        self._write_down("change", behaviour, place, to, by)
        future: Future[str] = Future()
        future.set_result(f"{behaviour} changed to {to:g}")
        return future

    def describe(self) -> Facts:
        """A mouse called m12, and nothing else."""
        return Facts(subject="m12")

    def status(self) -> Status:
        """It runs, and is armed or not."""
        return Status(state="running", armed_by=self.armed_by, disarmed_why=self._disarmed_why)

    def stop(self, by: str) -> None:
        """Only write it down."""
        self._write_down("stop", by)

    def finish_arming(self, failure: Exception | None = None) -> None:
        """Finish the newest `arm`."""
        by, future = self._arming[-1]
        if failure is not None:
            future.set_exception(failure)
            return
        self.armed_by = by
        future.set_result(None)

    def finish_stimulus(self) -> None:
        """Finish the newest `stimulate`: delivered, or refused if it is not armed."""
        command, future = self._stimuli[-1]
        if self.armed_by is None:
            row = StimulusRow(
                command, Delivery.REFUSED, refusal=Refusal.NOT_ARMED, reason="nobody has armed"
            )
        else:
            row = StimulusRow(
                command,
                Delivery.DELIVERED,
                commanded_ns=1_000_000,
                acknowledged_ns=2_500_000,
                uncertainty_ns=50_000,
                confirmed=True,
            )
        future.set_result(row)

    def _write_down(self, *asked: object) -> None:
        self.asked.append(asked)
        if self.fails_with is not None:
            raise self.fails_with
