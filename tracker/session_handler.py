"""What a session does for people who ask at its control socket."""

from concurrent.futures import Future

from tracker.closed_loop import ClosedLoop
from tracker.errors import ConfigError
from tracker.messages import Status
from tracker.session import Session
from tracker.stimuli import PulseTrain, StimulusRow


class SessionHandler:
    """Keeps `control.desk.Handler`; called by the control thread while the session runs.

    Args:
        session: Runs.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def arm(self, by: str) -> "Future[None]":
        """Begin to let stimuli through.

        Raises:
            ConfigError: If the experiment has no outputs.
        """
        self._session.note("info", "the outputs are being armed", by=by)
        return self._loop.arm(by)

    def disarm(self, why: str) -> None:
        """Let nothing through from now on, and bring every output low."""
        loop = self._session.loop
        if loop is not None:
            loop.disarm(why)
        self._session.note("info", f"the outputs were disarmed: {why}")

    def stimulate(
        self, output: str, train: PulseTrain, by: str, not_after_ns: int
    ) -> "Future[StimulusRow]":
        """Ask the interlocks for a pulse train.

        Raises:
            ConfigError: If the experiment has no such output.
        """
        return self._loop.request(output, train, by, not_after_ns)

    def mark(self, text: str, by: str) -> None:
        """Write a line into the log."""
        self._session.note("mark", text, by=by)

    def status(self) -> Status:
        """How the session is doing."""
        return self._session.wire_status

    def stop(self, by: str) -> None:
        """Ask for the end of the session."""
        self._session.note("info", "a person asked for the end", by=by)
        self._session.stop()

    @property
    def _loop(self) -> ClosedLoop:
        loop = self._session.loop
        if loop is None:
            raise ConfigError(
                "this experiment has no outputs: there is nothing to arm or to stimulate with "
                "(stimulation in its file)"
            )
        return loop
