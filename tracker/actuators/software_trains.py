"""Pulse trains played by the program itself, for devices that know only on and off.

The thread that tends the actuator plays them; the first edge of a train without delay is made by
the thread that orders it. What this can do and what not:

- An edge is as late as the operating system and Python are. A pulse keeps its width and a gap at
  least half of its own: lateness shifts pulses, and neither stretches nor merges them. An edge that
  is more than `TOO_LATE_NS` late is a fault: every line goes low, and it is said.
- If the loop is not alive, `tend` brings every line low. If nobody tends, nothing is begun.
- A program that is dead or stopped cannot bring a line low. Only the wiring can.
"""

import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import replace

from tracker.actuators.plan import LineState, Plan, plan_of
from tracker.actuators.turns import Turns
from tracker.clock import Clock
from tracker.errors import DeviceError, DeviceLost
from tracker.stimuli import Action, LineLimits, Order, Receipt

LEAST_NS = 1_000_000
"""Shortest pulse and gap; shorter ones need a device that times them."""

TOO_LATE_NS = 20_000_000
"""An edge that comes later than this is a fault."""

UNTENDED_NS = 250_000_000
"""Nothing is begun if nobody has tended the lines for so long: nobody would end it."""

RAMP_NS = 10_000_000
"""How often the level of a train with ramps is renewed."""

NEAR_NS = 15_000_000
"""`tend` waits for an edge that is due within this time, and so for at most this time."""

SLICE_S = 0.001
"""How long it sleeps at a stretch meanwhile: another line may be told something."""

IDLE_S = 0.01
"""How long `tend` waits if nothing is due soon."""


class SoftwareTrains:
    """Trains on the lines of one open device, all low at first. Over once it was made safe.

    Args:
        lines: What each line has to keep.
        write: Sets a line to a level, 0 to 1; raises `DeviceLost`. Called by one thread at a time.
        clock: The session clock.
        modulated: Lines that can hold levels between 0 and 1; the others take 0.5 and more as on,
            and know no ramp.
        look: Called by every `tend` of a loop that is alive, never at the same time as `write`;
            raises `DeviceLost`.
    """

    def __init__(
        self,
        lines: Mapping[str, LineLimits],
        write: Callable[[str, float], None],
        clock: Clock,
        modulated: Collection[str] = (),
        look: Callable[[], None] = lambda: None,
    ) -> None:
        self._lines = {name: _Line(limits) for name, limits in lines.items()}
        self._write = write
        self._look = look
        self._clock = clock
        self._modulated = frozenset(modulated)
        self._turns = Turns(self._all_low)
        self._news = threading.Event()
        self._tended_ns = clock.now_ns()
        self._worst_late_ns = 0

    @property
    def worst_late_ns(self) -> int:
        """By how much the latest edge so far came too late (ns)."""
        return self._worst_late_ns

    def apply(self, order: Order) -> Receipt:
        """Begin or end a train; see `Actuator.apply`.

        The receipt says when the device had been told of the first edge, and how long that took;
        with a delay, when the order was taken, and how late edges have been so far.
        """
        with self._turns.turn():
            line = order.line
            known = self._lines.get(line)
            if known is None:
                raise DeviceError(f"it was opened with lines {', '.join(self._lines)}, not {line}")
            if order.action is Action.STOP:
                return self._stop(line, known)
            self._must_be_fit()
            now_ns = self._clock.now_ns()
            plan = plan_of(order, now_ns)
            if line not in self._modulated:
                plan = replace(plan, level=float(plan.level >= 0.5))
            _check_short(plan)
            known.check(plan, now_ns)
            return self._begin(line, known, plan, now_ns)

    def tend(self, *, alive: bool) -> None:
        """Play what is due, and wait for the next edge, 15 ms at most; see `Actuator.tend`.

        If the loop is not alive every line goes low, and no train goes on afterwards.
        """
        self._news.clear()
        with self._turns.turn():
            due_ns = self._play(alive=alive)
        if self._wait(due_ns):
            with self._turns.turn():
                self._play(alive=alive)

    def make_safe(self) -> None:
        """Bring every line low, for good. Never raises; any thread."""
        self._turns.make_safe()

    def _must_be_fit(self) -> None:
        self._turns.must_go_on()
        silent_ns = self._clock.now_ns() - self._tended_ns
        if silent_ns > UNTENDED_NS:
            raise DeviceError(
                f"nobody has tended its lines for {silent_ns / 1e6:.0f} ms: a train would not end"
            )

    def _begin(self, name: str, line: "_Line", plan: Plan, now_ns: int) -> Receipt:
        if not line.goes_on(plan, now_ns):
            self._end(name, line)
        if plan.level > 0:
            goes_on, line.plan = line.high_since_ns is not None, plan
            line.next_edge, line.pulse_began_ns = int(goes_on), now_ns
            if goes_on:
                self._set(name, line, plan.level_at(now_ns))
            elif plan.begin_ns == now_ns:
                self._rise(name, line)
        self._news.set()
        took_ns = self._clock.now_ns()
        waits = plan.begin_ns > now_ns
        return Receipt(took_ns, uncertainty_ns=self._worst_late_ns if waits else took_ns - now_ns)

    def _stop(self, name: str, line: "_Line") -> Receipt:
        asked_ns = self._clock.now_ns()
        if not self._turns.is_over:
            self._end(name, line)
        took_ns = self._clock.now_ns()
        return Receipt(took_ns, uncertainty_ns=took_ns - asked_ns)

    def _play(self, *, alive: bool) -> int | None:
        """Make every edge that is due; return when the next one is."""
        self._turns.must_be_there()
        if self._turns.is_over:
            return None
        if not alive:
            for name, line in self._lines.items():
                self._end(name, line)
            return None
        self._tended_ns = self._clock.now_ns()
        for name, line in self._lines.items():
            while (due_ns := line.due_ns()) is not None and due_ns <= self._clock.now_ns():
                self._make_edge(name, line, due_ns)
        self._look()
        dues = [line.due_ns() for line in self._lines.values()]
        return min((due_ns for due_ns in dues if due_ns is not None), default=None)

    def _make_edge(self, name: str, line: "_Line", due_ns: int) -> None:
        plan, now_ns = line.plan, self._clock.now_ns()
        if plan is None:
            return
        late_ns = now_ns - due_ns
        self._worst_late_ns = max(self._worst_late_ns, late_ns)
        if late_ns > TOO_LATE_NS:
            raise DeviceLost(
                f"line {name}: an edge of {plan.stimulus_id} came {late_ns / 1e6:.0f} ms too late, "
                f"since the computer was busy; the most is {TOO_LATE_NS / 1e6:.0f} ms"
            )
        if line.next_edge % 2 == 0:
            self._rise(name, line)
        elif line.edge_ns() <= now_ns:
            self._fall(name, line)
        else:
            self._set(name, line, plan.level_at(now_ns))

    def _rise(self, name: str, line: "_Line") -> None:
        if line.plan is None:
            return
        now_ns = self._clock.now_ns()
        line.high_since_ns = line.pulse_began_ns = now_ns  # before: it may be high if this fails
        line.next_edge += 1
        self._set(name, line, line.plan.level_at(now_ns))

    def _fall(self, name: str, line: "_Line") -> None:
        self._set(name, line, 0.0)
        line.fell_ns, line.high_since_ns = self._clock.now_ns(), None
        line.next_edge += 1
        if line.plan is not None and line.next_edge == 2 * line.plan.n:
            line.plan, line.ended_ns = None, line.fell_ns

    def _end(self, name: str, line: "_Line") -> None:
        """Go low; a train of which nothing was to be seen yet leaves no trace."""
        if line.high_since_ns is not None:
            self._set(name, line, 0.0)
        if line.plan is not None and line.next_edge > 0:
            line.ended_ns = self._clock.now_ns()
        line.plan, line.high_since_ns = None, None

    def _set(self, name: str, line: "_Line", level: float) -> None:
        line.renewed_ns = self._clock.now_ns()
        if name not in self._modulated:
            level = float(level > 0)
        if level != line.level:
            self._write(name, level)
            line.level = level

    def _all_low(self) -> None:
        """Whatever the lines are believed to be."""
        for name, line in self._lines.items():
            line.plan = None
            with suppress(DeviceError):
                self._write(name, 0.0)

    def _wait(self, due_ns: int | None) -> bool:
        """Wait for an edge; return whether it has come."""
        if due_ns is None or due_ns - self._clock.now_ns() > NEAR_NS:
            self._news.wait(IDLE_S)
            return False
        while (now_ns := self._clock.now_ns()) < due_ns and not self._news.is_set():
            self._clock.wait_until(min(due_ns, now_ns + round(SLICE_S * 1e9)), 2 * SLICE_S)
        return now_ns >= due_ns


class _Line(LineState):
    """A line that is played.

    Attributes:
        level: What was written last.
        next_edge: Of the plan: 2 k is the start of pulse k, 2 k + 1 its end.
        pulse_began_ns: When the running pulse really began.
        fell_ns: When the last one really ended.
        renewed_ns: When its level was last set.
    """

    def __init__(self, limits: LineLimits) -> None:
        super().__init__(limits)
        self.level = 0.0
        self.next_edge = 0
        self.pulse_began_ns = self.fell_ns = self.renewed_ns = 0

    def due_ns(self) -> int | None:
        """When something is to be done."""
        plan = self.plan
        if plan is None:
            return None
        due_ns = self.edge_ns()
        if self.next_edge % 2 == 1 and plan.ramp_ns > 0:
            due_ns = min(due_ns, self.renewed_ns + RAMP_NS)
        return due_ns

    def edge_ns(self) -> int:
        """When the next edge is due, given when those before it came."""
        plan = self.plan
        if plan is None:
            return 0
        pulse, is_end = divmod(self.next_edge, 2)
        if is_end:
            return self.pulse_began_ns + plan.width_ns
        planned_ns = plan.begin_ns + pulse * plan.period_ns
        return planned_ns if pulse == 0 else max(planned_ns, self.fell_ns + plan.gap_ns // 2)


def _check_short(plan: Plan) -> None:
    if plan.width_ns < LEAST_NS or (plan.n > 1 and plan.gap_ns < LEAST_NS):
        raise DeviceError(
            f"refused {plan.stimulus_id}: pulses and gaps of less than {LEAST_NS / 1e6:g} ms are "
            f"more than a program can time; a stimulus box can"
        )
