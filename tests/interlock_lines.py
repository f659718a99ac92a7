"""Events around interlocks, what a device makes of them, and whether the limits were held.

`Lines` of a `Rig` write down, pulse by pulse, what a device would do with the orders that the
interlocks let through. They know nothing of how those judge.
"""

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

from tracker.dose_store import DoseStore
from tracker.interlocks import Interlocks, Situation
from tracker.stimuli import Action, Arm, PulseTrain, StimulusCommand

MS = 1_000_000
S = 1000 * MS
MINUTE, HOUR, DAY = 60 * S, 3600 * S, 86_400 * S
ANCHOR = 1_700_000_000 * S
OUTPUTS = ("light", "sound")
STOP_TAKES = 20 * MS
"""A line that is told to go low may take so long."""

DEAD_MAN = 100 * MS
NO_GAP = MS
"""Closer than this, two pulses are one."""

LATE_AFTER = 100 * MS


# --- what happens


@dataclass(frozen=True)
class Order:
    """`age` is the time since exposure (ns); None: by hand."""

    output: str
    action: Action
    train: PulseTrain | None
    arm: Arm
    age: int | None = None


@dataclass(frozen=True)
class Wait:
    ns: int


@dataclass(frozen=True)
class Switch:
    armed: bool


@dataclass(frozen=True)
class Restart:
    """The program dies; `down` later (ns) there is a new one, and the wall clock was stepped."""

    down: int
    step: int
    armed: bool


# --- what a device makes of it


@dataclass
class Pulse:
    """Times (ns) since the first program began; `told` is what the wall clock said at `start`."""

    start: int
    end: int
    level: float
    session: int
    stimulus: int
    told: int


@dataclass
class Line:
    pulses: list[Pulse] = field(default_factory=list)
    holds_level: bool = False
    n_stimuli: int = 0

    def cut(self, at):
        """Nothing after `at`."""
        self.pulses = [pulse for pulse in self.pulses if pulse.start < at]
        for pulse in self.pulses:
            pulse.end = min(pulse.end, at)

    def obey(self, order, at, session, told):
        on = bool(self.pulses) and self.pulses[-1].start <= at < self.pulses[-1].end
        goes_on = order.action is Action.LEVEL and self.holds_level and on
        self.cut(at)
        self.n_stimuli += not goes_on
        self.holds_level = order.action is Action.LEVEL
        train = order.train
        delay, n = (0, 1) if self.holds_level else (train.delay_us * 1000, train.n_pulses)
        for each in range(n):
            start = at + delay + each * train.period_us * 1000
            self.pulses.append(
                Pulse(
                    start,
                    start + train.width_us * 1000,
                    train.level,
                    session,
                    self.n_stimuli,
                    told + start - at,
                )
            )

    def stop(self, at):
        self.cut(at)
        self.holds_level = False


class Rig:
    """Programs, one after the other, the lines that they drive, and the same file of doses."""

    def __init__(self, path, subject, limits):
        self.limits = limits
        self.lines = {name: Line() for name in OUTPUTS}
        self.orders = []
        self._path, self._subject = path, subject
        self._session, self._zero, self._anchor = 0, 0, ANCHOR
        self._now = self._latest = 0
        self._armed = False
        self._begin()

    def _begin(self):
        self._doses = DoseStore(self._path)
        self._interlocks = Interlocks(
            dict.fromkeys(OUTPUTS, self.limits),
            self._doses,
            subject=self._subject,
            anchor_utc_ns=self._anchor,
        )

    def close(self):
        self._doses.close()

    def happen(self, event):
        match event:
            case Wait(ns):
                if ns < 0:  # what nobody has told them they cannot know
                    tell_time = StimulusCommand("c/0", "c", OUTPUTS[-1], Action.LEVEL, None)
                    self._interlocks.judge(tell_time, self._now, Situation(False, 0.0, self._now))
                self._now = max(0, self._now + ns)
                self._latest = max(self._latest, self._now)
            case Switch(True):
                self._interlocks.arm("a person")
                self._armed = True
            case Switch(False):
                self._interlocks.disarm("a person")
                self._armed = False
                for line in self.lines.values():
                    line.stop(self._zero + self._latest + STOP_TAKES)
            case Restart():
                self._restart(event)
            case Order():
                self._order(event)

    def _restart(self, event):
        died = self._zero + self._latest
        for line in self.lines.values():
            line.stop(died + DEAD_MAN)
        self.close()
        self._anchor += self._latest + event.down + event.step
        self._zero = died + event.down
        self._session += 1
        self._now = self._latest = 0
        self._armed = False
        self._begin()
        if event.armed:
            self.happen(Switch(armed=True))

    def _order(self, order):
        captured = None if order.age is None else self._latest - order.age
        command = StimulusCommand("c/1", "c", order.output, order.action, order.train, order.arm)
        judged = self._interlocks.judge(command, self._now, Situation(True, 1.0, captured))
        let_through = judged.refusal is None
        self.orders.append((order, let_through, self._armed))
        at = self._zero + self._latest
        line = self.lines[order.output]
        if not let_through or order.arm is Arm.SHAM:
            return
        if order.action is Action.STOP:
            line.stop(at + STOP_TAKES)
        else:
            line.obey(order, at, self._session, self._anchor + self._latest)


# --- what must hold


def check_orders(rig):
    for order, let_through, armed in rig.orders:
        if order.action is Action.STOP:
            assert let_through, "a stop was refused"
            continue
        assert armed or not let_through, f"{order} while disarmed"
        assert order.train is not None or not let_through, "nothing cannot be given"
        late = order.age is not None and order.age > LATE_AFTER
        assert not (late and let_through), f"{order} was late"


def check_stretches(pulses, limits):
    start = end = None
    for pulse in pulses:
        if end is None or pulse.start - end >= NO_GAP:
            start = pulse.start
        end = pulse.end
        assert end - start <= limits.longest_pulse_ms * MS, f"{end - start} ns at a stretch"


def check_rests(pulses, limits):
    by_stimulus = {}
    for pulse in pulses:
        by_stimulus.setdefault(pulse.stimulus, []).append(pulse)
    for train in by_stimulus.values():
        for one, next_one in pairwise(train):
            if next_one.start > one.end:
                share = (one.end - one.start) / (next_one.start - one.start)
                assert share <= limits.duty_cycle + 1e-9
    lit = ([pulse for pulse in train if pulse.level > 0] for train in by_stimulus.values())
    for before, after in pairwise(train for train in lit if train):
        gap = after[0].start - before[-1].end
        told_gap = after[0].told - (before[-1].told + before[-1].end - before[-1].start)
        assert max(gap, told_gap) >= limits.refractory_s * S, f"{gap} ns between two stimuli"
        if before[0].session == after[0].session:
            on = sum(pulse.end - pulse.start for pulse in before)
            assert on <= limits.duty_cycle * (after[0].start - before[0].start) + 2


def dose(pulse, since=None, until=None):
    """ns on, times level, between two moments."""
    start = pulse.start if since is None else max(pulse.start, since)
    end = pulse.end if until is None else min(pulse.end, until)
    return max(0, end - start) * pulse.level


def told_dose(pulse, since):
    """The same after a moment of the wall clock."""
    gone = max(0, since - pulse.told)
    return max(0, pulse.end - pulse.start - gone) * pulse.level


def check_minutes(pulses, limits):
    """A wall clock that is set forward between two sessions makes the first one look older."""
    for last in pulses:
        since, until = last.end - MINUTE, last.end
        told_since = last.told + last.end - last.start - MINUTE
        had = sum(
            min(dose(pulse, since, until), told_dose(pulse, told_since))
            for pulse in pulses
            if pulse.start < until
        )
        assert had <= limits.dose_s_per_minute * S + 1, f"{had} ns in a minute"


def check_sessions(pulses, limits):
    had = Counter()
    for pulse in pulses:
        had[pulse.session] += dose(pulse)
    assert max(had.values(), default=0) <= limits.dose_s_per_session * S + 1


def check_days(pulses, limits):
    """By the wall clock; what it says is to come, because it was set back, counts too."""
    if limits.dose_s_per_day is None:
        return
    for n, last in enumerate(pulses, 1):
        since = last.told + last.end - last.start - DAY
        had = sum(told_dose(pulse, since) for pulse in pulses[:n])
        assert had <= limits.dose_s_per_day * S + 1, f"{had} ns in a day"


CHECKS = (check_stretches, check_rests, check_minutes, check_sessions, check_days)


def check_all(rig):
    check_orders(rig)
    for line in rig.lines.values():
        for check in CHECKS:
            check(line.pulses, rig.limits)
