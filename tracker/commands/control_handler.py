"""What a control process does for people who ask at its own control socket."""

from collections.abc import Callable
from concurrent.futures import Future

from tracker.control.description import Facts
from tracker.errors import ConfigError
from tracker.remote_control import RemoteControl
from tracker.session_status import OutputStatus, Status
from tracker.stimuli import PulseTrain, StimulusRow


class RemoteControlHandler:
    """What a control process does for people at its own control socket.

    Keeps `tracker.control.handler.Handler`.

    Args:
        control: Running.
        stop: Called when a person asks for the end.
    """

    def __init__(self, control: RemoteControl, stop: Callable[[], None]) -> None:
        self._control = control
        self._stop = stop

    def arm(self, by: str) -> "Future[None]":
        """Begin to let stimuli through."""
        self._control.note("info", f"the outputs are being armed by {by}")
        return self._control.arm(by)

    def disarm(self, why: str) -> None:
        """Let nothing through, and bring every output low."""
        self._control.loop.disarm(why)
        self._control.note("info", f"the outputs were disarmed: {why}")

    def stimulate(
        self, output: str, train: PulseTrain, by: str, not_after_ns: int
    ) -> "Future[StimulusRow]":
        """Ask the interlocks for a pulse train."""
        return self._control.loop.request(output, train, by, not_after_ns)

    def mark(self, text: str, by: str) -> None:
        """Write a line into the log."""
        self._control.note("mark", f"{text} ({by})")

    def film(self, by: str, *, on: bool) -> str:
        """Refuse: the video is the session's. Raises `ConfigError`."""
        del by, on
        raise ConfigError("the video is made by the session: ask at its own control socket")

    def change(self, behaviour: str, place: int, to: float, by: str) -> "Future[str]":
        """Refuse: rules are the session's. Raises `ConfigError`."""
        del place, to, by
        raise ConfigError(f"{behaviour} is told by the session: ask at its own control socket")

    def describe(self) -> Facts:
        """Only which outputs it has."""
        return Facts(subject="", outputs=tuple(self._control.loop.status.outputs))

    def status(self) -> Status:
        """How its outputs are doing."""
        now = self._control.loop.status
        outputs: dict[str, OutputStatus] = dict(now.outputs)
        return Status(
            state="running",
            armed_by=now.armed_by,
            disarmed_why=now.disarmed_why,
            outputs=outputs,
            stimuli=dict(now.counts),
        )

    def stop(self, by: str) -> None:
        """Ask for the end."""
        self._control.note("info", f"{by} asked for the end")
        self._stop()
