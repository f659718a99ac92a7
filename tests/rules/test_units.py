import pytest

from tracker.units import suffix_of, unit_of


@pytest.mark.parametrize(
    ("value", "unit", "other", "expected"),
    [
        (1, "m", "cm", 100),
        (5, "mm", "cm", 0.5),
        (2, "min", "s", 120),
        (250, "ms", "s", 0.25),
        (1, "rad", "deg", 57.29577951308232),
        (10, "mm/s", "cm/s", 1),
        (1, "m/s^2", "cm/s2", 100),
        (30, "1/min", "Hz", 0.5),
        (50, "%", "1", 0.5),
        (2, "cm2", "mm2", 200),
        (0.3, "cm/s", "cm/s", 0.3),
    ],
)
def test_a_value_in_another_unit(value, unit, other, expected):
    assert unit_of(unit).fits(unit_of(other))
    assert unit_of(unit).to(unit_of(other), value) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("unit", "other"),
    [("cm", "px"), ("cm", "s"), ("cm/s", "cm"), ("deg", "1"), ("cm2", "cm"), ("Hz", "s")],
)
def test_other_kinds_of_quantity_do_not_fit(unit, other):
    assert not unit_of(unit).fits(unit_of(other))


@pytest.mark.parametrize("text", ["", "kg", "cm/kg", "cm/s/s", "cm4", "1cm", "cm s"])
def test_what_is_no_unit_is_refused(text):
    with pytest.raises(ValueError, match=r"unknown unit|more than one"):
        unit_of(text)


def test_units_multiply_and_divide():
    length, time = unit_of("cm"), unit_of("ms")
    assert length.times(time, power=-1).fits(unit_of("cm/s"))
    assert length.times(time, power=-1).factor == 1000
    assert length.times(length).fits(unit_of("mm2"))
    assert length.times(unit_of("1")) is length


@pytest.mark.parametrize(
    ("unit", "suffix"),
    [("cm", "_cm"), ("cm/s", "_cm_s"), ("cm/s^2", "_cm_s2"), ("%", "_percent"), ("1", "")],
)
def test_the_unit_ends_the_name_of_a_feature(unit, suffix):
    assert suffix_of(unit) == suffix
