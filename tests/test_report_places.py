"""Bouts, places and times on the report's page, in numbers worked out by hand."""

import math
from dataclasses import asdict, replace

import numpy as np
import pyarrow as pa
import pytest
from report_sessions import S, frame_ns, freezing, session
from session_folders import change_session

from tracker.arena import ArenaSettings
from tracker.batch.measures import measures_of
from tracker.recording import Recording
from tracker.report import timing
from tracker.report.around import around, grid_s, with_unit, worth_showing
from tracker.report.bouts import bouts_of, statistics
from tracker.report.look import TimeAxis
from tracker.report.places import (
    arena_of,
    cell_px,
    dwell_s,
    occupancy,
    short_path,
    zone_times,
)

THREE = (freezing(1, 1, 2.0), freezing(2, 4, 7.5), freezing(3, 8.2, 9.0))
ARENA = {
    "px_per_cm": 10,
    "zones": {"left": {"kind": "circle", "x_px": 9, "y_px": 9, "radius_px": 5}},
}


def recorded(folder, **options):
    return Recording(session(folder / "s", **options))


# Bouts -------------------------------------------------------------------------------------------


def test_bouts_are_counted_and_measured(tmp_path):
    """1.0, 3.5 and 0.8 s from first to last frame and 0.05 s of the last one; 200 such frames."""
    freezing_row, nothing = statistics(recorded(tmp_path, episodes=THREE))
    assert asdict(freezing_row) == pytest.approx(
        {
            "behaviour": "freezing",
            "n": 3,
            "n_open": 0,
            "total_s": 5.45,
            "share": 0.545,
            "mean_s": 5.45 / 3,
            "median_s": 1.05,
            "longest_s": 3.55,
            "latency_s": 1.0,
            "per_minute": 18,
        }
    )
    assert (nothing.behaviour, nothing.n, nothing.total_s, nothing.share) == ("locomotion", 0, 0, 0)
    assert all(math.isnan(v) for v in (nothing.mean_s, nothing.longest_s, nothing.latency_s))


def test_a_bout_is_as_long_as_in_the_tables_of_a_batch(tmp_path):
    recording = recorded(tmp_path, episodes=THREE, lost={50, 51})
    ours = statistics(recording)[0]
    _, (theirs, _) = measures_of(recording)
    assert (ours.n, ours.total_s, ours.mean_s) == pytest.approx(
        (theirs["bouts"], theirs["total_s"], theirs["mean_s"])
    )
    assert (ours.share, ours.per_minute, ours.latency_s) == pytest.approx(
        (theirs["fraction"], theirs["per_min"], theirs["latency_s"])
    )


def test_a_bout_that_the_session_ended_counts_up_to_there_and_is_said_to(tmp_path):
    cut = replace(THREE[2], ended_by_session=True)
    row = statistics(recorded(tmp_path, episodes=(*THREE[:2], cut)))[0]
    assert (row.n, row.n_open) == (3, 1)
    assert row.total_s == pytest.approx(5.45)


def test_a_bout_whose_end_was_never_written_counts_up_to_the_last_frame(tmp_path):
    """From 4 s to frame 199, which ends at 10 s."""
    folder = session(tmp_path / "s", open_onsets=(THREE[1].onset,))
    change_session(folder, state="running")
    [bout] = bouts_of(Recording(folder))
    assert (bout.length_s, bout.ended) == (pytest.approx(6.0), False)


def test_a_session_without_frames_has_no_rates(tmp_path):
    row = statistics(recorded(tmp_path, n_frames=0))[0]
    assert row.n == 0
    assert math.isnan(row.per_minute)


# Places ------------------------------------------------------------------------------------------


def test_a_frame_stands_until_the_next_one_and_for_three_steps_at_most():
    """Steps of 1, 1, 2, 8 and 1 s: the usual one is 1 s, which the last frame gets too."""
    times = np.array([0, 1, 2, 4, 12, 13]) * S
    assert dwell_s(times).tolist() == [1, 1, 2, 3, 1, 1]


@pytest.mark.parametrize("n", [0, 1])
def test_where_there_is_no_step_there_is_no_time(n):
    assert dwell_s(np.arange(n)).tolist() == [0] * n


def test_time_is_added_up_in_the_cell_that_the_animal_is_in():
    """Cells of 10 px on 20 x 30 px: pixel 9 belongs to the first, pixel 10 to the second."""
    centre = np.array([(0, 0), (9.4, 9.4), (9.6, 0), (29, 19), (np.nan, 1)])[:, None]
    time = np.array([1, 2, 4, 8, 16], np.float64)
    found = occupancy(centre, time, (20, 30), 10)
    assert found.tolist() == [[3, 4, 0], [0, 0, 8]]


def test_a_position_beyond_the_sensor_counts_at_its_edge():
    centre = np.array([(-50.0, 100.0)])[None]
    assert occupancy(centre, np.ones(1), (20, 30), 10).tolist() == [[0, 0, 0], [1, 0, 0]]


def test_two_animals_are_in_two_cells_at_once():
    centre = np.array([(5.0, 5.0), (15.0, 5.0)])[None]
    assert occupancy(centre, np.full(1, 0.5), (10, 20), 10).tolist() == [[0.5, 0.5]]


CELLS = {
    "whole centimetres": ((480, 640), 10.2, 10.2),
    "two of them": ((480, 640), 5.0, 10.0),
    "a quarter of one": ((400, 400), 20.0, 5.0),
    "pixels without a scale": ((480, 640), None, 8),
}


@pytest.mark.parametrize(("shape", "px_per_cm", "side"), CELLS.values(), ids=CELLS.keys())
def test_cells_are_round_and_not_too_many(shape, px_per_cm, side):
    assert cell_px(shape, px_per_cm) == pytest.approx(side)


def test_a_straight_way_needs_its_ends_alone():
    way = np.stack((np.arange(100.0), np.arange(100.0)), axis=1)
    found, within = short_path(way)
    assert found[:2].tolist() == [[0, 0], [99, 99]]
    assert np.isnan(found[2]).all()
    assert within == 0.25


def test_a_path_breaks_where_nothing_was_seen():
    way = np.array([(0, 0), (9, 0), (np.nan, np.nan), (9, 9), (0, 9)])
    found, _ = short_path(way)
    assert np.isnan(found[:, 0]).tolist() == [False, False, True, False, False, True]


def test_a_path_of_hours_becomes_a_few_thousand_points_that_stay_close():
    rng = np.random.default_rng(3)
    way = np.cumsum(rng.normal(0, 1, (100_000, 2)), axis=0)
    way[rng.random(100_000) < 0.3] = np.nan
    found, within = short_path(way, 4000)
    assert len(found) < 7000
    known = found[np.isfinite(found[:, 0])]
    for point in way[~np.isnan(way[:, 0])][::9973]:
        assert _distance(point, known) <= within + 0.01


def _distance(point, corners):
    """From a point to the nearest side between corners in a row."""
    a, b = corners[:-1], corners[1:]
    side = b - a
    along = ((point - a) * side).sum(axis=1) / np.maximum((side * side).sum(axis=1), 1e-12)
    nearest = a + side * np.clip(along, 0, 1)[:, None]
    return np.hypot(*(point - nearest).T).min()


def test_time_in_a_zone_is_that_of_the_frames_in_it(tmp_path):
    """Frames 0 to 3 and 10 to 14 of 20, at 20 a second."""
    recording = recorded(tmp_path, n_frames=20)
    inside = np.isin(np.arange(20), [0, 1, 2, 3, 10, 11, 12, 13, 14]).astype(float)
    recording.features["in_left"] = inside
    [zone] = zone_times(recording, ArenaSettings.model_validate(ARENA))
    assert (zone["name"], zone["entries"]) == ("left", 2)
    assert (zone["in_s"], zone["share"]) == (pytest.approx(0.45), pytest.approx(0.45))


@pytest.mark.parametrize("rig", [None, "rig", {}, {"arena": 3}, {"arena": {"px_per_cm": -1}}])
def test_an_arena_that_cannot_be_read_is_none(rig):
    assert arena_of({"rig": rig}) is None


# Around onsets -----------------------------------------------------------------------------------


def test_a_feature_is_a_straight_line_between_frames():
    times, values = np.array([0, 100, 200]) * S // 1000, np.array([0.0, 10.0, 0.0])
    found = around(times, values, [S // 10], np.array([-0.1, -0.05, 0.0, 0.05, 0.2]))
    assert found[0, :4].tolist() == pytest.approx([0, 5, 10, 5])
    assert np.isnan(found[0, 4])


def test_a_slow_camera_is_no_gap():
    """Steps of 1 s throughout, then one of 3 s."""
    times = np.array([0, 1, 2, 3, 6]) * S
    found = around(times, np.arange(5.0), [0], np.array([0.5, 4.5, 6.0]))
    assert found[0].tolist() == pytest.approx([0.5, np.nan, 4.0], nan_ok=True)


def test_of_no_events_there_is_nothing():
    assert around(np.arange(9), np.arange(9.0), [], np.zeros(3)).shape == (0, 3)


def test_the_grid_holds_zero_and_both_ends():
    grid = grid_s(2, 4)
    assert (grid[0], grid[-1], 0.0 in grid) == (-2, 4, True)


UNITS = {
    "speed_cm_s": "speed (cm/s)",
    "angular_speed_deg_s": "angular speed (°/s)",
    "distance_to_centre_cm": "distance to centre (cm)",
    "lamp_light": "lamp light",
}


@pytest.mark.parametrize(("name", "words"), UNITS.items(), ids=UNITS.keys())
def test_a_feature_is_shown_with_its_unit(name, words):
    assert with_unit(name) == words


RULES = {"behaviours": {"freezing": {"rule": {"kind": "threshold", "feature": "body_length_cm"}}}}


def test_features_that_rules_look_at_come_first_and_those_without_a_median_are_left_out(tmp_path):
    recording = recorded(tmp_path)
    names = ("x_cm", "heading_deg", "in_left", "a_cm", "b_cm", "c_cm", "body_length_cm", "lamp_led")
    recording.features.clear()
    recording.features.update(dict.fromkeys(names, np.zeros(200)))
    assert worth_showing(recording, RULES) == ["body_length_cm", "a_cm", "b_cm", "c_cm"]


def test_a_lamp_is_not_shown_while_a_session_is_blinded(tmp_path):
    shown = []
    for name, blinded in (("open", None), ("blind", frozenset({"wake"}))):
        recording = Recording(session(tmp_path / name, blinded=blinded))
        recording.features["lamp_led"] = np.zeros(200)
        shown.append(worth_showing(recording, {}))
    assert shown == [["speed_cm_s", "lamp_led"], ["speed_cm_s"]]


# The camera --------------------------------------------------------------------------------------


def ledger(captured_ms, index=None):
    index = range(len(captured_ms)) if index is None else index
    times = [None if ms is None else round(ms * 1e6) for ms in captured_ms]
    return pa.table({"index": list(index), "captured_ns": pa.array(times, pa.int64())})


def test_a_steady_camera_has_no_drift():
    found = timing.intervals_of(ledger([20 * i for i in range(101)]), 50.0)
    assert (found.nominal_ms, found.mean_ms, found.longest_ms) == (20, 20, 20)
    assert (found.drift_ppm, found.off_ppm) == (pytest.approx(0), pytest.approx(0))


def test_a_lost_frame_makes_no_interval_longer():
    found = timing.intervals_of(ledger([0, 20, None, 60, 80]), 50.0)
    assert found.ms.tolist() == [20, 20, 20]


def test_a_camera_that_slows_down_drifts():
    """50 intervals of 20 ms, then 50 of 20.02 ms: a thousandth longer at the end."""
    steps = np.r_[np.full(50, 20.0), np.full(50, 20.02)]
    found = timing.intervals_of(ledger(np.r_[0, np.cumsum(steps)].tolist()), 50.0)
    assert found.drift_ppm == pytest.approx(1000, rel=1e-3)
    assert found.off_ppm == pytest.approx(500, rel=1e-3)


def test_without_a_promise_there_is_none_to_compare_with():
    found = timing.intervals_of(ledger([0, 20, 40]), None)
    assert math.isnan(found.nominal_ms)
    assert math.isnan(found.off_ppm)


@pytest.mark.parametrize("times", [[], [5], [None, 5]], ids=["none", "one", "one was lost"])
def test_one_frame_is_no_interval(times):
    assert timing.intervals_of(ledger(times), 50.0) is None


def test_an_interval_beyond_the_plot_is_marked_there():
    times = np.r_[0, np.cumsum(np.r_[np.full(60, 20.0), 500.0, np.full(60, 20.0)])]
    found = timing.intervals_of(ledger(times.tolist()), 50.0)
    figure = timing.intervals(found, TimeAxis.over(0, int(found.at_ns[-1])))
    [axes] = figure.axes
    assert axes.get_ylim()[1] < 500
    labels = axes.get_legend_handles_labels()[1]
    assert "longer, beyond this plot" in labels


def test_plots_of_hours_draw_a_few_hundred_points():
    found = timing.intervals_of(ledger([20.0 * i for i in range(50_000)]), 50.0)
    figure = timing.intervals(found, TimeAxis.over(0, int(found.at_ns[-1])))
    assert max(len(line.get_xdata()) for line in figure.axes[0].get_lines()) <= 300


def test_losses_are_shares_of_the_frames_at_their_time(tmp_path):
    """Frames 0 to 199 in 10 parts of 20; of the third 5 are lost: a quarter."""
    recording = recorded(tmp_path, lost=range(40, 45))
    time = TimeAxis.over(frame_ns(0), frame_ns(200))
    figure = timing.losses(recording, time)
    [line] = figure.axes[0].get_lines()
    assert line.get_ydata().tolist() == [0, 0, 25, *[0] * 8]


def test_a_session_that_lost_nothing_has_no_plot_of_losses(tmp_path):
    assert timing.losses(recorded(tmp_path), TimeAxis.over(frame_ns(0), frame_ns(200))) is None
