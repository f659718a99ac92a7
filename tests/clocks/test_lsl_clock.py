"""LSL's clock, of the library itself."""

import pytest

from tracker.clock import SystemClock
from tracker.clocks.feed import ClockFeed
from tracker.clocks.lsl import LslClockSettings
from tracker.clocks.make import make_clock

pytest.importorskip("pylsl")

import lsl_here  # noqa: F401 - before LSL is touched
import pylsl


def test_lsl_stands_where_the_session_says():
    """Asked anew, both clocks agree within what is stated, and a microsecond of rounding."""
    clock = SystemClock()
    feed = ClockFeed("lsl", make_clock(LslClockSettings(), clock), clock)
    feed.open(lambda *_told, **_facts: None)
    facts = feed.facts
    before_ns, lsl_s, after_ns = clock.now_ns(), pylsl.local_clock(), clock.now_ns()
    expected_ns = facts["at_ns"] + (lsl_s * 1e6 - facts["theirs_us"]) * 1000
    slack_ns = facts["uncertainty_ns"] + 1000 + 0.006 * (after_ns - facts["at_ns"])
    assert before_ns - slack_ns <= expected_ns <= after_ns + slack_ns
    assert facts["uncertainty_ns"] < 1_000_000
    feed.close()
