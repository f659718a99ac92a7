import math

import pytest

from tracker.batch.table import to_table
from tracker.compare.animals import MEASURES, WAY, WHOLE, contrasts_of, groups_of, pairs_of
from tracker.errors import ConfigError

PER_MIN = MEASURES[0]


def row(recording, group, subject, per_min=0.0, **changes):
    return {
        "recording": recording,
        "group": group,
        "subject": subject,
        "state": "done",
        "behaviour": "freezing",
        "per_min": per_min,
        "mean_s": math.nan,
        "fraction": 0.5,
        "latency_s": 1.0,
        "distance_cm": 60.0,
        "duration_s": 30.0,
    } | changes


def contrast(rows, behaviour="freezing", measure=PER_MIN, a="saline", b="drug"):
    found = contrasts_of(to_table(rows), a, b)
    return next(c for c in found if (c.behaviour, c.measure) == (behaviour, measure))


FOUR = [
    row("1", "saline", "m1", 1.0),
    row("2", "saline", "m2", 2.0),
    row("3", "drug", "m3", 5.0),
    row("4", "drug", "m4", 7.0),
]


def test_each_animal_has_one_value():
    found = contrast(FOUR)
    assert found.a.tolist() == [1.0, 2.0]
    assert found.b.tolist() == [5.0, 7.0]
    assert not found.paired


def test_recordings_of_one_animal_are_averaged_first():
    found = contrast([*FOUR, row("5", "drug", "m4", 9.0), row("6", "drug", "m4", 8.0)])
    assert found.b.tolist() == [5.0, 8.0]


def test_a_recording_without_a_value_does_not_count_for_its_animal():
    found = contrast([*FOUR, row("5", "drug", "m4", math.nan)])
    assert found.b.tolist() == [5.0, 7.0]


def test_animals_that_never_did_it_are_left_out_and_named():
    rows = [*FOUR, row("5", "drug", "m5", latency_s=math.nan)]
    latency = contrast(rows, measure=MEASURES[3])
    assert latency.b.tolist() == [1.0, 1.0]
    assert latency.without == ("m5",)


def test_animals_that_are_in_both_groups_are_their_own_controls():
    rows = [
        row("1", "saline", "m1", 1.0),
        row("2", "saline", "m2", 2.0),
        row("3", "drug", "m2", 20.0),
        row("4", "drug", "m1", 10.0),
    ]
    found = contrast(rows)
    assert found.paired
    assert (found.a.tolist(), found.b.tolist()) == ([1.0, 2.0], [10.0, 20.0])


def test_a_pair_that_lacks_one_value_is_left_out():
    rows = [
        row("1", "saline", "m1", math.nan),
        row("2", "saline", "m2", 2.0),
        row("3", "drug", "m2", 20.0),
        row("4", "drug", "m1", 10.0),
    ]
    found = contrast(rows)
    assert (found.a.tolist(), found.b.tolist(), found.without) == ([2.0], [20.0], ("m1",))


def test_some_animals_in_both_groups_is_an_error():
    with pytest.raises(ConfigError, match="m3 is in both saline and drug, the other animals"):
        contrasts_of(to_table([*FOUR, row("5", "saline", "m3")]), "saline", "drug")


def test_the_way_is_of_the_whole_recording_and_counts_once_per_recording():
    twice = [*FOUR, *(each | {"behaviour": "climbing"} for each in FOUR)]
    assert contrast(twice, WHOLE, WAY).a.tolist() == [2.0, 2.0]


def test_behaviours_stand_in_the_order_of_the_ethogram_and_the_whole_comes_last():
    names = [c.behaviour for c in contrasts_of(to_table(FOUR), "saline", "drug")]
    assert names == ["freezing"] * 4 + [WHOLE]


def test_failed_recordings_and_those_without_a_group_or_an_animal_do_not_count():
    more = [
        row("5", "drug", "m5", state="failed", behaviour=None),
        row("6", None, "m6"),
        row("7", "drug", None),
    ]
    assert groups_of(to_table([*FOUR, *more])) == {"drug": 2, "saline": 2}
    assert contrast([*FOUR, *more]).b.tolist() == [5.0, 7.0]


def test_all_pairs_of_groups_are_compared_unless_two_are_named():
    table = to_table([*FOUR, row("5", "high", "m5")])
    expected = [("drug", "high"), ("drug", "saline"), ("high", "saline")]
    assert pairs_of(table, None, None) == expected
    assert pairs_of(table, "saline", "drug") == [("saline", "drug")]


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        pytest.param("salin", "drug", "no recording is in group 'salin'; there is drug", id="typo"),
        pytest.param("saline", None, "expected two different groups", id="one"),
        pytest.param("drug", "drug", "expected two different groups", id="same"),
    ],
)
def test_groups_that_are_not_there_are_an_error(a, b, expected):
    with pytest.raises(ConfigError, match=expected):
        pairs_of(to_table(FOUR), a, b)


def test_one_group_cannot_be_compared():
    with pytest.raises(ConfigError, match="needs two groups, found saline"):
        pairs_of(to_table(FOUR[:2]), None, None)
