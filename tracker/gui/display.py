"""Whether a window could be seen; asked before Qt is loaded."""

import importlib.util
import os
import sys


def has_display() -> bool:
    """Whether there is a screen."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def has_extra() -> bool:
    """Whether the extra `view` is installed."""
    return all(importlib.util.find_spec(name) is not None for name in ("PySide6", "pyqtgraph"))
