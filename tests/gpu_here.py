"""What this machine has to compute on besides its CPU."""

import ctypes
import sys


def has_nvidia_driver():
    """Whether the driver of an NVIDIA GPU is installed; tests of its absence are skipped then."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True
