import itertools
import math

import numpy as np
import pytest
from measured_mice import (
    EVEN,
    FPS,
    MOUSE,
    NAN,
    NEST,
    PX_PER_CM,
    SHAPE,
    SPEEDS,
    WINDOW_S,
    extractor,
    moving,
    run,
    turned,
)

from tracker.arena import Arena, ArenaSettings
from tracker.features import FeatureExtractor, FeatureSettings
from tracker.features.lines import Lines, middle_of_three
from tracker.types import Skeleton


@pytest.mark.parametrize(
    ("velocity_px_s", "expected_cm_s"),
    [
        pytest.param((0, 0), 0, id="still"),
        pytest.param((300, 0), 30, id="right"),
        pytest.param((-30, 40), 5, id="aslant"),
    ],
)
@pytest.mark.parametrize(
    "times_s",
    [
        pytest.param(EVEN, id="even"),
        pytest.param([t for i, t in enumerate(EVEN) if i % 5 not in (1, 2)], id="lost_frames"),
        pytest.param([t + 0.008 * math.sin(7 * t * FPS) for t in EVEN], id="uneven_times"),
    ],
)
def test_the_speed_of_a_steady_animal_is_exact(velocity_px_s, expected_cm_s, times_s):
    features = run(moving(velocity_px_s, times_s), times_s)[-1]
    assert features["speed_cm_s"] == pytest.approx(expected_cm_s, abs=1e-4)
    assert features["fastest_keypoint_cm_s"] == pytest.approx(expected_cm_s, abs=1e-4)


def test_the_speed_lags_by_half_a_window_and_half_a_frame():
    acceleration_px_s2 = 200
    poses = [SHAPE + np.array([acceleration_px_s2 / 2 * t**2, 0]) for t in EVEN]
    then_s = EVEN[-1] - WINDOW_S / 2 - 0.5 / FPS
    speed_cm_s = run(poses)[-1]["speed_cm_s"]
    assert speed_cm_s == pytest.approx(acceleration_px_s2 * then_s / PX_PER_CM, abs=1e-3)


@pytest.mark.parametrize("name", SPEEDS)
def test_a_speed_is_not_known_before_half_the_window_is_filled(name):
    known = [not math.isnan(features[name]) for features in run(moving((10, 0), EVEN))]
    half, whole = 5, 10  # frames
    assert not any(known[: half + 1])
    assert all(known[whole:])


@pytest.mark.parametrize("name", SPEEDS)
def test_a_speed_starts_anew_after_the_animal_was_out_of_sight(name):
    poses = moving((10, 0), EVEN)
    poses += [SHAPE * NAN] * 12 + [SHAPE] * 12
    known = [not math.isnan(features[name]) for features in run(poses)]
    assert known[29]
    assert not any(known[30 : 42 + 6])
    assert known[-1]


def test_a_keypoint_that_is_not_seen_is_left_out_of_the_speeds():
    poses = moving((100, 0), EVEN)
    for pose in poses[:15]:
        pose[0] = NAN
    for i, pose in enumerate(poses[:25]):
        pose[2] += [0, 40.0 * i]  # the tail base really runs off, until it is not found
    for pose in poses[25:]:
        pose[2] = NAN
    last = run(poses)[-1]
    assert last["fastest_keypoint_cm_s"] == pytest.approx(10, abs=1e-4)
    assert last["speed_cm_s"] == pytest.approx(10, abs=1e-4)


def test_of_two_keypoints_the_speed_is_the_mean():
    measure = extractor(Skeleton(("front", "rear")))
    poses = [[[50 + 40 * t, 0], [0, 0]] for t in EVEN]
    assert run(poses, EVEN, measure)[-1]["speed_cm_s"] == pytest.approx(2, abs=1e-4)


def test_the_fastest_keypoint_gives_away_an_animal_that_only_moves_its_head():
    poses = [SHAPE + np.array([[0, 60 * t], [0, 0], [0, 0]]) for t in EVEN]
    last = run(poses)[-1]
    assert last["fastest_keypoint_cm_s"] == pytest.approx(6, abs=1e-4)
    assert last["speed_cm_s"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    "keypoints", [pytest.param([0], id="one_keypoint"), pytest.param([0, 1, 2], id="all_of_them")]
)
def test_a_jump_of_one_frame_leaves_no_trace_in_the_speeds(keypoints):
    poses = [SHAPE.copy() for _ in EVEN]
    poses[20][keypoints] += [300, -200]
    for features in run(poses)[7:]:
        assert [features[name] for name in SPEEDS] == pytest.approx([0, 0, 0], abs=1e-9)


def test_a_keypoint_that_is_wrong_for_long_does_not_move_the_animal():
    dice = np.random.default_rng(3)
    poses = moving((50, 0), EVEN)
    for pose in poses:
        pose[1] = dice.uniform(0, 480, 2)
    for features in run(poses)[10:]:
        assert features["speed_cm_s"] <= 5.001


@pytest.mark.parametrize("fps", [30, 60])
def test_the_jitter_of_a_network_does_not_look_like_motion(fps):
    dice = np.random.default_rng(7)
    arena = Arena(ArenaSettings(px_per_cm=PX_PER_CM))
    measure = FeatureExtractor(FeatureSettings(), MOUSE, arena)
    n = 60 * fps
    poses = [SHAPE + dice.normal(0, 1.2, SHAPE.shape) for _ in range(n)]
    features = run(poses, [i / fps for i in range(n)], measure)[fps:]
    assert np.median([row["speed_cm_s"] for row in features]) < 0.5
    assert max(row["speed_cm_s"] for row in features) < 1.6
    assert np.quantile([row["fastest_keypoint_cm_s"] for row in features], 0.95) < 1.4


@pytest.mark.parametrize(
    "rate_deg_s", [pytest.param(400, id="clockwise"), pytest.param(-400, id="the_other_way")]
)
def test_the_angular_speed_goes_through_whole_turns(rate_deg_s):
    poses = [turned(SHAPE, rate_deg_s * t) for t in EVEN]
    for features in run(poses)[10:]:
        assert features["angular_speed_deg_s"] == pytest.approx(rate_deg_s, abs=0.1)


def test_the_angular_speed_is_not_known_without_a_heading():
    poses = [SHAPE.copy() for _ in EVEN]
    poses[-1][0] = NAN
    last = run(poses)[-1]
    assert math.isnan(last["angular_speed_deg_s"])
    assert last["speed_cm_s"] == 0


def test_a_single_keypoint_has_no_heading_length_and_angular_speed():
    measure = extractor(Skeleton(("body",)))
    assert measure.names == ("x_cm", "y_cm", "speed_cm_s", "fastest_keypoint_cm_s")
    poses = [[[10 * t, 0]] for t in EVEN]
    assert run(poses, EVEN, measure)[-1]["speed_cm_s"] == pytest.approx(1, abs=1e-4)


def wandering(n, seed=5):
    dice = np.random.default_rng(seed)
    poses = [turned(SHAPE + dice.normal(0, 2, SHAPE.shape), 20 * i) for i in range(n)]
    poses = [pose + dice.normal(0, 20, 2) for pose in poses]
    for i in range(0, n, 17):
        poses[i][i % 3] = NAN
    return poses


def test_after_a_reset_the_same_frames_give_the_same_bits():
    measure, poses = extractor(zones={"nest": NEST}), wandering(200)
    first = run(poses, measure=measure)
    measure.reset()
    assert str(run(poses, measure=measure)) == str(first)


def test_a_feature_knows_nothing_of_later_frames():
    poses = wandering(100)
    assert str(run(poses[:60])) == str(run(poses)[:60])


def test_the_speeds_forget_what_is_older_than_the_window():
    poses, times_s = wandering(400), [i / FPS for i in range(400)]
    whole, late = run(poses, times_s), run(poses[300:], times_s[300:])
    for name in ("speed_cm_s", "fastest_keypoint_cm_s"):
        assert [row[name] for row in whole[315:]] == [row[name] for row in late[15:]]


def test_the_hour_does_not_change_a_bit_of_the_speeds():
    early = run(wandering(100), [i / FPS for i in range(100)])
    late = run(wandering(100), [86_400 + i / FPS for i in range(100)])
    for name in ("speed_cm_s", "fastest_keypoint_cm_s", "angular_speed_deg_s"):
        assert str([row[name] for row in late]) == str([row[name] for row in early])


def test_the_slope_of_a_line_through_three_points():
    line = Lines(length_ns=4)
    for time_ns, value in [(0, 9), (1, 1), (2, 2), (3, 6)]:
        line.add(time_ns, (value, -time_ns))
    line.remove(0, (9, 0))
    # Through (1, 1), (2, 2), (3, 6): (3 * 23 - 6 * 9) / (3 * 14 - 6 * 6) = 15 / 6 steps per ns
    assert line.slopes() == pytest.approx((2.5 * 1e9 / 2**24, -1e9 / 2**24), rel=1e-12)


@pytest.mark.parametrize(
    ("times_ns", "window_ns", "known"),
    [
        # Variance 24; half of 33 ns evenly filled has 16.5² / 12 = 22.7, half of 34 ns has 24.1
        pytest.param([0, 6, 12], 33, True, id="more_than_half_a_window"),
        pytest.param([0, 6, 12], 34, False, id="less_than_half_a_window"),
        pytest.param([0, 12], 12, False, id="two_points"),
    ],
)
def test_a_slope_needs_three_points_and_half_a_window(times_ns, window_ns, known):
    line = Lines(window_ns)
    for time_ns in times_ns:
        line.add(time_ns, (1, 1))
    assert [math.isnan(slope) for slope in line.slopes()] == [not known] * 2


def test_a_position_that_is_not_finite_counts_as_unknown_in_the_speeds():
    poses = moving((100, 0), EVEN)
    for pose in poses[20:23]:
        pose[0] = math.inf
    assert run(poses)[-1]["speed_cm_s"] == pytest.approx(10, abs=1e-4)


def test_a_fast_camera_fills_a_window_of_many_frames():
    times_s = [i / 1000 for i in range(2000)]
    for features in run(moving((100, 0), times_s), times_s)[300:]:
        assert features["speed_cm_s"] == pytest.approx(10, abs=1e-3)


def test_memory_does_not_grow_with_the_session():
    measure = extractor()
    run([SHAPE] * 5000, measure=measure)
    assert len(measure._bodies[0]._window._rows) == 64


@pytest.mark.parametrize(
    ("fps", "known"), [pytest.param(20, True, id="enough"), pytest.param(9, False, id="too_few")]
)
def test_the_slowest_camera_is_stated(fps, known):
    measure = extractor()
    assert measure.min_fps == 20
    times_s = [i / fps for i in range(50)]
    last = run(moving((10, 0), times_s), times_s, measure)[-1]
    assert math.isnan(last["speed_cm_s"]) is not known


def test_of_three_values_the_middle_one_counts_in_whatever_order_they_come():
    for three in itertools.permutations((1.0, 2.0, 3.0)):
        assert middle_of_three(*three) == 2.0
    for three in itertools.permutations((1.0, 1.0, 3.0)):
        assert middle_of_three(*three) == 1.0


def test_the_middle_of_three_is_not_known_where_one_of_them_is_not():
    for three in itertools.permutations((1.0, 2.0, NAN)):
        assert math.isnan(middle_of_three(*three))
