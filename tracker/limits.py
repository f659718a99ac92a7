"""How much an output may do, whatever asks for it; docs/interlocks.md says what each means."""

from pydantic import Field

from tracker.settings import Settings
from tracker.stimuli import LineLimits


class Limits(Settings):
    """What an output may do, whatever asks for it."""

    longest_pulse_ms: float = Field(
        1000, gt=0, le=600_000, description="ms, longest time on at a stretch"
    )
    refractory_s: float = Field(
        1.0, ge=0, le=86_400, description="s from the end of a stimulus to the start of the next"
    )
    duty_cycle: float = Field(
        0.5, gt=0, le=1, description="share of the time that it may be on, its rest included"
    )
    dose_s_per_minute: float = Field(
        10, gt=0, le=60, description="s on, times level, in any minute"
    )
    dose_s_per_session: float = Field(
        300, gt=0, le=86_400, description="s on, times level, in one session"
    )
    dose_s_per_day: float | None = Field(
        600, gt=0, le=86_400, description="the same for one animal in 24 hours; null: no limit"
    )
    deadline_ms: float | None = Field(
        100, gt=0, le=60_000, description="ms from the end of exposure to the order; null: none"
    )
    min_identity: float = Field(
        0.9, ge=0, le=1, description="confidence that the animal is the one it is for"
    )

    def for_device(self, *, levels: bool) -> LineLimits:
        """Return what the device itself is to enforce.

        The device's clock sees a stimulus end a little later than ours, so that its gap has to be a
        little shorter than the refractory time.

        Args:
            levels: Whether levels are held on the line, each in place of the one before: then
                the device cannot ask for a gap.
        """
        gap_s = 0.0 if levels else max(0.0, 0.9 * self.refractory_s - 0.05)
        return LineLimits(
            longest_us=round(self.longest_pulse_ms * 1000), least_gap_us=round(gap_s * 1e6)
        )
