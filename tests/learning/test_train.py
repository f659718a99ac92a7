"""`train`: from a recipe to a folder with network, card and curves."""

import signal
import sys
import threading

import cv2
import pytest
from ruamel.yaml import YAML
from tiny_recipe import write_data, write_recipe

from tracker.errors import MissingExtra, TrainingError
from tracker.learning.card_scores import figures_of
from tracker.learning.stopping import stop_on_signal
from tracker.learning.train import train
from tracker.runtimes.base import ModelCard
from tracker.runtimes.onnx import read_card


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Data, and in `out` what a training of two steps left."""
    root = tmp_path_factory.mktemp("dots")
    write_data(root)
    train(write_recipe(root, schedule__steps=2), out=root / "out")
    return root


def test_training_leaves_network_card_and_curves_and_no_checkpoint(folder):
    names = sorted(path.name for path in (folder / "out").iterdir())
    assert names == ["card.yaml", "curves.png", "network.onnx"]


def test_the_card_beside_the_network_is_the_one_inside(folder):
    beside = YAML(typ="safe").load(folder / "out" / "card.yaml")
    assert ModelCard.model_validate(beside) == read_card(folder / "out" / "network.onnx")


def test_the_card_says_what_was_learnt_from_and_what_was_kept_back(folder):
    card = read_card(folder / "out" / "network.onnx")
    assert card.trained_on == ("dots, CC0-1.0; held out: c",)
    assert card.scores["dots: images"] == 6


def test_the_curves_are_a_picture(folder):
    assert cv2.imread(str(folder / "out" / "curves.png")).shape[2] == 3


def test_the_result_is_what_lies_in_the_folder(folder, tmp_path):
    result = train(write_recipe(folder, schedule__steps=1), out=tmp_path)
    assert result.network == tmp_path / "network.onnx"
    assert result.card == read_card(result.network)
    assert result.steps == 1


def test_data_may_lie_elsewhere_than_the_recipe_says(folder, tmp_path):
    train(write_recipe(tmp_path, schedule__steps=1), data=folder)
    assert (tmp_path / "network.onnx").is_file()


def test_wrong_data_are_found_before_anything_is_written(tmp_path):
    with pytest.raises(TrainingError, match=r"fault\(s\)"):
        train(write_recipe(tmp_path), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["torch", "onnx", "sklearn"])
def test_training_without_a_library_names_the_extra(folder, monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtra, match=r"training needs: pip install .*\[train\]"):
        train(write_recipe(folder))


# --- figures on the card


def test_the_card_carries_only_a_handful_of_figures():
    card = ModelCard(
        name="all",
        version="1",
        keypoints=("nose",),
        mask_classes=("mouse",),
        classes=("usable",),
        quantities={"weight": "g", "age": ""},
    )
    assert figures_of(card) == (
        "images",
        "mean_px",
        "median_px",
        "p95_px",
        "within_10_px_share",
        "found_share",
        "nose: within_10_px_share",
        "mouse: dice",
        "mouse: dice_against_pseudo_masks",
        "usable: roc_auc",
        "usable: ece",
        "weight: mae_g",
        "age: mae",
    )


def test_a_network_without_keypoints_has_no_figures_of_them():
    card = ModelCard(name="masks", version="1", mask_classes=("mouse",))
    assert figures_of(card) == ("images", "mouse: dice", "mouse: dice_against_pseudo_masks")


# --- Ctrl-C


def test_the_first_signal_asks_and_the_second_ends():
    with stop_on_signal() as stop:
        assert not stop()
        signal.raise_signal(signal.SIGINT)
        assert stop()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_afterwards_a_signal_means_what_it_did_before():
    before = signal.getsignal(signal.SIGINT)
    with stop_on_signal():
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before


def test_in_another_thread_nobody_asks():
    answers = []

    def ask():
        with stop_on_signal() as stop:
            answers.append(stop())

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert answers == [False]
