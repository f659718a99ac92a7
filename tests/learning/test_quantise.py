"""A network in fewer bits: what is rewritten, what is refused, and how the loss is measured."""

import json
import subprocess
import sys
from fractions import Fraction

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto
from tiny_convolutions import BLOB, SIDE, blob, write_blobs
from tiny_networks import draw_animal
from tiny_recipe import recipe_of
from videos import write_pictures

from tracker.build import find_network
from tracker.errors import ModelError, TrainingError
from tracker.learning.precision.inputs import collect_inputs
from tracker.learning.precision.loss import compare_networks
from tracker.learning.precision.quantise import ON_CPU, LowPrecision, quantise
from tracker.runtimes.base import CropInput
from tracker.runtimes.onnx import OnnxRuntime

INT8, FP16 = LowPrecision.INT8, LowPrecision.FP16


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    write_blobs(folder / "one", seed=1)
    write_blobs(folder / "two", seed=2)
    return folder


def types_of(path):
    """Type of every stored tensor and every Cast's result, by the name of its node or tensor."""
    model = onnx.shape_inference.infer_shapes(onnx.load(path))
    infos = [*model.graph.value_info, *model.graph.output, *model.graph.input]
    types = {info.name: info.type.tensor_type.elem_type for info in infos}
    return types | {tensor.name: tensor.data_type for tensor in model.graph.initializer}


def nodes_of(path):
    return {node.name: node for node in onnx.load(path).graph.node}


def makers_of(path):
    return {name: node for node in onnx.load(path).graph.node for name in node.output}


@pytest.mark.parametrize("precision", LowPrecision)
def test_the_rewritten_network_finds_what_the_network_found(tmp_path, data, precision):
    made = quantise(
        blob(tmp_path / "n.onnx"), data, tmp_path / "low.onnx", precision=precision, quiet=True
    )
    image = draw_animal((SIDE, SIDE), (41, 17))[None, None]
    answer = OnnxRuntime(made.network, ON_CPU).run(image)
    assert answer.xy.tolist() == [[[41, 17]]]
    assert answer.confidence[0, 0] > BLOB.min_confidence
    assert set(made.losses) == set(made.times_ms) == {(SIDE, SIDE)}


@pytest.mark.parametrize("precision", LowPrecision)
def test_pixels_go_in_as_bytes_and_answers_come_out_as_float32(tmp_path, data, precision):
    made = quantise(
        blob(tmp_path / "n.onnx"), data, tmp_path / "low.onnx", precision=precision, quiet=True
    )
    graph = onnx.load(made.network).graph
    types = [each.type.tensor_type.elem_type for each in (*graph.input, *graph.output)]
    assert types == [TensorProto.UINT8, TensorProto.FLOAT, TensorProto.FLOAT]


@pytest.mark.parametrize("precision", LowPrecision)
def test_the_card_says_the_precision_and_what_was_lost(tmp_path, data, precision):
    made = quantise(
        blob(tmp_path / "n.onnx"), data, tmp_path / "low.onnx", precision=precision, quiet=True
    )
    card = OnnxRuntime(made.network, ON_CPU).card
    assert card == made.card
    assert (card.name, card.version, card.precision) == ("blob", f"1-{precision}", precision)
    assert card.scores["against fp32 at 64x64: median_shift_px"] == 0
    assert "my data: median_px" not in card.scores


def test_only_what_lies_between_the_first_and_the_last_convolution_is_in_int8(tmp_path, data):
    made = quantise(blob(tmp_path / "n.onnx"), data, tmp_path / "low.onnx", quiet=True)
    makers, nodes = makers_of(made.network), nodes_of(made.network)
    by_type = {
        name: makers[node.input[1]].op_type if node.input[1] in makers else "stored"
        for name, node in nodes.items()
        if node.op_type == "Conv"
    }
    assert by_type == {
        "first": "stored",
        "middle": "DequantizeLinear",
        "last_conv": "DequantizeLinear",
    }
    peak = next(node for node in nodes.values() if node.op_type == "ArgMax")
    assert makers[makers[peak.input[0]].input[0]].op_type == "Conv", "the map is in float32"


def test_weights_in_int8_have_a_scale_per_channel_and_seven_bits(tmp_path, data):
    made = quantise(blob(tmp_path / "n.onnx"), data, tmp_path / "low.onnx", quiet=True)
    stored = {
        tensor.name: onnx.numpy_helper.to_array(tensor)
        for tensor in onnx.load(made.network).graph.initializer
    }
    weights, scales = stored["pass_quantized"], stored["pass_scale"]
    assert weights.dtype == np.int8
    assert np.abs(weights).max() <= 64
    assert scales.shape == (2,)


def test_in_fp16_the_convolutions_are_half_and_the_coordinates_are_not(tmp_path, data):
    path = tmp_path / "low.onnx"
    quantise(blob(tmp_path / "n.onnx"), data, path, precision=FP16, quiet=True)
    types = types_of(path)
    assert {types[name] for name in ("blur", "pass", "weigh")} == {TensorProto.FLOAT16}
    assert {types[name] for name in ("map", "flat", "xy")} == {TensorProto.FLOAT}


def test_a_weight_that_decoding_uses_too_stays_float32_there(tmp_path, data):
    path = blob(tmp_path / "n.onnx")
    model = onnx.load(path)
    nodes = {node.name: node for node in model.graph.node}
    nodes["confidence"].input[0] = "same_height"
    again = onnx.helper.make_node("Add", ["height", "pass_bias_0"], ["same_height"], name="again")
    scalar = onnx.helper.make_node("ReduceSum", ["pass_bias"], ["pass_bias_0"], name="sum")
    model.graph.node.insert(0, scalar)
    model.graph.node.insert(list(model.graph.node).index(nodes["confidence"]), again)
    onnx.save(model, path)
    made = quantise(path, data, tmp_path / "low.onnx", precision=FP16, quiet=True)
    types = types_of(made.network)
    assert types["pass_bias"] == TensorProto.FLOAT
    assert types["pass_bias/learned"] == TensorProto.FLOAT16


def test_a_network_that_loses_its_keypoints_is_refused_with_the_figures(tmp_path, data):
    network = blob(tmp_path / "n.onnx", nuisance=1e4)
    message = (
        r"(?s)loses too much in int8.*64x64 px: 100.0% of the keypoints are lost \(at most 2%\).*"
        r"first and last convolutions"
    )
    with pytest.raises(ModelError, match=message):
        quantise(network, data, tmp_path / "low.onnx", quiet=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "n.onnx"]


def test_an_older_file_stays_if_the_new_one_is_refused(tmp_path, data):
    out = tmp_path / "low.onnx"
    out.write_bytes(b"older")
    with pytest.raises(ModelError, match="loses too much"):
        quantise(blob(tmp_path / "n.onnx", nuisance=1e4), data, out, quiet=True)
    assert out.read_bytes() == b"older"


def test_a_network_that_finds_nothing_in_the_images_is_refused(tmp_path):
    for number in range(20):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((SIDE, SIDE), number, np.uint8))
    with pytest.raises(ModelError, match="no keypoint is found in the images"):
        quantise(blob(tmp_path / "n.onnx"), tmp_path, tmp_path / "low.onnx", quiet=True)


def test_a_network_without_convolutions_is_refused(tmp_path, data):
    path = blob(tmp_path / "n.onnx")
    model = onnx.load(path)
    for node in model.graph.node:
        if node.name in ("middle", "last_conv"):
            node.op_type = "Identity"
            del node.input[1:]
    onnx.save(model, path)
    with pytest.raises(ModelError, match="nothing to quantise"):
        quantise(path, data, tmp_path / "low.onnx", quiet=True)


def test_a_network_that_is_in_int8_already_is_refused(tmp_path, data):
    made = quantise(blob(tmp_path / "n.onnx"), data, tmp_path / "low.onnx", quiet=True)
    with pytest.raises(ModelError, match="in int8 already: give the fp32 network"):
        quantise(made.network, data, tmp_path / "again.onnx", quiet=True)


def test_the_network_itself_is_never_written_over(tmp_path, data):
    path = blob(tmp_path / "n.onnx")
    with pytest.raises(TrainingError, match="is the network itself"):
        quantise(path, data, path, quiet=True)


@pytest.mark.slow
@pytest.mark.parametrize("precision", LowPrecision)
def test_a_trained_network_of_every_head_can_be_rewritten(tmp_path, precision):
    torch = pytest.importorskip("torch")
    from tracker.learning import export
    from tracker.learning.networks import Graph, Network
    from tracker.learning.precision.lower import PLANS, to_half, to_int8, write_card

    torch.manual_seed(0)
    heads = {
        "pose": {"keypoints": ["light", "dark"], "max_individuals": 2},
        "segmentation": {"classes": ["animal"], "per_individual": True},
        "classification": {"classes": ["usable"]},
        "regression": {"quantities": {"weight": "g"}},
        "reconstruction": {},
    }
    recipe = recipe_of(tmp_path, heads=heads)
    network = Network(recipe).eval()
    path, out = tmp_path / "n.onnx", tmp_path / "low.onnx"
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, (1, 1, 64, side), np.uint8) for side in (64, 96) * 2]
    export._convert(Graph(network), export.card_of(recipe, network.stride), path)
    if precision is INT8:
        to_int8(path, images, PLANS[0], out)
    else:
        to_half(path, out)
    before = OnnxRuntime(path, ON_CPU)
    write_card(before.card, out)
    losses = compare_networks(before, OnnxRuntime(out, ON_CPU), images)
    assert list(losses) == [(64, 96), (64, 64)]
    assert all(loss.worst_probability_change < 0.02 for loss in losses.values())


# What networks are shown


def test_calibration_and_judging_share_no_folder(tmp_path, data):
    runtime = OnnxRuntime(blob(tmp_path / "n.onnx"), ON_CPU)
    inputs = collect_inputs(runtime, data)
    assert (inputs.n_calibration, inputs.n_held_out) == (10, 10)
    one = [cv2.imread(str(path), 0) for path in sorted((data / "one").iterdir())]
    assert np.array_equal([image[0, 0] for image in inputs.calibration], one)


def test_one_folder_is_cut_in_the_middle(tmp_path):
    write_blobs(tmp_path / "only", n=20)
    inputs = collect_inputs(OnnxRuntime(blob(tmp_path / "n.onnx"), ON_CPU), tmp_path)
    names = [f"img{number}.png" for number in sorted(range(20), key=str)]
    last = [cv2.imread(str(tmp_path / "only" / name), 0) for name in names[10:]]
    assert np.array_equal([image[0, 0] for image in inputs.held_out], last)


def test_a_network_with_a_crop_is_calibrated_on_whole_frames_and_crops(tmp_path, data):
    crop = BLOB.model_copy(update={"crop": CropInput(side=32, animal_px=16)})
    inputs = collect_inputs(OnnxRuntime(blob(tmp_path / "n.onnx", crop), ON_CPU), data)
    for part in (inputs.calibration, inputs.held_out):
        assert {image.shape for image in part} == {(1, 1, SIDE, SIDE), (1, 1, 32, 32)}


def test_a_crop_that_is_never_laid_is_an_error(tmp_path):
    for number in range(20):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.zeros((SIDE, SIDE), np.uint8))
    crop = BLOB.model_copy(update={"crop": CropInput(side=32, animal_px=16)})
    runtime = OnnxRuntime(blob(tmp_path / "n.onnx", crop), ON_CPU)
    with pytest.raises(TrainingError, match="found no animal to crop"):
        collect_inputs(runtime, tmp_path)


def test_a_video_gives_frames_from_its_first_and_second_half(tmp_path):
    pictures = [draw_animal((SIDE, SIDE), (8 + number, 30)) for number in range(48)]
    video = write_pictures(tmp_path / "v.avi", pictures, range(48), "ffv1", "gray", Fraction(1, 25))
    inputs = collect_inputs(OnnxRuntime(blob(tmp_path / "n.onnx"), ON_CPU), video, n=16)
    first = [int(image[0, 0].max(0).argmax()) - 8 for image in inputs.calibration]
    second = [int(image[0, 0].max(0).argmax()) - 8 for image in inputs.held_out]
    assert (first[0], first[-1], second[0], second[-1]) == (0, 23, 24, 47)


def test_too_few_images_are_an_error(tmp_path):
    write_blobs(tmp_path / "few", n=6)
    runtime = OnnxRuntime(blob(tmp_path / "n.onnx"), ON_CPU)
    with pytest.raises(TrainingError, match="3 images to calibrate by and 3 to judge by"):
        collect_inputs(runtime, tmp_path)


@pytest.mark.parametrize(("name", "words"), [("none", "does not exist"), ("empty", "no image")])
def test_a_folder_without_images_is_an_error(tmp_path, name, words):
    (tmp_path / "empty").mkdir()
    runtime = OnnxRuntime(blob(tmp_path / "n.onnx"), ON_CPU)
    with pytest.raises(TrainingError, match=words):
        collect_inputs(runtime, tmp_path / name)


# With real data, and by the command line


@pytest.mark.slow
@pytest.mark.parametrize("precision", LowPrecision)
def test_the_shipped_network_keeps_its_keypoints(tmp_path, shared_data, precision):
    made = quantise(
        find_network("mouse_top_view"),
        shared_data / "mouse_open_field",
        tmp_path / "low.onnx",
        precision=precision,
        images=40,
        quiet=True,
    )
    for loss in made.losses.values():
        assert loss.found > 50
        assert loss.median_shift_px < (0.25 if precision is INT8 else 0.02)


@pytest.mark.slow
def test_the_command_writes_a_network_and_its_figures_as_json(tmp_path, data):
    blob(tmp_path / "n.onnx")
    command = [sys.executable, "-m", "tracker", "quantise", "n.onnx", "--data", "data", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    content = json.loads(done.stdout.splitlines()[-1])
    assert content["version"] == "1-int8"
    assert content["sizes"]["64x64"]["lost_share"] == 0
    assert (tmp_path / "blob-int8.onnx").is_file()
