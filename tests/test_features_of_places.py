"""Distances, angles, zones, walls, and what there is between two animals."""

import math
from dataclasses import replace

import numpy as np
import pytest
from rules_here import FPS, MICE, NAN, at, measured, seen, value

from tracker.arena import Arena, ArenaSettings
from tracker.errors import ConfigError, UnknownName
from tracker.features import FeatureExtractor, FeatureSettings
from tracker.features.catalogue import Catalogue

HERE = at(0, 0)
"""Looks to the right; nose at 80, neck at 50, tail base at 0 px."""


@pytest.mark.parametrize(
    ("text", "animals", "expected"),
    [
        pytest.param("x(nose)", [at(20, 30)], 10.0, id="x_of_a_point"),
        pytest.param("y", [at(20, 30)], 3.0, id="y_of_the_centre"),
        pytest.param("distance(nose,tail_base)", [HERE], 8.0, id="in_one_animal"),
        pytest.param("distance(a.nose,b.nose)", [HERE, at(30, 40)], 5.0, id="nose_to_nose"),
        pytest.param("distance(a.nose,b.tail_base)", [HERE, at(80, 50)], 5.0, id="nose_to_tail"),
        pytest.param("distance(a,b)", [HERE, at(0, 90)], 9.0, id="centre_to_centre"),
        pytest.param("distance(nose,b)", [HERE], NAN, id="nobody_else"),
        pytest.param("nearest(a.nose,b)", [HERE, at(90, 0)], 1.0, id="nearest_keypoint"),
        pytest.param("nearest(a,b)", [HERE, at(0, 20)], 2.0, id="nearest_of_all"),
        pytest.param("nearest(a,b)", [HERE, None], NAN, id="nearest_of_nobody"),
        pytest.param("distance(nose,zone.nest)", [at(50, 50)], 3.0, id="out_of_a_zone"),
        pytest.param("distance(nose,zone.nest)", [at(0, 50)], -2.0, id="in_a_zone"),
        pytest.param("distance(nose,wall)", [at(0, 50)], 5.0, id="to_the_wall"),
        pytest.param("distance(nose,wall)", [at(0, -50)], -5.0, id="beyond_the_wall"),
        pytest.param("distance(wall)", [at(100, 60)], 6.0, id="centre_to_the_wall"),
        pytest.param("inside(nose,zone.nest)", [at(20, 0)], 1.0, id="on_the_border"),
        pytest.param("inside(nose,zone.nest)", [at(21, 0)], 0.0, id="outside"),
        pytest.param("inside(b.nose,zone.nest)", [HERE], NAN, id="not_seen"),
        pytest.param("angle(tail_base,nose)", [at(0, 0, 90)], 90.0, id="direction"),
        pytest.param("angle(a.nose,a.tail_base,b.nose)", [HERE, at(0, 0, 60)], 60.0, id="angle"),
        pytest.param("angle(nose,neck,tail_base)", [HERE], 180.0, id="straight"),
        pytest.param("heading(b)", [HERE, at(9, 9, -45)], -45.0, id="heading_of_another"),
        pytest.param("body_length(b)", [None, at(9, 9, -45)], 8.0, id="length_of_another"),
        pytest.param("facing(a,b)", [HERE, at(200, 0, 30)], 7.8314, id="nearly_ahead"),
        pytest.param("facing(a,b.tail_base)", [HERE, at(180, 100)], 45.0, id="aside"),
        pytest.param("facing(a,b.tail_base)", [HERE, at(-80, 0)], 180.0, id="behind"),
        pytest.param("facing(a,b)", [HERE, None], NAN, id="facing_nobody"),
        pytest.param("alignment(a,b)", [at(0, 0, 170), at(9, 9, -170)], 20.0, id="alignment"),
        pytest.param("ahead(a,b.tail_base)", [HERE, at(110, 40)], 3.0, id="ahead"),
        pytest.param("aside(a,b.tail_base)", [HERE, at(110, 40)], 4.0, id="to_the_right"),
        pytest.param("ahead(a,b.nose)", [at(0, 0, 90), at(-80, 0)], -8.0, id="behind_if_turned"),
        pytest.param("aside(a,b.tail_base)", [at(0, 0, 90), at(-50, 9)], 5.0, id="right_if_turned"),
        pytest.param("ahead(a,b)", [HERE, None], NAN, id="nobody_ahead"),
        pytest.param("found(b)", [HERE, at(0, 0) * (1, NAN)], 0.0, id="nothing_found"),
        pytest.param("found", [np.array([[1, 1], [NAN, 2], [3, 3]])], 66.66667, id="two_of_three"),
        pytest.param("found(b)", [HERE, None], 0.0, id="not_there"),
    ],
)
def test_what_is_measured_of_one_frame(text, animals, expected):
    assert value(text, *animals) == pytest.approx(expected, abs=1e-4, nan_ok=True)


def test_the_body_angle_is_the_bend_at_the_centre():
    bent = at(0, 0)
    bent[0] = 50, 30  # the nose straight down from the neck
    assert value("body_angle", at(7, 7)) == pytest.approx(0, abs=1e-4)
    centre = (100 / 3, 10)
    front = math.degrees(math.atan2(30 - centre[1], 50 - centre[0]))
    rear = math.degrees(math.atan2(centre[1], centre[0]))
    assert value("body_angle", bent) == pytest.approx(front - rear, abs=1e-3)


def test_without_a_scale_lengths_are_in_px_and_say_so():
    settings = FeatureSettings()
    extractor = FeatureExtractor(settings, MICE, Arena(ArenaSettings(px_per_cm=None)))
    found = extractor.update(seen(at(10, 20)))
    assert found["y_px"] == 20
    assert extractor.units["speed_px_s"] == "px/s"


def moving(velocity_px_s, n=40, start=(0.0, 0.0), turn_deg=0.0):
    return [
        at(start[0] + velocity_px_s[0] * i / FPS, start[1] + velocity_px_s[1] * i / FPS, turn_deg)
        for i in range(n)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("speed(a)", 5.0),
        ("speed(b)", 10.0),
        ("speed(b.nose)", 10.0),
        ("fastest_keypoint(b)", 10.0),
        ("approach_speed(a,b)", 5.0),
        ("approach_speed(b,a)", -10.0),
        ("approach_speed(a.nose,b)", 5.0),
        ("acceleration", 0.0),
        ("angular_speed(b)", 0.0),
    ],
)
def test_speeds_of_two_animals_that_move_steadily(text, expected):
    one, other = moving((50, 0)), moving((100, 0), start=(300, 0))
    found = measured(text, frames=list(zip(one, other, strict=True)))
    assert found[-1][0] == pytest.approx(expected, abs=1e-3)


def test_an_approach_may_be_downwards():
    one, other = moving((0, 50)), moving((0, 0), start=(0, 200))
    found = measured("approach_speed(a,b)", frames=list(zip(one, other, strict=True)))
    assert found[-1][0] == pytest.approx(5.0, abs=1e-3)


def test_the_acceleration_is_the_slope_of_the_speed():
    poses = [at(100 * (i / FPS) ** 2, 0) for i in range(60)]  # 200 px/s²
    found = measured("acceleration", frames=[(pose,) for pose in poses])
    assert found[-1][0] == pytest.approx(20.0, abs=1e-2)
    assert math.isnan(found[10][0])


def test_the_way_is_counted_while_the_speed_is_known():
    frames = [(pose,) for pose in moving((50, 0), n=101)]
    way = [row[0] for row in measured("distance_travelled", frames=frames)]
    first = next(i for i, each in enumerate(way) if each > 0)
    assert way[-1] == pytest.approx(5.0 * (101 - first) / FPS, abs=1e-3)
    hidden = [*frames[:50], *[(None,)] * 20, *frames[70:71]]
    stopped = [row[0] for row in measured("distance_travelled", frames=hidden)]
    assert stopped[-1] == stopped[49] == way[49]


def test_the_time_since_a_zone():
    frames = [(at(0, 0),), (at(300, 0),), (at(300, 0),), (None,), (at(0, 0),)]
    found = measured("time_since(zone.nest)", "time_since(nose,zone.plate)", frames=frames)
    since = [row[0] for row in found]
    assert since == pytest.approx([0, 1 / FPS, 2 / FPS, 3 / FPS, 0])
    assert [row[1] for row in found] == pytest.approx([i / FPS for i in range(5)])


def test_only_what_is_named_is_measured():
    settings = FeatureSettings(recorded=("speed", "distance(nose, b.nose)"))
    extractor = FeatureExtractor(settings, MICE, Arena(ArenaSettings(px_per_cm=10)))
    assert extractor.names == ("speed_cm_s", "distance(nose,b.nose)_cm")
    nothing = FeatureExtractor(
        FeatureSettings(recorded=("x",)), MICE, Arena(ArenaSettings(px_per_cm=10))
    )
    assert nothing.min_fps == 0
    assert extractor.min_fps == pytest.approx(4 / 0.3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sped", r"did you mean 'speed'\?"),
        ("speed_px_s", "unknown feature 'speed_px_s'"),
        ("distance(nose,b.nose)_px", r"did you mean 'distance\(nose,b\.nose\)_cm'"),
        ("speed < 1 cm/s", "unknown feature"),
        ("distance(noze,b)", "unknown keypoint or animal 'noze'"),
    ],
)
def test_a_feature_that_is_not_there_cannot_be_recorded(text, said):
    with pytest.raises((UnknownName, ConfigError), match=said):
        FeatureExtractor(
            FeatureSettings(recorded=(text,)), MICE, Arena(ArenaSettings(px_per_cm=10))
        )


def test_a_reset_forgets_ways_and_times():
    settings = FeatureSettings(
        recorded=("distance_travelled", "time_since(zone.a)", "acceleration")
    )
    zones = {"a": {"kind": "circle", "x_px": 0, "y_px": 0, "radius_px": 1}}
    arena = Arena(ArenaSettings(px_per_cm=10, zones=zones))
    extractor = FeatureExtractor(settings, MICE, arena)
    frames = [seen(pose, index=i) for i, pose in enumerate(moving((50, 0), start=(50, 0)))]
    first = [extractor.update(each) for each in frames]
    extractor.reset()
    again = [extractor.update(each) for each in frames]
    assert repr(again) == repr(first)


def test_measures_of_masks_are_scaled_to_the_arena():
    settings = FeatureSettings(recorded=("area", "motion_energy", "moving_pixels"))
    extractor = FeatureExtractor(settings, MICE, Arena(ArenaSettings(px_per_cm=10)))
    measures = {"mask_area_px2": 800, "mask_change_px2": 50, "mask_moving_percent": 2.5}
    found = extractor.update(seen(at(0, 0), measures=measures))
    assert extractor.names[:2] == ("area_cm2", "motion_energy_cm2")
    assert [*found.values()] == pytest.approx([8.0, 0.5, 2.5])


def test_time_goes_on_whether_anything_is_seen_or_not():
    found = measured("elapsed", frames=[(HERE,), (None,), (HERE,)])
    assert [each for (each,) in found] == pytest.approx([0, 1 / FPS, 2 / FPS])


def test_a_class_of_the_network_is_a_feature():
    settings, arena = FeatureSettings(recorded=()), Arena(ArenaSettings(px_per_cm=10))
    known = Catalogue(settings, MICE, arena)
    wanted = [known.find_text("class_rearing", "test"), known.find_text("class_other", "test")]
    extractor = FeatureExtractor(settings, MICE, arena, wanted=wanted, catalogue=known)
    found = extractor.update(replace(seen(HERE), class_scores={"rearing": 0.25}))
    assert found["class_rearing"] == 0.25
    assert math.isnan(found["class_other"])
