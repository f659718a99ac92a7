"""The shipped networks on an NVIDIA GPU; skipped, with the reason, where none can be used."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from tiny_networks import brightest_pixel

from tracker.cameras.synthetic import SyntheticCamera, SyntheticCameraSettings
from tracker.clock import SystemClock
from tracker.errors import ModelError
from tracker.observers.network import NetworkObserver
from tracker.runtimes.base import Precision, Provider, RuntimeSettings
from tracker.runtimes.onnx import OnnxRuntime
from tracker.runtimes.trial import trial_images
from tracker.types import Frame

MODELS = Path(__file__).parents[1] / "models"
NAMES = ("flies", "mouse_mirror", "mouse_open_field", "mouse_top_view")
FRAMES = 60


def skip_unless_usable(provider, folder):
    """Skip the test where not even the smallest network runs on the provider."""
    try:
        OnnxRuntime(brightest_pixel(folder / "dot.onnx"), RuntimeSettings(provider=provider))
    except ModelError as error:
        pytest.skip(str(error))


@pytest.fixture(params=[Provider.CUDA, Provider.TENSORRT])
def provider(request, tmp_path):
    skip_unless_usable(request.param, tmp_path)
    return request.param


@pytest.fixture(scope="module")
def frames():
    camera = SyntheticCamera(
        SyntheticCameraSettings(kind="synthetic", paced=False, n_frames=FRAMES), SystemClock()
    )
    camera.open()
    read = [camera.read(1.0) for _ in range(FRAMES)]
    camera.close()
    return [Frame(f.index, f.captured_ns, f.received_ns, f.image.copy()) for f in read]


def seen(runtime, frames):
    observer = NetworkObserver(runtime, SystemClock())
    observer.warm_up(frames[0].image.shape)
    return np.stack([observer.observe(frame).xy for frame in frames])


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_network_gives_the_answers_of_the_cpu(provider, name):
    network = MODELS / name / "network.onnx"  # opening it compares them, or raises
    assert OnnxRuntime(network, RuntimeSettings(provider=provider)).provider is provider


@pytest.mark.slow
def test_single_precision_is_nearer_to_the_cpu_than_a_hundredth_of_a_pixel(provider, frames):
    network = MODELS / "mouse_top_view" / "network.onnx"
    exact = RuntimeSettings(provider=provider, precision=Precision.FP32)
    given = seen(OnnxRuntime(network, exact), frames)
    expected = seen(OnnxRuntime(network, RuntimeSettings(provider=Provider.CPU)), frames)
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(given, expected, atol=0.01)


@pytest.mark.slow
def test_a_mouse_is_seen_where_the_cpu_sees_it(provider, frames):
    network = MODELS / "mouse_top_view" / "network.onnx"
    given = seen(OnnxRuntime(network, RuntimeSettings(provider=provider)), frames)
    expected = seen(OnnxRuntime(network, RuntimeSettings(provider=Provider.CPU)), frames)
    assert np.isfinite(given).all()
    assert np.abs(given - expected).max() < 0.5  # px of a 640x480 frame


@pytest.fixture
def on_cuda(tmp_path):
    skip_unless_usable(Provider.CUDA, tmp_path)
    return RuntimeSettings(provider=Provider.CUDA)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_network_is_recorded_as_one_graph(on_cuda, name):
    runtime = OnnxRuntime(MODELS / name / "network.onnx", on_cuda)
    assert runtime.facts["cuda_graph"]


def answers(runtime, shapes, rounds=4):
    """What it gives for trial images of several shapes that take turns."""
    images = zip(*(trial_images((1, 1, *shape)) for shape in shapes), strict=True)
    turns = [image for turn, _ in zip(images, range(rounds), strict=False) for image in turn]
    return [runtime.run(image) for image in turns]


@pytest.mark.slow
def test_shapes_may_take_turns(on_cuda):
    network, shapes = MODELS / "mouse_top_view" / "network.onnx", [(128, 128), (192, 256)]
    given = answers(OnnxRuntime(network, on_cuda), shapes)
    expected = answers(OnnxRuntime(network, RuntimeSettings(provider=Provider.CPU)), shapes)
    for one, other in zip(given, expected, strict=True):
        np.testing.assert_allclose(one.confidence, other.confidence, atol=0.02)
        assert one.mask.shape == other.mask.shape


@pytest.mark.slow
def test_two_sessions_and_two_threads_give_the_same_bits(on_cuda):
    network, shapes = MODELS / "mouse_top_view" / "network.onnx", [(128, 128)]
    first, second = OnnxRuntime(network, on_cuda), OnnxRuntime(network, on_cuda)
    here = answers(first, shapes)
    with ThreadPoolExecutor(1) as other:
        there = other.submit(answers, first, shapes).result()
    for again in (there, answers(second, shapes)):
        for one, same in zip(here, again, strict=True):
            for field in ("xy", "confidence", "mask", "probability", "novelty"):
                np.testing.assert_array_equal(getattr(one, field), getattr(same, field))


def test_auto_takes_the_gpu(tmp_path):
    skip_unless_usable(Provider.CUDA, tmp_path)
    runtime = OnnxRuntime(brightest_pixel(tmp_path / "network.onnx"), RuntimeSettings())
    assert runtime.provider in (Provider.CUDA, Provider.TENSORRT)
