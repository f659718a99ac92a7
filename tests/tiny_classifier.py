"""A classifier whose answers are known by hand: the larger its first input, the less close."""

import numpy as np
import onnx
from onnx import TensorProto, helper

from tracker.runtimes.classifier_card import CLASSIFIER_KEY, ClassifierCard, Measured

MEASURED = Measured(
    window_s=0.3, centre=("nose", "neck", "tail_base"), rear="tail_base", front="nose"
)


def card(**fields):
    """By default: two classes from the distance of two mice in cm, ten steps a second."""
    known = {
        "name": "tiny",
        "version": "1",
        "kind": "gru",
        "inputs": {"distance(a.nose, b.nose)": "cm"},
        "classes": ("apart", "close"),
        "keypoints": ("nose", "neck", "tail_base"),
        "animals": ("a", "b"),
        "measured": MEASURED,
        "step_s": 0.1,
        "fps": (40, 60),
        "warm_up_s": 0.2,
        "blind_s": 0.5,
        "licence": "CC0-1.0",
    }
    return ClassifierCard(**(known | fields))


def write_classifier(path, made=None, **graph):
    """Write it: close is as likely as 1 / (1 + exp(2 (input - 2))); novelty is input / 100.

    Where the input is not known it counts as 2. The state counts the steps.
    """
    made = made or card()
    n = graph.get("n_inputs", len(made.inputs))
    node = helper.make_node
    nodes = [
        node("IsNaN", ["features"], ["missing"]),
        node("Where", ["missing", "two", "features"], ["known"]),
        node("Slice", ["known", "from", "to", "axis"], ["x"]),
        node("Sub", ["two", "x"], ["close"]),
        node("Neg", ["close"], ["apart"]),
        node("Concat", ["apart", "close"], ["logits"], axis=1),
        node("Softmax", ["logits"], ["probability"], axis=-1),
        node("Div", ["x", "hundred"], ["far"]),
        node("Squeeze", ["far", "axis"], ["novelty"]),
        node("Add", ["state", "one"], ["next_state"]),
    ]
    constants = {
        "two": np.array([2], np.float32),
        "one": np.array([1], np.float32),
        "hundred": np.array([100], np.float32),
        "from": np.array([0], np.int64),
        "to": np.array([1], np.int64),
        "axis": np.array([1], np.int64),
    }
    floats = TensorProto.FLOAT
    made_graph = helper.make_graph(
        nodes,
        "tiny",
        [
            helper.make_tensor_value_info(graph.get("features", "features"), floats, [1, n]),
            helper.make_tensor_value_info("state", floats, [1, 1]),
        ],
        [
            helper.make_tensor_value_info("probability", floats, [1, 2]),
            helper.make_tensor_value_info("novelty", floats, [1]),
            helper.make_tensor_value_info("next_state", floats, [1, 1]),
        ],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(made_graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    if graph.get("card", True):
        helper.set_model_props(model, {CLASSIFIER_KEY: made.model_dump_json()})
    onnx.save(model, path)
    return path
