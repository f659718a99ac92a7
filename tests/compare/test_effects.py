"""Expected values are worked out by hand, or by another formula."""

import math

import numpy as np
import pytest
from scipy import stats

from tracker.compare.animals import MEASURES, Contrast
from tracker.compare.effects import (
    Effect,
    effects_of,
    hedges_g,
    hedges_g_paired,
)

A, B = np.array([1.0, 2.0, 3.0]), np.array([4.0, 6.0, 8.0])


def contrast(a, b, *, paired=False):
    arrays = [np.array(values, np.float64) for values in (a, b)]
    return Contrast("a", "b", "freezing", MEASURES[0], *arrays, paired=paired, without=())


def effect(a, b, **options) -> Effect:
    (found,) = effects_of([contrast(a, b, **options)], n_resamples=999)
    return found


def test_the_difference_is_of_b_from_a():
    assert effect(A, B).difference == 4.0


def test_the_difference_in_deviations_is_that_of_hedges():
    # Pooled variance (1 + 4) / 2, df 4: J = 1 - 3/15.
    assert hedges_g(A, B) == pytest.approx(0.8 * 4 / math.sqrt(2.5))
    assert effect(A, B).g == pytest.approx(2.0239, abs=1e-4)


def test_pairs_are_measured_by_their_differences():
    # Differences 3, 4, 5: mean 4, deviation 1, df 2: J = 1 - 3/7.
    assert hedges_g_paired(A, B) == pytest.approx(4 * 4 / 7)
    assert effect(A, B, paired=True).g == pytest.approx(16 / 7)


def test_groups_of_different_sizes_are_weighed():
    # Variances 1 (n 3) and 0.5 (n 2), df 3: J = 1 - 3/11.
    b = np.array([4.0, 5.0])
    assert hedges_g(A, b) == pytest.approx(8 / 11 * 2.5 / math.sqrt((2 * 1 + 1 * 0.5) / 3))


def test_the_interval_is_that_of_the_library_at_the_seed_that_is_stated():
    from tracker.compare.effects import SEED, mean_difference

    a, b = np.array([1.0, 2.0, 3.0, 5.0, 8.0]), np.array([4.0, 6.0, 8.0, 9.0, 7.0])
    expected = stats.bootstrap(
        (a, b),
        mean_difference,
        n_resamples=999,
        vectorized=True,
        rng=np.random.default_rng(SEED),
    ).confidence_interval
    assert effect(a, b).difference_ci == (expected.low, expected.high)


def test_four_animals_are_too_few_to_resample_and_can_be_tested():
    found = effect([1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0])
    assert all(math.isnan(end) for end in (*found.difference_ci, *found.g_ci))
    assert found.p == pytest.approx(2 / 70)


def test_the_interval_is_around_the_difference_and_the_same_each_time():
    rng = np.random.default_rng(1)
    a, b = rng.normal(0, 1, 12), rng.normal(2, 1, 12)
    first, second = effect(a, b), effect(a, b)
    low, high = first.difference_ci
    assert low < first.difference < high
    assert (first.difference_ci, first.g_ci, first.p) == (
        second.difference_ci,
        second.g_ci,
        second.p,
    )


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(60):
        found = effect(rng.normal(0, 1, 15), rng.normal(1, 1, 15))
        low, high = found.difference_ci
        hits += low <= 1.0 <= high
    assert hits >= 50  # 95 % of 60 are 57; bootstrap intervals of small groups are narrow


def test_three_against_three_that_do_not_overlap_are_one_in_ten():
    # 20 ways to share six values out: one is as far apart, two-sided two.
    assert effect(A, B).p == pytest.approx(0.1)


def test_three_pairs_all_in_one_direction_are_one_in_four():
    assert effect(A, B, paired=True).p == pytest.approx(0.25)


def test_pairs_count_as_pairs():
    a = np.array([1.0, 11.0, 21.0, 31.0, 41.0, 51.0])
    b = a + np.array([1.0, 1.1, 0.9, 1.2, 0.8, 1.0])
    assert effect(a, b, paired=True).p == pytest.approx(2 / 64)
    assert effect(a, b).p > 0.5


def test_groups_that_are_the_same_do_not_differ():
    found = effect([2.0] * 5, [2.0] * 5)
    assert (found.difference, found.g, found.p) == (0.0, 0.0, 1.0)
    assert math.isnan(found.difference_ci[0])


@pytest.mark.parametrize(
    ("a", "b"),
    [
        pytest.param([], [1.0, 2.0], id="none"),
        pytest.param([1.0], [1.0, 2.0], id="one"),
    ],
)
def test_of_too_few_animals_nothing_is_claimed(a, b):
    found = effect(a, b)
    assert math.isnan(found.p)
    assert math.isnan(found.q)
    assert math.isnan(found.g)
    assert math.isnan(found.difference_ci[0])


def test_tests_are_corrected_for_their_number():
    many = [contrast(A, B), contrast(A, A + 0.1), contrast([], B)]
    found = effects_of(many, n_resamples=999)
    ps = [each.p for each in found[:2]]
    assert ps[0] == pytest.approx(0.1)
    assert found[0].q == pytest.approx(0.2)  # the smaller of two: times two
    assert found[1].q == pytest.approx(ps[1])
    assert math.isnan(found[2].q)
