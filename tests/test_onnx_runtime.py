import hashlib

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto
from tiny_networks import CARD, SPOTS, brightest_pixel, dot, spots

from tracker.errors import ModelError
from tracker.runtimes.base import Provider, RuntimeSettings
from tracker.runtimes.onnx import OnnxRuntime, read_card

ON_CPU = RuntimeSettings(provider=Provider.CPU)


@pytest.fixture
def network(tmp_path):
    return brightest_pixel(tmp_path / "network.onnx")


def test_a_network_gives_keypoints_and_confidence(network):
    answer = OnnxRuntime(network, ON_CPU).run(dot(70, 13, grey=204))
    xy, confidence = answer.xy, answer.confidence
    np.testing.assert_array_equal(xy, [[[70, 13]]])
    np.testing.assert_allclose(confidence, [[0.8]], atol=1e-6)  # 204 / 255
    assert (xy.dtype, confidence.dtype) == (np.float32, np.float32)


def test_an_answer_stays_what_it_was_when_the_next_one_comes(network):
    runtime = OnnxRuntime(network, ON_CPU)
    first = runtime.run(dot(70, 13))
    runtime.run(dot(1, 2))
    np.testing.assert_array_equal(first.xy, [[[70, 13]]])


@pytest.mark.parametrize("shape", [(1, 1, 64, 96), (1, 1, 32, 32), (1, 1, 96, 64)])
def test_images_of_any_shape_in_the_grain_are_taken(network, shape):
    runtime = OnnxRuntime(network, ON_CPU, input_shape=(64, 64))
    np.testing.assert_array_equal(runtime.run(dot(7, 21, shape=shape)).xy, [[[7, 21]]])
    assert runtime.facts["inputs_px"] == ["64x64", f"{shape[3]}x{shape[2]}"]


def test_a_network_of_fixed_shape_is_taken(tmp_path):
    path = brightest_pixel(tmp_path / "fixed.onnx", input_shape=(1, 1, 64, 96))
    runtime = OnnxRuntime(path, ON_CPU, input_shape=(64, 96))
    np.testing.assert_array_equal(runtime.run(dot(70, 13)).xy, [[[70, 13]]])


def test_a_colour_network_takes_three_channels(tmp_path):
    card = CARD.model_copy(update={"channels": 3})
    path = brightest_pixel(tmp_path / "rgb.onnx", card, input_shape=(1, 3, "height", "width"))
    answer = OnnxRuntime(path, ON_CPU).run(dot(3, 5, shape=(1, 3, 64, 64)))
    np.testing.assert_array_equal(answer.xy, [[[3, 5]]])


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        pytest.param((1, 3, 64, 64), r"expected \(1, 1, height, width\)", id="colour"),
        pytest.param((2, 1, 64, 64), r"expected \(1, 1, height, width\)", id="two_images"),
        pytest.param((64, 64), r"expected \(1, 1, height, width\)", id="two_dimensions"),
        pytest.param((1, 1, 64, 65), r"\(64, 65\), .* multiples of 32", id="not_in_the_grain"),
        pytest.param((1, 1, 0, 64), r"\(0, 64\), .* multiples of 32", id="empty"),
    ],
)
def test_an_image_that_the_network_cannot_take_is_an_error(network, shape, reason):
    with pytest.raises(ModelError, match=reason):
        OnnxRuntime(network, ON_CPU).run(np.zeros(shape, np.uint8))


def test_a_shape_that_a_fixed_network_cannot_take_is_an_error(tmp_path):
    path = brightest_pixel(tmp_path / "fixed.onnx", input_shape=(1, 1, 64, 96))
    with pytest.raises(ModelError, match=r"cannot take .* \(64, 64\), expected 64 and 96"):
        OnnxRuntime(path, ON_CPU).prepare((64, 64))


def test_a_prepared_shape_is_ready_and_the_others_stay_so(network):
    runtime = OnnxRuntime(network, ON_CPU, input_shape=(64, 64))
    runtime.prepare((64, 96))
    ready = dict(runtime._ready)
    runtime.prepare((64, 96))
    runtime.run(dot(7, 21, shape=(1, 1, 64, 64)))
    assert runtime._ready == ready
    assert runtime.facts["inputs_px"] == ["64x64", "96x64"]


def test_of_many_shapes_the_last_four_are_kept(network):
    runtime = OnnxRuntime(network, ON_CPU, input_shape=(32, 32))
    for side in (64, 96, 128, 160):
        runtime.prepare((side, 32))
    assert runtime.facts["inputs_px"] == ["32x64", "32x96", "32x128", "32x160"]
    np.testing.assert_array_equal(runtime.run(dot(7, 21, shape=(1, 1, 32, 32))).xy, [[[7, 21]]])


def test_a_network_with_a_crop_begins_with_the_input_of_the_crop(tmp_path):
    runtime = OnnxRuntime(spots(tmp_path / "network.onnx"), ON_CPU)
    assert runtime.facts["inputs_px"] == ["64x64"]


EVERYTHING = SPOTS.model_copy(
    update={
        "crop": None,
        "keypoints": ("dot",),
        "edges": (),
        "max_individuals": 2,
        "mask_classes": ("mouse", "hand"),
        "individual_masks": True,
        "classes": ("light",),
        "quantities": {"brightness": "grey", "weight": "g"},
        "novelty": True,
    }
)


def test_a_network_with_every_task_gives_every_answer(tmp_path):
    image = np.full((1, 1, 64, 96), 51, np.uint8)
    image[0, 0, :32] = 153
    answer = OnnxRuntime(spots(tmp_path / "network.onnx", EVERYTHING), ON_CPU).run(image)
    assert answer.xy.shape == (2, 1, 2)
    np.testing.assert_allclose(answer.confidence, [[0.6], [0.8]], atol=1e-6)
    assert answer.mask.shape == (2, 16, 24)
    assert answer.individual_mask.shape == (2, 16, 24)
    assert (answer.mask[:, :8] == 153).all()
    assert (answer.mask[:, 8:] == 51).all()
    np.testing.assert_allclose(answer.probability, [0.4], atol=1e-6)  # mean grey 102
    np.testing.assert_allclose(answer.quantity, [102, 102], rtol=1e-6)
    np.testing.assert_allclose(answer.quantity_sd, [2, 2])
    assert float(answer.novelty) == pytest.approx(0.6)


def test_a_network_without_keypoints_gives_no_positions(tmp_path):
    card = EVERYTHING.model_copy(update={"keypoints": (), "max_individuals": 1})
    answer = OnnxRuntime(spots(tmp_path / "network.onnx", card), ON_CPU).run(dot(1, 1))
    assert answer.xy is None
    assert answer.mask is not None


def test_a_card_of_the_first_version_is_read(tmp_path):
    text = '{"schema_version": 1, "name": "x", "version": "1", "keypoints": ["dot"]}'
    path = brightest_pixel(tmp_path / "network.onnx", metadata=text)
    runtime = OnnxRuntime(path, ON_CPU)
    np.testing.assert_array_equal(runtime.run(dot(70, 13)).xy, [[[70, 13]]])


def test_the_card_is_read_from_the_file(network):
    assert read_card(network) == CARD
    assert OnnxRuntime(network, ON_CPU).card == CARD


def test_the_facts_name_file_hash_library_and_provider(network):
    facts = OnnxRuntime(network, RuntimeSettings(provider=Provider.CPU, threads=2)).facts
    assert facts == {
        "file": "network.onnx",
        "sha256": hashlib.sha256(network.read_bytes()).hexdigest(),
        "network": "brightest_pixel 1",
        "library": f"onnxruntime {ort.__version__}",
        "provider": "cpu",
        "asked_for": "cpu",
        "passed_over": {},
        "precision": "auto",
        "cuda_graph": False,
        "threads": 2,
        "inputs_px": ["64x64"],
    }


def refused(path, reason):
    with pytest.raises(ModelError, match=reason):
        OnnxRuntime(path, ON_CPU)


def test_a_missing_file_is_refused(tmp_path):
    refused(tmp_path / "none.onnx", r"cannot read the network .*none\.onnx: No such file")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"this is no network", id="text"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(100), id="a_picture"),
    ],
)
def test_a_file_that_is_no_network_is_refused(tmp_path, content):
    path = tmp_path / "network.onnx"
    path.write_bytes(content)
    refused(path, "is no ONNX network that can be loaded")


def test_half_a_network_is_refused(network):
    network.write_bytes(network.read_bytes()[:300])
    refused(network, "is no ONNX network that can be loaded")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"metadata": ""}, "has no card.*make it with `tracker train`", id="no_card"),
        pytest.param({"metadata": "{"}, "the card of .* is wrong", id="a_card_that_is_no_json"),
        pytest.param(
            {"metadata": '{"name": "x", "version": "1", "keypoints": ["a", "a"], "chanels": 1}'},
            "the card of .* is wrong: .*chanels: Extra inputs are not permitted",
            id="a_misspelt_field",
        ),
        pytest.param(
            {"metadata": '{"name": "x", "version": "1", "keypoints": ["a", "a"]}'},
            "keypoints are not all different",
            id="one_keypoint_twice",
        ),
        pytest.param(
            {"input_name": "input"}, r"takes \['input'\], expected \['image'\]", id="input_name"
        ),
        pytest.param(
            {"input_type": TensorProto.FLOAT},
            r"takes tensor\(float\) .*, expected tensor\(uint8\)",
            id="input_type",
        ),
        pytest.param(
            {"input_shape": (1, 3, "height", "width")},
            r"expected tensor\(uint8\) \[1, 1, height, width\]",
            id="channels_other_than_the_card_says",
        ),
        pytest.param(
            {"outputs": ("xy", "score")},
            r"gives \['score', 'xy'\], expected \['xy', 'confidence'\]",
            id="an_output_is_missing",
        ),
        pytest.param(
            {"confidence_per_grey": float("nan")},
            "values of confidence that are not finite",
            id="nan",
        ),
        pytest.param({"scale": float("inf")}, "values of xy that are not finite", id="infinite"),
        pytest.param(
            {"confidence_per_grey": 1.0}, "expected 0 to 1: put the sigmoid", id="above_one"
        ),
        pytest.param(
            {"confidence_per_grey": -0.001}, "expected 0 to 1: put the sigmoid", id="below_zero"
        ),
    ],
)
def test_at_the_door_it_refuses(tmp_path, changes, reason):
    refused(brightest_pixel(tmp_path / "network.onnx", **changes), reason)


def test_a_card_that_names_more_keypoints_than_the_network_gives_is_refused(tmp_path):
    card = CARD.model_copy(update={"keypoints": ("nose", "tail")})
    reason = r"gives xy as .*1, 2\], expected tensor\(float\) \[1, 1, 2, 2\] for its card"
    refused(brightest_pixel(tmp_path / "network.onnx", card), reason)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param(
            {"mask_stride": 8}, r"mask of shape .*16, 16\), expected .*8, 8\)", id="stride"
        ),
        pytest.param(
            {"classes": ("light", "dark")},
            r"probability as tensor\(float\) \[1, 1\], expected tensor\(float\) \[1, 2\]",
            id="classes",
        ),
        pytest.param(
            {"quantities": {"weight": "g"}},
            r"quantity as tensor\(float\) \[1, 2\], expected tensor\(float\) \[1, 1\]",
            id="quantities",
        ),
    ],
)
def test_an_output_of_another_shape_than_its_card_promises_is_refused(tmp_path, changes, reason):
    other = EVERYTHING.model_copy(update=changes)
    path = spots(tmp_path / "network.onnx", EVERYTHING, promised=other)
    with pytest.raises(ModelError, match=reason):
        OnnxRuntime(path, ON_CPU, input_shape=(64, 64))


def test_a_novelty_below_zero_is_refused(tmp_path):
    path = spots(tmp_path / "network.onnx", EVERYTHING, novelty_per_grey=-1.0)
    refused(path, "gives novelty of .*, expected at least 0")


def test_reading_the_card_refuses_the_same_files(tmp_path):
    with pytest.raises(ModelError, match="has no card"):
        read_card(brightest_pixel(tmp_path / "network.onnx", metadata=""))
