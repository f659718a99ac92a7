"""Open an ONNX Runtime session on the provider that was asked for, or say why not.

What ONNX Runtime lists as available is only what it was built with, and when a provider
does not come up it falls back to the CPU without an exception. So the libraries are
looked for first, and only what the open session says of itself is believed.
"""

import contextlib
import ctypes
import functools
import importlib
import importlib.metadata
import importlib.util
import io
import json
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from tracker.errors import ModelError
from tracker.runtimes.base import Provider, RuntimeSettings

DISTRIBUTIONS = (
    "onnxruntime",
    "onnxruntime-gpu",
    "onnxruntime-openvino",
    "onnxruntime-directml",
    "onnxruntime-qnn",
    "onnxruntime-rocm",
    "onnxruntime-migraphx",
    "onnxruntime-training",
)
"""Packages that all bring a folder `onnxruntime` and overwrite each other's files."""

ORT_NAMES: Mapping[Provider, str] = {
    Provider.TENSORRT: "TensorrtExecutionProvider",
    Provider.CUDA: "CUDAExecutionProvider",
    Provider.OPENVINO: "OpenVINOExecutionProvider",
    Provider.CPU: "CPUExecutionProvider",
}
"""ONNX Runtime's name of each provider, fastest first."""

REMEDIES: Mapping[Provider, str] = {
    Provider.TENSORRT: "install the NVIDIA driver, TensorRT 10 and onnxruntime-gpu[cuda,cudnn]",
    Provider.CUDA: "install the NVIDIA driver and onnxruntime-gpu[cuda,cudnn]",
    Provider.OPENVINO: "pip install 'behaviour-tracker[openvino]'",
    Provider.CPU: "install onnxruntime again",
}
"""What to do when a provider that was asked for does not come up."""

ORT_ERRORS: tuple[type[Exception], ...] = (
    ort_errors.EPFail,
    ort_errors.EngineError,
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)
"""What ONNX Runtime raises; the classes have no base of their own."""

SILENT = 4
"""ONNX Runtime's log level that leaves only fatal messages."""

WARNINGS = 2
"""ONNX Runtime's log level when nobody sets one."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A session and what it runs on.

    Attributes:
        session: Ready to run.
        provider: What the session itself says it runs on; never `AUTO`.
        passed_over: Why each faster provider was not taken.
    """

    session: ort.InferenceSession
    provider: Provider
    passed_over: Mapping[Provider, str]


def open_session(
    model: bytes,
    settings: RuntimeSettings,
    shape: Mapping[str, int],
    why_not: Callable[[Provider], str | None] | None = None,
) -> Opened:
    """Open a session on the wanted provider; `AUTO` takes the first that comes up.

    Args:
        model: Content of an ONNX file.
        settings: What was asked for.
        shape: Value of each free dimension of the input, by name: the session is built for it.
        why_not: Tells, before a provider is tried, why it cannot come up, or None if nothing
            speaks against it; by default `find_obstacle`.

    Raises:
        ModelError: If two builds of ONNX Runtime are installed, if the provider that was
            asked for does not come up, or if the file is no ONNX network.
    """
    refuse_two_builds(installed_builds())
    wanted = settings.provider
    passed_over: dict[Provider, str] = {}
    for provider in ORT_NAMES if wanted is Provider.AUTO else (wanted,):
        reason = (why_not or find_obstacle)(provider)
        if reason is None:
            session = _open(model, provider, settings.threads, shape)
            if ORT_NAMES[provider] in session.get_providers():
                return Opened(session, provider, passed_over)
            reason = f"the session came up on {session.get_providers()} instead"
        passed_over[provider] = reason
    raise ModelError(
        f"the network was to run on {wanted}, but {passed_over[wanted]}: "
        f"{REMEDIES[wanted]}, or set provider to auto"
    )


def installed_builds() -> list[str]:
    """Distributions of ONNX Runtime that are installed, by the names in `DISTRIBUTIONS`."""
    found = []
    for name in DISTRIBUTIONS:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            importlib.metadata.distribution(name)
            found.append(name)
    return found


def refuse_two_builds(builds: Collection[str]) -> None:
    """Raise `ModelError` if more than one build of ONNX Runtime is installed."""
    if len(builds) > 1:
        raise ModelError(
            f"{' and '.join(builds)} are installed together and overwrite each other's files: "
            f"uninstall all of them, then install one again"
        )


def _open(
    model: bytes, provider: Provider, threads: int, shape: Mapping[str, int]
) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = SILENT
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    for name, size in shape.items():
        options.add_free_dimension_override_by_name(name, size)
    names = [ORT_NAMES[provider]]
    if provider is Provider.OPENVINO:
        # bfloat16, its own choice on many CPUs, is slower and moves keypoints.
        wishes = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": str(threads)}
        load_config = json.dumps({"CPU": wishes})
        options.add_provider_for_devices(_openvino_devices(), {"load_config": load_config})
        names = []
    elif provider is Provider.TENSORRT:
        names.append(ORT_NAMES[Provider.CUDA])
    try:
        # What it falls back from, ONNX Runtime prints and logs: what we need of it is raised.
        ort.set_default_logger_severity(SILENT)
        with contextlib.redirect_stdout(io.StringIO()):
            return ort.InferenceSession(model, options, providers=names or None)
    except ORT_ERRORS as error:
        first = str(error).splitlines()[0]
        raise ModelError(f"ONNX Runtime cannot load the network on {provider}: {first}") from error
    finally:
        ort.set_default_logger_severity(WARNINGS)


def find_obstacle(provider: Provider) -> str | None:
    """Return why a provider cannot come up here, or None if nothing speaks against it yet."""
    if provider in (Provider.TENSORRT, Provider.CUDA):
        return _why_no_nvidia(provider)
    if provider is Provider.OPENVINO:
        if importlib.util.find_spec("onnxruntime_ep_openvino") is None:
            return "the package onnxruntime-ep-openvino is not installed"
        if not _openvino_devices():
            return "the OpenVINO plug-in does not serve this processor"
    return None


def _why_no_nvidia(provider: Provider) -> str | None:
    windows = sys.platform == "win32"
    driver = "nvcuda.dll" if windows else "libcuda.so.1"
    if ORT_NAMES[provider] not in ort.get_available_providers():
        return f"this build of ONNX Runtime ({ort.__version__}) has no part for it"
    if not _loads(driver):
        return f"there is no NVIDIA driver ({driver})"
    with contextlib.redirect_stdout(io.StringIO()):
        ort.preload_dlls()
    if provider is Provider.TENSORRT:
        library = "nvinfer_10.dll" if windows else "libnvinfer.so.10"
        if not _loads(library):
            return f"there is no TensorRT 10 ({library})"
    return None


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


@functools.cache
def _register_openvino() -> None:
    """Tell ONNX Runtime of the plug-in; a second time in one process would be an error."""
    plugin = importlib.import_module("onnxruntime_ep_openvino")
    ort.register_execution_provider_library(ORT_NAMES[Provider.OPENVINO], plugin.get_library_path())


def _openvino_devices() -> list[ort.OrtEpDevice]:
    """CPU devices that the OpenVINO plug-in offers; none on processors not by Intel."""
    _register_openvino()
    name, cpu = ORT_NAMES[Provider.OPENVINO], ort.OrtHardwareDeviceType.CPU
    found = [device for device in ort.get_ep_devices() if device.ep_name == name]
    return [device for device in found if device.device.type == cpu]
