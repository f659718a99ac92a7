"""Times are of sessions at 20 frames/s: a frame lasts for 0.05 s."""

import math

import numpy as np
import pytest
from batch_sessions import bout, session_with

from tracker.batch.measures import measures_of
from tracker.recording import Recording


@pytest.fixture
def measured(tmp_path):
    def measure(*bouts, **options):
        whole, behaviours = measures_of(Recording(session_with(tmp_path / "s", *bouts, **options)))
        return whole, {row["behaviour"]: row for row in behaviours}

    return measure


def test_bouts_are_counted_and_last_from_first_to_last_frame(measured):
    _, rows = measured(bout(1, 40, 59), bout(2, 100, 109), bout(3, 150, 159))
    freezing = rows["freezing"]
    assert freezing["bouts"] == 3
    assert freezing["total_s"] == pytest.approx(2.0)  # 20 + 10 + 10 frames
    assert freezing["mean_s"] == pytest.approx(2 / 3)
    assert freezing["median_s"] == pytest.approx(0.5)


def test_latency_is_from_the_first_frame_to_the_first_onset(measured):
    _, rows = measured(bout(1, 40, 59), bout(2, 100, 109))
    assert rows["freezing"]["latency_s"] == pytest.approx(2.0)


def test_a_share_of_the_time_is_of_the_whole_recording(measured):
    whole, rows = measured(bout(1, 40, 59), seconds=10)
    assert whole["duration_s"] == pytest.approx(10.0)
    assert rows["freezing"]["fraction"] == pytest.approx(0.1)
    assert rows["freezing"]["per_min"] == pytest.approx(6.0)


def test_a_behaviour_that_goes_on_all_the_time_takes_all_of_it(measured):
    _, rows = measured(bout(1, 0, 199, cut=True), seconds=10)
    assert rows["freezing"]["fraction"] == pytest.approx(1.0)
    assert rows["freezing"]["bouts_cut"] == 1


def test_a_bout_of_one_frame_lasts_for_one_frame(measured):
    _, rows = measured(bout(1, 40, 40))
    assert rows["freezing"]["total_s"] == pytest.approx(0.05)


def test_what_never_happened_has_no_latency_and_no_duration(measured):
    _, rows = measured(bout(1, 40, 59))
    never = rows["locomotion"]
    assert (never["bouts"], never["total_s"], never["fraction"], never["per_min"]) == (0, 0, 0, 0)
    assert all(math.isnan(never[name]) for name in ("latency_s", "mean_s", "median_s"))


def test_behaviours_stand_in_the_order_of_the_ethogram(measured):
    _, rows = measured()
    assert list(rows) == ["freezing", "locomotion"]


def test_frames_add_up(measured):
    whole, _ = measured(lost=(3, 4, 5))
    assert (whole["frames"], whole["processed"], whole["lost"]) == (200, 197, 3)
    assert whole["unexplained"] == 0


def test_lost_frames_do_not_shorten_the_recording(measured):
    whole, _ = measured(lost=(3, 4, 5))
    assert whole["duration_s"] == pytest.approx(10.0)


def test_the_way_is_speed_times_time(measured):
    whole, _ = measured(speed=np.full(200, 3.0))
    assert whole["distance_cm"] == pytest.approx(3.0 * 199 * 0.05)


def test_where_the_speed_is_not_known_no_way_is_added(measured):
    speed = np.full(200, 3.0)
    speed[50:100] = np.nan
    whole, _ = measured(speed=speed)
    assert whole["distance_cm"] == pytest.approx(3.0 * 149 * 0.05)


def test_over_a_hole_in_the_recording_no_way_is_invented(measured):
    whole, _ = measured(speed=np.full(200, 3.0), lost=range(50, 100))
    assert whole["distance_cm"] == pytest.approx(3.0 * 148 * 0.05)


def test_over_one_lost_frame_the_way_goes_on(measured):
    whole, _ = measured(speed=np.full(200, 3.0), lost=(50,))
    assert whole["distance_cm"] == pytest.approx(3.0 * 199 * 0.05)


def test_a_speed_that_is_never_known_is_no_way_of_zero(measured):
    whole, _ = measured(speed=np.full(200, np.nan))
    assert math.isnan(whole["distance_cm"])


@pytest.mark.parametrize("n_frames", [0, 1])
def test_of_a_recording_without_length_nothing_is_known(tmp_path, n_frames):
    folder = session_with(tmp_path / "s", seconds=n_frames / 20 if n_frames else 0)
    whole, rows = measures_of(Recording(folder))
    assert whole["frames"] == n_frames
    assert math.isnan(whole["duration_s"])
    assert all(math.isnan(row["fraction"]) for row in rows)


def test_a_bout_whose_end_a_crash_took_counts_up_to_the_last_frame(measured):
    _, rows = measured(bout(1, 40, 59), open_onsets=[bout(2, 180, 180).onset])
    assert (rows["freezing"]["bouts"], rows["freezing"]["bouts_cut"]) == (2, 1)
    assert rows["freezing"]["total_s"] == pytest.approx(2.0)  # 20 + 20 frames
