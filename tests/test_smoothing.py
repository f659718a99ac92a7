"""Smoothing and prediction: what filters do to rests, ramps, gaps and wrong keypoints."""

import math

import numpy as np
import pytest
from pydantic import ValidationError
from rigs import SKELETON, at, frame, make_pipeline

from tracker.smoothing import (
    FAST_PX_S,
    LEARNED,
    FilterKind,
    Kalman,
    Smoother,
    SmoothingSettings,
)
from tracker.types import Observation, Skeleton

MS = 1_000_000
KALMAN = (FilterKind.CONSTANT_VELOCITY, FilterKind.CONSTANT_ACCELERATION)
FILTERS = (FilterKind.ONE_EURO, *KALMAN)
CHAIN = Skeleton(("nose", "head", "tail_base"), ((0, 1), (1, 2)))
EVEN = tuple(20 * i for i in range(200))
UNEVEN = tuple(np.cumsum(np.random.default_rng(0).integers(5, 60, 200)).tolist())


def smoother(kind, n=1, keypoints=1, skeleton=None, **settings):
    skeleton = skeleton or Skeleton(tuple(f"k{k}" for k in range(keypoints)))
    return Smoother(SmoothingSettings(kind=kind, **settings), n, skeleton)


def seen(at_ms, xy, confidence=None, identities=()):
    xy = np.array(xy, np.float32)
    if confidence is None:
        confidence = np.ones(xy.shape[:2])
    sure = (1.0,) * len(identities)
    confidence = np.array(confidence, np.float32)
    at_ns = round(at_ms * MS)
    return Observation(0, at_ns, xy, confidence, identities=identities, identity_confidence=sure)


def follow(smoothing, times_ms, place):
    """Smoothed positions of one keypoint whose place is a function of the time (s)."""
    return np.array(
        [smoothing.update(seen(t, [[place(t / 1000)]])).xy[0, 0] for t in times_ms], float
    )


# Nothing asked for


def test_without_a_filter_an_observation_is_the_very_same():
    one = seen(0, [[[1, 2]]])
    assert smoother(FilterKind.NONE).update(one) is one
    assert smoother(FilterKind.NONE).group_delay_s == 0


# Rest, ramp, curve


@pytest.mark.parametrize("kind", FILTERS)
def test_what_rests_stays_where_it_is(kind):
    got = follow(smoother(kind, predict_ms=50), UNEVEN, lambda _: (40.0, 7.0))
    np.testing.assert_allclose(got, np.full((200, 2), (40.0, 7.0)), rtol=1e-6)


@pytest.mark.parametrize("times", [EVEN, UNEVEN], ids=["even", "uneven"])
@pytest.mark.parametrize("kind", KALMAN)
def test_a_kalman_filter_follows_steady_motion_without_lag(kind, times):
    got = follow(smoother(kind), times, lambda t: (300 * t, -50 * t))
    expected = np.array([(0.3 * t, -0.05 * t) for t in times])
    np.testing.assert_allclose(got[100:], expected[100:], atol=0.02)


@pytest.mark.parametrize("times", [EVEN, UNEVEN], ids=["even", "uneven"])
@pytest.mark.parametrize("kind", KALMAN)
def test_steady_motion_is_predicted_exactly(kind, times):
    got = follow(smoother(kind, predict_ms=100), times, lambda t: (300 * t, 0))
    np.testing.assert_allclose(got[100:, 0], [0.3 * (t + 100) for t in times[100:]], atol=0.05)


def test_steady_acceleration_is_followed_by_the_filter_that_knows_it():
    def fall(t):
        return 0.0, 200 * t * t

    times = EVEN[:100]
    knows = follow(smoother(FilterKind.CONSTANT_ACCELERATION, predict_ms=40), times, fall)
    does_not = follow(smoother(FilterKind.CONSTANT_VELOCITY, predict_ms=40), times, fall)
    expected = np.array([fall(t / 1000 + 0.04)[1] for t in times])
    assert abs(knows[60:, 1] - expected[60:]).max() < 0.1
    assert abs(does_not[60:, 1] - expected[60:]).min() > 0.3


@pytest.mark.parametrize("cutoff_hz", [1.0, 4.0])
def test_a_one_euro_filter_lags_by_as_much_as_it_states(cutoff_hz):
    """Of first order at a fixed cut-off: a ramp comes 1 / (2 pi cut-off) late."""
    lagging = smoother(FilterKind.ONE_EURO, min_cutoff_hz=cutoff_hz, beta=0)
    assert lagging.group_delay_s == pytest.approx(1 / (2 * math.pi * cutoff_hz))
    got = follow(lagging, EVEN, lambda t: (100 * t, 0))
    late_s = EVEN[-1] / 1000 - got[-1, 0] / 100
    assert late_s == pytest.approx(lagging.group_delay_s, rel=1e-3)


def test_a_one_euro_filter_is_quicker_in_motion():
    quick = smoother(FilterKind.ONE_EURO, min_cutoff_hz=1.0, beta=0.1)
    got = follow(quick, EVEN, lambda t: (100 * t, 0))
    late_s = EVEN[-1] / 1000 - got[-1, 0] / 100
    assert late_s == pytest.approx(1 / (2 * math.pi * (1.0 + 0.1 * 100)), rel=0.01)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (FilterKind.ONE_EURO, 1 / (2 * math.pi * 1.5) - 0.03),
        (FilterKind.CONSTANT_VELOCITY, -0.03),
        (FilterKind.CONSTANT_ACCELERATION, -0.03),
    ],
)
def test_prediction_is_part_of_the_delay(kind, expected):
    assert smoother(kind, predict_ms=30).group_delay_s == pytest.approx(expected)


def test_a_feature_lags_by_its_window_and_by_the_filter_and_never_by_less_than_nothing():
    one = smoother(FilterKind.ONE_EURO, min_cutoff_hz=1 / (2 * math.pi * 0.1))
    own = {"speed_cm_s": 0.15, "x_cm": 0.0, "lamp_led": 0.0}
    assert one.delays(own, but=["lamp_led"]) == pytest.approx(
        {"speed_cm_s": 0.25, "x_cm": 0.1, "lamp_led": 0.0}
    )
    ahead = smoother(FilterKind.CONSTANT_VELOCITY, predict_ms=50)
    assert ahead.delays(own) == pytest.approx({"speed_cm_s": 0.1, "x_cm": 0.0, "lamp_led": 0.0})


# By hand


def test_the_second_step_of_a_one_euro_filter():
    """20 ms after (0, 0) comes (10, 0); speeds at 2 Hz, positions at 1.5 Hz + 0.02 per px/s."""
    one = smoother(FilterKind.ONE_EURO, min_cutoff_hz=1.5, beta=0.02, speed_cutoff_hz=2.0)
    one.update(seen(0, [[[0, 0]]]))
    got = one.update(seen(20, [[[10, 0]]])).xy[0, 0, 0]
    speed = (10 / 0.02) / (1 + 1 / (2 * math.pi * 2.0 * 0.02))
    cutoff_hz = 1.5 + 0.02 * speed
    assert got == pytest.approx(10 / (1 + 1 / (2 * math.pi * cutoff_hz * 0.02)), rel=1e-6)


def test_the_second_step_of_a_kalman_filter():
    """Variance of the prediction p = r + V t² + q t³ / 3; the gain is p / (p + r)."""
    r, q, t = 4.0, 100.0**2, 0.02
    one = smoother(FilterKind.CONSTANT_VELOCITY, noise_px=2.0, agility=100.0)
    one.update(seen(0, [[[0, 0]]]))
    got = one.update(seen(20, [[[10, 0]]])).xy[0, 0, 0]
    p = r + FAST_PX_S**2 * t * t + q * t**3 / 3
    assert got == pytest.approx(10 * p / (p + r), rel=1e-6)


def test_noise_is_taken_off():
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 1, (200, 2))
    for kind in FILTERS:
        smoothing = smoother(kind, agility=30.0)
        got = [
            smoothing.update(seen(t, [[each]])).xy[0, 0]
            for t, each in zip(EVEN, noise, strict=True)
        ]
        assert np.std(got[50:]) < 0.6 * np.std(noise[50:])


def test_a_covariance_stays_symmetric_and_positive_over_a_long_time():
    kalman = Kalman(3, 1.0, 300.0, (1, 1))
    found = np.ones((1, 1), bool)
    for i in range(20_000):
        kalman.update(np.full((1, 1, 2), math.sin(i / 7)), found, 0.01, 0.0)
    covariance = kalman._covariance[0, 0]
    np.testing.assert_allclose(covariance, covariance.T, rtol=1e-6)
    assert (np.linalg.eigvalsh(covariance) > 0).all()


# Gaps and keypoints that are not found


@pytest.mark.parametrize("kind", FILTERS)
def test_what_was_not_found_stays_unknown(kind):
    one = smoother(kind, keypoints=2, predict_ms=20)
    for t in EVEN[:20]:
        one.update(seen(t, [[[t, 0], [5, 5]]]))
    got = one.update(seen(400, [[[np.nan, np.nan], [5, 5]]]))
    assert np.isnan(got.xy[0, 0]).all()
    np.testing.assert_allclose(got.xy[0, 1], (5, 5), rtol=1e-5)


@pytest.mark.parametrize("kind", KALMAN)
def test_motion_goes_on_through_a_short_gap(kind):
    one = smoother(kind)
    follow(one, EVEN[:100], lambda t: (200 * t, 0))
    for t in range(2000, 2200, 20):
        one.update(seen(t, [[[np.nan, np.nan]]]))
    got = one.update(seen(2200, [[[440, 0]]]))
    assert got.xy[0, 0, 0] == pytest.approx(440, abs=0.05)


@pytest.mark.parametrize("kind", FILTERS)
def test_after_a_long_gap_it_begins_anew(kind):
    one = smoother(kind, longest_gap_s=0.5)
    follow(one, EVEN[:50], lambda t: (200 * t, 0))
    got = one.update(seen(1490, [[[900, 300]]]))  # 510 ms after the last one
    assert got.xy[0, 0].tolist() == [900, 300]
    one = smoother(kind, longest_gap_s=0.5)
    follow(one, EVEN[:50], lambda t: (200 * t, 0))
    got = one.update(seen(1480, [[[900, 300]]]))
    assert got.xy[0, 0].tolist() != [900, 300]


@pytest.mark.parametrize("kind", FILTERS)
def test_animals_and_keypoints_do_not_know_each_other(kind):
    alone = smoother(kind)
    both = smoother(kind, n=2, keypoints=2)
    rng = np.random.default_rng(1)
    for t, (x, y) in zip(EVEN, rng.normal(0, 5, (200, 2)), strict=True):
        other = rng.normal(100, 50, (2, 2, 2))
        other[1, 0] = x, y
        got = both.update(seen(t, other)).xy[1, 0]
        assert got.tolist() == alone.update(seen(t, [[[x, y]]])).xy[0, 0].tolist()


def test_individuals_that_are_nobody_are_passed_on_as_they_are():
    one = smoother(FilterKind.ONE_EURO, n=1)
    one.update(seen(0, [[[0, 0]]], identities=("a",)))
    got = one.update(seen(20, [[[10, 0]], [[77, 7]]], identities=("a", "")))
    assert got.xy[1, 0].tolist() == [77, 7]
    assert got.xy[0, 0, 0] < 10
    assert got.identities == ("a", "")


def test_fewer_rows_than_animals_are_no_error():
    one = smoother(FilterKind.CONSTANT_VELOCITY, n=2)
    got = one.update(seen(0, [[[3, 4]]]))
    assert got.xy.tolist() == [[[3, 4]]]


@pytest.mark.parametrize("kind", FILTERS)
def test_times_count_and_not_when_it_is_called(kind):
    """The same positions at another pace are another motion, and the same pace is the same bits."""
    runs = [
        follow(smoother(kind, predict_ms=10), times, lambda t: (math.sin(5 * t), 0))
        for times in (UNEVEN, UNEVEN, EVEN)
    ]
    assert runs[0].tobytes() == runs[1].tobytes()
    assert runs[0].tobytes() != runs[2].tobytes()


# Wrong keypoints


def chain(nose=(40, 0), head=(20, 0), tail=(0, 0)):
    return [[nose, head, tail]]


def learned(**settings):
    one = smoother(FilterKind.NONE, skeleton=CHAIN, longest_segment=1.5, **settings)
    for i in range(LEARNED):
        one.update(seen(20 * i, chain()))
    return one


def missing(observation):
    return np.isnan(observation.xy[0, :, 0]).tolist()


@pytest.mark.parametrize(
    ("pose", "expected"),
    [
        pytest.param(chain(), [False, False, False], id="as always"),
        pytest.param(chain(nose=(80, 0)), [True, False, False], id="nose"),
        pytest.param(chain(head=(20, 90)), [False, True, False], id="head"),
        pytest.param(chain(tail=(-20, 0)), [False, False, True], id="tail"),
        pytest.param(chain(nose=(49, 0)), [False, False, False], id="stretched by 1.45"),
        pytest.param(chain(nose=(22, 0)), [False, False, False], id="curled up"),
    ],
)
def test_a_segment_that_is_too_long_tells_its_wrong_keypoint(pose, expected):
    sure = [[0.4, 0.9, 0.5]]
    assert missing(learned().update(seen(1000, pose, sure))) == expected


def test_of_two_keypoints_at_an_odd_segment_the_less_confident_one_is_wrong():
    pair = Skeleton(("nose", "tail"), ((0, 1),))
    one = smoother(FilterKind.NONE, skeleton=pair, longest_segment=1.5)
    for i in range(LEARNED):
        one.update(seen(20 * i, [[[0, 0], [20, 0]]]))
    got = one.update(seen(1000, [[[0, 0], [90, 0]]], [[0.2, 0.8]]))
    assert missing(got) == [True, False]


def test_lengths_are_learned_before_anything_is_wrong():
    one = smoother(FilterKind.NONE, skeleton=CHAIN, longest_segment=1.5)
    for i in range(LEARNED - 1):
        one.update(seen(20 * i, chain()))
    assert missing(one.update(seen(1000, chain(nose=(80, 0))))) == [False, False, False]


def test_what_is_wrong_teaches_nothing_and_growing_does():
    one = learned()
    for i in range(500):
        assert missing(one.update(seen(1000 + 20 * i, chain(nose=(80, 0)), [[0.1, 1, 1]])))[0]
    for i in range(120):  # comes nearer, so that segments are 10 % longer every 10 frames
        far = 20 * 1.01**i
        pose = chain(nose=(20 + far, 0), tail=(20 - far, 0))
        assert missing(one.update(seen(20_000 + 20 * i, pose))) == [False] * 3


def test_a_wrong_keypoint_does_not_reach_the_filter():
    one = smoother(FilterKind.ONE_EURO, skeleton=CHAIN, longest_segment=1.5)
    for i in range(LEARNED + 1):
        one.update(seen(20 * i, chain()))
    one.update(seen(1000, chain(nose=(300, 0)), [[0.1, 1, 1]]))
    got = one.update(seen(1020, chain()))
    np.testing.assert_allclose(got.xy[0, 0], (40, 0), atol=1e-3)


# In the pipeline


def test_features_see_what_is_smoothed_and_the_record_what_was_seen():
    one = Smoother(SmoothingSettings(kind=FilterKind.ONE_EURO), 1, SKELETON)
    pipeline = make_pipeline(lambda i: at(10.0 if i < 5 else 40.0), smoother=one)
    results = [pipeline.step(frame(i)) for i in range(6)]
    assert results[-1].observation.xy[0, 0].tolist() == [40.0, 10.0]
    assert 1.0 < results[-1].features["x_cm"] < 4.0


# Settings


@pytest.mark.parametrize(
    "wrong",
    [{"kind": "kalman"}, {"min_cutoff_hz": 0}, {"predict_ms": -1}, {"longest_segment": 1.0}],
    ids=["kind", "cut-off", "past", "no room"],
)
def test_settings_out_of_their_bounds_are_an_error(wrong):
    with pytest.raises(ValidationError):
        SmoothingSettings(**wrong)


def test_prediction_needs_a_filter():
    with pytest.raises(ValidationError, match="predict_ms needs a kind"):
        SmoothingSettings(predict_ms=20)
