"""What a session does for people who ask at its control socket."""

from concurrent.futures import Future
from dataclasses import asdict

from msgspec.structs import replace

from tracker.behaviours.base import Term
from tracker.cameras.options import options_of
from tracker.changes import Change
from tracker.closed_loop import ClosedLoop
from tracker.control import description
from tracker.control.description import Facts
from tracker.errors import ConfigError
from tracker.session import Session
from tracker.session_status import Status
from tracker.stimuli import PulseTrain, StimulusRow


class SessionHandler:
    """Keeps `control.handler.Handler`; called by the control thread while the session runs.

    Args:
        session: Runs.
        facts: What is known of it before it starts.
    """

    def __init__(self, session: Session, facts: Facts) -> None:
        self._session = session
        self._facts = facts

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

    def film(self, by: str, *, on: bool) -> str:
        """Start or stop the video; return in words what happens.

        Raises:
            ConfigError: If the experiment does not let people do that.
        """
        filming = self._session.parts.filming
        if filming is None:
            whole = self._session.parts.video
            raise ConfigError(
                f"the video {'runs from start to end' if whole else 'is switched off'}: to start "
                f"and stop it while a session runs, set outputs.recording.by_hand: true"
            )
        return filming.ask(by, on=on)

    def change(self, behaviour: str, place: int, to: float, by: str) -> "Future[str]":
        """Move a threshold before the next frame."""
        return self._session.changes.ask(Change(behaviour, place, to, by))

    def describe(self) -> Facts:
        """What the session is, thresholds as they are now."""
        parts, status = self._session.parts, self._session.wire_status
        terms = parts.pipeline.terms
        behaviours = {
            name: replace(known, terms=tuple(map(_described, terms[name])))
            for name, known in self._facts.behaviours.items()
        }
        info = parts.camera.info
        return replace(
            self._facts,
            behaviours=behaviours,
            began_ns=self._session.began_ns,
            fps=info.fps,
            camera_options=tuple(
                description.CameraOption(**asdict(each)) for each in options_of(parts.camera)
            ),
            live=info.live,
            image_shape=status.image_shape,
            keypoints=status.keypoints,
            edges=status.edges,
            features=dict(parts.pipeline.units),
            provider=status.provider,
            publisher=parts.publisher.address if parts.publisher else None,
            preview=parts.preview.address if parts.preview else None,
        )

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


def _described(term: Term) -> description.Term:
    return description.Term(
        feature=term.feature,
        side="above" if term.is_above else "below",
        threshold=term.threshold,
        softness=term.softness,
        can_change=term.can_change,
    )
