import math

import numpy as np
import pytest
from pydantic import ValidationError

from tracker.arena import Arena, ArenaSettings
from tracker.errors import ConfigError

RECTANGLE = {"kind": "rectangle", "x_px": 10, "y_px": 20, "width_px": 30, "height_px": 40}
CIRCLE = {"kind": "circle", "x_px": 50, "y_px": 50, "radius_px": 10}
L_SHAPE = {
    "kind": "polygon",
    "points_px": [[0, 0], [40, 0], [40, 10], [10, 10], [10, 40], [0, 40]],
}
DIAMOND = {"kind": "polygon", "points_px": [[10, 0], [20, 10], [10, 20], [0, 10]]}


def arena(zone, px_per_cm=10.0):
    settings = ArenaSettings.model_validate({"px_per_cm": px_per_cm, "zones": {"place": zone}})
    return Arena(settings)


@pytest.mark.parametrize(
    ("zone", "xy", "expected_cm"),
    [
        pytest.param(RECTANGLE, (25, 40), -1.5, id="rectangle_inside_to_the_nearest_side"),
        pytest.param(RECTANGLE, (10, 40), 0.0, id="rectangle_left_side"),
        pytest.param(RECTANGLE, (40, 60), 0.0, id="rectangle_lower_right_corner"),
        pytest.param(RECTANGLE, (45, 40), 0.5, id="rectangle_right_of_it"),
        pytest.param(RECTANGLE, (25, 5), 1.5, id="rectangle_above_it"),
        pytest.param(RECTANGLE, (43, 64), 0.5, id="rectangle_off_a_corner"),
        pytest.param(CIRCLE, (50, 50), -1.0, id="circle_centre"),
        pytest.param(CIRCLE, (56, 58), 0.0, id="circle_border"),
        pytest.param(CIRCLE, (80, 50), 2.0, id="circle_outside"),
        pytest.param(L_SHAPE, (5, 30), -0.5, id="polygon_inside_an_arm"),
        pytest.param(L_SHAPE, (30, 30), 2.0, id="polygon_in_its_notch_is_outside"),
        pytest.param(L_SHAPE, (10, 10), 0.0, id="polygon_inner_corner"),
        pytest.param(L_SHAPE, (0, 25), 0.0, id="polygon_last_side_joins_the_first_corner"),
        pytest.param(L_SHAPE, (-3, -4), 0.5, id="polygon_off_a_corner"),
        pytest.param(DIAMOND, (15, 5), 0.0, id="polygon_slanted_side"),
        pytest.param(DIAMOND, (-10, 10), 1.0, id="polygon_level_with_a_corner_is_outside"),
        pytest.param(DIAMOND, (10, 10), -math.sqrt(50) / 10, id="polygon_middle"),
    ],
)
def test_the_distance_is_signed_and_in_cm(zone, xy, expected_cm):
    place = arena(zone)
    assert place.distance("place", *xy) == pytest.approx(expected_cm, abs=1e-12)
    assert place.inside("place", *xy) is (expected_cm <= 0)


def test_rounding_does_not_put_a_point_of_a_slanted_side_outside():
    corners = [(3.1, 0.7), (211.3, 57.9), (97.7, 301.1)]
    place = arena({"kind": "polygon", "points_px": corners})
    for (x1, y1), (x2, y2) in zip(corners, corners[1:] + corners[:1], strict=True):
        for share in np.linspace(0, 1, 97):
            x, y = x1 + share * (x2 - x1), y1 + share * (y2 - y1)
            assert place.distance("place", x, y) == 0
            assert place.inside("place", x, y)


def test_rounding_does_not_put_a_point_of_a_circle_outside():
    place = arena(CIRCLE)
    for angle in np.linspace(0, math.tau, 97):
        assert place.inside("place", 50 + 10 * math.cos(angle), 50 + 10 * math.sin(angle))


@pytest.mark.parametrize("turned", [False, True], ids=["one_way_round", "the_other"])
def test_a_polygon_may_be_given_either_way_round(turned):
    points = L_SHAPE["points_px"][::-1] if turned else L_SHAPE["points_px"]
    place = arena({"kind": "polygon", "points_px": points})
    assert place.inside("place", 5, 30)
    assert not place.inside("place", 30, 30)


@pytest.mark.parametrize("zone", [RECTANGLE, CIRCLE, L_SHAPE])
@pytest.mark.parametrize("xy", [(math.nan, 30), (25, math.nan)])
def test_a_position_that_is_not_known_is_nowhere(zone, xy):
    place = arena(zone)
    assert math.isnan(place.distance("place", *xy))
    assert not place.inside("place", *xy)


def test_positions_become_cm_and_nan_stays():
    xy_cm = arena(CIRCLE, px_per_cm=4.0).to_units(np.array([[8, 2], [math.nan, 1]], np.float32))
    np.testing.assert_array_equal(xy_cm, [[2, 0.5], [math.nan, 0.25]])
    assert xy_cm.dtype == np.float64


def test_zones_keep_the_order_of_the_settings():
    settings = ArenaSettings.model_validate(
        {"px_per_cm": 1, "zones": {"nest": CIRCLE, "arm": RECTANGLE}}
    )
    assert Arena(settings).zones == ("nest", "arm")


def test_an_unknown_zone_is_named_with_the_one_that_was_meant():
    with pytest.raises(ConfigError, match="unknown zone 'plase'; did you mean 'place'"):
        arena(CIRCLE).distance("plase", 1, 1)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        pytest.param([[0, 0], [1, 1]], "at least 3", id="two_corners"),
        pytest.param([[0, 0], [9, 9], [9, 0], [0, 8]], "side 0 .* side 2 .* cross", id="bow_tie"),
        pytest.param([[0, 0], [5, 5], [9, 9]], "no area", id="all_in_line"),
        pytest.param([[0, 0], [9, 9], [9, 0], [0, 9]], "no area", id="even_bow_tie"),
        pytest.param(
            [[0, 0], [9, 0], [9, 9], [0, 0]], "corner 3 .* twice in a row", id="closed_by_hand"
        ),
        pytest.param(
            [[0, 0], [9, 0], [9, 0], [0, 9]], "corner 1 .* twice in a row", id="corner_repeated"
        ),
        pytest.param(
            [[0, 0], [9, 0], [4, 0], [4, 9]], "side 0 .* side 1 .* cross", id="back_on_itself"
        ),
        pytest.param(
            [[0, 0], [8, 0], [8, 8], [4, 0], [0, 8]],
            "side 0 .* side 2 .* cross",
            id="corner_on_side",
        ),
    ],
)
def test_a_polygon_that_is_none_is_an_error(points, message):
    with pytest.raises(ValidationError, match=message):
        arena({"kind": "polygon", "points_px": points})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param({}, "px_per_cm", id="no_scale"),
        pytest.param({"px_per_cm": 0}, "greater than 0", id="scale_of_zero"),
        pytest.param({"px_per_cm": math.inf}, "finite", id="endless_scale"),
        pytest.param(
            {"px_per_cm": 1, "zones": {"a": {**CIRCLE, "radius_px": 0}}},
            "greater than 0",
            id="circle_of_nothing",
        ),
        pytest.param(
            {"px_per_cm": 1, "zones": {"a": {**CIRCLE, "kind": "disc"}}},
            "'rectangle', 'circle', 'polygon'",
            id="unknown_kind_lists_the_known",
        ),
        pytest.param(
            {"px_per_cm": 1, "zones": {"a": {**CIRCLE, "raduis_px": 3}}},
            "raduis_px",
            id="misspelt_setting",
        ),
        pytest.param(
            {"px_per_cm": 1, "zones": {"Zone 1": CIRCLE}}, "pattern", id="name_with_a_blank"
        ),
    ],
)
def test_settings_that_make_no_arena_are_an_error(settings, message):
    with pytest.raises(ValidationError, match=message):
        ArenaSettings.model_validate(settings)
