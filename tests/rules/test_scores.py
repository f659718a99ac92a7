"""What a rule that is text says of a frame."""

import math

import pytest
from rules_here import NAN, catalogue, rule, scores

from tracker.behaviours.text_rule import TextRule


def score(text, **values):
    return scores(text, **{name: [value] for name, value in values.items()})[0]


@pytest.mark.parametrize(
    ("text", "x_cm", "expected"),
    [
        ("x < 3 cm", 2.9, 1),
        ("x < 3 cm", 3.0, 0),
        ("x <= 3 cm", 3.0, 1),
        ("x > 30 mm", 3.1, 1),
        ("x > 30 mm", 2.9, 0),
        ("x >= 0.03 m", 3.0, 1),
        ("3 cm > x", 2.9, 1),
        ("30 mm > x", 2.9, 1),
        ("30 mm < x", 2.9, 0),
        ("1 cm < x < 3 cm", 2.0, 1),
        ("1 cm < x < 3 cm", 1.0, 0),
        ("1 cm < x < 3 cm", 3.0, 0),
        ("x == 3 cm", 3.0, 1),
        ("x != 3 cm", 3.0, 0),
        ("-x < -2 cm", 3.0, 1),
        ("x + 5 mm < 3 cm", 2.4, 1),
        ("x + 5 mm < 3 cm", 2.6, 0),
        ("2 * x - 1 cm > 5 cm", 3.1, 1),
        ("x / 2 > 15 mm", 3.1, 1),
        ("x * x < 4 cm2", 1.9, 1),
        ("abs(x - 5 cm) < 1 cm", 4.5, 1),
        ("min(x, 2 cm) < 1 cm", 0.5, 1),
        ("max(x, 20 mm) > 1 cm", 0.5, 1),
    ],
)
def test_a_comparison_holds_or_does_not(text, x_cm, expected):
    assert score(text, x_cm=x_cm) == expected


@pytest.mark.parametrize(
    ("text", "x_cm", "expected"),
    [
        ("x < 5 cm ~ 2 cm", 5, 0.5),
        ("x < 5 cm ~ 2 cm", 4, 0.75),
        ("x < 5 cm ~ 2 cm", 3, 1),
        ("x < 5 cm ~ 20 mm", 6, 0.25),
        ("x > 5 cm ~ 2 cm", 6, 0.75),
        ("x > 5 cm ~ 2 cm", -900, 0),
        ("x > 5 ~ 2 cm", 6, 0.75),
        ("3 cm < x < 7 cm ~ 2 cm", 4, 0.75),
        ("5 cm < x ~ 20 mm", 6, 0.75),
    ],
)
def test_a_softness_makes_the_score_rise_in_a_straight_line(text, x_cm, expected):
    assert score(text, x_cm=x_cm) == pytest.approx(expected, abs=1e-12)


def test_percent_and_plain_numbers_are_the_same_kind_of_thing():
    assert score("moving_pixels < 0.5 %", moving_pixels_percent=0.4) == 1
    assert score("moving_pixels < 0.005", moving_pixels_percent=0.4) == 1
    assert score("moving_pixels < 0.005", moving_pixels_percent=0.6) == 0


SOFT = "x > 0 cm ~ 1 cm"
"""Its score is 0.5 + x / 2: x of -1, 0.2 and 1 give 0, 0.6 and 1."""


@pytest.mark.parametrize(
    ("text", "x_cm", "y_cm", "expected"),
    [
        ("{} and {}", 0.2, 1, 0.6),
        ("{} and {}", 0.2, -1, 0),
        ("{} or {}", 0.2, -1, 0.6),
        ("{} or {}", 0.2, 1, 1),
        ("{} and {}", NAN, 1, NAN),
        ("{} and {}", 1, NAN, NAN),
        ("{} and {}", NAN, -1, 0),
        ("{} and {}", -1, NAN, 0),
        ("{} or {}", NAN, -1, NAN),
        ("{} or {}", NAN, 1, 1),
        ("{} or {}", 1, NAN, 1),
        ("not {} and {}", 0.2, 1, 0.4),
        ("not {} and {}", NAN, 1, NAN),
    ],
)
def test_and_takes_the_smallest_or_the_largest_and_what_is_not_known_may_not_matter(
    text, x_cm, y_cm, expected
):
    found = score(text.format(SOFT, SOFT.replace("x", "y")), x_cm=x_cm, y_cm=y_cm)
    assert found == pytest.approx(expected, nan_ok=True)


def test_three_conditions_are_judged_whatever_their_order():
    for values in ((NAN, 1, -1), (-1, NAN, 1), (1, -1, NAN)):
        x, y, speed = values
        text = "x > 0 cm and y > 0 cm and speed > 0 cm/s"
        assert score(text, x_cm=x, y_cm=y, speed_cm_s=speed) == 0


@pytest.mark.parametrize("text", ["x < 1 cm", "x == 1 cm", "x != 1 cm", "x < 1 cm ~ 1 cm"])
def test_a_rule_abstains_if_its_input_is_missing(text):
    assert math.isnan(score(text, x_cm=NAN))


def test_a_division_by_zero_is_not_known():
    assert math.isnan(score("x / y < 1", x_cm=1, y_cm=0))


def test_a_place_in_a_zone_is_a_feature():
    assert rule("in zone.nest").features == ("in_nest",)
    assert rule("nose not in zone.nest").features == ("inside(nose,zone.nest)",)
    assert score("in zone.nest", in_nest=1.0) == 1
    assert score("centre not in zone.nest", **{"inside(centre,zone__nest)": 1.0}) == 0


def test_a_rule_looks_at_each_feature_once_and_lags_as_its_slowest():
    behaviour = rule("speed < 1 cm/s and speed > 0 cm/s and acceleration < 1 cm/s2 and x > 1 cm")
    assert behaviour.features == ("speed_cm_s", "acceleration_cm_s2", "x_cm")
    assert behaviour.group_delay_s == 0.3
    assert rule("x > 1 cm").group_delay_s == 0
    assert rule("median(speed, 1 s) > 1 cm/s").group_delay_s == 0.65


@pytest.mark.parametrize(
    "text",
    ["speed < 1 cm/s", "speed(a) < 1 cm/s", "speed_cm_s < 1 cm/s"],
)
def test_the_first_animal_need_not_be_named(text):
    assert rule(text).features == ("speed_cm_s",)


def test_animals_may_have_names():
    known = catalogue(animals=("resident", "intruder"))
    behaviour = TextRule("chase", "distance(resident.nose, intruder) < 2 cm", known)
    assert behaviour.features == ("distance(resident.nose,intruder)_cm",)


def test_an_arena_without_a_scale_measures_in_px():
    assert rule("speed < 10 px/s", px_per_cm=None).features == ("speed_px_s",)
