import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from ruamel.yaml import YAML

from tracker.arena import Arena, ArenaSettings
from tracker.calibration.lens import Lens, write_lens
from tracker.config import load
from tracker.errors import CalibrationError
from tracker.features import FeatureExtractor, FeatureSettings
from tracker.geometry import apart, jacobian_of, mapped, motion_of
from tracker.types import Observation, Skeleton

LENS = Lens(
    image_width_px=640,
    image_height_px=480,
    focal_px=(500.0, 500.0),
    centre_px=(320.0, 240.0),
    distortion=(-0.25, 0.08, 0.0, 0.0, 0.0),
    reprojection_error_px=0.1,
)

# A camera that looks down at an angle: floor (cm) to sensor (px).
TILTED = np.array([[9.0, 1.5, 100.0], [0.3, 7.0, 60.0], [0.0002, 0.004, 1.0]])
CORNERS_CM = [(0, 0), (40, 0), (40, 40), (0, 40)]
MORE_CM = [*CORNERS_CM, (20, 20), (20, 0), (0, 20)]

mirror = np.diag((1.0, -1.0))


def points(to_sensor=TILTED, corners=MORE_CM, lens=None, off_px=()):
    """Plane points whose px are where that camera, with that lens, has them."""
    floor = np.array(corners, float)
    sensor = mapped(to_sensor, floor)
    if lens is not None:
        sensor = lens.bend(sensor)
    for number, dx, dy in off_px:
        sensor[number] += dx, dy
    return [
        {"x_px": x, "y_px": y, "x_cm": u, "y_cm": v}
        for (x, y), (u, v) in zip(sensor.tolist(), floor.tolist(), strict=True)
    ]


def arena(**settings):
    return Arena(ArenaSettings.model_validate({"px_per_cm": None, **settings}))


def tilted(**more):
    return arena(plane={"points": points()}, **more)


def refused(**settings):
    with pytest.raises(ValidationError) as error:
        ArenaSettings.model_validate({"px_per_cm": None, **settings})
    return str(error.value)


def test_points_of_a_tilted_plane_come_out_where_they_were_measured():
    place = tilted()
    sensor = mapped(TILTED, np.array(MORE_CM, float))
    assert place.to_units(sensor) == pytest.approx(np.array(MORE_CM, float), abs=1e-5)
    assert max(place.residuals_cm) < 1e-5
    assert place.unit == "cm"


@given(st.floats(-5, 45), st.floats(-5, 45), st.booleans())
def test_cm_to_px_and_back_is_the_same_place(x_cm, y_cm, bent):
    lens = LENS if bent else None
    place = arena(plane={"points": points(lens=lens)}, lens=lens)
    at = np.array([x_cm, y_cm])
    sensor = place.to_sensor_px(at)
    assert place.to_units(sensor) == pytest.approx(at, abs=1e-3)
    assert mapped(TILTED, at) == pytest.approx(
        sensor if lens is None else LENS.straighten(sensor), abs=1e-2
    )


def test_a_distance_is_in_cm_wherever_it_is():
    place = tilted()
    for start in ((2, 3), (35, 30)):
        ends = mapped(TILTED, np.array([start, (start[0] + 3, start[1] + 4)], float))
        assert math.dist(*place.to_units(ends).tolist()) == pytest.approx(5)


def test_one_floor_pixel_is_one_sensor_pixel_amid_the_points():
    place = tilted()
    middle = mapped(TILTED, np.array(MORE_CM, float)).mean(axis=0)
    area = np.linalg.det(jacobian_of(np.linalg.inv(TILTED), middle))
    assert place.px_per_cm == pytest.approx(1 / math.sqrt(area), rel=1e-6)


def test_residuals_say_how_well_the_points_fit():
    rng = np.random.default_rng(4)
    noisy = [(n, *rng.normal(0, 1.0, 2)) for n in range(len(MORE_CM))]
    place = arena(plane={"points": points(off_px=noisy)})
    assert 0.005 < max(place.residuals_cm) < 0.4
    grid = mapped(TILTED, np.array([(10.0, 10), (30, 30)]))
    assert np.abs(place.to_units(grid) - [(10, 10), (30, 30)]).max() < 0.3


def test_a_similarity_is_turn_and_scale_alone():
    turned = np.array([[8.0, -6.0, 300.0], [6.0, 8.0, 20.0], [0, 0, 1.0]])  # 10 px per cm
    plane = {"points": points(turned, CORNERS_CM), "model": "similarity"}
    place = arena(plane=plane)
    assert place.px_per_cm == pytest.approx(10)
    assert place.to_units(np.array([300.0, 20.0])) == pytest.approx([0, 0], abs=1e-9)
    assert place.to_units(np.array([380.0, 80.0])) == pytest.approx([10, 0], abs=1e-9)
    askew = {"points": points(TILTED, CORNERS_CM), "model": "similarity", "max_residual_cm": 20}
    assert max(arena(plane=askew).residuals_cm) > 1


def test_beyond_the_horizon_nothing_is_known():
    far = TILTED @ (0.0, -260.0, 1.0)  # behind the camera: 0.004 * 260 > 1
    assert far[2] < 0
    assert np.isnan(tilted().to_units(far[:2] / far[2])).all()
    assert np.isnan(tilted().to_units(np.array([np.nan, 3.0]))).all()


def test_a_known_length_gives_the_scale():
    length = {"from_px": [100, 100], "to_px": [340, 420], "length_cm": 40}
    assert arena(known_length=length).px_per_cm == 10
    bent = LENS.bend(np.array([(100.0, 100.0), (340.0, 420.0)])).tolist()
    length = {"from_px": bent[0], "to_px": bent[1], "length_cm": 40}
    assert arena(known_length=length, lens=LENS).px_per_cm == pytest.approx(10, abs=1e-4)
    assert arena(known_length=length).px_per_cm < 9.8


PLANES = {
    "three_points": (points()[:3], "at least 4"),
    "in_line": (points(corners=[(0, 0), (1, 1), (2, 2), (5, 5)]), "span no area in px"),
    "one_place": ([{"x_px": 5, "y_px": 5, "x_cm": n, "y_cm": n * n} for n in range(4)], "no area"),
    "three_in_line": (points(corners=[(0, 0), (10, 0), (20, 0), (0, 30)]), "leave it open"),
    "mirrored": (
        [{**each, "y_cm": -each["y_cm"]} for each in points()],
        "the other way round than their px",
    ),
    "one_wrong": (points(off_px=[(2, 80, 0)]), "cm from where all of them"),
    "two_swapped": (
        [
            {**a, "x_cm": b["x_cm"], "y_cm": b["y_cm"]}
            for a, b in zip(
                points(corners=CORNERS_CM),
                [points(corners=CORNERS_CM)[n] for n in (1, 0, 2, 3)],
                strict=True,
            )
        ],
        "contradict one another",
    ),
}


@pytest.mark.parametrize(("wrong", "said"), PLANES.values(), ids=PLANES.keys())
def test_points_that_give_no_plane_are_refused(wrong, said):
    assert said in refused(plane={"points": wrong})


WRONG = {
    "two_scales": (
        {"px_per_cm": 10, "plane": {"points": points()}},
        "px_per_cm and plane all say how long a cm is",
    ),
    "length_of_nothing": (
        {"known_length": {"from_px": [5, 5], "to_px": [5, 5.5], "length_cm": 3}},
        "0.50 px long on the sensor",
    ),
    "cm_without_a_scale": (
        {"zones": {"nest": {"kind": "circle_cm", "x_cm": 1, "y_cm": 1, "radius_cm": 2}}},
        "nothing says how long a cm is",
    ),
    "hysteresis_without_a_scale": (
        {
            "zones": {
                "a": {"kind": "circle", "x_px": 9, "y_px": 9, "radius_px": 9, "hysteresis_cm": 1}
            }
        },
        "nothing says how long a cm is",
    ),
    "polygon_of_no_area": (
        {
            "px_per_cm": 1,
            "zones": {"a": {"kind": "polygon_cm", "points_cm": [[0, 0], [1, 1], [2, 2]]}},
        },
        "has no area",
    ),
    "zone_beyond_the_horizon": (
        {
            "plane": {"points": points()},
            "zones": {"a": {"kind": "circle", "x_px": 300, "y_px": 200, "radius_px": 90000}},
        },
        "zone a reaches beyond",
    ),
    "lens_that_is_not_there": ({"lens": "nowhere.yaml"}, "nowhere.yaml cannot be read"),
}


@pytest.mark.parametrize(("settings", "said"), WRONG.values(), ids=WRONG.keys())
def test_an_arena_that_cannot_be_is_refused(settings, said):
    assert said in refused(**settings)


def in_cm(place, x_cm, y_cm):
    return place.scale * x_cm, place.scale * y_cm


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(lambda **zones: arena(px_per_cm=8, **zones), id="looks_down"),
        pytest.param(tilted, id="tilted"),
    ],
)
def test_zones_in_cm_are_exact(place):
    circle = {"kind": "circle_cm", "x_cm": 20, "y_cm": 10, "radius_cm": 5}
    square = {"kind": "polygon_cm", "points_cm": [[0, 0], [10, 0], [10, 10], [0, 10]]}
    there = place(zones={"nest": circle, "corner": square})
    assert there.distance("nest", *in_cm(there, 28, 10)) == pytest.approx(3)
    assert there.distance("nest", *in_cm(there, 20, 12)) == pytest.approx(-3)
    assert there.distance("corner", *in_cm(there, 13, 14)) == pytest.approx(5)
    assert there.inside("corner", *in_cm(there, 10, 5))


def test_zones_drawn_in_px_are_measured_in_cm_of_the_floor():
    square_px = mapped(TILTED, np.array([(10.0, 10), (20, 10), (20, 20), (10, 20)])).tolist()
    place = tilted(zones={"a": {"kind": "polygon", "points_px": square_px}})
    assert place.distance("a", *in_cm(place, 15, 15)) == pytest.approx(-5, abs=1e-6)
    assert place.distance("a", *in_cm(place, 15, 23)) == pytest.approx(3, abs=1e-6)


def test_a_circle_in_px_keeps_its_area_where_it_is_bent():
    down = np.diag((10.0, 10.0, 1.0))
    zone = {"kind": "circle", "x_px": 200, "y_px": 200, "radius_px": 100}
    place = arena(plane={"points": points(down, CORNERS_CM)}, zones={"a": zone})
    assert place.distance("a", 200, 200) == pytest.approx(-10, abs=0.02)
    assert place.distance("a", 350, 200) == pytest.approx(5, abs=0.02)


def test_a_rectangle_in_px_bends_with_the_lens():
    zone = {"kind": "rectangle", "x_px": 20, "y_px": 20, "width_px": 600, "height_px": 440}
    place = arena(px_per_cm=10, lens=LENS, zones={"a": zone})
    side = LENS.straighten(np.array([320.0, 20.0]))
    corner = LENS.straighten(np.array([20.0, 20.0]))
    for x, y in (side, corner):
        assert place.distance("a", x, y) == pytest.approx(0, abs=0.05)


def test_zones_are_drawn_where_they_are_seen():
    circle = {"kind": "circle_cm", "x_cm": 20, "y_cm": 20, "radius_cm": 5}
    shown = tilted(zones={"nest": circle}).drawn("nest")
    back = mapped(np.linalg.inv(TILTED), np.array(shown.points_px))
    away = np.hypot(*(back - 20).T)
    assert away == pytest.approx(np.full(len(away), 5), abs=0.02)
    px = {"kind": "circle", "x_px": 9, "y_px": 9, "radius_px": 5}
    assert arena(px_per_cm=10, zones={"a": px}).drawn("a").radius_px == 5


NOSE = Skeleton(("nose",))


def observation(index, x, y):
    return Observation(
        frame_index=index,
        captured_ns=index * 20_000_000,
        network_ns=0,
        xy=np.array([[[x, y]]], np.float32),
        confidence=np.ones((1, 1), np.float32),
    )


def measured(place, names, positions):
    extractor = FeatureExtractor(FeatureSettings(recorded=names), NOSE, place)
    return [list(extractor.update(observation(n, *at)).values()) for n, at in enumerate(positions)]


def test_who_is_in_a_zone_stays_in_it_up_to_the_hysteresis():
    zone = {"kind": "circle", "x_px": 100, "y_px": 100, "radius_px": 50, "hysteresis_cm": 1}
    place = arena(px_per_cm=10, zones={"nest": zone})
    x = [165, 155, 149, 151, 160, 161, 155, math.nan, 150, math.nan, 159]
    found = measured(place, ("inside(zone.nest)",), [(each, 100) for each in x])
    expected = [0, 0, 1, 1, 1, 0, 0, math.nan, 1, math.nan, 1]
    assert [each[0] for each in found] == pytest.approx(expected, nan_ok=True)


def test_a_zone_that_was_forgotten_is_entered_anew():
    zone = {"kind": "circle", "x_px": 100, "y_px": 100, "radius_px": 50, "hysteresis_cm": 1}
    settings = FeatureSettings(recorded=("inside(zone.nest)",))
    extractor = FeatureExtractor(settings, NOSE, arena(px_per_cm=10, zones={"nest": zone}))
    assert extractor.update(observation(0, 100, 100))["in_nest"] == 1
    assert extractor.update(observation(1, 155, 100))["in_nest"] == 1
    extractor.reset()
    assert extractor.update(observation(2, 155, 100))["in_nest"] == 0


def test_features_are_in_cm_of_the_floor():
    way_cm = np.array([(10 + n * 0.1, 20.0) for n in range(30)])
    found = measured(tilted(), ("x", "y", "speed"), mapped(TILTED, way_cm).tolist())
    assert found[-1] == pytest.approx([12.9, 20, 5.0], abs=1e-3)  # 0.1 cm in 20 ms
    bent = LENS.bend(mapped(TILTED, way_cm)).tolist()
    place = arena(plane={"points": points(lens=LENS)}, lens=LENS)
    assert measured(place, ("x", "y", "speed"), bent)[-1] == pytest.approx([12.9, 20, 5], abs=5e-3)


def test_a_camera_that_was_moved_is_seen_through():
    moved = np.array([[0.99, -0.05, 14.0], [0.05, 0.99, -9.0], [0, 0, 1.0]])  # reference to now
    place = arena(px_per_cm=10)
    extractor = FeatureExtractor(FeatureSettings(recorded=("x", "y", "speed")), NOSE, place)
    for n in range(30):
        before = extractor.update(observation(n, 100, 100))
    assert list(before.values()) == pytest.approx([10, 10, 0])
    extractor.see_from(np.linalg.inv(moved))
    now = mapped(moved, np.array([100.0, 100.0]))
    after = [extractor.update(observation(n, *now)) for n in range(30, 60)]
    assert math.isnan(after[0]["speed_cm_s"])  # begins anew: the jump is no animal's
    assert list(after[-1].values()) == pytest.approx([10, 10, 0], abs=1e-5)
    assert max(each["speed_cm_s"] for each in after[12:]) < 1e-3
    extractor.see_from(None)
    assert extractor.update(observation(60, 100, 100))["x_cm"] == 10


def test_a_lens_for_other_images_is_refused_at_the_start():
    settings = FeatureSettings(recorded=("x",))
    extractor = FeatureExtractor(settings, NOSE, arena(px_per_cm=10, lens=LENS))
    extractor.refuse_images((480, 640))
    with pytest.raises(CalibrationError, match="calibrated for pictures of 640x480"):
        extractor.refuse_images((1024, 1280))


def test_the_experiment_keeps_all_of_the_lens_that_it_names(tmp_path):
    write_lens(tmp_path / "lens.yaml", LENS)
    experiment = load(Path("demo"), [f"rig.arena.lens={tmp_path / 'lens.yaml'}"])
    (tmp_path / "lens.yaml").unlink()
    again = YAML(typ="safe").load(experiment.as_yaml())
    assert again["rig"]["arena"]["lens"] == json.loads(LENS.model_dump_json())


def test_what_a_homography_does_is_told_in_px_and_deg():
    angle, scale = math.radians(2), 1.05
    about = np.array([[1, 0, -319.5], [0, 1, -239.5], [0, 0, 1.0]])
    turn = np.array(
        [
            [math.cos(angle), -math.sin(angle), 0],
            [math.sin(angle), math.cos(angle), 0],
            [0, 0, 1 / scale],
        ]
    )
    shift = np.array([[1, 0, 3.0], [0, 1, -4.0], [0, 0, 1.0]])
    matrix = shift @ np.linalg.inv(about) @ turn @ about
    motion = motion_of(matrix, (480, 640))
    assert (motion.x_px, motion.y_px) == pytest.approx((3, -4))
    assert (motion.turned_deg, motion.scale) == pytest.approx((2, 1.05))
    assert motion.largest_px > 5
    assert apart(np.eye(3), shift, (480, 640)) == pytest.approx(5)
