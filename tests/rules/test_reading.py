"""What is a rule and what is not; every mistake is pointed at."""

import pytest

from tracker.errors import ConfigError, ExpressionError
from tracker.expressions.nodes import (
    After,
    Arithmetic,
    Call,
    Comparison,
    Inside,
    Lasting,
    Logic,
    Name,
    Not,
    Number,
    written,
)
from tracker.expressions.reading import MAX_DEPTH, MAX_LENGTH, read


def said(text):
    """What is wrong with a text, and the part of it that is pointed at."""
    with pytest.raises(ExpressionError) as refused:
        read(text)
    error = refused.value
    return error.message, text[error.start : error.end]


def test_or_binds_weaker_than_and_which_binds_weaker_than_not():
    tree = read("not a and b or c")
    assert isinstance(tree, Logic)
    assert tree.word == "or"
    left, right = tree.parts
    assert isinstance(left, Logic)
    assert left.word == "and"
    assert isinstance(left.parts[0], Not)
    assert right.text == "c"


def test_brackets_come_first():
    tree = read("a and (b or c)")
    assert tree.word == "and"
    assert tree.parts[1].word == "or"


def test_times_binds_stronger_than_plus_and_both_go_from_left_to_right():
    tree = read("x - y - 2 * z < 1")
    difference = tree.operands[0]
    assert isinstance(difference, Arithmetic)
    assert (difference.sign, difference.left.sign, difference.right.sign) == ("-", "-", "*")


def test_a_comparison_may_be_a_chain_with_a_softness():
    tree = read("1 cm < x <= 2 cm ~ 0.5 mm")
    assert isinstance(tree, Comparison)
    assert tree.signs == ("<", "<=")
    assert [type(each) for each in tree.operands] == [Number, Name, Number]
    assert tree.softness.unit.text == "mm"


def test_after_and_for_bind_stronger_than_and():
    tree = read("a and b after c within 2 s and d for 1 s")
    assert [type(each) for each in tree.parts] == [Name, After, Lasting]
    assert tree.parts[1].within.value == 2


@pytest.mark.parametrize(
    ("text", "point", "negated"),
    [("in zone.nest", None, False), ("nose in zone.nest", "nose", False),
     ("b.nose not in zone.nest", "b.nose", True)],
    ids=["centre", "point", "negated"],
)  # fmt: skip
def test_a_place_in_a_zone(text, point, negated):
    tree = read(text)
    assert isinstance(tree, Inside)
    assert (tree.point and tree.point.text, tree.negated) == (point, negated)
    assert tree.zone.text == "zone.nest"


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("x < 1cm", "cm"),
        ("x < 1 cm / s", "cm/s"),
        ("x < 1 cm/s^2", "cm/s^2"),
        ("x < 1 cm2", "cm2"),
        ("x < 1 %", "%"),
        ("x < 1 /s", "1/s"),
        ("x < 1e1 Hz", "Hz"),
        ("x < .5", None),
        ("x < 1 and y", None),
    ],
)
def test_a_unit_may_follow_a_number(text, unit):
    tree = read(text)
    comparison = tree.parts[0] if isinstance(tree, Logic) else tree
    found = comparison.operands[1].unit
    assert (found and found.text) == unit


def test_a_number_divided_by_a_name_is_a_quotient():
    tree = read("1 cm / speed < 2 s")
    quotient = tree.operands[0]
    assert isinstance(quotient, Arithmetic)
    assert quotient.left.unit.text == "cm"


def test_a_name_has_one_way_to_be_written():
    call = read("distance( a.nose ,zone.nest )")
    assert isinstance(call, Call)
    assert written(call) == "distance(a.nose,zone.nest)"


def test_lines_may_be_broken():
    assert isinstance(read("x < 1 cm\n  and y < 2 cm\n"), Logic)


@pytest.mark.parametrize(
    ("text", "message", "part"),
    [
        pytest.param(
            "x < ", "expected a quantity or a condition, the rule ends here", "", id="cut"
        ),
        pytest.param("x < 1 cm y", "or the end of the rule, found 'y'", "y", id="left_over"),
        pytest.param("(x < 1 cm", "expected ')' to close the bracket", "", id="open_bracket"),
        pytest.param("f(x y)", "expected ',' or ')' in the brackets of f", "y", id="no_comma"),
        pytest.param("x £ 1", "'£' means nothing here", "£", id="strange_sign"),
        pytest.param("x < 1 cmm", "unknown unit 'cmm'; did you mean", "cmm", id="unit"),
        pytest.param("x < 1 cm/ and y", "expected a quantity", "and", id="nothing_below"),
        pytest.param("a after b", "expected 'within' and a time", "", id="after_without_time"),
        pytest.param("a for b", "expected a time, e.g. 2 s", "b", id="for_no_time"),
        pytest.param("nose in nest", "expected a zone, e.g. zone.nest", "nest", id="no_zone"),
        pytest.param("a. < 1", "expected a name after 'a.', found '<'", "<", id="dot"),
        pytest.param("and x", "expected a quantity or a condition, found 'and'", "and", id="word"),
        pytest.param("", "expected a quantity or a condition, the rule ends", "", id="empty"),
    ],
)
def test_what_is_no_rule_is_pointed_at(text, message, part):
    found, where = said(text)
    assert message in found
    assert where == part


def test_the_message_shows_the_line_with_carets_under_the_place():
    with pytest.raises(ExpressionError) as refused:
        read("x < 1 cm\nand y < 2 cmm")
    assert str(refused.value).splitlines()[1:] == ["    and y < 2 cmm", "              ^^^"]
    assert isinstance(refused.value, ConfigError)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("(" * (MAX_DEPTH + 1) + "x" + ")" * (MAX_DEPTH + 1), id="brackets"),
        pytest.param("not " * (MAX_DEPTH + 1) + "x", id="nots"),
        pytest.param("x" + "+x" * (MAX_DEPTH + 1) + " < 1", id="sums"),
        pytest.param("--x", id="two_signs"),
        pytest.param("x and " * MAX_LENGTH + "x", id="long"),
    ],
)
def test_a_text_that_is_nested_or_long_beyond_reason_is_refused(text):
    with pytest.raises(ExpressionError):
        read(text)


def test_a_rule_of_many_conditions_is_read():
    assert len(read(" or ".join(["x < 1 cm"] * 200)).parts) == 200
