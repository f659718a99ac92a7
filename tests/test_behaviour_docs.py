"""The pages on features, rules and episodes say what the code does."""

import re
from pathlib import Path

import pytest
from rules_here import MICE, arena

from tracker.arena import Arena, ArenaSettings
from tracker.behaviours.meaning import FUNCTIONS
from tracker.behaviours.text_rule import TextRule
from tracker.episodes import EpisodeSettings
from tracker.features import FeatureSettings
from tracker.features.catalogue import STANDARD, Catalogue
from tracker.features.definitions import DEFINITIONS
from tracker.units import NAMES

DOCS = Path(__file__).parents[1] / "docs"
LAG = {0: "0", 1: "`window_s` / 2", 2: "`window_s`"}


def page(name):
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", DEFINITIONS)
def test_every_feature_stands_in_the_table_as_it_is_defined(name):
    each = DEFINITIONS[name]
    forms = ", ".join(f"`{form}`" for form in each.forms)
    assert f"| {forms} | {each.unit} | {LAG[each.windows]} | {each.says} |" in page("features")


def test_the_table_has_no_other_features():
    rows = re.findall(r"^\| `(\w+)[`(].*\| (?:L|deg|s|1|%)\S* \| ", page("features"), re.MULTILINE)
    assert rows == list(DEFINITIONS)


def test_every_form_of_every_feature_can_be_written():
    known = Catalogue(FeatureSettings(), MICE, arena())
    for name, each in DEFINITIONS.items():
        for form in each.forms:
            quantity = known.find_text(form, name)
            assert quantity.unit == each.unit.replace("L", "cm")
            assert quantity.moves == (each.windows > 0)


@pytest.mark.parametrize("name", STANDARD)
def test_what_is_written_down_by_itself_is_named(name):
    assert f"`{name}`" in page("features").partition("## What may stand")[0]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_of_rules_is_explained(name):
    assert re.search(rf"`{name}[(`]", page("rules"))


@pytest.mark.parametrize("unit", NAMES)
def test_every_unit_is_named(unit):
    assert f"`{unit}`" in page("rules")


def plain_blocks(text):
    """What stands in the fenced blocks that name no language, line by line."""
    parts = text.split("```")
    return [line for part in parts[1::2] if part.startswith("\n") for line in part.splitlines()]


EXAMPLES = [
    line.partition("#")[0].strip()
    for line in plain_blocks(page("rules").partition("## Grammar")[0])
    if re.match(r"(speed|entering)", line) and "sped" not in line
]
"""Lines of the blocks that are rules; those that show mistakes are indented."""


def test_there_are_examples():
    assert len(EXAMPLES) == 4


@pytest.mark.parametrize("text", EXAMPLES)
def test_the_examples_are_rules(text):
    known = Catalogue(FeatureSettings(), None, _zones("nest", "a", "left_port"))
    TextRule("example", text, known)


@pytest.mark.parametrize(
    "text", re.findall(r"^    rule: (.*)$", page("rules").partition("## Rules in")[0], re.MULTILINE)
)
def test_the_rules_of_the_example_file_are_rules(text):
    known = Catalogue(FeatureSettings(), None, _zones("left_port"))
    TextRule("example", text, known)


def _zones(*names):
    zones = {
        name: {"kind": "circle", "x_px": 1, "y_px": 1, "radius_px": 1} for name in (*names, "floor")
    }
    return Arena(ArenaSettings(px_per_cm=10, zones=zones, floor="floor"))


@pytest.mark.parametrize("name", EpisodeSettings.model_fields)
def test_every_setting_of_episodes_is_explained(name):
    assert f"| `{name}` |" in page("episodes")


@pytest.mark.parametrize("name", ["features", "rules", "episodes"])
def test_links_and_pictures_are_there(name):
    for target in re.findall(r"\]\(([^)#:]+)\)", page(name)):
        assert (DOCS / target).exists(), target
