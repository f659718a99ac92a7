"""Where TensorRT keeps what it has built for a network: minutes the first time, seconds after.

An engine serves one card, one TensorRT, one network, one input and one precision; all of them
stand in the folder's name, so that none is ever taken for another.
"""

import ctypes
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tracker.errors import ModelError
from tracker.runtimes.base import Precision

COMPUTE_CAPABILITY_MAJOR = 75
"""CUdevice_attribute of the CUDA driver API (cuda.h)."""

COMPUTE_CAPABILITY_MINOR = 76
"""CUdevice_attribute of the CUDA driver API (cuda.h)."""


@dataclass(frozen=True, slots=True)
class Graphics:
    """What an engine depends on besides the network.

    Attributes:
        name: Of the card, as its driver says it.
        compute_capability: E.g. (8, 6).
        tensorrt: Version of the library, e.g. 101303 for 10.13.3.
        onnxruntime: Version, e.g. "1.31.1".
    """

    name: str
    compute_capability: tuple[int, int]
    tensorrt: int
    onnxruntime: str


def user_cache(platform: str, environment: Mapping[str, str], home: Path) -> Path:
    """Return the folder in which this user's programs keep what can be made again.

    Args:
        platform: As `sys.platform`.
        environment: As `os.environ`.
        home: The user's home folder.
    """
    if platform == "win32":
        return Path(environment.get("LOCALAPPDATA") or home / "AppData" / "Local")
    if platform == "darwin":
        return home / "Library" / "Caches"
    return Path(environment.get("XDG_CACHE_HOME") or home / ".cache")


def engine_folder(
    cache: Path,
    graphics: Graphics,
    model_sha256: str,
    shape: Mapping[str, int],
    precision: Precision,
) -> Path:
    """Return the folder of the engines for one network on one card.

    Args:
        cache: As from `user_cache`.
        graphics: Card and libraries.
        model_sha256: Of the network file.
        shape: Value of each free dimension of the input, by name (px).
        precision: As asked for.
    """
    card = re.sub(r"[^A-Za-z0-9]+", "-", graphics.name).strip("-")
    major, minor = graphics.compute_capability
    sides = "x".join(str(size) for size in shape.values()) or "fixed"
    parts = (
        f"{card}-sm{major}{minor}",
        f"trt{graphics.tensorrt}",
        f"ort{graphics.onnxruntime}",
        f"{sides}-{precision}",
        model_sha256,
    )
    return cache / "behaviour-tracker" / "tensorrt" / "_".join(parts)


def find_graphics(onnxruntime: str) -> Graphics:
    """Return the first NVIDIA card and its TensorRT, as driver and library name themselves.

    Args:
        onnxruntime: Version of ONNX Runtime.

    Raises:
        ModelError: If the driver or TensorRT is not there, or the driver knows no card.
    """
    windows = sys.platform == "win32"
    try:
        driver = ctypes.CDLL("nvcuda.dll" if windows else "libcuda.so.1")
        library = ctypes.CDLL("nvinfer_10.dll" if windows else "libnvinfer.so.10")
    except OSError as error:
        raise ModelError(f"TensorRT cannot be asked for its version: {error}") from error
    device, name = ctypes.c_int(), ctypes.create_string_buffer(256)
    major, minor = ctypes.c_int(), ctypes.c_int()
    failed = (
        driver.cuInit(0)
        or driver.cuDeviceGet(ctypes.byref(device), 0)
        or driver.cuDeviceGetName(name, len(name), device)
        or driver.cuDeviceGetAttribute(ctypes.byref(major), COMPUTE_CAPABILITY_MAJOR, device)
        or driver.cuDeviceGetAttribute(ctypes.byref(minor), COMPUTE_CAPABILITY_MINOR, device)
    )
    if failed:
        raise ModelError(
            f"the NVIDIA driver does not name its card (CUDA error {failed}): "
            f"look at what nvidia-smi says"
        )
    return Graphics(
        name=name.value.decode(errors="replace"),
        compute_capability=(major.value, minor.value),
        tensorrt=int(library.getInferLibVersion()),
        onnxruntime=onnxruntime,
    )
