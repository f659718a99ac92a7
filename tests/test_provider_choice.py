"""What a network runs on: the fastest that is here and gives the CPU's answers."""

import importlib.util
from dataclasses import replace

import numpy as np
import pytest
from gpu_here import has_nvidia_driver
from tiny_networks import brightest_pixel, dot

from tracker.errors import ModelError
from tracker.runtimes.base import Precision, Provider, RuntimeSettings
from tracker.runtimes.onnx import OnnxRuntime
from tracker.runtimes.providers import (
    Obstacle,
    Opened,
    installed_builds,
    open_session,
    refuse_two_builds,
)

ON_CPU = RuntimeSettings(provider=Provider.CPU)


@pytest.fixture
def network(tmp_path):
    return brightest_pixel(tmp_path / "network.onnx")


def refused(path, reason):
    with pytest.raises(ModelError, match=reason):
        OnnxRuntime(path, ON_CPU)


def test_auto_says_what_it_took_and_why_nothing_faster(network):
    runtime = OnnxRuntime(network, RuntimeSettings())
    order = ["tensorrt", "cuda", "openvino", "cpu"]
    taken = order.index(runtime.provider)
    assert list(runtime.facts["passed_over"]) == order[:taken]
    assert all(runtime.facts["passed_over"].values())
    np.testing.assert_array_equal(runtime.run(dot(9, 8)).xy, [[[9, 8]]])


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
    here = provider in (Provider.CUDA, Provider.CPU)
    return None if here else Obstacle("left out by this test", "leave the test")


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


@pytest.mark.skipif(has_nvidia_driver(), reason="this machine has an NVIDIA driver")
def test_auto_goes_on_when_a_provider_cannot_be_opened(network):
    def tensorrt_is_here(provider):
        here = provider in (Provider.TENSORRT, Provider.CPU)
        return None if here else Obstacle("left out by this test", "leave the test")

    opened = open_session(network.read_bytes(), RuntimeSettings(), {}, tensorrt_is_here)
    assert opened.provider is Provider.CPU
    assert "cannot be asked for its version" in opened.passed_over[Provider.TENSORRT]


def only_cpu(provider):
    return None if provider is Provider.CPU else Obstacle("left out by this test", "leave it")


@pytest.mark.parametrize("provider", [Provider.AUTO, Provider.CPU])
def test_what_does_not_work_on_the_cpu_is_said_as_it_is(network, provider):
    def refuse(session, provider):
        raise ModelError(f"{provider} sees nothing")

    wanted = RuntimeSettings(provider=provider)
    with pytest.raises(ModelError, match=r"^cpu sees nothing$"):
        open_session(network.read_bytes(), wanted, {}, only_cpu, refuse)


def test_a_session_never_changes_to_the_cpu_while_it_runs(network):
    opened = open_session(network.read_bytes(), ON_CPU, {})
    assert not opened.session._enable_fallback  # ONNX Runtime's own, on by default


class Shifted:
    """A session as of a card that puts points 3 px right and 4 down in images of one height."""

    def __init__(self, session, height):
        self.session, self.height = session, height

    def run(self, names, feed):
        xy, *others = self.session.run(names, feed)
        return [xy + np.float32([3, 4]) * (feed["image"].shape[2] == self.height), *others]


def open_on_card(wrong_height):
    """Opens what a card with such an error would give, and the CPU where it is refused."""

    def open_it(content, settings, free, why_not=None, try_out=None):
        opened = open_session(content, ON_CPU, free)
        refused = why_not(Provider.CUDA)
        if refused is None or "other answers" not in refused.reason:
            card = Opened(Shifted(opened.session, wrong_height), Provider.CUDA, {})
            try:
                try_out(card.session, Provider.CUDA)
            except ModelError as error:
                return replace(opened, passed_over={Provider.CUDA: str(error)})
            return card
        return replace(opened, passed_over={Provider.CUDA: refused.reason})

    return open_it


def test_a_card_with_other_answers_is_passed_over_for_every_shape(network):
    runtime = OnnxRuntime(network, RuntimeSettings(), (64, 64), open_on_card(wrong_height=96))
    assert runtime.provider is Provider.CUDA
    runtime.prepare((32, 32))
    assert runtime.provider is Provider.CUDA
    runtime.prepare((96, 64))
    assert runtime.provider is Provider.CPU
    reason = runtime.facts["passed_over"]["cuda"]
    assert reason.startswith("cuda gives other answers than the CPU: keypoints differ by 5.00 px")
    assert runtime.facts["inputs_px"] == ["64x64", "32x32", "64x96"]
    for ready in runtime._ready.values():
        assert ready.provider is Provider.CPU


def test_a_card_with_the_right_answers_is_kept_for_every_shape(network):
    runtime = OnnxRuntime(network, RuntimeSettings(), (64, 64), open_on_card(wrong_height=0))
    runtime.prepare((96, 64))
    assert runtime.provider is Provider.CUDA
    assert runtime.facts["passed_over"] == {}


def test_half_precision_on_a_provider_that_has_none_is_an_error(network):
    wanted = RuntimeSettings(provider=Provider.CPU, precision=Precision.FP16)
    with pytest.raises(ModelError, match=r"run on cpu, but it computes in half .* tensorrt"):
        OnnxRuntime(network, wanted)


@pytest.mark.skipif(has_nvidia_driver(), reason="this machine has an NVIDIA driver")
def test_half_precision_with_nothing_that_has_it_says_why_for_each_provider(network):
    with pytest.raises(ModelError, match=r"in fp16: tensorrt: .*; cuda: .*; openvino: .*; cpu: "):
        OnnxRuntime(network, RuntimeSettings(precision=Precision.FP16))


def test_openvino_gives_the_answers_of_the_cpu(network):
    pytest.importorskip("onnxruntime_ep_openvino")
    if OnnxRuntime(network, RuntimeSettings()).provider is not Provider.OPENVINO:
        pytest.skip("the plug-in does not serve this processor, or a GPU does")
    runtime = OnnxRuntime(network, RuntimeSettings(provider=Provider.OPENVINO))
    assert runtime.provider is Provider.OPENVINO
    np.testing.assert_array_equal(runtime.run(dot(70, 13)).xy, [[[70, 13]]])


@pytest.mark.skipif(
    importlib.util.find_spec("onnxruntime_ep_openvino") is not None, reason="OpenVINO is here"
)
def test_openvino_that_is_not_installed_is_an_error_that_names_the_extra(network):
    reason = r"onnxruntime-ep-openvino is not installed: pip install .*tracker\[openvino\]"
    with pytest.raises(ModelError, match=reason):
        OnnxRuntime(network, RuntimeSettings(provider=Provider.OPENVINO))


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
