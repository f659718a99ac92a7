"""A device's clock on the session clock: right within what it says of itself."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracker.actuators.stimulus_box.device_clock import WRAP_US, DeviceClock

MS, S = 1_000_000, 1_000_000_000


class Device:
    """A device whose counter runs faster than the session clock by `drift`, from `start_us`."""

    def __init__(self, drift=0.0, start_us=0, seed=0):
        self.drift, self.start_us = drift, start_us
        self.random = random.Random(seed)
        self.stood_still_ns = 0

    def raw_us(self, now_ns):
        return (
            self.start_us + int((now_ns - self.stood_still_ns) * (1 + self.drift) / 1000)
        ) % WRAP_US

    def ask(self, clock, asked_ns, *, most_ms=2.0):
        """One round trip: some way there, some way back."""
        there_ns = int(self.random.uniform(0.05, most_ms) * MS)
        back_ns = int(self.random.uniform(0.05, most_ms) * MS)
        clock.add(asked_ns, self.raw_us(asked_ns + there_ns), asked_ns + there_ns + back_ns)


def run(device, clock, seconds, *, from_s=0.0, every_ms=25):
    for step in range(int(seconds * 1000 / every_ms)):
        device.ask(clock, round(from_s * S) + step * every_ms * MS)
    return round((from_s + seconds) * S)


@pytest.mark.parametrize("drift", [0.0, 100e-6, -100e-6, 0.005, -0.005], ids=str)
@pytest.mark.parametrize("seconds", [0.05, 1, 5, 30])
def test_a_time_is_within_the_uncertainty_that_it_comes_with(drift, seconds):
    device, clock = Device(drift, start_us=12345, seed=1), DeviceClock()
    end_ns = run(device, clock, seconds)
    for later_ms in range(0, 40, 7):
        true_ns = end_ns + later_ms * MS
        at_ns, off_ns = clock.at(device.raw_us(true_ns))
        assert abs(at_ns - true_ns) <= off_ns
        assert off_ns < 8 * MS


def test_after_ten_seconds_it_is_off_by_less_than_a_fifth_of_a_millisecond():
    device, clock = Device(100e-6, seed=3), DeviceClock()
    end_ns = run(device, clock, 10)
    errors = []
    for later_ms in range(25):
        true_ns = end_ns + later_ms * MS
        errors.append(abs(clock.at(device.raw_us(true_ns))[0] - true_ns))
    assert max(errors) < 0.2 * MS


def test_the_drift_is_found():
    device, clock = Device(0.003, seed=2), DeviceClock()
    run(device, clock, 20)
    assert clock.fit.drift == pytest.approx(-0.003, abs=1e-4)


def test_a_counter_that_wraps_goes_on():
    first_us = WRAP_US - 500_000
    device, clock = Device(start_us=first_us), DeviceClock(first_us)
    end_ns = run(device, clock, 2)
    at_ns, off_ns = clock.at(device.raw_us(end_ns))
    assert abs(at_ns - end_ns) <= off_ns
    assert clock.unwrap(device.raw_us(end_ns)) == 2_000_000
    before_ns, _ = clock.at(WRAP_US - 100_000)
    assert abs(before_ns - 400 * MS) < 5 * MS


def test_a_device_that_stood_still_is_known_anew_at_once():
    device, clock = Device(seed=4), DeviceClock()
    end_ns = run(device, clock, 3)
    device.stood_still_ns = 50 * MS
    device.ask(clock, end_ns)
    assert clock.n_steps == 1
    true_ns = end_ns + 10 * MS
    at_ns, off_ns = clock.at(device.raw_us(true_ns))
    assert abs(at_ns - true_ns) <= off_ns


def test_a_quick_round_trip_does_not_age():
    device, clock = Device(0.005, seed=6), DeviceClock()
    device.ask(clock, 0, most_ms=0.06)
    for step in range(1, 18):  # all in the same half second, with the drift still unknown
        device.ask(clock, step * 25 * MS, most_ms=2)
    true_ns = 17 * 25 * MS
    at_ns, off_ns = clock.at(device.raw_us(true_ns))
    assert abs(at_ns - true_ns) <= off_ns < 2.1 * MS


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    drift=st.floats(-0.005, 0.005),
    start_us=st.integers(0, WRAP_US - 1),
    most_ms=st.floats(0.1, 15),
    every_ms=st.sampled_from([5, 25, 400]),
    seed=st.integers(0, 1000),
)
def test_whatever_the_delays_and_the_drift_the_uncertainty_holds(
    drift, start_us, most_ms, every_ms, seed
):
    device, clock = Device(drift, start_us, seed), DeviceClock(start_us)
    for step in range(120):
        asked_ns = step * every_ms * MS
        device.ask(clock, asked_ns, most_ms=most_ms)
        true_ns = asked_ns + int(device.random.uniform(-300, 300) * MS)
        at_ns, off_ns = clock.at(device.raw_us(true_ns))
        assert abs(at_ns - true_ns) <= off_ns
    assert clock.n_steps == 0


def test_the_residual_is_how_far_round_trips_lie_from_the_line():
    clock = DeviceClock()
    for second in range(10):  # answers that are 0.2 ms late, and early, in turn
        late_ns = 200_000 if second % 2 else -200_000
        middle_ns = second * S + late_ns
        clock.add(middle_ns - 5 * MS, second * 1_000_000, middle_ns + 5 * MS)
    assert clock.fit.residual_ns == pytest.approx(200_000, rel=0.1)


def test_slow_round_trips_are_no_contradiction():
    device, clock = Device(100e-6, seed=5), DeviceClock()
    end_ns = run(device, clock, 3)
    for step in range(200):
        device.ask(clock, end_ns + step * 25 * MS, most_ms=40)
    assert clock.n_steps == 0


def test_without_a_round_trip_nothing_is_known():
    with pytest.raises(ValueError, match="no round trip"):
        DeviceClock().at(0)
