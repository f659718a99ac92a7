"""Lines whose trains somebody else times: what they are to do by now, and what they may begin."""

from collections.abc import Mapping

from tracker.actuators.plan import LineState, Plan, plan_of
from tracker.clock import Clock
from tracker.errors import DeviceError
from tracker.stimuli import LineLimits, Order


class PlannedLines:
    """Checks orders against the limits of their lines; used by one thread at a time.

    Args:
        lines: What each line has to keep.
        clock: The session clock.
    """

    def __init__(self, lines: Mapping[str, LineLimits], clock: Clock) -> None:
        self._lines = {name: LineState(limits) for name, limits in lines.items()}
        self._clock = clock

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the lines."""
        return tuple(self._lines)

    def begin(self, order: Order) -> Plan:
        """Return what the line does from now on, in place of what it did.

        Raises:
            DeviceError: If there is no such line, or its limits forbid it; nothing has changed.
        """
        known, now_ns = self.settled(order.line), self._clock.now_ns()
        plan = plan_of(order, now_ns)
        known.check(plan, now_ns)
        if not known.goes_on(plan, now_ns):
            _end(known, now_ns)
        if plan.level > 0:
            known.plan = plan
        return plan

    def end(self, line: str) -> bool:
        """Let a line be low from now on; return whether it did anything, or was about to.

        Raises:
            DeviceError: If there is no such line.
        """
        known = self.settled(line)
        did = known.plan is not None
        _end(known, self._clock.now_ns())
        return did

    def settled(self, line: str) -> LineState:
        """Return what a line does now.

        Raises:
            DeviceError: If there is no such line.
        """
        known = self._lines.get(line)
        if known is None:
            raise DeviceError(f"it was opened with lines {', '.join(self._lines)}, not {line}")
        plan, now_ns = known.plan, self._clock.now_ns()
        if plan is None:
            return known
        if now_ns >= plan.end_ns:
            known.plan, known.high_since_ns, known.ended_ns = None, None, plan.end_ns
        elif not plan.is_on(now_ns):
            known.high_since_ns = None
        else:
            pulse = (now_ns - plan.begin_ns) // plan.period_ns
            if pulse > 0 or known.high_since_ns is None:
                known.high_since_ns = plan.begin_ns + pulse * plan.period_ns
        return known


def _end(line: LineState, now_ns: int) -> None:
    """Go low; a train that still waits for its delay leaves no trace."""
    if line.plan is not None and line.plan.begin_ns <= now_ns:
        line.ended_ns = now_ns
    line.plan, line.high_since_ns = None, None
