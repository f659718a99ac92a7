"""Networks made by hand, whose answers are known: they look for the brightest and darkest pixel."""

import numpy as np
import onnx
from onnx import TensorProto, helper

from tracker.runtimes.base import CARD_KEY, CropInput, ModelCard

CARD = ModelCard(
    name="brightest_pixel",
    version="1",
    keypoints=("dot",),
    long_side=64,
    multiple_of=32,
    min_confidence=0.5,
)

SPOTS = ModelCard(
    name="spots",
    version="1",
    keypoints=("bright", "dark"),
    edges=((0, 1),),
    long_side=64,
    multiple_of=32,
    min_confidence=0.6,
    crop=CropInput(side=64, animal_px=28),
)
"""Nose bright, tail dark, on a grey floor: see `draw_animal`."""

FLOOR = 128
"""Grey value at which neither a bright nor a dark pixel is found: half sure."""


def dot(x, y, grey=255, shape=(1, 1, 64, 96)):
    """A network's input that is black but for one pixel."""
    image = np.zeros(shape, np.uint8)
    image[0, :, y, x] = grey
    return image


def draw_animal(shape, bright, dark=None, *, image=None, grey=255, sigma=2.0):
    """A bright spot at `bright` (x, y) and a dark one at `dark`, on a grey floor; None: no spot."""
    if image is None:
        image = np.full(shape, FLOOR, np.uint8)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    drawn = image.astype(np.float64)
    for place, height in ((bright, grey - FLOOR), (dark, 20 - FLOOR)):
        if place is not None:
            far = (columns - place[0]) ** 2 + (rows - place[1]) ** 2
            spot = height * np.exp(-far / (2 * sigma**2))
            drawn += spot if drawn.ndim == 2 else spot[..., None]
    return np.clip(np.rint(drawn), 1, 255).astype(np.uint8)


def spots(path, card=SPOTS, *, novelty_per_grey=1 / 255, promised=None):
    """Write a network with every task that `card` names; its own card is `promised`, if given.

    The first place is the brightest pixel, with its grey value / 255 as confidence, the second
    the darkest, with 1 minus that; black (0) and what is next to it are not dark, so that
    margins are no animal. They are the keypoints of one individual, or of two individuals the
    one keypoint each.
    The mask is the mean grey value of each cell, also that of every individual; every
    probability is the mean grey value / 255; every quantity is the mean grey value, its
    deviation 2; the novelty is the brightest grey value times `novelty_per_grey`. Returns `path`.
    """
    make = helper.make_node
    nodes = [
        make("Cast", ["image"], ["all"], to=TensorProto.FLOAT),
        make("ReduceMax", ["all", "axis1"], ["grey"], keepdims=1),
        make("Equal", ["grey", "zero"], ["black"]),
        make("Cast", ["black"], ["blackness"], to=TensorProto.FLOAT),
        make("MaxPool", ["blackness"], ["near"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        make("Cast", ["near"], ["is_black"], to=TensorProto.BOOL),
        make("Where", ["is_black", "white", "grey"], ["no_black"]),
        make("Sub", ["white", "no_black"], ["inverse"]),
        make("Concat", ["grey", "inverse"], ["both"], axis=1),
        make("Reshape", ["both", "rows_shape"], ["rows"]),
        make("ArgMax", ["rows"], ["best"], axis=2, keepdims=1),
        make("Shape", ["all"], ["shape"]),
        make("Gather", ["shape", "three"], ["n_columns"]),
        make("Mod", ["best", "n_columns"], ["x"]),
        make("Div", ["best", "n_columns"], ["y"]),
        make("Concat", ["x", "y"], ["whole"], axis=2),
        make("Cast", ["whole"], ["places"], to=TensorProto.FLOAT),
        make("Reshape", ["places", "xy_shape"], ["xy"]),
        make("ReduceMax", ["rows", "axis2"], ["peaks"], keepdims=0),
        make("Mul", ["peaks", "per_grey"], ["chances"]),
        make("Reshape", ["chances", "confidence_shape"], ["confidence"]),
        make(
            "AveragePool",
            ["grey"],
            ["cells"],
            kernel_shape=[card.mask_stride] * 2,
            strides=[card.mask_stride] * 2,
        ),
        make("Cast", ["cells"], ["cell"], to=TensorProto.UINT8),
        make("Tile", ["cell", "mask_repeats"], ["mask"]),
        make("Tile", ["cell", "individual_repeats"], ["individual_mask"]),
        make("ReduceMean", ["grey", "axes123"], ["mean"], keepdims=0),
        make("Reshape", ["mean", "one_one"], ["mean2"]),
        make("Tile", ["mean2", "quantity_repeats"], ["quantity"]),
        make("Mul", ["quantity", "zero"], ["nothing"]),
        make("Add", ["nothing", "two"], ["quantity_sd"]),
        make("Mul", ["mean2", "per_grey"], ["chance"]),
        make("Tile", ["chance", "class_repeats"], ["probability"]),
        make("ReduceMax", ["grey", "axes123"], ["peak"], keepdims=0),
        make("Mul", ["peak", "novelty_per_grey"], ["novelty"]),
    ]
    n, k = card.max_individuals, len(card.keypoints)
    whole_numbers = {
        "axis1": [1],
        "axis2": [2],
        "axes123": [1, 2, 3],
        "three": [3],
        "rows_shape": [1, 2, -1],
        "xy_shape": [1, n, k, 2],
        "confidence_shape": [1, n, k],
        "one_one": [1, 1],
        "mask_repeats": [1, len(card.mask_classes), 1, 1],
        "individual_repeats": [1, n, 1, 1],
        "quantity_repeats": [1, len(card.quantities)],
        "class_repeats": [1, len(card.classes)],
    }
    numbers = {
        "zero": 0.0,
        "two": 2.0,
        "white": 255.0,
        "per_grey": 1 / 255,
        "novelty_per_grey": novelty_per_grey,
    }
    constants = [
        helper.make_tensor(name, TensorProto.INT64, [len(v)], v)
        for name, v in whole_numbers.items()
    ] + [helper.make_tensor(name, TensorProto.FLOAT, [1], [v]) for name, v in numbers.items()]
    uint8 = ("mask", "individual_mask")
    graph = helper.make_graph(
        nodes if k else [node for node in nodes if node.output[0] not in ("xy", "confidence")],
        "spots",
        [
            helper.make_tensor_value_info(
                "image", TensorProto.UINT8, (1, card.channels, "height", "width")
            )
        ],
        [
            helper.make_tensor_value_info(
                name, TensorProto.UINT8 if name in uint8 else TensorProto.FLOAT, None
            )
            for name in card.outputs
        ],
        constants,
    )
    return _save(graph, path, (promised or card).model_dump_json())


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
    return _save(graph, path, card.model_dump_json() if metadata is None else metadata)


def _save(graph, path, metadata):
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    if metadata:
        helper.set_model_props(model, {CARD_KEY: metadata})
    onnx.save(model, path)
    return path
