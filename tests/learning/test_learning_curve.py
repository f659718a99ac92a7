"""How the error falls with the number of labelled frames."""

import json

import pytest
from tiny_recipe import write_data, write_recipe

from tracker.errors import TrainingError
from tracker.learning.learning_curve import learning_curve, write_variant
from tracker.learning.recipe import read_recipe

pytest.importorskip("torch")


@pytest.fixture
def recipe(tmp_path):
    write_data(tmp_path)
    return write_recipe(tmp_path, schedule__steps=2, schedule__validate_every=2)


def test_each_share_of_the_images_gets_a_network_of_its_own(recipe, tmp_path):
    out = tmp_path / "curve"
    points = learning_curve(recipe, out, fractions=[1.0, 0.5])
    assert [(point.fraction, point.images) for point in points] == [(0.5, 9), (1.0, 18)]
    assert read_recipe(out / "50%" / "recipe.yaml").schedule.fraction == 0.5
    assert (out / "curve.png").stat().st_size > 0
    written = json.loads((out / "curve.json").read_text(encoding="utf-8"))
    assert [point["images"] for point in written] == [9, 18]
    assert all(point.scores["dots: images"] == 6 for point in points)  # all judged alike


def test_a_network_that_is_there_is_not_trained_again(recipe, tmp_path):
    out = tmp_path / "curve"
    learning_curve(recipe, out, fractions=[0.5])
    network = out / "50%" / "network.onnx"
    before = network.stat().st_mtime_ns
    learning_curve(recipe, out, fractions=[0.5])
    assert network.stat().st_mtime_ns == before


@pytest.mark.parametrize("fractions", [[], [0.0], [1.5]])
def test_a_share_that_is_none_is_refused(recipe, tmp_path, fractions):
    with pytest.raises(TrainingError, match="expected shares above 0, at most 1"):
        learning_curve(recipe, tmp_path / "curve", fractions=fractions)


def test_a_variant_changes_what_it_names_and_nothing_else(recipe, tmp_path):
    path = write_variant(recipe, tmp_path / "variant", {"schedule": {"seed": 5}})
    one, other = read_recipe(recipe), read_recipe(path)
    assert other.schedule.seed == 5
    assert other == one.model_copy(update={"schedule": one.schedule.model_copy(update={"seed": 5})})
