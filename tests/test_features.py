import math

import numpy as np
import pytest
from measured_mice import (
    EVEN,
    NAN,
    NEST,
    PLATE,
    SHAPE,
    SPEEDS,
    WINDOW_S,
    extractor,
    features_of,
    moving,
    observation,
    run,
    turned,
)
from pydantic import ValidationError

from tracker.arena import Arena, ArenaSettings
from tracker.errors import UnknownName
from tracker.features import FeatureExtractor, FeatureSettings
from tracker.types import Observation, Skeleton


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


def test_a_measure_can_be_a_feature():
    skeleton, arena = Skeleton(("nose", "tail_base")), Arena(ArenaSettings(px_per_cm=10.0))
    measure = FeatureExtractor(FeatureSettings(), skeleton, arena, ["lamp_led"])
    assert measure.units["lamp_led"] == "1"
    nothing = np.full((1, 2, 2), NAN, np.float32)
    dark = Observation(0, 0, nothing, nothing[..., 0])
    assert math.isnan(measure.update(dark)["lamp_led"])
    lit = Observation(1, 1, nothing, nothing[..., 0], measures={"lamp_led": 200.0})
    assert measure.update(lit)["lamp_led"] == 200.0
