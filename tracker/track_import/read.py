"""A file of tracks → `Tracks`: which format it is, by what is in it."""

import hashlib
from pathlib import Path

from tracker.errors import MissingExtra, TrackFileError
from tracker.observers.tracks import Tracks
from tracker.track_import.deeplabcut import read_csv, read_h5
from tracker.track_import.sleap import read_analysis, read_slp

EXPECTED = "tracks of DeepLabCut (.h5, .csv, .csv.gz) or SLEAP (.slp, .analysis.h5)"


def read_tracks(path: Path, video: Path | None = None) -> Tracks:
    """Return what a file of DeepLabCut or SLEAP says.

    HDF5 files of DeepLabCut may hold pickled objects, so read only those that you trust.

    Args:
        path: The file.
        video: Whose tracks are wanted, if the file has those of several videos.

    Raises:
        TrackFileError: If there is no such file, or it holds no tracks of one of these programs.
        MissingExtra: If a library of the extra `export` is not installed.
    """
    if not path.is_file():
        raise TrackFileError(f"{path}: there is no such file, expected {EXPECTED}")
    sha256 = _hash(path)
    try:
        ending = path.suffix.casefold()
        if path.name.casefold().endswith(".csv.gz"):
            return read_csv(path, sha256)
        if ending == ".csv":
            return read_csv(path, sha256)
        if ending == ".slp":
            return read_slp(path, sha256, video)
        if ending in (".h5", ".hdf5"):
            return read_analysis(path, sha256) if _is_analysis(path) else read_h5(path, sha256)
    except TrackFileError as error:
        raise TrackFileError(f"{path}: {error}") from error
    raise TrackFileError(f"{path}: unknown ending {path.suffix!r}, expected {EXPECTED}")


def _is_analysis(path: Path) -> bool:
    try:
        import h5py
    except ImportError as error:
        raise MissingExtra("export", "reading tracks in HDF5") from error
    try:
        with h5py.File(path) as file:
            return "tracks" in file and "node_names" in file
    except OSError as error:
        raise TrackFileError(f"cannot be read as HDF5 ({error})") from error


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
