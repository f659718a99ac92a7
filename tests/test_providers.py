from pathlib import Path

import pytest

from tracker.runtimes.base import Precision, Provider, RuntimeSettings
from tracker.runtimes.engine_cache import Graphics, engine_folder, user_cache
from tracker.runtimes.providers import (
    ORT_NAMES,
    openvino_obstacle,
    precision_obstacle,
    provider_options,
)

CARD = Graphics("NVIDIA GeForce RTX 4090", (8, 9), 101303, "1.31.1")
SHAPE = {"height": 192, "width": 256}


def options(provider, precision=Precision.AUTO, engines=None, threads=1):
    settings = RuntimeSettings(precision=precision, threads=threads)
    return provider_options(provider, settings, engines)


def folder(card=CARD, sha256="abc", shape=SHAPE, precision=Precision.AUTO):
    return engine_folder(Path("cache"), card, sha256, shape, precision)


def test_tensorrt_keeps_its_engines_and_timings():
    engines = folder()
    assert options(Provider.TENSORRT, engines=engines) == {
        "trt_fp16_enable": "False",
        "trt_engine_cache_enable": "True",
        "trt_engine_cache_path": str(engines),
        "trt_timing_cache_enable": "True",
        "trt_timing_cache_path": str(engines),
    }


@pytest.mark.parametrize(
    ("precision", "enabled"),
    [(Precision.AUTO, "False"), (Precision.FP32, "False"), (Precision.FP16, "True")],
)
def test_tensorrt_computes_in_half_precision_only_if_asked_to(precision, enabled):
    assert options(Provider.TENSORRT, precision)["trt_fp16_enable"] == enabled


@pytest.mark.parametrize(("precision", "tf32"), [(Precision.AUTO, "1"), (Precision.FP32, "0")])
def test_cuda_rounds_products_unless_single_precision_was_asked_for(precision, tf32):
    assert options(Provider.CUDA, precision)["use_tf32"] == tf32


def test_cuda_does_not_choose_by_timing_how_it_computes():
    assert options(Provider.CUDA)["cudnn_conv_algo_search"] == "HEURISTIC"


def test_openvino_computes_in_single_precision_on_the_wanted_threads():
    config = options(Provider.OPENVINO, threads=3)["load_config"]
    assert '"INFERENCE_PRECISION_HINT": "f32"' in config
    assert '"INFERENCE_NUM_THREADS": "3"' in config


def test_the_cpu_needs_no_options():
    assert options(Provider.CPU) == {}


@pytest.mark.parametrize("provider", ORT_NAMES)
def test_only_tensorrt_has_half_precision(provider):
    can = precision_obstacle(provider, Precision.FP16) is None
    assert can == (provider is Provider.TENSORRT)
    assert precision_obstacle(provider, Precision.FP32) is None


def test_openvino_that_is_not_installed_and_one_without_a_device_are_told_apart():
    missing = openvino_obstacle(installed=False, n_devices=0)
    useless = openvino_obstacle(installed=True, n_devices=0)
    assert "is not installed" in missing.reason
    assert "pip install" in missing.remedy
    assert "is installed and offers no device for this processor" in useless.reason
    assert useless.remedy == "set provider to cpu"
    assert openvino_obstacle(installed=True, n_devices=1) is None


def test_the_folder_of_an_engine_names_all_that_it_depends_on():
    name = "NVIDIA-GeForce-RTX-4090-sm89_trt101303_ort1.31.1_192x256-auto_abc"
    assert folder() == Path("cache", "behaviour-tracker", "tensorrt", name)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"card": Graphics("NVIDIA H200", (9, 0), 101303, "1.31.1")}, id="card"),
        pytest.param({"card": Graphics(CARD.name, (8, 9), 101400, "1.31.1")}, id="tensorrt"),
        pytest.param({"card": Graphics(CARD.name, (8, 9), 101303, "1.32.0")}, id="onnxruntime"),
        pytest.param({"sha256": "abd"}, id="network"),
        pytest.param({"shape": {"height": 128, "width": 128}}, id="input"),
        pytest.param({"shape": {}}, id="fixed_input"),
        pytest.param({"precision": Precision.FP16}, id="precision"),
    ],
)
def test_an_engine_is_never_taken_for_another(changes):
    assert folder(**changes) != folder()


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        pytest.param("linux", {}, Path("home", ".cache"), id="linux"),
        pytest.param("linux", {"XDG_CACHE_HOME": "there"}, Path("there"), id="linux_moved"),
        pytest.param("darwin", {}, Path("home", "Library", "Caches"), id="mac"),
        pytest.param("win32", {"LOCALAPPDATA": "local"}, Path("local"), id="windows"),
        pytest.param("win32", {}, Path("home", "AppData", "Local"), id="windows_bare"),
    ],
)
def test_the_cache_lies_where_the_system_keeps_caches(platform, environment, expected):
    assert user_cache(platform, environment, Path("home")) == expected
