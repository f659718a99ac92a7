"""A network made by hand, whose answer is known: its one keypoint is the brightest pixel."""

import onnx
from onnx import TensorProto, helper

from tracker.runtimes.base import CARD_KEY, ModelCard

CARD = ModelCard(
    name="brightest_pixel",
    version="1",
    keypoints=("dot",),
    long_side=64,
    multiple_of=32,
    min_confidence=0.5,
)


def brightest_pixel(
    path,
    card=CARD,
    *,
    metadata=None,
    input_name="image",
    input_type=TensorProto.UINT8,
    input_shape=(1, 1, "height", "width"),
    outputs=("xy", "confidence"),
    confidence_per_grey=1 / 255,
    scale=1.0,
):
    """Write it; every argument after `card` changes one thing. Returns `path`.

    `xy` is the brightest pixel of all channels together, times `scale`; `confidence` is its
    grey value times `confidence_per_grey`.
    """
    nodes = [
        helper.make_node("Cast", [input_name], ["all"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["all", "axis1"], ["grey"], keepdims=1),
        helper.make_node("Reshape", ["grey", "row_shape"], ["row"]),
        helper.make_node("ArgMax", ["row"], ["best"], axis=3, keepdims=1),
        helper.make_node("Shape", ["all"], ["shape"]),
        helper.make_node("Gather", ["shape", "three"], ["n_columns"]),
        helper.make_node("Mod", ["best", "n_columns"], ["x"]),
        helper.make_node("Div", ["best", "n_columns"], ["y"]),
        helper.make_node("Concat", ["x", "y"], ["whole"], axis=3),
        helper.make_node("Cast", ["whole"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["real", "scale"], [outputs[0]]),
        helper.make_node("ReduceMax", ["row", "axis3"], ["peak"], keepdims=0),
        helper.make_node("Mul", ["peak", "confidence_per_grey"], [outputs[1]]),
    ]
    constants = [
        helper.make_tensor("axis1", TensorProto.INT64, [1], [1]),
        helper.make_tensor("axis3", TensorProto.INT64, [1], [3]),
        helper.make_tensor("three", TensorProto.INT64, [1], [3]),
        helper.make_tensor("row_shape", TensorProto.INT64, [4], [1, 1, 1, -1]),
        helper.make_tensor("scale", TensorProto.FLOAT, [1], [scale]),
        helper.make_tensor("confidence_per_grey", TensorProto.FLOAT, [1], [confidence_per_grey]),
    ]
    graph = helper.make_graph(
        nodes,
        "brightest_pixel",
        [helper.make_tensor_value_info(input_name, input_type, input_shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    text = card.model_dump_json() if metadata is None else metadata
    if text:
        helper.set_model_props(model, {CARD_KEY: text})
    onnx.save(model, path)
    return path
