"""Lines whose trains the program plays, in a time that a test moves by hand."""

from tracker.actuators.software_trains import SoftwareTrains
from tracker.stimuli import Action, LineLimits, Order, PulseTrain
from tracker.testing.manual_clock import ManualClock

MS = 1_000_000
FREE = LineLimits(longest_us=10_000_000, least_gap_us=0)


def pulses(width_ms, period_ms=None, n=1, *, delay_ms=0, level=1.0, ramp_ms=0):
    us = [round(each * 1000) for each in (width_ms, period_ms or width_ms)]
    return PulseTrain(*us, n, round(delay_ms * 1000), level, round(ramp_ms * 1000))


class Lines:
    """Lines "a" and "b" that keep what was written to them, and when (ms)."""

    def __init__(self, a=FREE, *, modulated=(), clock=None):
        self.clock = clock or ManualClock()
        self.written = []
        self.risen = []
        self.write_takes_ms = 0
        self.failure = None
        self.looks = 0
        self.trains = SoftwareTrains(
            {"a": a, "b": FREE}, self._write, self.clock, modulated, self._look
        )

    def _write(self, line, level):
        if self.failure is not None:
            raise self.failure
        self.written.append((self.clock.now_ns() / MS, line, level))
        if level and line == "a" and self.trains._lines[line].plan is not None:
            self.risen.append(self.trains._lines[line].plan.stimulus_id)
        self.clock.advance(round(self.write_takes_ms * MS))

    def _look(self):
        self.looks += 1

    def begin(self, train, line="a", action=Action.TRAIN, name="s/1"):
        return self.trains.apply(Order(line, action, train, name))

    def stop(self, line="a"):
        return self.trains.apply(Order(line, Action.STOP, None, "s/9"))

    def go(self, until_ms, *, step_ms=0.25, alive=True):
        """Let time pass, tended all the while."""
        while self.clock.now_ns() < until_ms * MS:
            self.clock.advance(round(step_ms * MS))
            self.trains._play(alive=alive)

    def edges(self, line="a"):
        return [(at, level) for at, which, level in self.written if which == line]
