"""The GPU's load, with a stand-in for `pynvml`: nvidia-ml-py 13.615's names and fields."""

import importlib.util
import inspect
import math
from types import SimpleNamespace

import pytest

from tracker.gpu import find_gpu
from tracker.machine import Machine


class NvmlError(Exception):
    """`pynvml.NVMLError`."""


class Nvml:
    """`pynvml` on a computer with these GPUs: (name, busy %, memory used, memory total)."""

    NVMLError = NvmlError

    def __init__(self, *gpus, driver=True):
        self._gpus = gpus
        self._driver = driver
        self._ready = False

    def nvmlInit(self):  # noqa: N802 - NVIDIA's name
        if not self._driver:
            raise NvmlError("Driver Not Loaded")
        self._ready = True

    def nvmlDeviceGetHandleByIndex(self, index):  # noqa: N802
        assert self._ready
        if index >= len(self._gpus):
            raise NvmlError("Invalid Argument")
        return self._gpus[index]

    def nvmlDeviceGetName(self, handle):  # noqa: N802
        return handle[0]

    def nvmlDeviceGetUtilizationRates(self, handle):  # noqa: N802
        if handle[1] is None:
            raise NvmlError("Not Supported")
        return SimpleNamespace(gpu=handle[1], memory=1)

    def nvmlDeviceGetMemoryInfo(self, handle, version=None):  # noqa: N802
        assert version is None
        if handle[3] is None:
            raise NvmlError("Not Supported")
        return SimpleNamespace(total=handle[3], used=handle[2], free=handle[3] - handle[2])


TWO = Nvml(("NVIDIA RTX A4000", 37, 4_000, 16_000), (b"NVIDIA T4", 90, 8_000, 16_000))
NOT_TOLD = Nvml(("NVIDIA H100 MIG 1g.10gb", None, 0, None))


def test_the_first_gpu_says_how_busy_it_is():
    load = find_gpu(TWO, "0").look()
    assert (load.name, load.busy, load.memory) == ("NVIDIA RTX A4000", 0.37, 0.25)


@pytest.mark.parametrize(
    ("visible", "name"),
    [
        pytest.param("1", "NVIDIA T4", id="another"),
        pytest.param("1,0", "NVIDIA T4", id="first_of_several"),
        pytest.param("GPU-8f3a", "NVIDIA RTX A4000", id="a_name_that_is_no_number"),
    ],
)
def test_it_is_the_one_that_programs_use_first(visible, name):
    assert find_gpu(TWO, visible).look().name == name


@pytest.mark.parametrize(
    ("nvml", "visible"),
    [
        pytest.param(TWO, "", id="all_hidden"),
        pytest.param(TWO, "-1", id="all_hidden_by_number"),
        pytest.param(TWO, "7", id="not_there"),
        pytest.param(Nvml(driver=False), "0", id="no_driver"),
    ],
)
def test_without_a_gpu_there_is_none(nvml, visible):
    assert find_gpu(nvml, visible) is None


def test_what_a_part_of_a_gpu_does_not_tell_is_not_known():
    load = find_gpu(NOT_TOLD, "0").look()
    assert load.name == "NVIDIA H100 MIG 1g.10gb"
    assert math.isnan(load.busy)
    assert math.isnan(load.memory)


def test_the_computer_tells_its_gpu_with_the_rest(tmp_path):
    assert Machine(tmp_path, gpu=lambda: find_gpu(TWO, "0")).look().gpu.busy == 0.37
    assert Machine(tmp_path, gpu=lambda: None).look().gpu is None


@pytest.mark.skipif(importlib.util.find_spec("pynvml") is None, reason="extra gpu is missing")
def test_the_stand_in_has_the_signatures_of_the_library():
    import pynvml

    for name in vars(Nvml):
        if name.startswith("nvml"):
            real = inspect.unwrap(getattr(pynvml, name))
            ours = list(inspect.signature(getattr(Nvml, name)).parameters)[1:]
            assert list(inspect.signature(real).parameters) == ours, name
    assert issubclass(pynvml.NVMLError, Exception)
