"""Sessions that a synthetic camera draws: their script is the annotation, no file is read."""

from pathlib import Path

import numpy as np
import pytest

from tracker.cameras.synthetic import SyntheticCameraSettings, truths_of
from tracker.config import shipped
from tracker.errors import ConfigError, TrainingError
from tracker.learning.behaviours.measuring import HOLD_OUT, TRAIN, VALIDATE, measure
from tracker.learning.behaviours.origins import UNKNOWN, scripted_labels
from tracker.learning.behaviours.recipe import BehaviourRecipe

DRAWN = {
    "kind": "synthetic",
    "name": "drawn",
    "licence": "CC0-1.0",
    "fps": 60,
    "duration_s": 1.0,
    "seeds": ["1", "2", "3"],
    "validate_on": ["2"],
    "hold_out": ["3"],
}
FIELDS = {
    "kind": "behaviours",
    "name": "touch",
    "licence": "CC0-1.0",
    "experiment": str(shipped("configs") / "two_mice.yaml"),
    "classes": ["apart", "contact"],
    "rest": "apart",
    "inputs": ["distance(a, b)", "speed(a)"],
    "step_s": 0.1,
    "model": {"kind": "gru"},
}


def recipe(source=None, **fields):
    sessions = [DRAWN | (source or {})]
    return BehaviourRecipe.model_validate(FIELDS | {"sessions": sessions} | fields)


def camera(seconds, **settings):
    return SyntheticCameraSettings(animals=2, seed=1, n_frames=60 * seconds, **settings)


@pytest.fixture(scope="module")
def measured():
    """Three sessions of a second, and what they share."""
    return measure(recipe(), Path(), Path())


def test_a_frame_is_of_the_class_that_the_script_says():
    labels = scripted_labels(recipe(), camera(16))
    _, visitor = truths_of(camera(16))
    expected = ["contact" in visitor(index).behaviours for index in range(960)]
    assert labels.tolist() == [int(each) for each in expected]
    assert 10 < labels.sum() < 900  # the first contact of this seed comes after 14 s


def test_without_a_class_of_rest_nothing_is_known_of_other_frames():
    labels = scripted_labels(recipe(classes=["approach", "contact"], rest=None), camera(16))
    assert set(labels.tolist()) == {UNKNOWN, 0, 1}


def test_two_classes_at_once_are_refused():
    both = recipe(classes=["locomotion", "contact"], rest=None)
    with pytest.raises(TrainingError, match="of seed 1 is locomotion and contact"):
        scripted_labels(both, camera(16))


def test_each_seed_is_a_session_of_its_part(measured):
    sessions, about = measured
    assert [(each.name, each.part) for each in sessions] == [
        ("drawn 1", TRAIN),
        ("drawn 2", VALIDATE),
        ("drawn 3", HOLD_OUT),
    ]
    assert (about.units, about.keypoints[0]) == (("cm", "cm/s"), "nose")


def test_a_session_is_as_long_as_asked_and_each_has_mice_of_its_own(measured):
    sessions, _ = measured
    for each in sessions:
        assert len(each.truth) == 60
        assert each.frames.tolist() == list(range(0, 60, 6))  # a step is six frames
        assert each.labels.tolist() == each.truth[each.frames].tolist()
    assert not np.array_equal(sessions[0].inputs, sessions[1].inputs)


def test_the_distance_is_the_one_of_the_script(measured):
    (session, *_), _ = measured
    first, second = truths_of(camera(1))
    apart = [
        np.hypot(*(first(i).xy.mean(axis=0) - second(i).xy.mean(axis=0))) / 10.2
        for i in range(49, 55)  # the last step ends with frame 54
    ]
    assert session.inputs[-1, 0] == pytest.approx(np.mean(apart), abs=0.3)


def test_the_same_seeds_are_measured_the_same(measured):
    (one, *_), about = measured
    (other, *_), again = measure(recipe(), Path(), Path())
    assert one.inputs.tobytes() == other.inputs.tobytes()
    assert about == again


@pytest.mark.parametrize(
    ("source", "says"),
    [
        pytest.param({"hold_out": ["4"]}, "name 4, which is no seed", id="no_such_seed"),
        pytest.param({"hold_out": ["2"]}, "2 cannot be in validate_on and in", id="both"),
        pytest.param({"tracks": "*.csv"}, "tracks", id="a_field_of_files"),
        pytest.param({"kind": "drawn"}, "does not match any of the expected tags", id="kind"),
    ],
)
def test_a_recipe_that_does_not_fit_together_is_refused(source, says):
    with pytest.raises(ValueError, match=says):
        recipe(source)


def test_a_seed_that_is_no_number_is_refused():
    odd = {"seeds": ["one", "2", "3"]}
    with pytest.raises(ConfigError, match=r"rig\.camera"):
        measure(recipe(odd), Path(), Path())


def test_only_a_synthetic_camera_draws():
    other = str(shipped("configs") / "open_field.yaml")
    with pytest.raises(TrainingError, match=r"drawn is drawn, but the camera of .* not synthetic"):
        measure(recipe(experiment=other), Path(), Path())
