"""How busy the GPU is, asked of NVIDIA's management library where there is one (extra `gpu`)."""

import importlib
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

NAN = float("nan")


@dataclass(frozen=True, slots=True)
class GpuLoad:
    """A GPU at one moment; NaN where it does not say, as parts of a shared one do not.

    Attributes:
        name: As its maker calls it.
        busy: Part of the time in which it computed, lately (0 to 1), for whichever program.
        memory: Part of its memory that is taken (0 to 1).
    """

    name: str
    busy: float = NAN
    memory: float = NAN


class Gpu:
    """One GPU; used by one thread.

    Args:
        nvml: The module `pynvml`, which is ready.
        index: Which GPU, from 0.

    Raises:
        nvml.NVMLError: If there is no such GPU.
    """

    def __init__(self, nvml: Any, index: int) -> None:
        self._nvml = nvml
        self._handle = nvml.nvmlDeviceGetHandleByIndex(index)
        name = nvml.nvmlDeviceGetName(self._handle)
        self._name = name.decode() if isinstance(name, bytes) else str(name)

    def look(self) -> GpuLoad:
        """Return how it is now."""
        busy = memory = NAN
        with suppress(self._nvml.NVMLError):  # not told by this one
            busy = self._nvml.nvmlDeviceGetUtilizationRates(self._handle).gpu / 100
        with suppress(self._nvml.NVMLError):
            room = self._nvml.nvmlDeviceGetMemoryInfo(self._handle)
            memory = room.used / room.total
        return GpuLoad(self._name, busy, memory)


def find_gpu(nvml: Any = None, visible: str | None = None) -> Gpu | None:
    """Return the GPU that programs here use first; None without one, or without the extra `gpu`.

    Args:
        nvml: The module `pynvml`; None: it is looked for.
        visible: As in the environment variable CUDA_VISIBLE_DEVICES, which None reads.
    """
    if nvml is None:
        try:
            nvml = importlib.import_module("pynvml")
        except ImportError:
            return None
    if visible is None:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0")
    first = visible.partition(",")[0].strip()
    if first in ("", "-1"):
        return None  # hidden from programs on purpose
    try:
        nvml.nvmlInit()
        return Gpu(nvml, int(first) if first.isdigit() else 0)
    except nvml.NVMLError:
        return None
