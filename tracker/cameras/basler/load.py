"""pypylon, and what it says when something goes wrong."""

import importlib
import warnings
from typing import Any

from tracker.errors import MissingExtra

EMULATED, N_EMULATED = "BaslerCamEmu", "4"
"""Pylon's class of cameras that it plays itself, and how many of them."""


def load_pylon() -> Any:
    """Return the module `pypylon.pylon`.

    Raises:
        MissingExtra: If it is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its own, and fatal where warnings are errors
            return importlib.import_module("pypylon.pylon")
    except ImportError as failure:
        raise MissingExtra("basler", "a camera of kind basler") from failure


def words(failure: Exception) -> str:
    """What pylon says, without the place in its source."""
    return str(failure).split(" : ")[0].strip().rstrip(".")
