"""The exported file gives what PyTorch gives, or it is not written."""

import numpy as np
import pytest
import torch

from tracker.errors import TrainingError
from tracker.learning.export import card_of, check_parity, export
from tracker.learning.networks import Graph, Network
from tracker.learning.recipe import Recipe
from tracker.runtimes.onnx import read_card

COMPACT = {"kind": "compact", "widths": [8, 8, 8, 8, 8], "depth": 1}
HEADS = {
    "segmentation": {"classes": ["mouse", "nest"], "per_individual": True},
    "classification": {"classes": ["usable", "grooming"]},
    "regression": {"quantities": {"weight": "g"}},
    "reconstruction": {"code": 4},
}


def a_recipe(individuals=1, backbone=None, heads=None, **changes):
    pose = {
        "keypoints": ["nose", "tail"],
        "edges": [["nose", "tail"]],
        "max_individuals": individuals,
    }
    return Recipe.model_validate(
        {
            "name": "all",
            "version": "3",
            "licence": "MIT",
            "sources": [{"kind": "synthetic"}],
            "heads": {"pose": pose, **(HEADS if heads is None else heads)},
            "input": {"long_side": 64},
            "backbone": backbone or COMPACT,
            **changes,
        }
    )


def a_graph(recipe, kind=Graph, seed=0):
    """A network that was never trained, and yet is sure of what it finds."""
    torch.manual_seed(seed)
    network = Network(recipe)
    pose = network.heads["pose"]
    with torch.no_grad():
        pose.maps.bias[: pose.n] = 1.0
        if pose.several:
            pose.individuals.bias[:1] = 1.0
    return kind(network).eval()


def an_image(seed=0, size=(64, 96), channels=1):
    return np.random.default_rng(seed).integers(0, 256, (1, channels, *size), np.uint8)


BACKBONES = [
    pytest.param(COMPACT, id="compact"),
    pytest.param({"kind": "unet", "width": 4, "stride": 1, "depth": 2}, id="unet_at_1"),
    pytest.param({"kind": "unet", "width": 4, "stride": 4, "depth": 3}, id="unet_at_4"),
    pytest.param({"kind": "efficientnet_lite0", "pretrained": False}, id="efficientnet"),
]


@pytest.mark.slow
@pytest.mark.parametrize("individuals", [pytest.param(1, id="one"), pytest.param(3, id="several")])
@pytest.mark.parametrize("backbone", BACKBONES)
def test_an_exported_network_gives_the_same_answers_at_every_size(tmp_path, backbone, individuals):
    path = tmp_path / "network.onnx"
    recipe = a_recipe(individuals, backbone)
    graph = a_graph(recipe)
    card = card_of(recipe, graph.network.stride)
    export(graph, card, [an_image(0)], path)
    check_parity(graph, path, [an_image(1), an_image(2, size=(128, 64))])
    assert read_card(path) == card
    assert len(card.outputs) == 8


def test_a_colour_network_is_exported_for_colour(tmp_path):
    path = tmp_path / "network.onnx"
    recipe = a_recipe(heads={}, input={"long_side": 64, "channels": 3})
    graph = a_graph(recipe)
    export(graph, card_of(recipe, 4), [an_image(channels=3)], path)
    assert read_card(path).channels == 3


# --- the card


def test_the_card_says_what_the_recipe_says():
    card = card_of(a_recipe(3), mask_stride=2)
    assert (card.name, card.version, card.licence) == ("all", "3", "MIT")
    assert (card.keypoints, card.edges) == (("nose", "tail"), ((0, 1),))
    assert (card.max_individuals, card.mask_stride) == (3, 2)
    assert (card.mask_classes, card.individual_masks) == (("mouse", "nest"), True)
    assert (card.classes, card.quantities) == (("usable", "grooming"), {"weight": "g"})
    assert card.novelty
    assert card.trained_on == ("synthetic camera, made by this package; held out: 10 rigs",)


def test_the_card_names_only_what_the_network_has():
    card = card_of(a_recipe(heads={}), mask_stride=4)
    assert card.outputs == ("xy", "confidence")


def test_the_card_knows_by_which_names_data_sets_call_a_keypoint():
    source = {"kind": "deeplabcut", "path": ".", "licence": "x", "hold_out": ["a"]}
    labels = [
        {"nose": ["SNOUT"], "tail": ["TAIL"]},
        {"nose": ["leftear", "rightear"]},
        {"nose": ["SNOUT"]},
    ]
    sources = [{**source, "name": f"set {n}", "keypoints": names} for n, names in enumerate(labels)]
    card = card_of(a_recipe(sources=sources), mask_stride=4)
    assert card.label_names == {"nose": (("SNOUT",), ("leftear", "rightear")), "tail": (("TAIL",),)}


# --- disagreement

CHANGES = {
    "xy": lambda xy: xy + 1,
    "confidence": lambda confidence: confidence * 0.99,
    "mask": lambda mask: 255 - mask,
    "individual_mask": lambda mask: 255 - mask,
    "probability": lambda probability: probability + 0.01,
    "quantity": lambda quantity: quantity + 0.01,
    "quantity_sd": lambda sd: sd * 1.01,
    "novelty": lambda novelty: novelty + 0.01,
}


def crooked(name):
    """A graph of which one output is another in the file than in PyTorch."""

    class Crooked(Graph):
        def forward(self, image):
            found = super().forward(image)
            if not torch.onnx.is_in_onnx_export():
                return found
            names = card_of(self.network.recipe, 4).outputs
            pairs = zip(names, found, strict=True)
            return tuple(
                CHANGES[name](each) if each_name == name else each for each_name, each in pairs
            )

    return Crooked


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        pytest.param("xy", r"keypoints \(px\) by 1\.4\d+ \(at most 0.05", id="xy"),
        pytest.param("confidence", r"confidence by 0\.00\d+ \(at most 0\.001", id="confidence"),
        pytest.param("mask", r"mask by \d+\.0+ \(at most 2", id="mask"),
        pytest.param("individual_mask", r"individual_mask by \d+", id="individual_mask"),
        pytest.param("probability", r"probability by 0\.01", id="probability"),
        pytest.param("quantity", r"quantity by 0\.0\d+", id="quantity"),
        pytest.param("quantity_sd", r"quantity_sd by 0\.01", id="quantity_sd"),
        pytest.param("novelty", r"novelty by 0\.01", id="novelty"),
    ],
)
def test_a_file_that_disagrees_with_pytorch_is_not_written(tmp_path, name, reason):
    path = tmp_path / "network.onnx"
    path.write_bytes(b"the old one")
    recipe = a_recipe()
    with pytest.raises(TrainingError, match=f"disagree on image 0: {reason}"):
        export(a_graph(recipe, crooked(name)), card_of(recipe, 4), [an_image()], path)
    assert path.read_bytes() == b"the old one"
    assert list(tmp_path.iterdir()) == [path]


def test_a_keypoint_that_nobody_is_sure_of_may_be_elsewhere(tmp_path):
    path = tmp_path / "network.onnx"
    recipe = a_recipe(heads={})
    graph = a_graph(recipe, crooked("xy"))
    with torch.no_grad():
        graph.network.heads["pose"].maps.bias[:2] = -9.0
    export(graph, card_of(recipe, 4), [an_image()], path)
    assert path.is_file()


def test_a_file_of_another_network_is_noticed(tmp_path):
    path = tmp_path / "network.onnx"
    recipe = a_recipe(heads={})
    export(a_graph(recipe, seed=0), card_of(recipe, 4), [], path)
    with pytest.raises(TrainingError, match="disagree on image 0"):
        check_parity(a_graph(recipe, seed=1), path, [an_image()])
