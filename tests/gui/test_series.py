import math

import numpy as np
import pytest

from tracker.gui.series import BUCKETS_S, N_BUCKETS, N_RAW, Series


def filled(n, period_s=0.01, value=float):
    series = Series(("a", "b"))
    for k in range(n):
        series.append(k * period_s, {"a": value(k)}, k)
    return series


def test_what_was_put_in_comes_out():
    series = filled(50)
    times, values = series.raw("a", 0.0)
    assert times.tolist() == [k * 0.01 for k in range(50)]
    assert values.tolist() == list(range(50))


def test_what_is_missing_is_nan():
    _, values = filled(3).raw("b", 0.0)
    assert np.isnan(values).all()


def test_the_past_is_not_written_anew():
    series = filled(3)
    series.append(0.01, {"a": 99.0})
    assert series.raw("a", 0.0)[1].tolist() == [0, 1, 2]


def test_the_oldest_raw_values_go_and_the_rest_stays_in_one_piece():
    series = filled(N_RAW + 1000)
    times, values = series.raw("a", -1.0)
    assert len(times) == N_RAW
    assert (values[0], values[-1]) == (1000, N_RAW + 999)
    assert np.all(np.diff(times) > 0)


def test_indices_go_with_their_values():
    _, indices, values = filled(N_RAW + 7).raw_columns(["a"], 100.0)
    assert indices.tolist() == values[:, 0].tolist()


@pytest.mark.parametrize("span_s", [5.0, 60.0, 300.0, 3600.0])
def test_a_repaint_costs_what_the_picture_is_wide_not_what_the_session_is_long(span_s):
    series = filled(40_000, period_s=0.1)  # more than an hour
    times, _ = series.curve("a", series.last_s - span_s, series.last_s, 300)
    assert 0 < len(times) <= 4 * 300 + 4


def test_buckets_keep_the_extremes():
    series = filled(60_000, value=lambda k: 100.0 if k == 30_000 else 0.0)
    _, values = series.curve("a", 0.0, 600.0, 400)
    assert np.nanmax(values) == 100.0


def test_a_gap_in_time_is_a_gap_in_the_curve():
    series = Series(("a",))
    for time_s in (0.0, 0.01, 400.0, 400.01):
        series.append(time_s, {"a": 1.0})
    series._raw._n = 0  # only buckets are left, as after hours
    times, values = series.curve("a", 0.0, 401.0, 100)
    inside = (times > 10) & (times < 390)
    assert inside.any()
    assert np.isnan(values[inside]).all()


def test_a_pause_longer_than_all_buckets_does_no_harm():
    series = filled(10)
    series.append(BUCKETS_S[-1] * N_BUCKETS * 3, {"a": 7.0})
    _, values = series.curve("a", series.last_s - 1, series.last_s, 100)
    assert values[-1] == 7.0


def test_nothing_gives_an_empty_curve():
    times, values = Series(("a",)).curve("a", 0.0, 60.0, 100)
    assert len(times) == len(values) == 0
    assert math.isnan(Series(("a",)).first_s)
