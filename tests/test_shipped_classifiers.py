"""The shipped classifiers: what they say of themselves, and that their experiments can use them."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tracker.build_classifiers import Classifiers, find_classifier
from tracker.build_watches import build_catalogue, build_watches
from tracker.config import load
from tracker.errors import ConfigError
from tracker.evaluation.decide import decide
from tracker.learning.behaviours.recipe import read_behaviour_recipe
from tracker.runtimes.classifier import Classifier
from tracker.runtimes.classifier_card import ClassifierCard
from tracker.track_import.run import Import
from tracker.types import Skeleton

FOLDER = Path(__file__).parents[1] / "classifiers"
NAMES = ("rats_social", "two_mice")
RATS = Path(__file__).parents[2] / "shared" / "data" / "rats_social" / "tracks" / "5.csv.gz"


def test_every_classifier_of_the_folder_is_tested():
    assert tuple(sorted(path.name for path in FOLDER.iterdir())) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_card_beside_the_file_is_the_one_inside(name):
    beside = YAML(typ="safe").load(FOLDER / name / "card.yaml")
    assert ClassifierCard.model_validate(beside) == Classifier(find_classifier(name)).card


@pytest.mark.parametrize("name", NAMES)
def test_the_classifier_is_what_its_recipe_says_and_small(name):
    card = Classifier(find_classifier(name)).card
    recipe = read_behaviour_recipe(FOLDER / name / "recipe.yaml")
    assert (card.name, card.version, card.kind) == (name, recipe.version, recipe.model.kind)
    assert (tuple(card.inputs), card.classes) == (recipe.inputs, recipe.classes)
    assert (card.step_s, card.warm_up_s) == (recipe.step_s, recipe.warm_up_s)
    (source,) = recipe.sessions
    assert f"held out: {', '.join(source.hold_out)}" in card.trained_on[0]
    assert find_classifier(name).stat().st_size < 200_000


def test_its_experiment_can_use_it():
    experiment = load(Path("rats_social_from_tracks"))
    skeleton = Skeleton(("top", "body", "tail", "tail-m", "tail-e"))
    catalogue = build_catalogue(experiment, skeleton)
    features = [each.name for each in Classifiers(experiment).wanted(catalogue)]
    watches = build_watches(experiment, features, dict.fromkeys(features, 0.0), catalogue, skeleton)
    assert [each.behaviour.name for each in watches] == [
        "base",
        "social",
        "nonsocial",
        "aggression",
    ]


@pytest.mark.skipif(not RATS.is_file(), reason="the tracks of rats_social are not here")
def test_a_session_at_another_rate_is_refused():
    with pytest.raises(ConfigError, match=r"was trained for 24 to 37\.5"):
        decide(Import(RATS, Path("rats_social_from_tracks"), fps=15, min_confidence=0.1))
