"""A camera's ticks on the session clock, by a simulated camera whose truth is known."""

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import rigs
from numpy.typing import NDArray

from tracker.cameras.tick_clock import KEPT, TickClock, TickMarks
from tracker.errors import DeviceError
from tracker.recording import Recording
from tracker.reporting import Reporting
from tracker.testing.manual_clock import ManualClock
from tracker.testing.scripted_camera import ScriptedCamera

BEGUN_NS = 500_000_000
EXPOSURE_NS = 2_000_000


@dataclass(frozen=True)
class Simulated:
    """A camera whose clock is 100 ppm slow, seen over a link that is late at random.

    Attributes:
        steps: (at which frame, by how many seconds) its clock jumps.
        jitter_ns: Scale of the lateness: Pareto with a tail of 1.5, cut off at 40 ms.
    """

    fps: float = 100.0
    seconds: float = 60.0
    tick_hz: float = 1e6
    bits: int | None = 32
    drift: float = 100e-6
    jitter_ns: float = 300_000.0
    steps: tuple[tuple[int, float], ...] = ()
    blank: tuple[int, int] = (0, 0)
    seed: int = 1

    def frames(self) -> tuple[NDArray[np.int64], NDArray[np.int64], list[int]]:
        """True end of exposure, arrival (ns on the session clock), and ticks of its start."""
        n = round(self.fps * self.seconds)
        chance = np.random.default_rng(self.seed)
        ended_ns = BEGUN_NS + np.arange(1, n + 1) * round(1e9 / self.fps)
        late_ns = np.minimum(self.jitter_ns * chance.pareto(1.5, n), 40e6)
        arrived_ns = np.maximum.accumulate(ended_ns + late_ns.astype(np.int64)) + np.arange(n)
        camera_s = (ended_ns - EXPOSURE_NS) * (1 - self.drift) / 1e9 + 70.0
        for frame, by_s in self.steps:
            camera_s[frame:] += by_s
        ticks = [int(second * self.tick_hz) for second in camera_s]
        if self.bits is not None:
            ticks = [tick % (1 << self.bits) for tick in ticks]
        here = np.ones(n, bool)
        here[slice(*self.blank)] = False
        return (
            ended_ns[here],
            arrived_ns[here],
            [t for t, is_here in zip(ticks, here, strict=True) if is_here],
        )


def mapped(camera: Simulated, clock: TickClock) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Errors of the middle of the exposure (ns), and the true end of each exposure."""
    ended_ns, arrived_ns, ticks = camera.frames()
    found_ns = np.array(
        [clock.captured_ns(t, int(a), EXPOSURE_NS) for t, a in zip(ticks, arrived_ns, strict=True)]
    )
    assert np.all(np.diff(found_ns) > 0), "time goes on"
    assert np.all(found_ns <= arrived_ns), "nothing was captured after it arrived"
    return found_ns - (ended_ns - EXPOSURE_NS // 2), ended_ns


CAMERAS = {
    "100 ppm slow": Simulated(),
    "100 ppm fast": Simulated(drift=-100e-6),
    "30 frames/s and three times the jitter": Simulated(fps=30, jitter_ns=1e6),
    "1 GHz in 32 bits, which wraps every 4.3 s": Simulated(tick_hz=1e9),
    "1 MHz in 16 bits, which wraps every 66 ms": Simulated(bits=16),
    "1 GHz in 64 bits, far from 0": Simulated(tick_hz=1e9, bits=64),
    "125 MHz that never wraps": Simulated(tick_hz=125e6, bits=None),
}


@pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS.keys())
def test_after_ten_seconds_99_of_100_frames_are_right_to_a_tenth_of_a_millisecond(
    camera: Simulated,
) -> None:
    clock = TickClock(camera.tick_hz, bits=camera.bits)
    errors_ns, ended_ns = mapped(camera, clock)
    settled = np.abs(errors_ns[ended_ns > BEGUN_NS + 10e9])
    assert np.percentile(settled, 99) <= 100_000
    assert clock.fit is not None
    assert clock.fit.drift_ppm == pytest.approx(camera.drift * 1e6, abs=2)
    assert clock.fit.n_steps == 0
    assert clock.fit.n_frames == len(errors_ns)


def test_arrivals_are_far_worse_than_what_is_made_of_them() -> None:
    """The jitter of this camera, as it would be in the times if arrivals were taken."""
    ended_ns, arrived_ns, _ = Simulated().frames()
    assert np.percentile(arrived_ns - ended_ns, 99) > 5_000_000
    errors_ns, ended_ns = mapped(Simulated(), TickClock(1e6, bits=32))
    settled = errors_ns[ended_ns > BEGUN_NS + 10e9]
    assert np.std(np.diff(settled)) < 5_000


STEPS = {
    "set back to 0": ((2000, -90.0),),
    "a second back": ((2000, -1.0),),
    "three seconds ahead, then back again": ((2000, 3.0), (4000, -3.0)),
}


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS.keys())
def test_a_clock_that_steps_is_followed_at_once(steps: tuple[tuple[int, float], ...]) -> None:
    camera = Simulated(steps=steps, bits=None)
    clock = TickClock(camera.tick_hz, bits=None)
    errors_ns, ended_ns = mapped(camera, clock)
    settled = np.abs(errors_ns[ended_ns > BEGUN_NS + 10e9])
    assert np.percentile(settled, 99) <= 100_000
    assert settled.max() < 5_000_000, "the first frames after a step are as good as their arrival"
    assert clock.fit is not None
    assert clock.fit.n_steps == len(steps)


def test_a_step_that_makes_all_frames_seem_late_is_noticed_after_some_seconds() -> None:
    """The camera's clock stood still for 0.2 s between two frames a second apart."""
    camera = Simulated(fps=1, seconds=60, steps=((30, -0.2),), bits=None)
    clock = TickClock(camera.tick_hz, bits=None)
    errors_ns, _ = mapped(camera, clock)
    assert np.all(np.abs(errors_ns[45:]) < 5_000_000)
    assert clock.fit is not None
    assert clock.fit.n_steps == 1


@pytest.mark.parametrize("bits", [16, 32], ids=["a wrap is 66 ms", "a wrap is 71 min"])
def test_a_pause_of_twenty_seconds_does_no_harm(bits: int) -> None:
    camera = Simulated(bits=bits, blank=(3000, 5000))
    clock = TickClock(camera.tick_hz, bits=bits)
    errors_ns, ended_ns = mapped(camera, clock)
    assert np.percentile(np.abs(errors_ns[ended_ns > BEGUN_NS + 10e9]), 99) <= 100_000
    assert clock.fit is not None
    assert clock.fit.n_steps == 0


def test_a_clock_that_is_far_off_is_believed_after_twenty_seconds() -> None:
    """600 ppm: more than crystals have. Before, no drift beyond 200 ppm is stated."""
    clock = TickClock(1e6, bits=None)
    mapped(Simulated(drift=600e-6, seconds=15, bits=None), clock)
    assert clock.fit is not None
    assert clock.fit.drift_ppm == pytest.approx(200)
    clock = TickClock(1e6, bits=None)
    errors_ns, ended_ns = mapped(Simulated(drift=600e-6, bits=None), clock)
    assert clock.fit is not None
    assert clock.fit.drift_ppm == pytest.approx(600, abs=2)
    assert clock.fit.n_steps == 0
    assert np.percentile(np.abs(errors_ns[ended_ns > BEGUN_NS + 22e9]), 99) <= 100_000


def test_wraps_are_counted() -> None:
    """70 s at the first frame and 130 s at the last are 4.3 s each: 16.3 and 30.3 of them."""
    clock = TickClock(1e9, bits=32)
    mapped(Simulated(tick_hz=1e9), clock)
    assert clock.fit is not None
    assert clock.fit.n_wraps == 30 - 16


def test_a_first_frame_that_is_very_late_is_forgotten() -> None:
    clock = TickClock(1e6)
    clock.captured_ns(1_000_000, 1_400_000_000)
    for second in range(2, 8):
        last_ns = clock.captured_ns(second * 1_000_000, second * 1_000_000_000)
    assert last_ns == 7_000_000_000
    assert clock.fit is not None
    assert clock.fit.n_steps == 0


@pytest.mark.parametrize(
    ("marks", "exposure_ns", "expected_ns"),
    [
        (TickMarks.START, 4_000_000, 998_000_000),
        (TickMarks.MIDDLE, 4_000_000, 998_000_000),
        (TickMarks.END, 4_000_000, 998_000_000),
        (TickMarks.START, None, 1_000_000_000),
    ],
    ids=["start", "middle", "end", "exposure not known"],
)
def test_the_first_frame_is_taken_to_arrive_as_its_exposure_ends(
    marks: TickMarks, exposure_ns: int | None, expected_ns: int
) -> None:
    clock = TickClock(1e6, marks=marks)
    assert clock.captured_ns(5_000, 1_000_000_000, exposure_ns) == expected_ns


def test_an_exposure_that_changes_moves_the_middle_and_not_the_line() -> None:
    """Starts are 10 ms apart; the exposure goes from 2 to 6 ms, and arrivals with it."""
    clock = TickClock(1e9, marks=TickMarks.START)
    for frame in range(100):
        exposure_ns = 2_000_000 if frame % 2 else 6_000_000
        start_ns = frame * 10_000_000
        found_ns = clock.captured_ns(start_ns, start_ns + exposure_ns, exposure_ns)
        assert found_ns == start_ns + exposure_ns // 2


def test_an_exposure_that_grows_does_not_turn_time_back() -> None:
    """The second frame ends 2 ms after the first and began 8 ms before: its middle is earlier."""
    clock = TickClock(1e6, marks=TickMarks.END)
    assert clock.captured_ns(10_000, 10_000_000, 0) == 10_000_000
    assert clock.captured_ns(12_000, 12_000_000, 10_000_000) == 10_000_001


def test_a_delay_that_is_known_is_taken_off() -> None:
    """Every frame arrives 8 ms after its exposure; without being told, nobody can know."""
    blind, told = TickClock(1e6), TickClock(1e6, least_delay_ns=8_000_000)
    for frame in range(1, 50):
        ended_us = frame * 10_000
        arrived_ns = ended_us * 1000 + 8_000_000
        assert blind.captured_ns(ended_us, arrived_ns) == arrived_ns
        assert told.captured_ns(ended_us, arrived_ns) == ended_us * 1000


UTC_NS = 1_790_000_000_000_000_000
"""UTC at the session's zero."""


def test_a_camera_on_ptp_says_how_far_it_is_ahead_of_the_computer() -> None:
    """TAI is 37 s ahead of UTC. The frame takes 1 ms to come."""
    clock = TickClock(1e9, marks=TickMarks.END, ptp_utc_ns=UTC_NS, least_delay_ns=1_000_000)
    tick = UTC_NS + 37_000_000_000 + 2_000_000_000
    assert clock.captured_ns(tick, 2_001_000_000) == 2_000_000_000
    assert clock.fit is not None
    assert clock.fit.ptp_minus_utc_ns == 37_000_000_000


def test_a_camera_that_follows_no_ptp_master_is_refused() -> None:
    clock = TickClock(1e9, ptp_utc_ns=UTC_NS)
    with pytest.raises(DeviceError, match=r"follows no master.*PTP"):
        clock.captured_ns(12_345, 1_000_000_000)


def test_a_time_stamp_that_stands_still_is_an_error() -> None:
    """An emulated camera stamps 0."""
    clock = TickClock(1e9)
    for frame in range(10):
        clock.captured_ns(0, frame * 10_000_000)
    with pytest.raises(DeviceError, match="stood still at 0 for 10 frames"):
        clock.captured_ns(0, 100_000_000)


@pytest.mark.parametrize(
    "arguments",
    [{"tick_hz": 0}, {"tick_hz": 1e6, "bits": 4}, {"tick_hz": 1e6, "least_delay_ns": -1}],
    ids=["no rate", "too few bits", "negative delay"],
)
def test_what_is_no_clock_is_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="no clock"):
        TickClock(**arguments)


def test_ptp_counts_nanoseconds() -> None:
    with pytest.raises(ValueError, match="PTP counts nanoseconds"):
        TickClock(1e6, ptp_utc_ns=UTC_NS)


def test_nothing_is_known_before_the_first_frame() -> None:
    assert TickClock(1e6).fit is None


def test_the_fit_says_when_its_tick_was_and_how_late_frames_are() -> None:
    """Frames are 1 ms late, one of them 5 ms; the clocks agree, and the first comes at once."""
    clock = TickClock(1e6)
    late_ms = [0, 1, 1, 5, 1, 1]
    for frame, late in enumerate(late_ms):
        clock.captured_ns(frame * 10_000, frame * 10_000_000 + late * 1_000_000)
    fit = clock.fit
    assert fit is not None
    assert (fit.tick, fit.at_ns) == (50_000, 50_000_000)
    assert (fit.late_p50_ns, fit.late_max_ns) == (1_000_000, 5_000_000)
    assert fit.as_facts()["residual_ns"] is None, "one slot says nothing of the residual"
    assert fit.ptp_minus_utc_ns is None


def test_what_it_keeps_does_not_grow() -> None:
    clock = TickClock(1000)
    for second in range(1000):
        clock.captured_ns(second * 1000, second * 1_000_000_000)
    assert len(clock._earliest) == KEPT


def test_a_frame_takes_less_than_ten_microseconds() -> None:
    """Of the thread's own time, in the best of 20 runs of 100 frames: others use this machine."""
    _, arrived_ns, ticks = Simulated(seconds=20).frames()
    arrived = arrived_ns.tolist()
    clock = TickClock(1e6, bits=32)
    took_s = []
    for first in range(0, 2000, 100):
        began_s = time.thread_time()
        for frame in range(first, first + 100):
            clock.captured_ns(ticks[frame], arrived[frame], EXPOSURE_NS)
        took_s.append((time.thread_time() - began_s) / 100)
    assert min(took_s) < 10e-6


class TickingCamera(ScriptedCamera):
    """Frames 10 ms apart, with stamps of a clock that is 1 s ahead."""

    def __init__(self, n_frames: int) -> None:
        super().__init__([rigs.frame(index) for index in range(n_frames)])
        self.tick_clock = TickClock(1e3)
        for index in range(n_frames):
            self.tick_clock.captured_ns(1000 + index * 10, rigs.frame(index).received_ns)


def test_the_session_keeps_what_was_found_out_about_the_cameras_clock(tmp_path: Path) -> None:
    rigs.Rig(tmp_path / "session", TickingCamera(20)).session.run()
    about = json.loads((tmp_path / "session" / "session.json").read_text("utf-8"))
    assert about["camera_clock"] == {
        "tick": 1190,
        "at_ns": 190_000_000,
        "drift_ppm": 0.0,
        "residual_ns": None,
        "late_p50_ns": 0.0,
        "late_max_ns": 0,
        "n_frames": 20,
        "n_steps": 0,
        "n_wraps": 0,
        "ptp_minus_utc_ns": None,
    }


def test_each_frames_own_tick_is_in_the_ledger(tmp_path: Path) -> None:
    """Of 64 bits; a frame without one has none."""
    frames = [replace(rigs.frame(0), device_tick=2**64 - 1), rigs.frame(1)]
    rigs.Rig(tmp_path / "session", ScriptedCamera(frames)).session.run()
    ticks = Recording(tmp_path / "session").ledger["device_tick"]
    assert ticks.to_pylist() == [2**64 - 1, None]


def test_the_log_says_now_and_then_how_the_cameras_clock_stands(tmp_path: Path) -> None:
    """After 10 s, and once a minute from then on: at 10, 70 and 130 s."""
    camera, clock, told = TickingCamera(20), ManualClock(), []
    rig = rigs.Rig(tmp_path / "session", camera, clock=clock)
    reporting = Reporting(
        rig.session.parts,
        None,
        lambda: rig.session.wire_status,
        lambda *what, **facts: told.append((what, facts)),
    )
    for _ in range(135):
        reporting.tell()
        clock.advance(1_000_000_000)
    assert [what for what, _ in told] == [("info", "clock of the camera")] * 3
    assert told[0][1]["tick"] == 1190
