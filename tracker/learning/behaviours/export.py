"""Write a trained classifier as an ONNX file with its card, once it gives the same answers."""

import contextlib
import io
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper
from torch import nn

from tracker.errors import TrainingError
from tracker.learning.behaviours.gru import GruTraining, OneStep
from tracker.learning.behaviours.scaling import Scaling
from tracker.learning.behaviours.tree_nodes import tree_node
from tracker.learning.behaviours.trees import TreesTraining, Windows
from tracker.runtimes.classifier import Classifier
from tracker.runtimes.classifier_card import CLASSIFIER_KEY, ClassifierCard

OPSET, TREES_OPSET, IR = 18, 3, 9
"""Operator sets, and the version of the file format that goes with them."""

MOST = 2e-3
"""Largest difference between the file's probabilities and those of training."""

MOST_SHARE = 0.01
"""Share of the steps that may differ by more: a value can lie just between two leaves of a tree."""

COMPARED = 400
"""Steps of a session on which they are compared."""


def export_gru(training: GruTraining, scaling: Scaling, temperature: float, path: Path) -> None:
    """Write the graph of a trained network."""
    graph = OneStep(training.network, scaling, training.order, temperature).eval()
    n, batch = len(scaling.middle), 2 if training.order else 1
    state = torch.zeros((1, batch, training.network.units.hidden_size))
    names = ["probability", "novelty", "next_state"]
    _write(graph, torch.zeros((1, n)), state, names, path)


def export_trees(
    training: TreesTraining, scaling: Scaling, n_classes: int, temperature: float, path: Path
) -> None:
    """Write the graph of windows, trees and what follows."""
    n = len(scaling.middle)
    windows = Windows(training.lengths, training.order)
    state = torch.full((max(training.lengths), n), torch.nan)
    _write(windows, torch.zeros((1, n)), state, ["columns", "next_state"], path)
    model = onnx.load(path)
    graph = model.graph
    constants: Mapping[str, NDArray[np.generic]] = {
        "temperature": np.float32(temperature).reshape(1),
        "middle": scaling.middle,
        "spread": scaling.spread,
        "limit": np.float32(scaling.novelty_limit).reshape(1),
        "first": np.array([0], np.int64),
        "last": np.array([1], np.int64),
        "zero": np.zeros(1, np.float32),
        "one": np.ones(1, np.float32),
    }
    graph.initializer.extend(
        onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()
    )
    node = helper.make_node
    graph.node.extend(
        [
            tree_node(training.trees, n_classes, "columns", "logits"),
            node("ReduceMean", ["logits", "first"], ["logit"], keepdims=1),
            node("Div", ["logit", "temperature"], ["scaled_logit"]),
            node("Softmax", ["scaled_logit"], ["probability"], axis=-1),
            node("Sub", ["features", "middle"], ["off"]),
            node("Div", ["off", "spread"], ["far"]),
            node("Asinh", ["far"], ["scaled"]),
            node("IsNaN", ["features"], ["missing"]),
            node("Where", ["missing", "zero", "scaled"], ["known"]),
            node("Where", ["missing", "zero", "one"], ["there"]),
            node("Mul", ["known", "known"], ["squares"]),
            node("ReduceSum", ["squares", "last"], ["sum"], keepdims=0),
            node("ReduceSum", ["there", "last"], ["count"], keepdims=0),
            node("Max", ["count", "one"], ["divisor"]),
            node("Div", ["sum", "divisor"], ["mean"]),
            node("Sqrt", ["mean"], ["root"]),
            node("Div", ["root", "limit"], ["novelty"]),
        ]
    )
    kept = [each for each in graph.output if each.name == "next_state"]
    del graph.output[:]
    graph.output.extend(
        [
            helper.make_tensor_value_info("probability", TensorProto.FLOAT, [1, n_classes]),
            helper.make_tensor_value_info("novelty", TensorProto.FLOAT, [1]),
            *kept,
        ]
    )
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", TREES_OPSET))
    model.ir_version = IR
    onnx.checker.check_model(model)
    onnx.save(model, path)


def set_card(card: ClassifierCard, path: Path) -> None:
    """Write the card into a file, in place of the one that is there."""
    model = onnx.load(path)
    helper.set_model_props(model, {CLASSIFIER_KEY: card.model_dump_json()})
    partial = path.with_suffix(".part.onnx")
    onnx.save(model, partial)
    partial.replace(path)


def compare(path: Path, inputs: NDArray[np.float32], expected: NDArray[np.float32]) -> None:
    """Run a file over the first steps of a session, and compare it with training.

    Args:
        path: The file.
        inputs: float32, (steps, inputs).
        expected: float32, (steps, classes), probabilities.

    Raises:
        TrainingError: If they differ by more than `MOST` in more than `MOST_SHARE` of the steps.
        ModelError: If the file cannot be used.
    """
    classifier = Classifier(path)
    found = np.stack([classifier.step(row)[0] for row in inputs[:COMPARED]])
    off = np.abs(found - expected[: len(found)]).max(axis=1)
    share = float(np.mean(~(off <= MOST)))
    if share > MOST_SHARE:
        raise TrainingError(
            f"{path.name} and the training disagree in {share:.1%} of the steps by more than "
            f"{MOST} in a probability (at most by {off.max():.4f}): the file was not kept"
        )


def _write(
    graph: nn.Module, features: torch.Tensor, state: torch.Tensor, gives: list[str], path: Path
) -> None:
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        # as for networks: the tracing exporter is deprecated, quicker, and needs fewer packages
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph,
            (features, state),
            str(path),
            input_names=["features", "state"],
            output_names=gives,
            opset_version=OPSET,
            dynamo=False,
        )
