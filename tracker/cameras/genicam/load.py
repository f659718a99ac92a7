"""Aravis, which lies among the system's packages and not in this environment."""

import importlib
import importlib.util
import sys
import warnings
from pathlib import Path
from typing import Any

from tracker.errors import MissingDriver

SYSTEM_GI = Path("/usr/lib/python3/dist-packages/gi")
"""Where Debian and Ubuntu have PyGObject, which a virtual environment does not see."""

HOW_TO_INSTALL = (
    "on Debian or Ubuntu `sudo apt-get install gir1.2-aravis-0.8 python3-gi`, with the system's "
    "own version of Python; elsewhere Aravis 0.8 with introspection, and PyGObject"
)


def load_aravis() -> Any:
    """Return Aravis' module, from the system's PyGObject if this environment has none.

    Raises:
        MissingDriver: If Aravis or PyGObject is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its way to import
            gi = _load_gi()
            gi.require_version("Aravis", "0.8")
            importlib.import_module("gi.repository.GLib")
            return importlib.import_module("gi.repository.Aravis")
    except (ImportError, ValueError) as failure:
        raise MissingDriver("a camera of kind genicam", HOW_TO_INSTALL) from failure


def _load_gi() -> Any:
    """PyGObject; only this one folder of the system's packages is looked into."""
    if "gi" in sys.modules or importlib.util.find_spec("gi") is not None:
        return importlib.import_module("gi")
    spec = importlib.util.spec_from_file_location(
        "gi", SYSTEM_GI / "__init__.py", submodule_search_locations=[str(SYSTEM_GI)]
    )
    if spec is None or spec.loader is None or not SYSTEM_GI.is_dir():
        raise ImportError(f"no PyGObject here, nor at {SYSTEM_GI}")
    gi = importlib.util.module_from_spec(spec)
    sys.modules["gi"] = gi
    try:
        spec.loader.exec_module(gi)
    except BaseException:
        del sys.modules["gi"]
        raise
    return gi


def glib_error() -> type[Any]:
    """Return the error that Aravis raises."""
    error: type[Any] = importlib.import_module("gi.repository.GLib").Error
    return error
