"""Classifiers at the door: a session that is unlike what one was trained on is refused."""

import pytest
from ruamel.yaml import YAML
from tiny_classifier import MEASURED, card, write_classifier

from tracker.behaviours.learned import ClassScore, LearnedBehaviour
from tracker.build_classifiers import Classifiers
from tracker.build_watches import build_catalogue, build_watches, refuse_unknown_classes
from tracker.config import load
from tracker.errors import ConfigError, ModelError, UnknownName
from tracker.session_parts import refuse_rate
from tracker.types import CameraInfo, Skeleton

MICE = Skeleton(("nose", "neck", "tail_base"))


def experiment(folder, rule=None, changes=(), **behaviours):
    """Two animals in cm, of which `near` is told by a classifier."""
    rule = {"kind": "learned", "model": str(folder / "tiny.onnx"), "class_name": "close"} | (
        rule or {}
    )
    content = {
        "rig": {
            "camera": {"kind": "tracks_only", "n_frames": 9, "fps": 50, "width_px": 9,
                       "height_px": 9},
            "arena": {"px_per_cm": 10},
        },
        "tracking": {"animals": ["ann", "bob"]},
        "features": {"recorded": []},
        "behaviours": {"near": {"rule": rule}, **behaviours},
    }  # fmt: skip
    path = folder / "mine.yaml"
    YAML(pure=True).dump(content, path)
    return load(path, changes)


@pytest.fixture
def folder(tmp_path):
    write_classifier(tmp_path / "tiny.onnx")
    return tmp_path


def watches(made, skeleton=MICE):
    catalogue = build_catalogue(made, skeleton)
    features = [each.name for each in Classifiers(made).wanted(catalogue)]
    delays = dict.fromkeys(features, 0.15)
    return build_watches(made, features, delays, catalogue, skeleton)


def test_the_animals_of_a_session_take_the_places_of_a_and_b(folder):
    (watch,) = watches(experiment(folder))
    assert isinstance(watch.behaviour, LearnedBehaviour)
    assert watch.behaviour.features == ("distance(ann.nose,bob.nose)_cm",)
    assert watch.behaviour.group_delay_s == pytest.approx(0.15 + 0.1 / 2)


def test_they_can_be_named_in_another_order(folder):
    (watch,) = watches(experiment(folder, {"animals": ["bob", "ann"]}))
    assert watch.behaviour.features == ("distance(bob.nose,ann.nose)_cm",)


def test_behaviours_of_one_classifier_share_it_and_those_on_other_animals_do_not(folder):
    path = str(folder / "tiny.onnx")
    apart = {"rule": {"kind": "learned", "model": path, "class_name": "apart"}}
    turned = {"rule": apart["rule"] | {"animals": ["bob", "ann"]}}
    found = [each.behaviour for each in watches(experiment(folder, apart=apart, turned=turned))]
    assert found[0]._told is found[1]._told
    assert found[0]._told._model is not found[2]._told._model


@pytest.mark.parametrize(
    ("rule", "changes", "says"),
    [
        pytest.param({"class_name": "clos"}, (), "did you mean 'close'", id="class"),
        pytest.param({"animals": ["ann"]}, (), "here there are 1", id="animals"),
        pytest.param({"animals": ["ann", "bo"]}, (), "unknown animal 'bo'", id="animal"),
        pytest.param({}, ["rig.arena.px_per_cm=null"], "in cm, but here it is in px", id="unit"),
        pytest.param({}, ["features.window_s=0.5"], "0.3, but here it is 0.5", id="window"),
        pytest.param({}, ["features.front=neck"], "front nose, but here it is neck", id="front"),
    ],
)  # fmt: skip
def test_a_session_that_does_not_fit_is_refused(folder, rule, changes, says):
    with pytest.raises(ConfigError, match=says):
        watches(experiment(folder, rule, changes))


def test_other_keypoints_are_refused(folder):
    with pytest.raises(ConfigError, match="here there are nose, back, tail_base"):
        watches(experiment(folder, changes=["features.recorded=[]"]),
                Skeleton(("nose", "back", "tail_base")))  # fmt: skip


def test_a_file_that_is_not_there_is_refused_with_what_there_is(folder):
    with pytest.raises(ModelError, match="neither a shipped one"):
        Classifiers(experiment(folder, {"model": "rats_socal"}))
    with pytest.raises(ModelError, match=r"cannot read the classifier .*gone\.onnx"):
        Classifiers(experiment(folder, {"model": "gone.onnx"}))


@pytest.mark.parametrize(("fps", "refused"), [(39, True), (40, False), (60, False), (61, True)])
def test_a_camera_at_another_rate_is_refused(folder, fps, refused):
    (watch,) = watches(experiment(folder))
    camera = CameraInfo("camera", (9, 9), fps, live=True)
    said = ""
    try:
        refuse_rate(camera, 0.0, {"near": watch.behaviour.fps})
    except ConfigError as error:
        said = str(error)
    assert ("was trained for 40 to 60" in said) is refused


def test_a_class_of_the_network_is_a_behaviour(folder):
    rears = {"rule": {"kind": "class_score", "class_name": "rearing"}}
    made = experiment(folder, rears=rears)
    _, watch = watches(made)
    assert isinstance(watch.behaviour, ClassScore)
    assert watch.behaviour.features == ("class_rearing",)
    refuse_unknown_classes(made, MICE, ("rearing", "usable"))
    with pytest.raises(UnknownName, match="unknown class 'rearing'"):
        refuse_unknown_classes(made, MICE, ("usable",))


def test_a_classifier_without_two_animals_needs_none(tmp_path):
    alone = card(inputs={"speed": "cm/s"}, animals=("a",), measured=MEASURED)
    write_classifier(tmp_path / "tiny.onnx", alone)
    (watch,) = watches(experiment(tmp_path, changes=["tracking.animals=[]"]))
    assert watch.behaviour.features == ("speed_cm_s",)
