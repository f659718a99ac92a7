"""Another clock on the session clock, while a session runs."""

import json
import random

import pytest
import rigs

from tracker.clocks.base import Look
from tracker.clocks.feed import ClockFeed
from tracker.errors import DeviceLost, DeviceNotFound
from tracker.testing.manual_clock import ManualClock
from tracker.testing.scripted_camera import ScriptedCamera

S, US = 1_000_000_000, 1000


class Other:
    """A clock that runs `drift` faster than the session's, and is `ahead_us` of it.

    A look takes up to 2 ms, with its reading anywhere within.
    """

    def __init__(self, clock, *, drift=0.0, ahead_us=0, answers=True):
        self.clock, self.drift, self.ahead_us, self.answers = clock, drift, ahead_us, answers
        self.random = random.Random(4)
        self.failure = None
        self.n_opened = self.n_closed = 0

    def true_us(self, now_ns):
        return now_ns / US * (1 + self.drift) + self.ahead_us

    def open(self):
        self.n_opened += 1
        if self.failure is not None:
            raise self.failure

    def look(self):
        if self.failure is not None:
            raise self.failure
        if not self.answers:
            return None
        asked_ns = self.clock.now_ns()
        there_ns, back_ns = (int(self.random.uniform(0.02, 1.0) * 1e6) for _ in range(2))
        theirs_us = int(self.true_us(asked_ns + there_ns))
        self.clock.advance(there_ns + back_ns)
        return Look(theirs_us, asked_ns, asked_ns + there_ns + back_ns)

    def close(self):
        self.n_closed += 1


@pytest.fixture
def clock():
    return ManualClock()


class Told:
    """Keeps what is told."""

    def __init__(self):
        self.lines = []

    def __call__(self, level, text, **facts):
        self.lines.append((level, text, facts))


def looked_at(other, clock, seconds, told=None):
    """A feed that has looked once a second."""
    feed = ClockFeed("ephys", other, clock, every_s=0.0)
    feed.open(told or Told())
    for _ in range(seconds):
        clock.advance(S)
        feed.step()
    return feed


@pytest.mark.parametrize("drift", [0.0, 80e-6, -80e-6], ids=["even", "fast", "slow"])
def test_what_it_says_of_another_clock_holds(clock, drift):
    """An hour ahead; each look says no more than within some 0.1 ms."""
    other = Other(clock, drift=drift, ahead_us=3_600_000_000)
    facts = looked_at(other, clock, 60).facts
    true_ns = (facts["theirs_us"] - other.ahead_us) / (1 + drift) * US
    assert abs(facts["at_ns"] - true_ns) <= facts["uncertainty_ns"] <= 300_000
    assert abs(facts["drift_ppm"] + drift * 1e6) <= facts["drift_error_ppm"] <= 60
    assert (facts["n_looks"], facts["n_losses"], facts["n_steps"]) == (61, 0, 0)


def test_the_quickest_of_some_looks_counts(clock):
    """2 ms each but one of 0.1 ms: half of that, and a microsecond of rounding, is not known."""
    lengths_us = iter([2000, 2000, 100, 2000, 2000])

    class Slow(Other):
        def look(self):
            return Look(500, 0, next(lengths_us) * US)

    feed = looked_at(Slow(clock), clock, 0)
    assert next(lengths_us, None) is None
    assert feed.facts["uncertainty_ns"] == 50_000 + 1000
    assert feed.n_looks == 1


def test_a_line_of_the_log_says_how_the_clocks_stand_once_a_minute(clock):
    told = Told()
    looked_at(Other(clock), clock, 130, told)
    assert [(level, text) for level, text, _ in told.lines] == [("info", "clock ephys")] * 3
    assert set(told.lines[0][2]) >= {"theirs_us", "at_ns", "uncertainty_ns", "drift_ppm"}


def test_a_clock_that_is_lost_is_tried_again_and_said_once(clock):
    told = Told()
    other = Other(clock)
    feed = looked_at(other, clock, 3, told)
    told.lines.clear()
    other.failure = DeviceLost("unplugged")
    for _ in range(3):
        feed.step()
    assert [(level, text) for level, text, _ in told.lines] == [
        ("warning", "clock ephys is lost, and tried again: unplugged")
    ]
    other.failure = None
    feed.step()
    assert [level for level, *_ in told.lines] == ["warning", "info"]
    assert feed.facts["n_losses"] == 1


def test_a_clock_that_steps_is_noticed(clock):
    other = Other(clock)
    feed = looked_at(other, clock, 10)
    other.ahead_us = 500_000
    clock.advance(S)
    feed.step()
    assert feed.facts["n_steps"] == 1


def test_a_clock_that_does_not_answer_at_the_start_is_an_error(clock):
    other = Other(clock, answers=False)
    feed = ClockFeed("ephys", other, clock)
    with pytest.raises(DeviceNotFound, match="clock ephys: it is connected and does not answer"):
        feed.open(Told())
    assert other.n_closed == 1
    assert feed.facts == {"n_looks": 0, "n_losses": 0}


def test_the_session_says_how_the_clock_stood_at_its_end(tmp_path):
    """Of a clock that agrees with the session's and is one day ahead."""
    camera = ScriptedCamera([rigs.frame(index) for index in range(10)])
    rig = rigs.Rig(tmp_path / "session", camera)
    feed = ClockFeed("ephys", RealOther(rig.clock), rig.clock, every_s=0.02)
    rig.session.parts = rigs.with_feeds(rig.session.parts, [feed])
    rig.session.run()
    about = json.loads((tmp_path / "session" / "session.json").read_text("utf-8"))
    facts = about["clocks"]["ephys"]
    ahead_us = facts["theirs_us"] - facts["at_ns"] / US
    assert abs(ahead_us - DAY_US) <= facts["uncertainty_ns"] / US


DAY_US = 86_400_000_000


class RealOther(Other):
    """Reads the session clock itself."""

    def look(self):
        asked_ns = self.clock.now_ns()
        theirs_us = self.clock.now_ns() // US + DAY_US
        return Look(theirs_us, asked_ns, self.clock.now_ns())
