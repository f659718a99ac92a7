"""Settings of any clock to that clock; the only place that names every one."""

from typing import Annotated, assert_never

from pydantic import Field, StringConstraints

from tracker.clock import Clock
from tracker.clocks.base import OtherClock
from tracker.clocks.harp import HarpClock, HarpClockSettings
from tracker.clocks.lsl import LslClock, LslClockSettings

ClockName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]

ClockSettings = Annotated[LslClockSettings | HarpClockSettings, Field(discriminator="kind")]


def make_clock(settings: ClockSettings, clock: Clock) -> OtherClock:
    """Return the clock of these settings, not connected.

    Args:
        settings: Of any kind.
        clock: The session clock.
    """
    match settings:
        case LslClockSettings():
            return LslClock(settings, clock)
        case HarpClockSettings():
            return HarpClock(settings, clock)
        case _:
            assert_never(settings)
