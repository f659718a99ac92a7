"""Open an ONNX Runtime session on the provider that was asked for, or say why not.

What ONNX Runtime lists as available is only what it was built with, and when a provider
does not come up it falls back to the CPU without an exception. So the libraries are
looked for first, and only what the open session says of itself is believed.
"""

import contextlib
import ctypes
import functools
import hashlib
import importlib
import importlib.metadata
import importlib.util
import io
import json
import os
import platform
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from tracker.errors import ModelError
from tracker.runtimes.base import Precision, Provider, RuntimeSettings
from tracker.runtimes.engine_cache import engine_folder, find_graphics, user_cache
from tracker.runtimes.graph_session import GraphSession, Session, has_fixed_shapes

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

HOW_TO_INSTALL: Mapping[Provider, str] = {
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
    RuntimeError,
)
"""What ONNX Runtime raises; the classes have no base of their own. The last: copies to a GPU."""

SILENT = 4
"""ONNX Runtime's log level that leaves only fatal messages."""

WARNINGS = 2
"""ONNX Runtime's log level when nobody sets one."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a provider does not come up.

    Attributes:
        reason: What was found.
        remedy: What to do about it.
    """

    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A session and what it runs on.

    Attributes:
        session: Ready to run.
        provider: What the session itself says it runs on; never `AUTO`.
        passed_over: Why each faster provider was not taken.
    """

    session: Session
    provider: Provider
    passed_over: Mapping[Provider, str]


def open_session(
    model: bytes,
    settings: RuntimeSettings,
    shape: Mapping[str, int],
    why_not: Callable[[Provider], Obstacle | None] | None = None,
    try_out: Callable[[Session, Provider], None] | None = None,
) -> Opened:
    """Open a session on the wanted provider; `AUTO` takes the first that comes up and works.

    Args:
        model: Content of an ONNX file.
        settings: What was asked for.
        shape: Value of each free dimension of the input, by name: the session is built for it.
        why_not: Tells, before a provider is tried, why it cannot come up, or None if nothing
            speaks against it; by default `find_obstacle`.
        try_out: Raises `ModelError` if an open session does not work as it should; `AUTO`
            then goes on to the next provider.

    Raises:
        ModelError: If two builds of ONNX Runtime are installed, if the provider that was
            asked for does not come up, cannot compute in the precision that was asked for
            or does not work, or if the file is no ONNX network.
    """
    refuse_two_builds(installed_builds())
    wanted = settings.provider
    obstacles: dict[Provider, Obstacle] = {}
    for provider in ORT_NAMES if wanted is Provider.AUTO else (wanted,):
        obstacle = precision_obstacle(provider, settings.precision)
        obstacle = obstacle or (why_not or find_obstacle)(provider)
        if obstacle is None:
            try:
                session = _open(model, provider, settings, shape)
                came_up = ORT_NAMES[provider] in session.get_providers()
                if came_up and try_out is not None:
                    try_out(session, provider)
            except ModelError as error:
                if wanted is not Provider.AUTO or provider is Provider.CPU:
                    raise  # what fails on the CPU is the network's own fault
                obstacle = Obstacle(str(error), "set provider to cpu")
            else:
                if came_up:
                    reasons = {name: passed.reason for name, passed in obstacles.items()}
                    return Opened(session, provider, reasons)
                found = f"the session came up on {session.get_providers()} instead"
                obstacle = Obstacle(found, HOW_TO_INSTALL[provider])
        obstacles[provider] = obstacle
    if wanted is Provider.AUTO:
        raise ModelError(
            f"the network can run on nothing that is here in {settings.precision}: "
            + "; ".join(f"{name}: {obstacle.reason}" for name, obstacle in obstacles.items())
        )
    obstacle = obstacles[wanted]
    raise ModelError(
        f"the network was to run on {wanted}, but {obstacle.reason}: "
        f"{obstacle.remedy}, or set provider to auto"
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


def provider_options(
    provider: Provider, settings: RuntimeSettings, engines: Path | None = None
) -> dict[str, str]:
    """Return the options with which ONNX Runtime opens a provider.

    Args:
        provider: Not `AUTO`.
        settings: Threads and precision count.
        engines: Where TensorRT keeps what it has built; None: nowhere.
    """
    fp16 = settings.precision is Precision.FP16
    if provider is Provider.TENSORRT:
        options = {"trt_fp16_enable": str(fp16)}
        if engines is not None:
            options |= {
                "trt_engine_cache_enable": "True",
                "trt_engine_cache_path": str(engines),
                "trt_timing_cache_enable": "True",
                "trt_timing_cache_path": str(engines),
            }
        return options
    if provider is Provider.CUDA:
        return {
            "use_tf32": "0" if settings.precision is Precision.FP32 else "1",
            # Not chosen by timing, so that the same frames give the same bits the next day.
            "cudnn_conv_algo_search": "HEURISTIC",
        }
    if provider is Provider.OPENVINO:
        # bfloat16, its own choice on many CPUs, is slower and moves keypoints.
        wishes = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": str(settings.threads),
        }
        return {"load_config": json.dumps({"CPU": wishes})}
    return {}


def precision_obstacle(provider: Provider, precision: Precision) -> Obstacle | None:
    """Return why a provider cannot compute in a precision, or None if it can."""
    if precision is Precision.FP16 and provider is not Provider.TENSORRT:
        return Obstacle(
            "it computes in half precision only where the network file itself does",
            "set provider to tensorrt, or precision to auto",
        )
    return None


def _open(
    model: bytes, provider: Provider, settings: RuntimeSettings, shape: Mapping[str, int]
) -> Session:
    """Open a session; what it came up on, it says itself."""
    engines = _engines(model, settings, shape) if provider is Provider.TENSORRT else None
    own = provider_options(provider, settings, engines)
    options = _session_options(settings, shape)
    chain: list[tuple[str, dict[str, str]]] = [(ORT_NAMES[provider], own)]
    if provider is Provider.OPENVINO:
        options.add_provider_for_devices(_openvino_devices(), own)
        chain = []
    elif provider is Provider.TENSORRT:
        chain.append((ORT_NAMES[Provider.CUDA], provider_options(Provider.CUDA, settings)))
    try:
        if provider is Provider.CUDA and settings.cuda_graph:
            graph = [(ORT_NAMES[provider], {**own, "enable_cuda_graph": "1"})]
            recorded = _load(model, options, graph)
            if ORT_NAMES[provider] in recorded.get_providers() and has_fixed_shapes(recorded):
                return GraphSession(recorded)
            # Some node has to run on the CPU, or there is no GPU: the next session tells which.
        session: Session = _load(model, options, chain)
    except ORT_ERRORS as error:
        first = str(error).splitlines()[0]
        raise ModelError(f"ONNX Runtime cannot load the network on {provider}: {first}") from error
    return session


def _session_options(settings: RuntimeSettings, shape: Mapping[str, int]) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.log_severity_level = SILENT
    options.intra_op_num_threads = settings.threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    for name, size in shape.items():
        options.add_free_dimension_override_by_name(name, size)
    return options


def _load(
    model: bytes, options: ort.SessionOptions, chain: list[tuple[str, dict[str, str]]]
) -> ort.InferenceSession:
    """Load a network without a word, and never let it change to the CPU while it runs."""
    try:
        # What it falls back from, ONNX Runtime prints and logs: what we need of it is raised.
        ort.set_default_logger_severity(SILENT)
        with contextlib.redirect_stdout(io.StringIO()):
            session = ort.InferenceSession(model, options, providers=chain or None)
    finally:
        ort.set_default_logger_severity(WARNINGS)
    session.disable_fallback()
    return session


def _engines(model: bytes, settings: RuntimeSettings, shape: Mapping[str, int]) -> Path:
    """Folder for TensorRT's engines, made if it is not there."""
    folder = engine_folder(
        user_cache(sys.platform, os.environ, Path.home()),
        find_graphics(ort.__version__),
        hashlib.sha256(model).hexdigest(),
        shape,
        settings.precision,
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError(
            f"TensorRT's engines cannot be kept in {folder}: {error.strerror}; make it writable"
        ) from error
    return folder


def find_obstacle(provider: Provider) -> Obstacle | None:
    """Return why a provider cannot come up here, or None if nothing speaks against it yet."""
    if provider in (Provider.TENSORRT, Provider.CUDA):
        reason = _why_no_nvidia(provider)
        return None if reason is None else Obstacle(reason, HOW_TO_INSTALL[provider])
    if provider is Provider.OPENVINO:
        installed = importlib.util.find_spec("onnxruntime_ep_openvino") is not None
        return openvino_obstacle(
            installed=installed, n_devices=len(_openvino_devices()) if installed else 0
        )
    return None


def openvino_obstacle(*, installed: bool, n_devices: int) -> Obstacle | None:
    """Return why OpenVINO cannot come up, or None if nothing speaks against it.

    Args:
        installed: Whether the plug-in's package is there.
        n_devices: How many CPU devices the plug-in offers.
    """
    if not installed:
        return Obstacle(
            "the package onnxruntime-ep-openvino is not installed",
            HOW_TO_INSTALL[Provider.OPENVINO],
        )
    if not n_devices:
        processor = platform.processor() or platform.machine()
        return Obstacle(
            f"the OpenVINO plug-in is installed and offers no device for this processor "
            f"({processor}): it serves those by Intel",
            "set provider to cpu",
        )
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
