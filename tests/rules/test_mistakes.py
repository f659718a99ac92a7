"""Names that are not there and units that do not fit: found when the file is loaded."""

import pytest
from rules_here import MICE, catalogue, rule

from tracker.behaviours.text_rule import TextRule
from tracker.config import load
from tracker.errors import ConfigError, ExpressionError
from tracker.types import Skeleton


@pytest.mark.parametrize(
    ("text", "message", "part"),
    [
        pytest.param("sped < 1 cm/s", "did you mean 'speed'?", "sped", id="quantity"),
        pytest.param("speed(c.noze) < 1 cm/s", "unknown keypoint 'noze'; did you mean 'nose'?",
                     "c.noze", id="keypoint"),
        pytest.param("noze in zone.nest", "did you mean 'nose'?", "noze", id="point"),
        pytest.param("distance(x.nose, b) < 1 cm", "unknown animal 'x'", "x.nose", id="animal"),
        pytest.param("nose in zone.neest", "did you mean 'nest'? There is: floor, nest, plate",
                     "zone.neest", id="zone"),
        pytest.param("episode.freezing", "no behaviour 'freezing' above this one. There is none",
                     "episode.freezing", id="behaviour"),
        pytest.param("speed < 1", "1 has no unit, but speed is in cm/s", "1", id="no_unit"),
        pytest.param("speed < 1 cm", "1 cm is in cm, but speed is in cm/s", "1 cm", id="unit"),
        pytest.param("x < 1 px", "the arena has a scale, so lengths are in cm", "1 px", id="px"),
        pytest.param("x + speed < 1 cm", "speed is in cm/s, but x is in cm", "speed", id="sum"),
        pytest.param("x < 1 cm ~ 1 s", "1 s is in s, but x is in cm", "1 s", id="softness"),
        pytest.param("x < 1 cm ~ 0 cm", "expected a number above 0 after ~", "0 cm", id="hard"),
        pytest.param("x < 1 cm ~ y", "expected a number above 0 after ~", "y", id="soft_name"),
        pytest.param("x == 1 cm ~ 1 cm", "== is all or nothing", "x == 1 cm ~ 1 cm", id="equal"),
        pytest.param("count(in zone.nest) > 2 s", "has no unit, but 2 s is in s",
                     "count(in zone.nest)", id="count"),
        pytest.param("speed", "condition, found a quantity in cm/s", "speed", id="value"),
        pytest.param("not speed", "expected a condition", "speed", id="not_value"),
        pytest.param("starts(speed)", "expected a condition", "speed", id="starts_value"),
        pytest.param("(x < 1 cm) < 2", "expected a quantity, found a condition", "x < 1 cm",
                     id="condition"),
        pytest.param("nose < 1 cm", "nose is a place, not a quantity", "nose", id="place"),
        pytest.param("zone.nest", "a zone is a place: write 'in ", "zone.nest", id="z"),
        pytest.param("facing(a) < 1 deg", "something is missing: write facing(a, b)", "facing(a)",
                     id="too_few"),
        pytest.param("speed(nose, a) > 1 cm/s", "one too many: write speed", "a", id="too_many"),
        pytest.param("heading(nose) > 1 deg", "expected an animal here", "nose", id="no_animal"),
        pytest.param("distance(zone.nest, nose) < 1 cm", "expected a keypoint or an animal here",
                     "zone.nest", id="order"),
        pytest.param("inside(nose) == 1", "a zone is missing", "inside(nose)", id="no_zone"),
        pytest.param("speed(1 cm) > 1 cm/s", "expected a name here", "1 cm", id="number"),
        pytest.param("median(speed) > 1 cm/s", "expected a time, e.g. 0.5 s", "speed", id="window"),
        pytest.param("median(speed, 2 min) > 1 cm/s", "expected a time from 0 to 60 s", "2 min",
                     id="long_window"),
        pytest.param("x < 1 cm for 2 cm", "expected a time, e.g. 2 s or 500 ms", "2 cm", id="for"),
        pytest.param("abs()> 1", "needs something in its brackets", "abs()", id="empty"),
        pytest.param("abs > 1", "abs(...) needs brackets", "abs", id="no_brackets"),
        pytest.param("time_since() > 1 s", "needs something in its brackets", "time_since()",
                     id="time_since"),
        pytest.param("starts(x < 1 cm within 2 s)", "'within' belongs to count",
                     "x < 1 cm within 2 s", id="within"),
    ],
)  # fmt: skip
def test_a_mistake_is_pointed_at(text, message, part):
    with pytest.raises(ExpressionError) as refused:
        rule(text)
    error = refused.value
    assert message in error.message
    assert error.message.startswith("behaviour 'watched': ")
    assert text[error.start : error.end] == part


def test_without_a_scale_cm_do_not_fit():
    with pytest.raises(ExpressionError, match=r"px_per_cm is null, so lengths are in px"):
        rule("x < 1 cm", px_per_cm=None)


def test_without_a_floor_there_is_no_wall():
    with pytest.raises(ExpressionError, match=r"no wall: name the zone .* in rig\.arena\.floor"):
        rule("distance(wall) < 1 cm", floor=None)


def test_a_skeleton_of_one_keypoint_has_no_heading():
    known = catalogue(skeleton=Skeleton(("middle",)))
    with pytest.raises(ExpressionError, match="unknown name 'heading'"):
        TextRule("watched", "heading > 1 deg", known)


def test_keypoints_are_written_with_letters_digits_and_underscores():
    known = catalogue(skeleton=Skeleton(("Left Ear", "Mid-Back", "2nd")))
    behaviour = TextRule("watched", "distance(Left_Ear, Mid_Back) < distance(_2nd, b)", known)
    assert len(behaviour.features) == 2


FILE = """\
rig:
  camera: {kind: synthetic}
  arena: {px_per_cm: 10, zones: {nest: {kind: circle, x_px: 1, y_px: 1, radius_px: 9}}}
behaviours:
  freezing:
    rule: RULE
  other:
    rule: {kind: inside, zone: nest}
"""


def loaded(tmp_path, text):
    path = tmp_path / "experiment.yaml"
    path.write_text(FILE.replace("RULE", text), encoding="utf-8")
    return load(path)


def test_a_rule_may_be_a_text_in_the_file(tmp_path):
    text = "speed < 1 cm/s and snout in zone.nest"
    experiment = loaded(tmp_path, f'"{text}"')
    assert experiment.behaviours["freezing"].rule == text
    (tmp_path / "again.yaml").write_text(experiment.as_yaml(), encoding="utf-8")
    assert load(tmp_path / "again.yaml") == experiment


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param('"speed <"', "the rule ends here", id="grammar"),
        pytest.param('"speed < 1 cm"', "1 cm is in cm, but speed is in cm/s", id="unit"),
        pytest.param('"in zone.nst"', "did you mean 'nest'?", id="name"),
        pytest.param('""', "expected a quantity or a condition", id="empty"),
        pytest.param("{kind: thresold}", "does not match any of the expected tags", id="parts"),
        pytest.param("3", "valid dictionary", id="number"),
    ],
)
def test_a_wrong_rule_is_refused_with_its_line(tmp_path, text, said):
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, text)
    message = str(refused.value)
    assert "line 6, behaviours.freezing.rule: " in message
    assert said in message


def test_the_carets_stand_under_the_place(tmp_path):
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, '"speed < 1 cm/s and sped < 1 cm/s"')
    *_, line, carets = str(refused.value).splitlines()
    assert line[carets.index("^") : carets.rindex("^") + 1] == "sped"


def test_a_keypoint_is_checked_when_the_network_is_known():
    assert MICE.keypoints == ("nose", "neck", "tail_base")
    anything = catalogue(skeleton=None)
    TextRule("watched", "distance(snout, a.paw) < 1 cm", anything)
    with pytest.raises(ExpressionError, match="snout"):
        rule("distance(snout, a.paw) < 1 cm")
