from pathlib import Path

import pytest

from tracker.batch.labels import Label, labels_of_names, labels_of_table
from tracker.batch.sources import Source
from tracker.errors import ConfigError

NAMES = ("day1/saline_m1.mp4", "day1/drug_m2.mp4", "day2/drug_m2.mp4")
SOURCES = [Source(name, Path("/data") / name, is_session=False) for name in NAMES]
GOOD = """recording,group,subject
saline_m1,saline,m1
day1/drug_m2.mp4,drug,m2
day2\\drug_m2.mp4,drug,m2
"""


@pytest.fixture
def table(tmp_path):
    def write(text, encoding="utf-8"):
        path = tmp_path / "groups.csv"
        path.write_text(text, encoding=encoding)
        return path

    return write


def test_a_table_tells_group_and_animal_of_each_recording(table):
    assert labels_of_table(table(GOOD), SOURCES) == {
        NAMES[0]: Label("saline", "m1"),
        NAMES[1]: Label("drug", "m2"),
        NAMES[2]: Label("drug", "m2"),
    }


def test_a_table_of_a_german_excel_is_read(table):
    text = GOOD.replace(",", ";")
    assert labels_of_table(table(text, "utf-8-sig"), SOURCES)[NAMES[0]] == Label("saline", "m1")


def test_a_table_need_not_name_the_animals(table):
    path = table("recording,group\nsaline_m1.mp4,saline\n")
    assert labels_of_table(path, SOURCES[:1]) == {NAMES[0]: Label("saline", None)}


def test_an_empty_cell_is_no_group(table):
    path = table("recording,group,subject\nsaline_m1.mp4,,m1\n")
    assert labels_of_table(path, SOURCES[:1]) == {NAMES[0]: Label(None, "m1")}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "file,group\n", "its columns are file, group; expected recording", id="columns"
        ),
        pytest.param("", "its columns are none", id="empty"),
        pytest.param(GOOD + "m9,drug,m9\n", "line 5: m9 is none of the 3", id="unknown"),
        pytest.param(
            GOOD.replace("saline_m1,", "saline_m2.mp4,"), "did you mean day1/saline_m1", id="typo"
        ),
        pytest.param(
            GOOD.replace("day1/", ""), "could be day1/drug_m2.mp4, day2/drug_m2.mp4", id="two"
        ),
        pytest.param(GOOD + "saline_m1,drug,m1\n", "line 5: .* has a row already", id="twice"),
        pytest.param(GOOD.replace("saline,m1", "saline,m 1"), "line 2: the subject is", id="blank"),
        pytest.param(GOOD.replace("saline,m1", "saline"), "line 2: expected 3 cells", id="short"),
        pytest.param("\n".join(GOOD.splitlines()[:3]), "no row for day2/drug_m2.mp4", id="missing"),
    ],
)
def test_a_wrong_table_is_an_error_that_says_where(table, text, expected):
    with pytest.raises(ConfigError, match=expected):
        labels_of_table(table(text), SOURCES)


def test_names_tell_group_and_animal():
    labels = labels_of_names(r"(?P<group>drug|saline)_(?P<subject>m\d+)", SOURCES)
    assert labels[NAMES[0]] == Label("saline", "m1")
    assert labels[NAMES[2]] == Label("drug", "m2")


def test_names_of_folders_count_too():
    labels = labels_of_names(r"(?P<group>day\d)/", SOURCES)
    assert [labels[name].group for name in NAMES] == ["day1", "day1", "day2"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        pytest.param("(?P<group>", "no regular expression", id="broken"),
        pytest.param("drug|saline", r"expected \(\?P<group>", id="no_group"),
        pytest.param("(?P<group>drug)", "is not in day1/saline_m1.mp4", id="no_match"),
        pytest.param("(?P<subject>.*)_m", "the subject is 'day1/saline'", id="subject"),
    ],
)
def test_a_wrong_expression_is_an_error(pattern, expected):
    with pytest.raises(ConfigError, match=expected):
        labels_of_names(pattern, SOURCES)
