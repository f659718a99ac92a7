"""May this command be carried out now? Every refusal has a reason.

The checks have one order, and the first that fails refuses: armed, frame usable, identity,
deadline, length of a pulse, duty cycle, refractory time, dose per minute, per session, per animal
and day. What is let through is booked before the actuator is told, so that a program that dies in
between has counted too much and never too little.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass

from tracker.dose_store import Dose, DoseStore
from tracker.errors import RecordingError
from tracker.limits import Limits
from tracker.output_track import Plan, Track, exceeds
from tracker.session_status import OutputStatus
from tracker.stimuli import Action, Arm, Refusal, StimulusCommand

STOP_TAKES_NS = 20_000_000
"""A line counts as on for so much longer than its stop was asked for."""

NEVER_ARMED = "nobody has armed it yet"


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known of the frame that a command follows from.

    Attributes:
        usable: False if the network abstained.
        identity: Confidence (0 to 1) that the animal is the one it is for.
        captured_ns: When the frame was taken (ns); None for a person, who is not asked any of it.
    """

    usable: bool
    identity: float
    captured_ns: int | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the interlocks say of one command.

    Attributes:
        refusal: Why it is not let through; None if it is.
        reason: The same in words, with what was found and what is allowed.
        deadline_ns: Latest moment at which it would have been let through; None: any.
        dose_s: What was booked (s on, times level).
    """

    refusal: Refusal | None = None
    reason: str = ""
    deadline_ns: int | None = None
    dose_s: float = 0.0


class Interlocks:
    """Judges commands. `judge` is called by one thread; the rest by any.

    Args:
        outputs: Limits by output.
        doses: What animals got before.
        subject: The animal.
        anchor_utc_ns: UTC at zero of the session clock: a wall clock that is set has no effect
            within a session.

    Raises:
        RecordingError: If it cannot be known what the animal got before.
    """

    def __init__(
        self, outputs: Mapping[str, Limits], doses: DoseStore, *, subject: str, anchor_utc_ns: int
    ) -> None:
        self._limits = dict(outputs)
        self._doses = doses
        self._subject = subject
        self._anchor_utc_ns = anchor_utc_ns
        self._tracks = {name: self._track(name) for name in outputs}
        self._now_ns = 0
        self._mutex = threading.Lock()
        self._armed_by: str | None = None
        self._disarmed_why = NEVER_ARMED

    @property
    def armed_by(self) -> str | None:
        """Who has armed; None: nobody, or it was disarmed since."""
        return self._armed_by

    @property
    def disarmed_why(self) -> str:
        """Why it is not armed, in words; "" while it is."""
        return self._disarmed_why

    def arm(self, by: str) -> None:
        """Let stimuli through from now on."""
        with self._mutex:
            self._armed_by, self._disarmed_why = by, ""

    def disarm(self, why: str) -> None:
        """Let nothing through from now on. The first reason is kept until it is armed again."""
        with self._mutex:
            if self._armed_by is not None or self._disarmed_why == NEVER_ARMED:
                self._armed_by, self._disarmed_why = None, why
                for track in self._tracks.values():
                    track.is_cut = True

    def judge(self, command: StimulusCommand, now_ns: int, situation: Situation) -> Judgement:
        """Say whether a command may be carried out now, and book it if so.

        Args:
            command: Of one of the outputs.
            now_ns: The present moment (ns); one before the last is taken for the last one.
            situation: Of the frame that it follows from.
        """
        self._now_ns = now_ns = max(self._now_ns, now_ns)
        track, limits = self._tracks[command.output], self._limits[command.output]
        with self._mutex:
            track.forget(now_ns)
            if command.action is Action.STOP:
                if command.arm is not Arm.SHAM or track.booked_utc_ns is None:
                    self._end(command.output, now_ns + STOP_TAKES_NS)
                return Judgement()  # a sham stop does not reach a line that is on
            deadline_ns = _deadline_ns(limits, situation)
            refused = self._objection(command, now_ns, situation, deadline_ns)
            if refused is None and command.train is not None:
                plan = Plan.of(command, track, now_ns)
                refused = exceeds(plan, track, limits, now_ns)
                if refused is None:
                    return self._book(command, plan, now_ns, deadline_ns)
            refusal, reason = refused or (Refusal.NO_YOKED_TRAIN, "there is no train to be given")
            return Judgement(refusal, reason, deadline_ns)

    def keep_doses(self) -> None:
        """Force the doses onto the disk; about once a second, any thread.

        Raises:
            RecordingError: If that fails.
        """
        self._doses.checkpoint()

    def close(self) -> None:
        """Let go of the file of doses; nothing is let through any more."""
        self._doses.close()

    def state(self, now_ns: int) -> dict[str, OutputStatus]:
        """Return doses and limits of each output, for views; sham counts as real in them."""
        with self._mutex:
            return {
                name: track.status(self._limits[name], now_ns)
                for name, track in self._tracks.items()
            }

    def _track(self, output: str) -> Track:
        """A track that begins with what the animal got just before the session."""
        track, limits = Track(), self._limits[output]
        about = self._subject, output
        had_ns = self._doses.had_ns(*about, self._anchor_utc_ns, span_minutes=1)
        last_utc_ns, rest_ns = self._doses.last_utc_ns(*about), round(limits.refractory_s * 1e9)
        if (
            last_utc_ns is not None
        ):  # and not later than the session's zero, whatever the clocks say
            track.remember(had_ns, min(rest_ns, last_utc_ns - self._anchor_utc_ns + rest_ns))
        return track

    def _objection(
        self,
        command: StimulusCommand,
        now_ns: int,
        situation: Situation,
        deadline_ns: int | None,
    ) -> tuple[Refusal, str] | None:
        """What has nothing to do with the train itself."""
        limits = self._limits[command.output]
        if self._armed_by is None:
            return Refusal.NOT_ARMED, f"not armed: {self._disarmed_why}"
        if situation.captured_ns is None:
            return None
        if not situation.usable:
            return Refusal.FRAME_UNUSABLE, "the network abstained from judging this frame"
        if not situation.identity >= limits.min_identity:  # NaN is not enough either
            return (
                Refusal.IDENTITY_UNCERTAIN,
                f"identity is certain to {situation.identity:.2f}, "
                f"expected {limits.min_identity:.2f} or more",
            )
        if deadline_ns is not None and now_ns > deadline_ns:
            late_ms = (now_ns - situation.captured_ns) / 1e6
            return (
                Refusal.LATE,
                f"{late_ms:.1f} ms after exposure, the deadline is {limits.deadline_ms:g} ms",
            )
        return None

    def _book(
        self, command: StimulusCommand, plan: "Plan", now_ns: int, deadline_ns: int | None
    ) -> Judgement:
        output, limits = command.output, self._limits[command.output]
        utc_ns, until_utc_ns = self._anchor_utc_ns + now_ns, self._anchor_utc_ns + plan.end_ns
        track = self._tracks[output]
        if command.arm is not Arm.SHAM:
            try:
                day_s = limits.dose_s_per_day
                limit_ns = None if day_s is None else round(day_s * 1e9)
                dose = Dose(until_utc_ns, plan.dose_ns)
                unspent = track.unspent(now_ns) if plan.goes_on else None
                had_ns = self._doses.book(
                    self._subject, output, utc_ns, dose, limit_ns, instead_of=unspent
                )
            except RecordingError as failure:
                return Judgement(Refusal.DOSE_PER_DAY, str(failure), deadline_ns)
            if had_ns is not None:
                reason = (
                    f"{self._subject} has had {had_ns / 1e9:.2f} s in 24 hours, and "
                    f"{plan.dose_ns / 1e9:.2f} s more would exceed {limits.dose_s_per_day:g} s"
                )
                return Judgement(Refusal.DOSE_PER_DAY, reason, deadline_ns)
        if plan.goes_on:
            track.end(now_ns, limits)
        track.begin(plan, limits, until_utc_ns, is_sham=command.arm is Arm.SHAM)
        return Judgement(deadline_ns=deadline_ns, dose_s=plan.dose_ns / 1e9)

    def _end(self, output: str, at_ns: int) -> None:
        """What goes on ends before its time: give back what was not delivered."""
        unspent = self._tracks[output].end(at_ns, self._limits[output])
        if unspent is not None:
            try:
                self._doses.give_back(self._subject, output, unspent)
            except RecordingError:
                return  # then the animal counts as having had more than it did


def _deadline_ns(limits: Limits, situation: Situation) -> int | None:
    if limits.deadline_ms is None or situation.captured_ns is None:
        return None
    return situation.captured_ns + round(limits.deadline_ms * 1e6)
