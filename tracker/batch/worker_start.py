"""What a worker's process does first; Dask calls it by its name (preload)."""

import signal
from typing import Any


def dask_setup(_worker: Any) -> None:
    """Leave Ctrl-C, which reaches every process of a terminal, to the batch: it ends in order."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
