import math

import pytest
from pydantic import TypeAdapter, ValidationError

from tracker.behaviours.rule import RuleSettings, make_rule
from tracker.errors import ConfigError, UnknownName

NAN = math.nan
DELAYS = {"speed_cm_s": 0.15, "x_cm": 0.0, "distance_to_nest_cm": 0.0, "in_nest": 0.0}
FAST = {"kind": "threshold", "feature": "speed_cm_s", "above": 5, "softness": 2}
SLOW = {"kind": "threshold", "feature": "speed_cm_s", "below": 5, "softness": 2}
IN_NEST = {"kind": "inside", "zone": "nest"}


def settings_of(rule):
    return TypeAdapter(RuleSettings).validate_python(rule)


def behaviour(rule):
    return make_rule("hiding", settings_of(rule), DELAYS, DELAYS)


def score(rule, observation=None, **features):
    return behaviour(rule).update(observation, features)


@pytest.mark.parametrize(
    ("rule", "speed_cm_s", "expected"),
    [
        pytest.param(FAST, 5, 0.5, id="at_the_threshold"),
        pytest.param(FAST, 6, 0.75, id="half_a_softness_above"),
        pytest.param(FAST, 7, 1.0, id="one_softness_above"),
        pytest.param(FAST, 3, 0.0, id="one_softness_below"),
        pytest.param(FAST, 900, 1.0, id="never_over_1"),
        pytest.param(FAST, -900, 0.0, id="never_under_0"),
        pytest.param(SLOW, 5, 0.5, id="below_at_the_threshold"),
        pytest.param(SLOW, 4, 0.75, id="below_it_is_more"),
        pytest.param(SLOW, 6, 0.25, id="above_it_is_less"),
    ],
)
def test_a_threshold_scores_in_a_straight_line(rule, speed_cm_s, expected):
    assert score(rule, speed_cm_s=speed_cm_s) == expected


@pytest.mark.parametrize(("in_nest", "expected"), [(1.0, 1.0), (0.0, 0.0)])
def test_inside_is_all_or_nothing(in_nest, expected):
    assert score(IN_NEST, in_nest=in_nest) == expected


@pytest.mark.parametrize("rule", [FAST, SLOW], ids=["above", "below"])
def test_what_is_not_known_scores_nan(rule):
    assert math.isnan(score(rule, speed_cm_s=NAN))


def test_a_place_that_is_not_known_scores_nan():
    assert math.isnan(score(IN_NEST, in_nest=NAN))


@pytest.mark.parametrize(
    ("speed_cm_s", "in_nest", "expected"),
    [
        pytest.param(4, 1.0, 0.75, id="the_smallest_score_counts"),
        pytest.param(0, 0.0, 0.0, id="one_that_fails_is_enough"),
        pytest.param(0, 1.0, 1.0, id="all_hold"),
    ],
)
def test_all_of(speed_cm_s, in_nest, expected):
    rule = {"kind": "all_of", "rules": [SLOW, IN_NEST]}
    assert score(rule, speed_cm_s=speed_cm_s, in_nest=in_nest) == expected


@pytest.mark.parametrize(
    ("speed_cm_s", "in_nest"),
    [
        pytest.param(NAN, 1.0, id="first"),
        pytest.param(0, NAN, id="last"),
        pytest.param(NAN, 0.0, id="beside_one_that_fails"),
    ],
)
def test_all_of_is_not_known_if_one_is_not(speed_cm_s, in_nest):
    rule = {"kind": "all_of", "rules": [SLOW, IN_NEST]}
    assert math.isnan(score(rule, speed_cm_s=speed_cm_s, in_nest=in_nest))


def test_the_delay_is_that_of_the_slowest_feature():
    rule = {"kind": "all_of", "rules": [IN_NEST, FAST]}
    assert behaviour(rule).group_delay_s == 0.15
    assert behaviour(IN_NEST).group_delay_s == 0.0


def test_a_delay_that_nobody_told_is_not_known():
    assert math.isnan(make_rule("hiding", settings_of(FAST), DELAYS).group_delay_s)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        pytest.param(
            {**FAST, "feature": "sped_cm_s"},
            "behaviour 'hiding': unknown feature 'sped_cm_s'; did you mean 'speed_cm_s'? "
            "There is: speed_cm_s, x_cm, distance_to_nest_cm, in_nest",
            id="misspelt_feature",
        ),
        pytest.param(
            {**FAST, "feature": "qqq"},
            "behaviour 'hiding': unknown feature 'qqq'. "
            "There is: speed_cm_s, x_cm, distance_to_nest_cm, in_nest",
            id="nothing_like_it",
        ),
        pytest.param(
            {"kind": "inside", "zone": "nset"},
            "behaviour 'hiding': unknown zone 'nset'; did you mean 'nest'? There is: nest",
            id="misspelt_zone",
        ),
        pytest.param(
            {"kind": "all_of", "rules": [FAST, {"kind": "inside", "zone": "qqq"}]},
            "behaviour 'hiding': unknown zone 'qqq'. There is: nest",
            id="inside_of_all_of",
        ),
    ],
)
def test_an_unknown_name_is_an_error_that_lists_what_there_is(rule, message):
    with pytest.raises(UnknownName) as caught:
        behaviour(rule)
    assert str(caught.value) == message
    assert isinstance(caught.value, ConfigError)


def test_a_zone_where_there_is_none_is_an_error_that_says_so():
    with pytest.raises(UnknownName, match=r"unknown zone 'nest'\. There is no zone at all"):
        make_rule("hiding", settings_of(IN_NEST), ["speed_cm_s"])


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        pytest.param({**FAST, "below": 3}, "exactly one .* found both", id="both_sides"),
        pytest.param({**FAST, "above": None}, "exactly one .* found neither", id="no_side"),
        pytest.param({**FAST, "softness": 0}, "greater than 0", id="no_softness"),
        pytest.param({**FAST, "softnes": 1}, "softnes", id="misspelt"),
        pytest.param({**FAST, "above": NAN}, "finite", id="threshold_of_nan"),
        pytest.param({"kind": "all_of", "rules": []}, "at least 1", id="all_of_nothing"),
        pytest.param({"kind": "any_of"}, "'threshold', 'inside', 'all_of'", id="unknown_kind"),
        pytest.param({"feature": "speed_cm_s"}, "kind", id="no_kind"),
    ],
)
def test_a_rule_that_makes_no_sense_is_an_error(rule, message):
    with pytest.raises(ValidationError, match=message):
        settings_of(rule)
