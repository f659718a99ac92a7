"""A network of three convolutions made by hand: its one keypoint is the middle of a bright spot."""

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tiny_networks import draw_animal

from tracker.runtimes.base import CARD_KEY, ModelCard

SIDE = 64  # px, so that the network's input is the image itself

BLOB = ModelCard(
    name="blob",
    version="1",
    keypoints=("dot",),
    long_side=SIDE,
    multiple_of=32,
    min_confidence=0.5,
    scores={"my data: median_px": 1.0},
)


def blob(path, card=BLOB, *, nuisance=0.0):
    """Write it. Returns `path`.

    It blurs the image, takes the largest value, and gives its cell and how bright it is there.
    `nuisance` is what a second channel carries, which nothing depends on: beside a huge one
    the first cannot be told in 8 bits.
    """
    kernel = cv2.getGaussianKernel(5, 1.0) @ cv2.getGaussianKernel(5, 1.0).T
    weights = {
        "blur": np.stack([kernel, 0 * kernel])[:, None],
        "blur_bias": np.array([0, nuisance]),
        "pass": np.eye(2)[:, :, None, None],
        "pass_bias": np.zeros(2),
        "weigh": np.array([20.0, 0.0])[None, :, None, None],
        "weigh_bias": np.array([-12.0]),
        "per_grey": np.array([1 / 255]),
    }
    numbers = {"row": [1, 1, -1], "three": [3]}
    make = helper.make_node
    nodes = [
        make("Cast", ["image"], ["grey"], to=TensorProto.FLOAT, name="cast"),
        make("Mul", ["grey", "per_grey"], ["light"], name="scale"),
        make("Conv", ["light", "blur", "blur_bias"], ["a"], pads=[2] * 4, name="first"),
        make("Relu", ["a"], ["b"], name="relu_first"),
        make("Conv", ["b", "pass", "pass_bias"], ["c"], name="middle"),
        make("Relu", ["c"], ["d"], name="relu_middle"),
        make("Conv", ["d", "weigh", "weigh_bias"], ["map"], name="last_conv"),
        make("Reshape", ["map", "row"], ["flat"], name="flatten"),
        make("ArgMax", ["flat"], ["best"], axis=2, keepdims=1, name="peak"),
        make("GatherElements", ["flat", "best"], ["height"], axis=2, name="peak_height"),
        make("Sigmoid", ["height"], ["confidence"], name="confidence"),
        make("Shape", ["image"], ["shape"], name="shape"),
        make("Gather", ["shape", "three"], ["width"], name="width"),
        make("Mod", ["best", "width"], ["x"], name="x"),
        make("Div", ["best", "width"], ["y"], name="y"),
        make("Concat", ["x", "y"], ["place"], axis=2, name="place"),
        make("Unsqueeze", ["place", "column_axis"], ["cell"], name="cell"),
        make("Cast", ["cell"], ["xy"], to=TensorProto.FLOAT, name="xy"),
    ]
    tensors = [numpy_helper.from_array(v.astype(np.float32), k) for k, v in weights.items()]
    tensors += [numpy_helper.from_array(np.array(v, np.int64), k) for k, v in numbers.items()]
    tensors.append(numpy_helper.from_array(np.array([2], np.int64), "column_axis"))
    graph = helper.make_graph(
        nodes,
        "blob",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, (1, 1, "height", "width"))],
        [
            helper.make_tensor_value_info("xy", TensorProto.FLOAT, (1, 1, 1, 2)),
            helper.make_tensor_value_info("confidence", TensorProto.FLOAT, (1, 1, 1)),
        ],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(model, {CARD_KEY: card.model_dump_json()})
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def write_blobs(folder, n=10, seed=0):
    """Write images with a bright spot each; returns where they are, (n, 2)."""
    folder.mkdir(parents=True)
    places = np.random.default_rng(seed).integers(8, SIDE - 8, (n, 2))
    for number, place in enumerate(places):
        image = draw_animal((SIDE, SIDE), tuple(place))
        cv2.imwrite(str(folder / f"img{number}.png"), image)
    return places
