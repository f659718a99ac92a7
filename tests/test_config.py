import json
from pathlib import Path

import pytest

from tracker.config import Experiment, load, schema, shipped
from tracker.errors import ConfigError

GOOD = """\
# A test
rig:
  camera:
    kind: synthetic
    fps: 50
  arena:
    px_per_cm: 10
behaviours:
  moving:
    rule: {kind: threshold, feature: speed_cm_s, above: 4, softness: 1}
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "experiment.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def refusal(path, overrides=()):
    with pytest.raises(ConfigError) as caught:
        load(path, overrides)
    return str(caught.value)


def test_an_experiment_is_read_with_defaults_filled_in(write):
    experiment = load(write(GOOD))
    assert experiment.rig.camera.fps == 50
    assert experiment.model.network == "mouse_top_view"
    assert experiment.behaviours["moving"].episode.enter == 0.7


@pytest.mark.parametrize("name", sorted(f.stem for f in shipped("configs").glob("*.yaml")))
def test_every_shipped_config_can_be_loaded_by_its_name(name):
    assert isinstance(load(Path(name)), Experiment)


@pytest.mark.parametrize("name", sorted(f.stem for f in shipped("configs").glob("*.yaml")))
def test_the_first_line_of_a_shipped_config_says_what_it_shows(name):
    first = (shipped("configs") / f"{name}.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# ")
    assert len(first) > 20


def test_the_schema_beside_the_configs_is_up_to_date():
    beside = (shipped("configs") / "experiment.schema.json").read_text(encoding="utf-8")
    assert beside == schema()


def test_the_schema_names_units_and_bounds():
    text = schema()
    assert json.loads(text)["type"] == "object"
    assert '"exclusiveMinimum": 0' in text


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(
            ("fps: 50", "fsp: 50"),
            ["line 5, rig.camera.fsp", "no such setting", "did you mean fps?"],
            id="misspelt_key",
        ),
        pytest.param(
            ("fps: 50", "fps: -1"),
            ["line 5, rig.camera.fps", "greater than 0", "found -1"],
            id="impossible_number",
        ),
        pytest.param(
            ("fps: 50", "fps: .nan"), ["rig.camera.fps", "finite"], id="number_that_is_none"
        ),
        pytest.param(
            ("kind: synthetic", "kind: telescope"),
            ["rig.camera", "telescope", "synthetic"],
            id="unknown_kind",
        ),
        pytest.param(("    px_per_cm: 10\n", ""), ["rig.arena"], id="missing_setting"),
        pytest.param(
            ("above: 4, softness", "softness"),
            ["expected exactly one of above and below"],
            id="rule",
        ),
    ],
)
def test_a_wrong_setting_is_refused_with_its_line_and_what_was_expected(write, change, expected):
    said = refusal(write(GOOD.replace(*change)))
    for part in expected:
        assert part in said


def test_all_mistakes_are_listed_at_once(write):
    said = refusal(
        write(GOOD.replace("fps: 50", "fps: -1").replace("px_per_cm: 10", "px_per_cm: 0"))
    )
    assert "rig.camera.fps" in said
    assert "rig.arena.px_per_cm" in said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a: [1, 2", "line 1 is not YAML", id="broken"),
        pytest.param("a: 1\na: 2\n", "is not YAML", id="the_same_key_twice"),
        pytest.param("- 1\n", "expected settings with names", id="a_list"),
        pytest.param("", "expected settings with names", id="nothing"),
        pytest.param("a: \x00", "is not YAML", id="binary"),
    ],
)
def test_a_file_that_is_no_experiment_is_refused(write, text, expected):
    assert expected in refusal(write(text))


def test_a_file_that_is_not_there_is_refused_with_the_shipped_names(tmp_path):
    said = refusal(tmp_path / "nothing.yaml")
    assert "is not there" in said
    assert "demo" in said


def test_a_folder_is_no_experiment(tmp_path):
    assert "cannot be read" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("override", "read"),
    [
        pytest.param("rig.camera.fps=25", lambda e: e.rig.camera.fps == 25, id="number"),
        pytest.param(
            "rig.camera={kind: synthetic, seed: 7}",
            lambda e: e.rig.camera.seed == 7,
            id="whole_part",
        ),
        pytest.param("session.subject=m3", lambda e: e.session.subject == "m3", id="new_part"),
        pytest.param(
            "outputs.publisher=null", lambda e: e.outputs.publisher is None, id="nothing_published"
        ),
        pytest.param(
            "behaviours.moving.rule.above=6",
            lambda e: e.behaviours["moving"].rule.above == 6,
            id="deep",
        ),
    ],
)
def test_a_setting_can_be_replaced_from_outside(write, override, read):
    assert read(load(write(GOOD), [override]))


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        pytest.param("rig.camera.fps", "expected name=value", id="no_value"),
        pytest.param("=3", "expected name=value", id="no_name"),
        pytest.param("rig.camera.fps.x=3", "fps is a value", id="too_deep"),
        pytest.param("rig.camera.fps=[1", "is not a YAML value", id="broken_value"),
        pytest.param("rig.camera.speed=3", "no such setting", id="unknown"),
    ],
)
def test_a_wrong_replacement_is_refused(write, override, expected):
    assert expected in refusal(write(GOOD), [override])


def test_the_hash_depends_on_every_setting_and_on_nothing_else(write):
    one = load(write(GOOD))
    assert load(write(GOOD + "\n# a comment\n")).sha256 == one.sha256
    assert load(write(GOOD), ["rig.camera.seed=99"]).sha256 != one.sha256


def test_the_resolved_settings_load_again_as_the_same_experiment(write):
    one = load(write(GOOD))
    again = load(write(one.as_yaml()))
    assert again == one
