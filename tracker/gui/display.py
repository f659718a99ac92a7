"""What is asked and done before Qt is loaded: is there a screen, and who goes first."""

import ctypes
import importlib.util
import os
import sys

NICENESS = 10
"""Of the view; 0 is usual, 19 gets almost nothing."""

BELOW_NORMAL = 0x4000
"""BELOW_NORMAL_PRIORITY_CLASS: learn.microsoft.com, SetPriorityClass."""


def has_display() -> bool:
    """Whether there is a screen."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def has_extra() -> bool:
    """Whether the extra `view` is installed."""
    return all(importlib.util.find_spec(name) is not None for name in ("PySide6", "pyqtgraph"))


def step_back() -> None:
    """Let an experiment on the same computer go first; for good, and for the whole program.

    Best before anything large is imported: that alone takes seconds of a processor. Twice does no
    harm.
    """
    if sys.platform == "win32":
        kernel = ctypes.windll.kernel32
        kernel.SetPriorityClass(kernel.GetCurrentProcess(), BELOW_NORMAL)
    else:
        os.nice(max(0, NICENESS - os.nice(0)))
    if sys.platform == "linux":  # a batch program does not push out others when it wakes up
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
