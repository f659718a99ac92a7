"""Episodes beside bouts: every figure worked out by hand. 10 frames a second."""

import math

import numpy as np
import pytest

from tracker.annotations.bouts import Bout
from tracker.evaluation.agreement import Told, agreement, kappa


def told(*spans):
    return [Told(first, last, known) for first, last, known in spans]


def seen(*spans):
    return [Bout(first, last, "a") for first, last in spans]


def compare(mine, theirs, frames=(0, 100), **options):
    return agreement(told(*mine), seen(*theirs), frames, 10.0, **options)


def test_frames_and_episodes_are_judged():
    found = compare([(12, 21, 15), (50, 59, 52)], [(10, 19), (80, 89)])
    assert (found.episodes, found.bouts, found.matched) == (2, 2, 1)
    assert found.frame_f1 == pytest.approx(2 * 8 / 40)
    assert found.frame_precision == found.frame_recall == pytest.approx(8 / 20)
    assert found.episode_f1 == 0.5
    assert (found.onset_error_ms, found.delay_ms) == (200, 500)
    assert (found.false_triggers, found.missed) == (1, 1)
    assert found.false_triggers_per_hour == pytest.approx(360)


@pytest.mark.parametrize(
    ("mine", "matched"),
    [((10, 19), 1), ((10, 14), 1), ((10, 13), 0), ((15, 24), 0), ((13, 22), 1), ((0, 29), 0)],
)
def test_half_of_the_frames_in_common_make_it_the_bout(mine, matched):
    assert compare([(*mine, 20)], [(10, 19)]).matched == matched


def test_what_overlaps_is_neither_false_nor_missed_even_if_it_is_not_the_bout():
    found = compare([(0, 99, 5)], [(10, 19)])
    assert (found.matched, found.false_triggers, found.missed) == (0, 0, 0)


def test_each_bout_is_matched_once_by_the_best():
    found = compare([(10, 15, 12), (10, 19, 13)], [(10, 19)])
    assert found.matched == 1
    assert found.delay_ms == 300


def test_errors_are_medians_and_have_a_sign():
    found = compare([(8, 19, 9), (31, 40, 33), (60, 69, 60)], [(10, 19), (30, 40), (60, 69)])
    assert found.onset_error_ms == 0
    assert found.onset_error_abs_ms == 100
    assert found.delay_ms == 0


def test_a_stretch_is_judged_alone():
    found = compare([(5, 9, 6), (40, 60, 42)], [(5, 9), (40, 60)], frames=(30, 50))
    assert (found.episodes, found.bouts, found.matched) == (1, 1, 1)
    assert found.frame_f1 == 1


def test_points_are_matched_by_nearness():
    found = compare([(10, 10, 10), (50, 50, 50)], [(14, 14), (60, 60)], is_point=True)
    assert (found.matched, found.false_triggers, found.missed) == (1, 1, 1)
    assert found.onset_error_ms == -400


def test_nothing_on_both_sides_is_not_defined():
    found = compare([], [])
    assert math.isnan(found.frame_f1)
    assert math.isnan(found.episode_f1)
    assert found.as_dict()["frame_f1"] is None
    assert found.as_dict()["false_triggers_per_hour"] == 0


def test_kappa_is_agreement_beyond_chance():
    one = np.array([1, 1, 0, 0], bool)
    assert kappa(one, one) == 1
    assert kappa(one, ~one) == -1
    assert kappa(one, np.array([1, 0, 1, 0], bool)) == 0
    assert math.isnan(kappa(np.ones(3, bool), np.ones(3, bool)))
    assert math.isnan(kappa(np.zeros(0, bool), np.zeros(0, bool)))
