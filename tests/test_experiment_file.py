"""An experiment file that a program changes: only what was changed is another, to the letter."""

import pytest

from tracker.config import shipped
from tracker.errors import ConfigError
from tracker.experiment_file import ExperimentFile

TEXT = """\
# One mouse.
rig:
  camera: {kind: synthetic}             # no hardware
observer:
  # what sees it
  kind: background
  difference: 60                        # more than shadows
  'polarity': "dark"
features:
  centre:
  - nose
  - tail_base
"""


def test_unchanged_it_is_the_same_to_the_letter():
    assert ExperimentFile(TEXT).text() == TEXT


@pytest.mark.parametrize("name", sorted(path.name for path in shipped("configs").glob("*.yaml")))
def test_so_are_the_shipped_ones(name):
    text = (shipped("configs") / name).read_text(encoding="utf-8")
    assert ExperimentFile(text).text() == text


def test_a_value_is_changed_and_its_comment_kept():
    file = ExperimentFile(TEXT)
    file.set(file.section("observer"), {"difference": 45, "kind": "background"})
    assert file.text() == TEXT.replace("difference: 60  ", "difference: 45  ")


def test_a_setting_that_was_not_there_is_put_at_the_end_of_its_section():
    file = ExperimentFile(TEXT)
    file.set(file.section("observer"), {"speck_px": 3})
    assert file.text() == TEXT.replace("features:", "  speck_px: 3\nfeatures:")


def test_a_section_that_was_not_there_is_made():
    file = ExperimentFile("a: 1\n")
    file.set(file.section("rig", "arena"), {"px_per_cm": 10.2})
    assert file.text() == "a: 1\nrig:\n  arena:\n    px_per_cm: 10.2\n"


def test_the_file_is_replaced_and_no_draft_is_left(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT, encoding="utf-8")
    file = ExperimentFile.read(path)
    file.set(file.section("observer"), {"difference": 45})
    file.replace(path)
    assert "difference: 45" in path.read_text(encoding="utf-8")
    assert [each.name for each in tmp_path.iterdir()] == ["mine.yaml"]


@pytest.mark.parametrize(
    ("text", "said"),
    [("a: [1", "is not YAML"), ("- 1\n", "holds CommentedSeq"), ("", "holds NoneType")],
    ids=["broken", "list", "empty"],
)
def test_what_is_no_experiment_file_is_refused_by_name(tmp_path, text, said):
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=f"mine.yaml {said}"):
        ExperimentFile.read(path)


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.yaml cannot be read"):
        ExperimentFile.read(tmp_path / "none.yaml")


def test_a_value_in_place_of_a_section_is_refused():
    with pytest.raises(ConfigError, match=r"observer\.kind: kind is a value, expected settings"):
        ExperimentFile(TEXT).section("observer", "kind")
