"""Pulse trains as people write them down."""

import pytest
from pydantic import ValidationError

from tracker.controllers.train import TrainSettings
from tracker.stimuli import PulseTrain


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"width_ms": 5}, PulseTrain(5000, 5000), id="one_pulse"),
        pytest.param(
            {"width_ms": 10, "frequency_hz": 20, "duration_ms": 500},
            PulseTrain(10_000, 50_000, 10),
            id="as_many_as_begin_and_end_within_the_duration",
        ),
        pytest.param(
            {"width_ms": 40, "frequency_hz": 20, "duration_ms": 520},
            PulseTrain(40_000, 50_000, 10),
            id="an_eleventh_that_would_be_cut_short_is_left_out",
        ),
        pytest.param(
            {"width_ms": 40, "frequency_hz": 20, "duration_ms": 540},
            PulseTrain(40_000, 50_000, 11),
            id="one_that_ends_with_the_duration_fits",
        ),
        pytest.param(
            {"width_ms": 1, "frequency_hz": 60, "n_pulses": 3},
            PulseTrain(1000, 16_667, 3),
            id="the_period_is_rounded_to_whole_microseconds",
        ),
        pytest.param(
            {"width_ms": 100, "frequency_hz": 10, "n_pulses": 2},
            PulseTrain(100_000, 100_000, 2),
            id="pulses_may_touch",
        ),
        pytest.param(
            {"width_ms": 1000, "delay_ms": 0.25, "level": 0.3, "ramp_ms": 500},
            PulseTrain(1_000_000, 1_000_000, 1, 250, 0.3, 500_000),
            id="delay_level_and_ramp",
        ),
    ],
)
def test_a_train_is_what_its_settings_say(given, expected):
    assert TrainSettings(**given).pulse_train == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(
            {"width_ms": 60, "frequency_hz": 20, "n_pulses": 2},
            r"60 ms is longer than the 50 ms from one pulse to the next at 20 Hz",
            id="wider_than_the_period",
        ),
        pytest.param(
            {"width_ms": 1, "frequency_hz": 20, "n_pulses": 2, "duration_ms": 90},
            "exactly one of duration_ms and n_pulses, found duration_ms and n_pulses",
            id="both_duration_and_number",
        ),
        pytest.param(
            {"width_ms": 1, "frequency_hz": 20},
            "exactly one of duration_ms and n_pulses, found neither",
            id="a_frequency_without_an_end",
        ),
        pytest.param(
            {"width_ms": 1, "n_pulses": 2}, "n_pulses without frequency_hz", id="no_frequency"
        ),
        pytest.param(
            {"width_ms": 1, "duration_ms": 2}, "duration_ms without frequency_hz", id="no_rate"
        ),
        pytest.param(
            {"width_ms": 10, "frequency_hz": 20, "duration_ms": 5},
            "not one pulse of 10 ms fits into 5 ms",
            id="shorter_than_one_pulse",
        ),
        pytest.param({"width_ms": 10, "ramp_ms": 6}, "two ramps of 6000 us", id="long_ramps"),
        pytest.param({"width_ms": 0.0004}, "at least 1 us", id="no_microsecond_at_all"),
        pytest.param({"width_ms": 0}, "greater than 0", id="no_width"),
        pytest.param({"width_ms": 1, "level": 0}, "greater than 0", id="no_level"),
        pytest.param({"width_ms": 1, "level": 1.1}, "less than or equal to 1", id="too_much"),
        pytest.param({"width_ms": 1, "delay_ms": -1}, "greater than or equal to 0", id="the_past"),
    ],
)
def test_a_train_that_contradicts_itself_is_refused(given, expected):
    with pytest.raises(ValidationError, match=expected):
        TrainSettings(**given)
