"""How the computer is doing: processor, GPU and disk, as a session needs to know them."""

import shutil
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from os import cpu_count, scandir
from pathlib import Path

from tracker.gpu import Gpu, GpuLoad, find_gpu

NAN = float("nan")

LOOK_BACK_S = 60.0
"""Span over which the rate of writing is measured."""

SHORTEST_S = 2.0
"""Before so long nothing is said of it."""


@dataclass(frozen=True, slots=True)
class Load:
    """The computer at one moment; NaN where it is not known.

    Attributes:
        cpu_cores: Cores that this program kept busy since the look before.
        n_cores: Cores that there are.
        disk_free_mb: Room on the disk of the folder (MB).
        disk_left_h: Until it is full at the rate of the last minute (hours); inf if nothing
            is written.
        gpu: None: there is none, or the extra `gpu` is missing.
    """

    cpu_cores: float = NAN
    n_cores: int = 0
    disk_free_mb: float = NAN
    disk_left_h: float = NAN
    gpu: GpuLoad | None = None


class Machine:
    """Looks at the processor, the GPU and the disk of one folder; used by one thread.

    Args:
        folder: That is written to; may not be there yet.
        now_s: A clock in seconds.
        gpu: Finds the GPU, at the first look.
    """

    def __init__(
        self,
        folder: Path,
        now_s: Callable[[], float] = time.monotonic,
        gpu: Callable[[], Gpu | None] = find_gpu,
    ) -> None:
        self._find_gpu: Callable[[], Gpu | None] | None = gpu
        self._gpu: Gpu | None = None
        self._folder = folder
        self._now_s = now_s
        self._cpu = (now_s(), time.process_time())
        self._written: deque[tuple[float, int]] = deque()

    def look(self) -> Load:
        """Return how it is now; takes some ten microseconds, the first look longer with a GPU."""
        if self._find_gpu is not None:
            self._gpu, self._find_gpu = self._find_gpu(), None
        free = self._free_bytes()
        return Load(
            cpu_cores=self._cores(),
            n_cores=cpu_count() or 0,
            disk_free_mb=free / 1e6,
            disk_left_h=self._hours_left(free),
            gpu=self._gpu.look() if self._gpu is not None else None,
        )

    def _cores(self) -> float:
        (then_s, used_s), self._cpu = self._cpu, (self._now_s(), time.process_time())
        passed_s = self._cpu[0] - then_s
        return (self._cpu[1] - used_s) / passed_s if passed_s > 0 else NAN

    def _free_bytes(self) -> float:
        try:
            return shutil.disk_usage(self._folder).free
        except OSError:
            return NAN

    def _hours_left(self, free: float) -> float:
        now_s = self._now_s()
        try:
            with scandir(self._folder) as files:
                size = sum(file.stat().st_size for file in files if file.is_file())
        except OSError:
            return NAN
        self._written.append((now_s, size))
        while now_s - self._written[0][0] > LOOK_BACK_S:
            self._written.popleft()
        then_s, before = self._written[0]
        if now_s - then_s < SHORTEST_S:
            return NAN
        rate = (size - before) / (now_s - then_s)
        return free / rate / 3600 if rate > 0 else float("inf")
