"""Opens the files in which other programs keep labels and tracks."""

import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracker.errors import MissingExtra, TrackFileError

if TYPE_CHECKING:
    from sleap_io import Labels

LEVELS = ("scorer", "individuals", "bodyparts", "coords")
"""Header rows of DeepLabCut's tables, in their order; some lack the first, many the second."""

H5_KEY = "df_with_missing"
"""Where DeepLabCut keeps its table in an h5 file; taken if there are several."""

_BROKEN_HDF5 = (OSError, ValueError, LookupError, TypeError, RuntimeError, pickle.UnpicklingError)
"""What pandas and PyTables raise at files that are no HDF5, or other HDF5."""

BROKEN_SLP = (OSError, ValueError, LookupError, TypeError, AttributeError)
"""What sleap-io raises at files that are no .slp."""


def open_dlc_h5(path: Path, extra: str) -> Any:
    """Return the table of an HDF5 file of DeepLabCut, as a pandas data frame.

    HDF5 files of pandas may hold pickled objects, so read only those that you trust.

    Args:
        path: The file.
        extra: What to install if pandas or PyTables is missing.

    Raises:
        TrackFileError: If it is no HDF5 of pandas, or holds no table.
        MissingExtra: If a library is missing.
    """
    try:
        import pandas as pd
        import tables  # noqa: F401 - pandas reads HDF5 by it
    except ImportError as error:
        raise MissingExtra(extra, "reading a table of labels in HDF5") from error
    try:
        with pd.HDFStore(path, mode="r") as store:
            keys = store.keys()
            frame = store.get(H5_KEY if f"/{H5_KEY}" in keys else keys[0]) if keys else None
    except _BROKEN_HDF5 as error:
        raise TrackFileError(f"cannot be read as HDF5 of pandas ({error})") from error
    if not isinstance(frame, pd.DataFrame):
        raise TrackFileError("it holds no table of pandas")
    return frame


def open_slp(path: Path, extra: str, *, lazy: bool = False) -> "Labels":
    """Return what a .slp of SLEAP holds; its videos stay closed.

    Args:
        path: The file.
        extra: What to install if sleap-io is missing.
        lazy: Read instances only when they are asked for.

    Raises:
        TrackFileError: If it is no .slp.
        MissingExtra: If sleap-io is missing.
    """
    try:
        import sleap_io
    except ImportError as error:
        raise MissingExtra(extra, "reading labels of SLEAP") from error
    try:
        return sleap_io.load_slp(path.as_posix(), open_videos=False, lazy=lazy)
    except BROKEN_SLP as error:
        raise TrackFileError(f"cannot be read as a .slp of SLEAP ({error})") from error
