"""What passes between controllers, interlocks and actuators, in the order a stimulus meets it.

Times ending in `_ns` are integer nanoseconds on the session clock; `_us` are microseconds, of a
pulse train or of a device's own clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True)
class PulseTrain:
    """What an output is to do, timed by the device: whole microseconds throughout.

        delay │ width │  gap  │ width │  gap  │ width │
        ──────▔▔▔▔▔▔▔▔▁▁▁▁▁▁▁▁▔▔▔▔▔▔▔▔▁▁▁▁▁▁▁▁▔▔▔▔▔▔▔▔▁▁
              │◀─── period ──▶│

    Attributes:
        width_us: Length of one pulse.
        period_us: From the start of one pulse to that of the next; `width_us` or more.
        n_pulses: How many, 1 or more.
        delay_us: From the command to the start of the first pulse.
        level: 0 (off) to 1 (all of it); outputs that know only on and off take 0.5 and more as on.
        ramp_us: Time in which the level of the whole train rises from 0, and falls to 0 at its end.

    Raises:
        ValueError: If a value is out of its range, or the ramps are longer than the train.
    """

    width_us: int
    period_us: int
    n_pulses: int = 1
    delay_us: int = 0
    level: float = 1.0
    ramp_us: int = 0

    def __post_init__(self) -> None:
        if not (1 <= self.width_us <= self.period_us and self.n_pulses >= 1):
            raise ValueError(
                f"{self.n_pulses} pulses of {self.width_us} us every {self.period_us} us: expected "
                f"at least one pulse of at least 1 us, and no period shorter than a pulse"
            )
        if self.delay_us < 0 or not 0 <= self.level <= 1:
            raise ValueError(
                f"delay {self.delay_us} us, level {self.level}: expected 0 or more, and 0 to 1"
            )
        if not 0 <= 2 * self.ramp_us <= self.length_us:
            raise ValueError(
                f"two ramps of {self.ramp_us} us do not fit into a train of {self.length_us} us"
            )

    @property
    def length_us(self) -> int:
        """From the start of the first pulse to the end of the last one."""
        return (self.n_pulses - 1) * self.period_us + self.width_us

    @property
    def on_us(self) -> int:
        """Time that the output is on, all pulses together."""
        return self.n_pulses * self.width_us


class Action(StrEnum):
    """What is asked of an output."""

    TRAIN = "train"
    """Begin a pulse train, in place of whatever the output does now."""

    LEVEL = "level"
    """Hold a level for at most as long as one pulse of `train`, in place of what it does now."""

    STOP = "stop"
    """Go low now. Never refused."""


class Arm(StrEnum):
    """To which part of an experiment a stimulus is allocated."""

    REAL = "real"
    """It is delivered."""

    SHAM = "sham"
    """Everything but the delivery: nothing reaches the output."""

    YOKED = "yoked"
    """It is delivered, with the train that another animal got."""


@dataclass(frozen=True, slots=True)
class StimulusCommand:
    """What a controller asks for, before the interlocks have judged it.

    Everything in it follows from frames, settings and seed: a replay asks for the same.

    Attributes:
        stimulus_id: Unique in the session, "<controller>/<n>" from 1; "manual/<n>" by hand.
        controller: Who asks; "manual" for a person.
        output: Name of an output of the experiment.
        action: What it is to do.
        train: The pulses; for `LEVEL` one pulse: its level, and how long it may hold; None for
            `STOP`.
        arm: What it is allocated to; None: hidden until the session is unblinded.
        trigger: Why: an episode's id, "state:<name>", "feature:<name>", or a person's name.
        values: Features and scores that the rule looked at.
        frame_index: `Frame.index` of the frame that it follows from; None by hand.
        captured_ns: When that frame was taken (ns); None by hand.
    """

    stimulus_id: str
    controller: str
    output: str
    action: Action
    train: PulseTrain | None
    arm: Arm | None = Arm.REAL
    trigger: str = ""
    values: Mapping[str, float] = field(default_factory=dict)
    frame_index: int | None = None
    captured_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """A command that was let through, as an actuator gets it.

    Attributes:
        line: The actuator's own name of the line.
        action: What the line is to do.
        train: As in `StimulusCommand`.
        stimulus_id: As in `StimulusCommand`; "" if it belongs to none.
        captured_ns: As in `StimulusCommand`.
    """

    line: str
    action: Action
    train: PulseTrain | None = None
    stimulus_id: str = ""
    captured_ns: int | None = None


class Refusal(StrEnum):
    """Why the interlocks did not let a command through."""

    NOT_ARMED = "not_armed"
    """Nobody has armed the session, or a fault or a person has disarmed it."""

    LATE = "late"
    """Its deadline, counted from when the frame was taken, had passed."""

    FRAME_UNUSABLE = "frame_unusable"
    """The frame could not be judged: the network abstained."""

    IDENTITY_UNCERTAIN = "identity_uncertain"
    """It is not certain enough that the animal is the one it is for."""

    PULSE_TOO_LONG = "pulse_too_long"
    """A pulse would last longer than the output may be on at a stretch."""

    DUTY_CYCLE = "duty_cycle"
    """It would be on for too large a share of the time."""

    REFRACTORY = "refractory"
    """The stimulus before it ended too short a time ago, or is still going on."""

    DOSE_PER_MINUTE = "dose_per_minute"
    """The output would be on for too long within one minute."""

    DOSE_PER_SESSION = "dose_per_session"
    """The output would be on for too long within this session."""

    DOSE_PER_DAY = "dose_per_day"
    """The animal would get too much within 24 hours, over all sessions."""

    NO_YOKED_TRAIN = "no_yoked_train"
    """The other animal got no further stimulus."""


class Delivery(StrEnum):
    """What became of a stimulus command."""

    DELIVERED = "delivered"
    """The actuator has acknowledged it (or was handed it, if it cannot acknowledge)."""

    SHAM = "sham"
    """It passed every interlock and was, by allocation, not delivered."""

    REFUSED = "refused"
    """An interlock did not let it through; `Refusal` says which."""

    LATE = "late"
    """Its deadline had passed: suppressed."""

    FAILED = "failed"
    """The actuator did not do it: a fault, which disarms the session."""

    BLINDED = "blinded"
    """Delivered or sham: hidden until the session is unblinded."""


@dataclass(frozen=True, slots=True)
class LineLimits:
    """What a device itself has to enforce on one of its lines, whatever the program says.

    Attributes:
        longest_us: Longest time that the line may be high at a stretch.
        least_gap_us: Shortest time between the end of one train or level and the start of the
            next.
    """

    longest_us: int
    least_gap_us: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an actuator says of an order that it took.

    Attributes:
        acknowledged_ns: When the device carried it out, on the session clock: its own time
            mapped; or when the order was handed over, if the device does not acknowledge.
        device_us: The device's own time of it, in microseconds since it was opened; None if it
            has none.
        uncertainty_ns: How far `acknowledged_ns` may be off, either way (ns).
        confirmed: True if the device itself said so.
    """

    acknowledged_ns: int
    device_us: int | None = None
    uncertainty_ns: int = 0
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class Edge:
    """A change that a device reports of one of its pins.

    Attributes:
        line: Name of the output, or "input <n>"; an actuator gives its own name of the line.
        rising: True from low to high.
        device_us: The device's own time (microseconds since it was opened).
        at_ns: The same on the session clock.
        uncertainty_ns: How far `at_ns` may be off, either way (ns).
        stimulus_id: The stimulus that it belongs to; "" for inputs and for going safe.
    """

    line: str
    rising: bool
    device_us: int
    at_ns: int
    uncertainty_ns: int
    stimulus_id: str = ""


@dataclass(frozen=True, slots=True)
class StimulusRow:
    """What became of one stimulus command, from exposure to acknowledgement.

    Times are ns on the session clock; None for a stage that it never reached.

    Attributes:
        command: What was asked for.
        delivery: What became of it.
        refusal: Why it was refused or late; None if it was not.
        reason: The same in words, with the figures; "" if it was neither.
        received_ns: The program had the whole image.
        observed_ns: Its observation was finished.
        decided_ns: Its episodes were finished.
        commanded_ns: The order was handed to the actuator.
        acknowledged_ns: As in `Receipt`.
        device_us: As in `Receipt`.
        uncertainty_ns: As in `Receipt`.
        confirmed: As in `Receipt`.
        deadline_ns: Latest moment at which it would have been let through; None: no deadline.
        dose_s: What was booked: s on, times level.
    """

    command: StimulusCommand
    delivery: Delivery
    refusal: Refusal | None = None
    reason: str = ""
    received_ns: int | None = None
    observed_ns: int | None = None
    decided_ns: int | None = None
    commanded_ns: int | None = None
    acknowledged_ns: int | None = None
    device_us: int | None = None
    uncertainty_ns: int | None = None
    confirmed: bool = False
    deadline_ns: int | None = None
    dose_s: float = 0.0

    @property
    def moment_ns(self) -> int | None:
        """When it belongs on a time axis (ns); None if its row does not say.

        That is the exposure of the frame that it follows from, which delivered, sham and refused
        ones have alike; by hand it is when it was commanded.
        """
        at_ns = self.command.captured_ns
        return self.commanded_ns if at_ns is None else at_ns

    def blinded(self) -> "StimulusRow":
        """The same without what would give its arm away."""
        gone = self.refusal is Refusal.NO_YOKED_TRAIN  # only a yoked trial can lack its train
        hidden = gone or self.delivery in (Delivery.DELIVERED, Delivery.SHAM)
        return replace(
            self,
            command=replace(self.command, arm=None, train=None),
            delivery=Delivery.BLINDED if hidden else self.delivery,
            refusal=None if gone else self.refusal,
            reason="" if gone else self.reason,
            commanded_ns=None,
            acknowledged_ns=None,
            device_us=None,
            uncertainty_ns=None,
            confirmed=False,
            dose_s=0.0,
        )


def stimulus_fields(row: StimulusRow) -> dict[str, Any]:
    """Return the fields of a row and of its command by name, laid flat."""
    flat = {each.name: getattr(row.command, each.name) for each in fields(StimulusCommand)}
    flat |= {each.name: getattr(row, each.name) for each in fields(StimulusRow)}
    del flat["command"]
    return flat
