"""What one output did, does and would do, and which of its limits that would exceed."""

from collections import deque
from dataclasses import dataclass, field

from tracker.dose_store import Dose
from tracker.limits import Limits
from tracker.session_status import OutputStatus
from tracker.stimuli import Action, Arm, PulseTrain, Refusal, StimulusCommand

MINUTE_NS = 60_000_000_000

NO_GAP_US = 1000
"""Pulses that are closer to each other than this are one pulse."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a command would do. Times are ns on the session clock.

    Attributes:
        train: The pulses.
        start_ns: Start of the first pulse.
        end_ns: End of the last one.
        stretch_ns: Longest time on without a gap; of a level, from the first one in a row on.
        stretch_start_ns: Start of the train, or of the first level in a row.
        is_level: A level is held.
        goes_on: It takes the place of a level that is still held.
    """

    train: PulseTrain
    start_ns: int
    end_ns: int
    stretch_ns: int
    stretch_start_ns: int
    is_level: bool
    goes_on: bool

    @classmethod
    def of(cls, command: StimulusCommand, track: "Track", now_ns: int) -> "Plan":
        """Return what a command would do if it were carried out now."""
        train = command.train
        if train is None:
            raise ValueError(f"{command.stimulus_id} has no train")
        is_level = command.action is Action.LEVEL
        if is_level:  # a device begins it at once, and holds it for one width
            train = PulseTrain(train.width_us, train.width_us, level=train.level)
        start_ns = now_ns + train.delay_us * 1000
        end_ns = start_ns + train.length_us * 1000
        goes_on = is_level and track.holds_level(now_ns, is_sham=command.arm is Arm.SHAM)
        stretch_start_ns = track.plan.stretch_start_ns if goes_on and track.plan else start_ns
        if is_level:
            stretch_ns = end_ns - stretch_start_ns
        elif train.n_pulses > 1 and train.period_us - train.width_us < NO_GAP_US:
            stretch_ns = train.length_us * 1000
        else:
            stretch_ns = train.width_us * 1000
        return cls(train, start_ns, end_ns, stretch_ns, stretch_start_ns, is_level, goes_on)

    @property
    def dose_ns(self) -> int:
        """Nanoseconds on, times level: whole numbers add up exactly."""
        return round(self.train.on_us * 1000 * self.train.level)

    def on_ns_until(self, at_ns: int) -> int:
        """Time on from the start until a moment."""
        gone_us = max(0, min(at_ns, self.end_ns) - self.start_ns) / 1000
        n_full = min(int(gone_us // self.train.period_us), self.train.n_pulses)
        rest_us = gone_us - n_full * self.train.period_us
        part_us = min(rest_us, self.train.width_us) if n_full < self.train.n_pulses else 0.0
        return round((n_full * self.train.width_us + part_us) * 1000)


def exceeds(plan: Plan, track: "Track", limits: Limits, now_ns: int) -> tuple[Refusal, str] | None:
    """Which limit of the output a plan would exceed."""
    longest_ms = plan.stretch_ns / 1e6
    if longest_ms > limits.longest_pulse_ms:
        return (
            Refusal.PULSE_TOO_LONG,
            f"{longest_ms:g} ms on at a stretch, allowed are {limits.longest_pulse_ms:g} ms",
        )
    train = plan.train
    if train.n_pulses > 1 and train.width_us > limits.duty_cycle * train.period_us:
        share = train.width_us / train.period_us
        return (
            Refusal.DUTY_CYCLE,
            f"on for {share:.0%} of the train, allowed are {limits.duty_cycle:.0%}",
        )
    if not plan.goes_on and plan.start_ns < track.rest_until_ns:
        wait_s = (track.rest_until_ns - now_ns) / 1e9
        return Refusal.REFRACTORY, f"{wait_s:.3f} s too soon after the stimulus before it"
    spans = (
        (Refusal.DOSE_PER_MINUTE, track.minute_ns(now_ns), limits.dose_s_per_minute, "a minute"),
        (Refusal.DOSE_PER_SESSION, track.session_ns, limits.dose_s_per_session, "this session"),
    )
    unspent_ns = track.unspent_ns(now_ns) if plan.goes_on else 0
    for refusal, booked_ns, limit_s, span in spans:
        had_ns = booked_ns - unspent_ns
        if had_ns + plan.dose_ns > round(limit_s * 1e9):
            return (
                refusal,
                f"{had_ns / 1e9:.2f} s in {span} and {plan.dose_ns / 1e9:.2f} s more would exceed "
                f"{limit_s:g} s",
            )
    return None


@dataclass(slots=True)
class _Booking:
    """A dose that counts until a minute after its end."""

    end_ns: int
    dose_ns: int


@dataclass(slots=True)
class Track:
    """What one output did and does.

    Attributes:
        plan: What goes on, or was the last; None: nothing, or it was ended before its time.
        booked_utc_ns: When that was booked in the file (UTC); None: it is not there, being sham.
        is_cut: The line was made safe since, so that nothing goes on any more.
        rest_until_ns: Before this nothing new may start.
        rest_before_ns: The same, as it was before what goes on.
        session_ns: Dose of this session (ns on, times level).
        bookings: Doses that still count for the last minute.
    """

    plan: Plan | None = None
    booked_utc_ns: int | None = None
    is_cut: bool = False
    rest_until_ns: int = 0
    rest_before_ns: int = 0
    session_ns: int = 0
    bookings: deque[_Booking] = field(default_factory=deque)

    def remember(self, minute_ns: int, rest_until_ns: int) -> None:
        """Count what the animal got before the session: its dose of a minute, and its rest."""
        self.bookings.append(_Booking(0, minute_ns))
        self.rest_until_ns = rest_until_ns

    def holds_level(self, now_ns: int, *, is_sham: bool) -> bool:
        """Whether a level is on that another one, sham or not, may take the place of."""
        if self.plan is None or self.is_cut or is_sham != (self.booked_utc_ns is None):
            return False
        return self.plan.is_level and now_ns < self.plan.end_ns

    def begin(self, plan: Plan, limits: Limits, utc_ns: int, *, is_sham: bool) -> None:
        """What was planned was let through."""
        self.plan, self.booked_utc_ns, self.is_cut = plan, None if is_sham else utc_ns, False
        self.rest_before_ns = self.rest_until_ns
        self.session_ns += plan.dose_ns
        self.bookings.append(_Booking(plan.end_ns, plan.dose_ns))
        on_ns = plan.stretch_ns if plan.is_level else plan.train.on_us * 1000
        self._rest(plan.stretch_start_ns, plan.end_ns, on_ns, limits)

    def end(self, at_ns: int, limits: Limits) -> Dose | None:
        """Nothing goes on any more; return what of it was booked in the file and not delivered."""
        plan = self.plan
        if plan is None or at_ns >= plan.end_ns:
            return None
        unspent, unspent_ns = self.unspent(at_ns), self.unspent_ns(at_ns)
        self.session_ns -= unspent_ns
        self.bookings[-1].dose_ns -= unspent_ns
        self.bookings[-1].end_ns = at_ns
        on_ns = plan.on_ns_until(at_ns)
        if plan.is_level:
            on_ns = at_ns - plan.stretch_start_ns
        self.rest_until_ns = self.rest_before_ns
        self._rest(plan.stretch_start_ns, at_ns, on_ns, limits)
        self.plan = None
        return unspent

    def unspent(self, at_ns: int) -> Dose | None:
        """What is booked in the file, and would not be delivered if what goes on ended now."""
        unspent_ns = self.unspent_ns(at_ns)
        if self.booked_utc_ns is None or not unspent_ns:
            return None
        return Dose(self.booked_utc_ns, unspent_ns)

    def unspent_ns(self, at_ns: int) -> int:
        """What would not be delivered if what goes on ended now."""
        if self.plan is None:
            return 0
        spent_ns = round(self.plan.on_ns_until(at_ns) * self.plan.train.level)
        return max(0, self.plan.dose_ns - spent_ns)

    def minute_ns(self, now_ns: int) -> int:
        """Dose of all that went on within the last minute, or will."""
        since_ns = now_ns - MINUTE_NS
        return sum(booking.dose_ns for booking in self.bookings if booking.end_ns > since_ns)

    def forget(self, now_ns: int) -> None:
        """Let go of what does not count for the last minute any more."""
        while self.bookings and self.bookings[0].end_ns <= now_ns - MINUTE_NS:
            self.bookings.popleft()

    def status(self, limits: Limits, now_ns: int) -> OutputStatus:
        """What views may know."""
        return OutputStatus(
            dose_s={"minute": self.minute_ns(now_ns) / 1e9, "session": self.session_ns / 1e9},
            limit_s={
                "minute": limits.dose_s_per_minute,
                "session": limits.dose_s_per_session,
                "day": limits.dose_s_per_day,
            },
            ready_in_s=max(0.0, (self.rest_until_ns - now_ns) / 1e9),
        )

    def _rest(self, start_ns: int, end_ns: int, on_ns: int, limits: Limits) -> None:
        """Rest until the refractory time is over, and the time on is a small enough share.

        Without either there is still a gap, so that two stimuli do not become one long pulse.
        """
        by_duty_ns = start_ns + round(on_ns / limits.duty_cycle)
        by_time_ns = end_ns + max(round(limits.refractory_s * 1e9), NO_GAP_US * 1000)
        self.rest_until_ns = max(self.rest_until_ns, by_duty_ns, by_time_ns)
