"""A pulse train as a line carries it out, and whether the line may begin it.

The rules are those of the stimulus box (docs/stimulus_box.md, "What it guarantees by itself"), for
devices that have none of their own.
"""

from dataclasses import dataclass

from tracker.errors import DeviceError
from tracker.stimuli import Action, LineLimits, Order

LEAST_LEVEL = 1 / 255
"""Of a train that is on: its ramps begin and end there."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A train on the session clock (ns); pulses without a gap between them are one.

    Attributes:
        stimulus_id: What it belongs to.
        level: 0 to 1.
        begin_ns: When its first pulse begins.
        width_ns: Of a pulse.
        period_ns: From the start of one pulse to that of the next.
        n: Pulses.
        ramp_ns: Time in which the level rises at first, and falls at last.
    """

    stimulus_id: str
    level: float
    begin_ns: int
    width_ns: int
    period_ns: int
    n: int
    ramp_ns: int

    @property
    def end_ns(self) -> int:
        """When its last pulse ends."""
        return self.begin_ns + (self.n - 1) * self.period_ns + self.width_ns

    @property
    def gap_ns(self) -> int:
        """Between two pulses."""
        return self.period_ns - self.width_ns

    def is_on(self, at_ns: int) -> bool:
        """Return whether the line is to be high; the end of a pulse belongs to the gap."""
        if not self.begin_ns <= at_ns < self.end_ns:
            return False
        return (at_ns - self.begin_ns) % self.period_ns < self.width_ns

    def level_at(self, at_ns: int) -> float:
        """Return the level of a pulse at some moment of the train."""
        inside_ns = min(at_ns - self.begin_ns, self.end_ns - at_ns)
        if self.ramp_ns == 0 or inside_ns >= self.ramp_ns:
            return self.level
        return max(LEAST_LEVEL, self.level * max(0, inside_ns) / self.ramp_ns)


def plan_of(order: Order, now_ns: int) -> Plan:
    """Return what an order other than `STOP` asks for.

    Raises:
        DeviceError: If it has no train.
    """
    train, is_level = order.train, order.action is Action.LEVEL
    if train is None:
        raise DeviceError(f"{order.stimulus_id}: {order.action} without a train: nothing was done")
    is_one = train.width_us == train.period_us
    n = 1 if is_level else train.n_pulses
    width_us = train.width_us * n if is_one else train.width_us
    return Plan(
        stimulus_id=order.stimulus_id,
        level=train.level,
        begin_ns=now_ns + (0 if is_level else train.delay_us * 1000),
        width_ns=width_us * 1000,
        period_ns=(width_us if is_one else train.period_us) * 1000,
        n=1 if is_one else n,
        ramp_ns=0 if is_level else train.ramp_us * 1000,
    )


@dataclass(slots=True)
class LineState:
    """What a line does, and has done.

    Attributes:
        limits: What it has to keep.
        plan: The train that runs, or waits for its delay.
        high_since_ns: Since when it is high at a stretch; None: it is low.
        ended_ns: When its last train ended; None: it had none.
    """

    limits: LineLimits
    plan: Plan | None = None
    high_since_ns: int | None = None
    ended_ns: int | None = None

    def goes_on(self, plan: Plan, now_ns: int) -> bool:
        """Return whether the line is high and stays so if the plan begins now."""
        return self.high_since_ns is not None and plan.begin_ns == now_ns and plan.level > 0

    def check(self, plan: Plan, now_ns: int) -> None:
        """Refuse a plan that the line's limits forbid.

        Raises:
            DeviceError: Why; nothing has changed.
        """
        longest_ns, gap_ns = self.limits.longest_us * 1000, self.limits.least_gap_us * 1000
        since_ns = self.high_since_ns
        before_ns = now_ns - since_ns if since_ns is not None and self.goes_on(plan, now_ns) else 0
        if before_ns + plan.width_ns > longest_ns:
            raise DeviceError(
                f"refused {plan.stimulus_id}: on for {(before_ns + plan.width_ns) / 1e6:g} ms at a "
                f"stretch, and its line may be for {longest_ns / 1e6:g} ms"
            )
        if gap_ns == 0:
            return
        if self.plan is not None:
            raise DeviceError(
                f"refused {plan.stimulus_id}: {self.plan.stimulus_id} is not over yet, and its "
                f"line has to rest for {gap_ns / 1e6:g} ms after it"
            )
        if self.ended_ns is not None and plan.begin_ns - self.ended_ns < gap_ns:
            raise DeviceError(
                f"refused {plan.stimulus_id}: it would begin "
                f"{(plan.begin_ns - self.ended_ns) / 1e6:g} ms after the one before, and its line "
                f"has to rest for {gap_ns / 1e6:g} ms"
            )
