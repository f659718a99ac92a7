"""DeepLabCut's tables of tracks, of one animal or of several, as HDF5 or CSV."""

import csv
import gzip
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.errors import MissingExtra, TrackFileError
from tracker.label_files import LEVELS, open_dlc_h5
from tracker.observers.tracks import Tracks
from tracker.types import Skeleton

SINGLE = "single"
"""Individual that has what is there once in a table of several animals, e.g. corners of a cage."""

USUAL_CONFIDENCE = 0.6
"""DeepLabCut's own `pcutoff` (deeplabcut/create_project/new.py)."""

EXPECTED = "expected a table with header rows (scorer,) (individuals,) bodyparts, coords"


def read_h5(path: Path, sha256: str) -> Tracks:
    """Return the tracks of an HDF5 file; raises as `read_tracks`."""
    return _tracks(open_dlc_h5(path, "export"), path, sha256)


def read_csv(path: Path, sha256: str) -> Tracks:
    """Return the tracks of a CSV file; raises as `read_tracks`."""
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtra("export", "reading tracks of DeepLabCut") from error
    try:
        opened = gzip.open if path.suffix.casefold() == ".gz" else open
        with opened(path, "rt", newline="", encoding="utf-8-sig") as file:
            first = [
                row[0].strip().casefold() if row else "" for row in islice(csv.reader(file), 4)
            ]
    except (csv.Error, UnicodeDecodeError, gzip.BadGzipFile, EOFError) as error:
        raise TrackFileError(f"cannot be read as CSV ({error})") from error
    header = [number for number, name in enumerate(first) if name in LEVELS]
    if not {"bodyparts", "coords"} <= set(first):
        raise TrackFileError(f"no table of DeepLabCut; {EXPECTED}")
    try:
        frame = pd.read_csv(path, header=header, index_col=0)
    except (ValueError, LookupError) as error:
        raise TrackFileError(f"cannot be read as a table of DeepLabCut ({error})") from error
    frame.columns.names = [first[number] for number in header]
    return _tracks(frame, path, sha256)


def _tracks(frame: Any, path: Path, sha256: str) -> Tracks:
    levels = [str(name).casefold() for name in frame.columns.names]
    if not {"bodyparts", "coords"} <= set(levels):
        raise TrackFileError(f"its columns have the levels {levels}; {EXPECTED}")
    rows = _row_numbers(frame.index)
    columns = [dict(zip(levels, map(str, names), strict=True)) for names in frame.columns]
    individuals = list(dict.fromkeys(each.get("individuals", "individual_0") for each in columns))
    notes = []
    if SINGLE in individuals and len(individuals) > 1:
        individuals.remove(SINGLE)
        once = {each["bodyparts"] for each in columns if each["individuals"] == SINGLE}
        notes.append(f"what is there once was left out: {', '.join(sorted(once))}")
    wanted = [each for each in columns if each.get("individuals", "individual_0") in individuals]
    keypoints = list(dict.fromkeys(each["bodyparts"] for each in wanted))
    values = np.full((rows.max(initial=-1) + 1, len(individuals), len(keypoints), 3), np.nan)
    coords = ("x", "y", "likelihood")
    for number, each in enumerate(columns):
        who = each.get("individuals", "individual_0")
        if who in individuals and each["coords"] in coords:
            place = individuals.index(who), keypoints.index(each["bodyparts"])
            values[rows, *place, coords.index(each["coords"])] = _floats(frame, number, each)
    if "likelihood" not in {each["coords"] for each in wanted}:
        values[..., 2] = np.where(np.isfinite(values[..., 0]), 1.0, np.nan)
        notes.append("it states no likelihood: every position counts as certain")
    if np.isnan(values[..., :2]).all():
        raise TrackFileError(f"it has no position in any of its {len(rows)} rows")
    return Tracks(
        path=path,
        sha256=sha256,
        program="DeepLabCut",
        scorer=columns[0].get("scorer", path.stem),
        skeleton=Skeleton(tuple(keypoints)),
        individuals=tuple(individuals),
        tracked=True,
        xy=values[..., :2].astype(np.float32),
        confidence=values[..., 2].astype(np.float32),
        usual_confidence=USUAL_CONFIDENCE,
        notes=tuple(notes),
    )


def _row_numbers(index: Any) -> NDArray[np.int64]:
    """Frame number of each row."""
    numbers = np.asarray(index)
    if index.nlevels > 1 or not np.issubdtype(numbers.dtype, np.integer):
        raise TrackFileError(
            f"its rows are named {index[0]!r}, ..., not numbered by frame: it is a table of "
            f"labelled images, which `tracker new-recipe` takes"
        )
    if len(numbers) and (numbers.min() < 0 or len(np.unique(numbers)) < len(numbers)):
        raise TrackFileError("its frame numbers are below 0, or one is there twice")
    return numbers.astype(np.int64)


def _floats(frame: Any, column: int, names: dict[str, str]) -> NDArray[np.float64]:
    try:
        return np.asarray(frame.iloc[:, column].to_numpy(), np.float64)
    except (TypeError, ValueError) as error:
        where = " ".join(names.values())
        raise TrackFileError(f"column {where}: it holds what is no number ({error})") from error
