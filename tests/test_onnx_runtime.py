import ctypes
import hashlib
import importlib.util
import sys

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto
from tiny_networks import CARD, brightest_pixel

from tracker.errors import ModelError
from tracker.runtimes.base import Provider, RuntimeSettings
from tracker.runtimes.onnx import OnnxRuntime, compare_answers, read_card
from tracker.runtimes.providers import installed_builds, open_session, refuse_two_builds

ON_CPU = RuntimeSettings(provider=Provider.CPU)


def has_nvidia_driver():
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def dot(x, y, grey=255, shape=(1, 1, 64, 96)):
    image = np.zeros(shape, np.uint8)
    image[0, :, y, x] = grey
    return image


@pytest.fixture
def network(tmp_path):
    return brightest_pixel(tmp_path / "network.onnx")


def test_a_network_gives_keypoints_and_confidence(network):
    xy, confidence = OnnxRuntime(network, ON_CPU).run(dot(70, 13, grey=204))
    np.testing.assert_array_equal(xy, [[[70, 13]]])
    np.testing.assert_allclose(confidence, [[0.8]], atol=1e-6)  # 204 / 255
    assert (xy.dtype, confidence.dtype) == (np.float32, np.float32)


def test_an_answer_stays_what_it_was_when_the_next_one_comes(network):
    runtime = OnnxRuntime(network, ON_CPU)
    first, _ = runtime.run(dot(70, 13))
    runtime.run(dot(1, 2))
    np.testing.assert_array_equal(first, [[[70, 13]]])


@pytest.mark.parametrize("shape", [(1, 1, 64, 96), (1, 1, 32, 32), (1, 1, 96, 64)])
def test_images_of_any_shape_in_the_grain_are_taken(network, shape):
    runtime = OnnxRuntime(network, ON_CPU, input_shape=(64, 64))
    xy, _ = runtime.run(dot(7, 21, shape=shape))
    np.testing.assert_array_equal(xy, [[[7, 21]]])
    assert (runtime.facts["input_height_px"], runtime.facts["input_width_px"]) == shape[2:]


def test_a_network_of_fixed_shape_is_taken(tmp_path):
    path = brightest_pixel(tmp_path / "fixed.onnx", input_shape=(1, 1, 64, 96))
    runtime = OnnxRuntime(path, ON_CPU, input_shape=(64, 96))
    np.testing.assert_array_equal(runtime.run(dot(70, 13))[0], [[[70, 13]]])


def test_a_colour_network_takes_three_channels(tmp_path):
    card = CARD.model_copy(update={"channels": 3})
    path = brightest_pixel(tmp_path / "rgb.onnx", card, input_shape=(1, 3, "height", "width"))
    xy, _ = OnnxRuntime(path, ON_CPU).run(dot(3, 5, shape=(1, 3, 64, 64)))
    np.testing.assert_array_equal(xy, [[[3, 5]]])


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param((1, 3, 64, 64), id="colour"),
        pytest.param((2, 1, 64, 64), id="two_images"),
        pytest.param((1, 1, 64, 65), id="not_in_the_grain"),
        pytest.param((1, 1, 0, 64), id="empty"),
        pytest.param((64, 64), id="two_dimensions"),
    ],
)
def test_an_image_that_the_network_cannot_take_is_an_error(network, shape):
    with pytest.raises(ModelError, match=r"expected \(1, 1, height, width\), both in multiples"):
        OnnxRuntime(network, ON_CPU).run(np.zeros(shape, np.uint8))


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
        "threads": 2,
        "input_height_px": 64,
        "input_width_px": 64,
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
            {"outputs": ("xy", "score")}, "expected xy and confidence", id="an_output_is_missing"
        ),
        pytest.param({"confidence_per_grey": float("nan")}, "values that are not finite", id="nan"),
        pytest.param({"scale": float("inf")}, "values that are not finite", id="infinite"),
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
    refused(
        brightest_pixel(tmp_path / "network.onnx", card),
        r"expected \(individuals, 2, 2\) and \(individuals, 2\)",
    )


def test_reading_the_card_refuses_the_same_files(tmp_path):
    with pytest.raises(ModelError, match="has no card"):
        read_card(brightest_pixel(tmp_path / "network.onnx", metadata=""))


def test_auto_says_what_it_took_and_why_nothing_faster(network):
    runtime = OnnxRuntime(network, RuntimeSettings())
    order = ["tensorrt", "cuda", "openvino", "cpu"]
    taken = order.index(runtime.provider)
    assert list(runtime.facts["passed_over"]) == order[:taken]
    assert all(runtime.facts["passed_over"].values())
    np.testing.assert_array_equal(runtime.run(dot(9, 8))[0], [[[9, 8]]])


@pytest.mark.skipif(has_nvidia_driver(), reason="this machine has an NVIDIA driver")
@pytest.mark.parametrize("provider", [Provider.CUDA, Provider.TENSORRT])
def test_a_gpu_that_was_asked_for_and_is_not_there_is_an_error_without_noise(
    network, provider, capfd
):
    reason = f"was to run on {provider}, but .*(no NVIDIA driver|no part).*: install .*auto"
    with pytest.raises(ModelError, match=reason):
        OnnxRuntime(network, RuntimeSettings(provider=provider))
    assert capfd.readouterr() == ("", "")


def nothing_speaks_against_it(provider):
    return None if provider in (Provider.CUDA, Provider.CPU) else "left out by this test"


@pytest.mark.skipif(has_nvidia_driver(), reason="this machine has an NVIDIA driver")
def test_a_session_that_falls_back_to_the_cpu_is_noticed(network, capfd):
    wanted = RuntimeSettings(provider=Provider.CUDA)
    with pytest.raises(ModelError, match=r"came up on \['CPUExecutionProvider'\] instead"):
        open_session(network.read_bytes(), wanted, {}, nothing_speaks_against_it)
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(has_nvidia_driver(), reason="this machine has an NVIDIA driver")
def test_auto_goes_on_when_a_session_falls_back(network):
    opened = open_session(network.read_bytes(), RuntimeSettings(), {}, nothing_speaks_against_it)
    assert opened.provider is Provider.CPU
    assert "came up on" in opened.passed_over[Provider.CUDA]


def test_openvino_gives_the_answers_of_the_cpu(network):
    pytest.importorskip("onnxruntime_ep_openvino")
    if OnnxRuntime(network, RuntimeSettings()).provider is not Provider.OPENVINO:
        pytest.skip("the plug-in does not serve this processor, or a GPU does")
    runtime = OnnxRuntime(network, RuntimeSettings(provider=Provider.OPENVINO))
    assert runtime.provider is Provider.OPENVINO
    np.testing.assert_array_equal(runtime.run(dot(70, 13))[0], [[[70, 13]]])


@pytest.mark.skipif(
    importlib.util.find_spec("onnxruntime_ep_openvino") is not None, reason="OpenVINO is here"
)
def test_openvino_that_is_not_installed_is_an_error_that_names_the_extra(network):
    reason = r"onnxruntime-ep-openvino is not installed: pip install .*tracker\[openvino\]"
    with pytest.raises(ModelError, match=reason):
        OnnxRuntime(network, RuntimeSettings(provider=Provider.OPENVINO))


def answers(x, confidence):
    xy = np.array([[[x, 5.0]]], np.float32)
    return [(xy, np.array([[confidence]], np.float32))] * 3


@pytest.mark.parametrize(
    ("x", "confidence"),
    [
        pytest.param(10.6, 0.9, id="a_keypoint_is_elsewhere"),
        pytest.param(10.0, 0.87, id="a_confidence_differs"),
        pytest.param(float("nan"), 0.9, id="a_keypoint_is_nan"),
        pytest.param(10.0, float("nan"), id="a_confidence_is_nan"),
    ],
)
def test_a_provider_with_other_answers_than_the_cpu_is_refused(x, confidence):
    with pytest.raises(ModelError, match="cuda gives other answers than the CPU"):
        compare_answers(answers(x, confidence), answers(10.0, 0.9), CARD, Provider.CUDA)


def test_small_differences_from_the_cpu_are_allowed():
    compare_answers(answers(10.4, 0.885), answers(10.0, 0.9), CARD, Provider.CUDA)


def test_one_keypoint_that_nobody_is_sure_of_may_be_elsewhere():
    unsure = [*answers(10.0, 0.1)[:2], *answers(50.0, 0.1)[:1]]
    compare_answers(unsure, answers(10.0, 0.1), CARD, Provider.CUDA)


def test_most_keypoints_must_agree_even_if_nobody_is_sure():
    with pytest.raises(ModelError, match=r"keypoints differ by 40\.00 px"):
        compare_answers(answers(50.0, 0.1), answers(10.0, 0.1), CARD, Provider.CUDA)


def test_two_builds_of_onnx_runtime_are_refused():
    with pytest.raises(ModelError, match="onnxruntime and onnxruntime-gpu are installed together"):
        refuse_two_builds(["onnxruntime", "onnxruntime-gpu"])


def test_a_second_build_is_found_by_its_metadata(tmp_path, monkeypatch, network):
    (present,) = installed_builds()
    other = "onnxruntime-openvino" if present != "onnxruntime-openvino" else "onnxruntime"
    info = tmp_path / f"{other.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {other}\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert set(installed_builds()) == {present, other}
    refused(network, "are installed together")
