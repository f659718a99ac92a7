import math

import numpy as np
import pytest
from pydantic import ValidationError

from tracker.arena import Arena, ArenaSettings, Circle, Rectangle
from tracker.errors import UnknownName
from tracker.features import FeatureExtractor, FeatureSettings, _Line
from tracker.types import Observation, Skeleton

NAN = math.nan
FPS = 50
PX_PER_CM = 10.0
WINDOW_S = 0.2
MOUSE = Skeleton(("nose", "head", "tail_base"))
SHAPE = np.array([[80.0, 0.0], [50.0, 0.0], [0.0, 0.0]])
"""Nose, head and tail base of a mouse that looks to the right (px)."""

SPEEDS = ("speed_cm_s", "fastest_keypoint_cm_s", "angular_speed_deg_s")
NEST = Rectangle(x_px=0, y_px=0, width_px=100, height_px=100)
PLATE = Circle(x_px=300, y_px=0, radius_px=50)


def extractor(skeleton=MOUSE, zones=None, **settings):
    arena = Arena(ArenaSettings(px_per_cm=PX_PER_CM, zones=zones or {}))
    return FeatureExtractor(FeatureSettings(window_s=WINDOW_S, **settings), skeleton, arena)


def observation(xy, time_s=0.0, index=0):
    xy = np.asarray(xy, np.float32)
    return Observation(index, round(time_s * 1e9), xy[None], np.ones((1, len(xy)), np.float32))


def features_of(xy, **kwargs):
    """Features of a single frame."""
    return extractor(**kwargs).update(observation(xy))


def run(poses, times_s=None, measure=None):
    """Features of each pose; 50 frames per second unless told otherwise."""
    times_s = [i / FPS for i in range(len(poses))] if times_s is None else times_s
    measure = measure or extractor()
    return [
        measure.update(observation(xy, t, i))
        for i, (xy, t) in enumerate(zip(poses, times_s, strict=True))
    ]


def moving(velocity_px_s, times_s):
    return [SHAPE + np.multiply(velocity_px_s, t) for t in times_s]


def turned(xy, angle_deg):
    """Turned about the tail base, clockwise on the screen."""
    angle = math.radians(angle_deg)
    matrix = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return xy @ matrix.T


EVEN = [i / FPS for i in range(30)]
"""Capture times (s) of three windows."""


def test_all_names_are_known_before_the_first_frame_and_keep_their_order():
    measure = extractor(zones={"nest": NEST})
    assert measure.names == (
        "x_cm",
        "y_cm",
        "speed_cm_s",
        "fastest_keypoint_cm_s",
        "heading_deg",
        "angular_speed_deg_s",
        "body_length_cm",
        "distance_to_nest_cm",
        "in_nest",
    )
    assert tuple(measure.update(observation(SHAPE))) == measure.names
    assert tuple(measure.update(observation(SHAPE * NAN))) == measure.names


def test_every_feature_has_a_unit_and_a_delay():
    measure = extractor(zones={"nest": NEST})
    assert tuple(measure.units) == measure.names
    assert tuple(measure.group_delay_s) == measure.names
    assert measure.units["speed_cm_s"] == "cm/s"
    late = {name for name, delay_s in measure.group_delay_s.items() if delay_s > 0}
    assert late == set(SPEEDS)
    assert measure.group_delay_s["speed_cm_s"] == WINDOW_S / 2


@pytest.mark.parametrize(
    ("xy", "expected_cm"),
    [
        pytest.param([[30, 10], [60, 20], [0, 60]], (3.0, 3.0), id="mean_of_all"),
        pytest.param([[NAN, NAN], [60, 20], [0, 60]], (3.0, 4.0), id="mean_of_those_found"),
        pytest.param([[NAN, NAN], [60, 20], [NAN, NAN]], (6.0, 2.0), id="one_found"),
        pytest.param([[NAN, NAN], [60, 20], [0, NAN]], (6.0, 2.0), id="half_a_keypoint_is_none"),
    ],
)
def test_the_body_centre(xy, expected_cm):
    features = features_of(xy)
    assert (features["x_cm"], features["y_cm"]) == expected_cm


def test_the_body_centre_can_be_that_of_chosen_keypoints():
    features = features_of([[30, 10], [60, 20], [0, 60]], centre=("head", "tail_base"))
    assert (features["x_cm"], features["y_cm"]) == (3.0, 4.0)


@pytest.mark.parametrize(
    ("angle_deg", "expected"),
    [(0, 0), (90, 90), (180, 180), (270, -90), (45, 45), (359, -1)],
)
def test_the_heading_is_0_to_the_right_and_grows_clockwise(angle_deg, expected):
    assert features_of(turned(SHAPE, angle_deg))["heading_deg"] == pytest.approx(expected, abs=1e-4)


def test_down_in_the_image_is_90_degrees():
    assert features_of([[0, 80], [0, 50], [0, 0]])["heading_deg"] == 90


def test_the_body_length_is_from_rear_to_front():
    assert features_of([[30, 40], [500, 500], [0, 0]])["body_length_cm"] == 5.0


def test_front_and_rear_can_be_chosen():
    features = features_of([[500, 500], [0, 0], [0, 70]], rear="head", front="tail_base")
    assert (features["heading_deg"], features["body_length_cm"]) == (90, 7.0)


@pytest.mark.parametrize(
    "xy",
    [
        pytest.param([[NAN, NAN], [50, 0], [0, 0]], id="front_not_found"),
        pytest.param([[80, 0], [50, 0], [NAN, NAN]], id="rear_not_found"),
    ],
)
def test_without_front_or_rear_there_is_no_heading_and_no_length(xy):
    features = features_of(xy)
    assert math.isnan(features["heading_deg"])
    assert math.isnan(features["body_length_cm"])


def test_a_front_on_top_of_the_rear_points_nowhere():
    features = features_of([[5, 5], [50, 0], [5, 5]])
    assert math.isnan(features["heading_deg"])
    assert features["body_length_cm"] == 0


@pytest.mark.parametrize(
    ("centre_px", "expected"),
    [
        pytest.param((50, 90), (-1.0, 1.0), id="in_it"),
        pytest.param((100, 50), (0.0, 1.0), id="on_its_border"),
        pytest.param((130, 140), (5.0, 0.0), id="outside"),
        pytest.param((NAN, NAN), (NAN, NAN), id="not_seen"),
    ],
)
def test_a_zone(centre_px, expected):
    features = features_of([centre_px] * 3, zones={"nest": NEST, "plate": PLATE})
    found = (features["distance_to_nest_cm"], features["in_nest"])
    assert found == pytest.approx(expected, nan_ok=True)


def test_an_animal_that_is_not_seen_has_no_feature_at_all():
    measure = extractor(zones={"nest": NEST})
    run(moving((300, 0), EVEN), EVEN, measure)
    features = measure.update(observation(SHAPE * NAN, 0.6, 30))
    assert all(math.isnan(value) for value in features.values())


def test_no_individual_is_an_animal_that_is_not_seen():
    nobody = Observation(0, 0, np.zeros((0, 3, 2), np.float32), np.zeros((0, 3), np.float32))
    assert all(math.isnan(value) for value in extractor().update(nobody).values())


def test_only_the_first_individual_counts():
    two = np.stack([SHAPE, SHAPE + 100]).astype(np.float32)
    features = extractor().update(Observation(0, 0, two, np.ones((2, 3), np.float32)))
    assert features["y_cm"] == 0


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
    line = _Line(length_ns=4)
    for time_ns, value in [(0, 9), (1, 1), (2, 2), (3, 6)]:
        line.add(time_ns, value)
    line.remove(0, 9)
    # Through (1, 1), (2, 2), (3, 6): (3 * 23 - 6 * 9) / (3 * 14 - 6 * 6) = 15 / 6 steps per ns
    assert line.slope() == pytest.approx(2.5 * 1e9 / 2**24, rel=1e-12)


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
    line = _Line(window_ns)
    for time_ns in times_ns:
        line.add(time_ns, 1)
    assert math.isnan(line.slope()) is not known


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
    assert len(measure._window._rows) == 64


@pytest.mark.parametrize(
    ("fps", "known"), [pytest.param(20, True, id="enough"), pytest.param(9, False, id="too_few")]
)
def test_the_slowest_camera_is_stated(fps, known):
    measure = extractor()
    assert measure.min_fps == 20
    times_s = [i / fps for i in range(50)]
    last = run(moving((10, 0), times_s), times_s, measure)[-1]
    assert math.isnan(last["speed_cm_s"]) is not known


def test_an_observation_with_other_keypoints_is_an_error():
    with pytest.raises(ValueError, match="frame 0: 2 keypoints were seen, but the skeleton has 3"):
        extractor().update(observation(SHAPE[:2]))


@pytest.mark.parametrize(
    "settings", [{"centre": ("nose", "haed")}, {"rear": "haed"}, {"front": "haed"}]
)
def test_an_unknown_keypoint_is_an_error_that_lists_what_there_is(settings):
    with pytest.raises(UnknownName, match=r"'haed'; did you mean 'head'\? There is: nose, head"):
        extractor(**settings)


def test_a_misspelt_setting_is_an_error():
    with pytest.raises(ValidationError, match="windows_s"):
        FeatureSettings(windows_s=0.3)
