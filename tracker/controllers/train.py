"""A pulse train as people think of it: how wide, how often, how long."""

from pydantic import Field, model_validator

from tracker.settings import Settings
from tracker.stimuli import PulseTrain


class TrainSettings(Settings):
    """One pulse, or several at a frequency; rounded to whole microseconds.

    The period is rounded too: 60 Hz become 16 667 us, so that such a train lasts 20 ppm longer.
    """

    width_ms: float = Field(gt=0, le=3_600_000, description="ms, length of one pulse")
    frequency_hz: float | None = Field(
        None, gt=0, le=100_000, description="pulses per s; none: one pulse"
    )
    duration_ms: float | None = Field(
        None, gt=0, le=3_600_000, description="ms; as many pulses as fit into it whole"
    )
    n_pulses: int | None = Field(
        None, ge=1, le=1_000_000, description="number of pulses, in place of duration_ms"
    )
    delay_ms: float = Field(
        0, ge=0, le=3_600_000, description="ms from the order to the first pulse, by the device"
    )
    level: float = Field(1.0, gt=0, le=1, description="0 to 1 (all of it)")
    ramp_ms: float = Field(
        0, ge=0, le=1_800_000, description="ms in which the level rises, and falls at the end"
    )

    @model_validator(mode="after")
    def _is_one_train(self) -> "TrainSettings":
        given = [name for name in ("duration_ms", "n_pulses") if getattr(self, name) is not None]
        if self.frequency_hz is None:
            if self.duration_ms is not None or (self.n_pulses or 1) > 1:
                raise ValueError(
                    f"{given[0]} without frequency_hz: give frequency_hz for several pulses, or "
                    f"width_ms alone for one"
                )
        elif len(given) != 1:
            found = " and ".join(given) or "neither"
            raise ValueError(
                f"with frequency_hz expected exactly one of duration_ms and n_pulses, found {found}"
            )
        _ = self.pulse_train
        return self

    @property
    def pulse_train(self) -> PulseTrain:
        """The same in whole microseconds.

        Raises:
            ValueError: If the values contradict each other.
        """
        width_us = _us(self.width_ms)
        if self.frequency_hz is None:
            period_us, n_pulses = width_us, 1
        else:
            period_us = round(1e6 / self.frequency_hz)
            if width_us > period_us:
                raise ValueError(
                    f"a pulse of {self.width_ms:g} ms is longer than the {period_us / 1000:g} ms "
                    f"from one pulse to the next at {self.frequency_hz:g} Hz"
                )
            n_pulses = self.n_pulses or self._fitting(width_us, period_us)
        return PulseTrain(
            width_us=width_us,
            period_us=period_us,
            n_pulses=n_pulses,
            delay_us=_us(self.delay_ms),
            level=self.level,
            ramp_us=_us(self.ramp_ms),
        )

    def _fitting(self, width_us: int, period_us: int) -> int:
        """Pulses that fit into `duration_ms` whole."""
        duration_us = _us(self.duration_ms or 0)
        if duration_us < width_us:
            raise ValueError(
                f"not one pulse of {self.width_ms:g} ms fits into {self.duration_ms:g} ms"
            )
        return (duration_us - width_us) // period_us + 1


def _us(ms: float) -> int:
    return round(ms * 1000)
