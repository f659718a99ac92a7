"""Rewrite the convolutions of a network file in fewer bits; what decodes their maps stays.

The learned part of a graph is its convolutions and dense layers with all that leads to them.
What comes behind (peaks, offsets, sigmoid, the error of a reconstruction) computes with
coordinates and stays in float32: in float16, 250 px would be known to a quarter of a pixel.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto

from tracker.errors import ModelError
from tracker.runtimes.base import CARD_KEY, ModelCard

LEARNED = {"Conv", "ConvTranspose", "Gemm", "MatMul"}
"""Operations with weights."""

CONVOLUTIONS = {"Conv", "ConvTranspose"}
"""Operations that cost nearly all of the time."""

BETWEEN = ("Add", "AveragePool", "Clip", "Concat", "MaxPool", "Pad", "Relu", "Resize")
"""What stands between convolutions, and must be in int8 as well, or each costs two conversions."""


@dataclass(frozen=True, slots=True)
class Int8Plan:
    """How an int8 network is made.

    Attributes:
        last_in_float: The convolutions that give the maps stay in float32, like the first.
    """

    last_in_float: bool = False


PLANS = (Int8Plan(), Int8Plan(last_in_float=True))
"""To be tried in this order, fastest first."""


def to_int8(
    path: Path, calibration: Sequence[NDArray[np.uint8]], plan: Int8Plan, out: Path
) -> None:
    """Write a network with 8-bit activations and weights, quantised statically (QDQ).

    Weights have a scale per output channel and use 7 bits: with 8, the sum of two products
    overflows on processors without VNNI, and the answers would depend on the processor (ONNX
    Runtime, "Quantize ONNX models", reduce_range). Activations are unsigned, their ranges the
    smallest and largest value met. The first convolutions stay in float32: with one to
    three channels they gain nothing, and their error reaches everything.

    Args:
        path: The float32 network.
        calibration: Real inputs of every size that it will get.
        plan: What stays in float32.
        out: Written; has the card of `path`.

    Raises:
        ModelError: If there is nothing to quantise.
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(path, prepared, skip_symbolic_shape=True)
        model = onnx.load(prepared)
        _name_nodes(model.graph)
        onnx.save(model, prepared)
        first, last = _ends(model.graph)
        kept = first | (last if plan.last_in_float else set())
        chosen = [
            node.name
            for node in _learned_part(model.graph)
            if node.op_type in {*CONVOLUTIONS, *BETWEEN} and node.name not in kept
        ]
        if not any(n.op_type in CONVOLUTIONS for n in model.graph.node if n.name in chosen):
            raise ModelError(
                f"{path.name} has no convolution between its first and last ones: there is "
                f"nothing to quantise"
            )
        quantize_static(
            prepared,
            out,
            _reader(calibration),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=[*CONVOLUTIONS, *BETWEEN],
            nodes_to_quantize=chosen,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            # The maps themselves stay in float32; what lies between is quantised as an input.
            extra_options={"OpTypesToExcludeOutputQuantization": [*CONVOLUTIONS, *BETWEEN]},
        )


def to_half(path: Path, out: Path) -> None:
    """Write a network whose learned part is in float16; inputs and outputs stay as they are.

    Meant for TensorRT and CUDA. On a CPU ONNX Runtime computes most of it in float32 between
    conversions, which is slower and rounds as float16 does.

    Args:
        path: The float32 network.
        out: Written; has the card of `path`.

    Raises:
        ModelError: If there is nothing to convert, or the graph does not say its types.
    """
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    model = onnx.shape_inference.infer_shapes(onnx.load(path))
    _name_nodes(model.graph)
    learned = _learned_part(model.graph)
    names = {node.name for node in learned}
    rest = [node for node in model.graph.node if node.name not in names]
    if not learned:
        raise ModelError(f"{path.name} has no layer with weights: there is nothing to convert")
    trunk = _cut_out(model, learned, rest, path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # weights near 0 become 1e-7
        trunk = convert_float_to_float16(trunk, keep_io_types=True)
    behind = _initializers(model.graph, rest)
    graph = onnx.helper.make_graph(
        [*trunk.graph.node, *rest],
        model.graph.name,
        model.graph.input,
        model.graph.output,
        [*trunk.graph.initializer, *behind],
    )
    joined = _model_of(graph, model)
    OnnxModel(joined).topological_sort()
    onnx.checker.check_model(joined)
    onnx.save(joined, out)


def write_card(card: ModelCard, path: Path) -> None:
    """Put a card into a network file, in place of all its metadata."""
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {CARD_KEY: card.model_dump_json()})
    onnx.save(model, path)


def _model_of(graph: GraphProto, like: ModelProto) -> ModelProto:
    model = onnx.helper.make_model(
        graph, opset_imports=like.opset_import, ir_version=like.ir_version
    )
    model.metadata_props.extend(like.metadata_props)
    return model


def _cut_out(
    model: ModelProto, learned: Sequence[NodeProto], rest: Sequence[NodeProto], path: Path
) -> ModelProto:
    """Return the learned part as a model of its own; it gives what `rest` takes of it."""
    made = {name for node in learned for name in node.output}
    wanted = {name for node in rest for name in node.input}
    wanted |= {output.name for output in model.graph.output}
    types = {info.name: info for info in [*model.graph.value_info, *model.graph.output]}
    edge = sorted(made & wanted)
    if unknown := [name for name in edge if name not in types]:
        raise ModelError(f"{path.name} does not say of what type {unknown} are: export it again")
    weights = _initializers(model.graph, learned)
    shared = {tensor.name for tensor in _initializers(model.graph, rest)}
    for tensor in weights:  # a weight that `rest` has as well stays there as it is
        if tensor.name in shared:
            for node in learned:
                for place, name in enumerate(node.input):
                    if name == tensor.name:
                        node.input[place] = f"{name}/learned"
            tensor.name = f"{tensor.name}/learned"
    outputs = [types[name] for name in edge]
    graph = onnx.helper.make_graph(learned, "learned", model.graph.input, outputs, weights)
    return _model_of(graph, model)


def _initializers(graph: GraphProto, nodes: Sequence[NodeProto]) -> list[onnx.TensorProto]:
    """Copies of the stored tensors that these nodes take."""
    used = {name for node in nodes for name in node.input}
    found = []
    for tensor in graph.initializer:
        if tensor.name in used:
            copy = onnx.TensorProto()
            copy.CopyFrom(tensor)
            found.append(copy)
    return found


def _name_nodes(graph: GraphProto) -> None:
    """Give every node a name that no other has."""
    taken: set[str] = set()
    for number, node in enumerate(graph.node):
        if not node.name or node.name in taken:
            node.name = f"{node.op_type}#{number}"
        taken.add(node.name)


def _learned_part(graph: GraphProto) -> list[NodeProto]:
    """Return layers with weights and all that leads to them, in the graph's order."""
    names = _before(graph, [node for node in graph.node if node.op_type in LEARNED])
    return [node for node in graph.node if node.name in names]


def _ends(graph: GraphProto) -> tuple[set[str], set[str]]:
    """Return the names of the convolutions that no convolution leads to, or follows."""
    convolutions = [node for node in graph.node if node.op_type in CONVOLUTIONS]
    first, followed = set(), set[str]()
    for node in convolutions:
        before = _before(graph, [node]) - {node.name}
        others = {other.name for other in convolutions} & before
        followed |= others
        if not others:
            first.add(node.name)
    return first, {node.name for node in convolutions} - followed


def _before(graph: GraphProto, nodes: Sequence[NodeProto]) -> set[str]:
    """Return the names of these nodes and of all that lead to them."""
    maker = {name: node for node in graph.node for name in node.output}
    found: set[str] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if node.name not in found:
            found.add(node.name)
            waiting += [maker[name] for name in node.input if name in maker]
    return found


def _reader(inputs: Sequence[NDArray[np.uint8]]) -> object:
    """Return ONNX Runtime's own kind of reader over the inputs."""
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """Hands out one input after the other."""

        def __init__(self) -> None:
            self._left: Iterator[NDArray[np.uint8]] = iter(inputs)

        def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
            """Return the next, None after the last."""
            image = next(self._left, None)
            return None if image is None else {"image": image}

    return Reader()
