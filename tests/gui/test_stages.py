import numpy as np
import pytest
from view_ends import observation

from tracker.gui.stages import EDGES_MS, LOOK_BACK, StageTimes


def test_the_stages_add_up_to_the_whole():
    stages = StageTimes()
    stages.feed(observation(0, took_ms=4.0))
    found = {name: spread.p50 for name, spread in stages.spreads().items()}
    assert found == pytest.approx(
        {
            "waiting": 0.5,
            "preparing": 0.5,
            "network": 2.0,
            "deciding": 0.25,
            "sending": 0.75,
            "all": 4.0,
        }
    )


def test_one_slow_frame_in_two_hundred_is_seen_in_the_worst_alone():
    stages = StageTimes()
    for index in range(200):
        stages.feed(observation(index, took_ms=50.0 if index == 77 else 4.0))
    spread = stages.spreads()["all"]
    assert (spread.p50, spread.worst) == (4.0, 50.0)
    assert spread.p99 == pytest.approx(4.0)


def test_old_frames_are_forgotten():
    stages = StageTimes()
    for index in range(2 * LOOK_BACK):
        stages.feed(observation(index, took_ms=50.0 if index < LOOK_BACK else 4.0))
    assert stages.spreads()["all"].worst == 4.0


def test_the_histogram_counts_every_frame():
    stages = StageTimes()
    for index in range(10):
        stages.feed(observation(index, took_ms=5000.0 if index == 3 else 4.0))
    counts = stages.histogram()
    assert counts.sum() == 10
    assert counts[-1] == 1, "what is longer than the longest is in the last bar"
    (bar,) = np.flatnonzero(counts == 9)
    assert EDGES_MS[bar] <= 4.0 <= EDGES_MS[bar + 1]


def test_the_trend_has_one_step_a_second():
    stages = StageTimes()
    for index in range(450):
        stages.feed(observation(index, took_ms=4.0 + index // 100))
    trend = stages.trend()
    assert trend[:, 0].tolist() == [0, 1, 2, 3]
    assert trend[:, 1] == pytest.approx([4, 5, 6, 7])


def test_nothing_is_said_before_the_first_frame():
    assert StageTimes().spreads() == {}
    assert len(StageTimes().trend()) == 0
