"""MATLAB bout files as BehaviorDEPOT keeps them: `hBehavior.<name>.Vector` and `.Bouts`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tracker.annotations.bouts import Annotations, Bout, bouts_of
from tracker.errors import AnnotationError, MissingExtra

ROOT = "hBehavior"
"""The variable in which BehaviorDEPOT keeps what people saw."""

HDF5 = b"MATLAB 7.3"
"""How a file of MATLAB 7.3 and later begins; it is HDF5."""

OLD = b"MATLAB 5.0"
"""How an older one begins."""


def is_matlab(first_bytes: bytes) -> bool:
    """Whether a file with this beginning is one of MATLAB."""
    return first_bytes.startswith((HDF5, OLD, b"\x89HDF"))


def read(path: Path, sha256: str) -> Annotations:
    """Return what a file of BehaviorDEPOT says.

    Its bouts count from 1, ends are inclusive; its vector has one value per frame, and is
    believed where the two differ.

    Raises:
        AnnotationError: Listing everything that is wrong.
        MissingExtra: If it is HDF5 and h5py is not installed.
    """
    with path.open("rb") as file:
        is_old = file.read(10) == OLD
    found = _old(path) if is_old else _hdf5(path)
    behaviours = {name: each for name, each in found.items() if isinstance(each, Mapping)}
    problems: list[str] = []
    bouts: list[Bout] = []
    n_frames = _count(found.get("TotalFrames"))
    for name, fields in behaviours.items():
        if "Vector" in fields:
            mask = np.asarray(fields["Vector"]).ravel() != 0
            if n_frames is not None and len(mask) != n_frames:
                problems.append(f"{name}.Vector has {len(mask)} frames, but the video {n_frames}")
            n_frames = n_frames or len(mask)
            bouts += bouts_of(mask, name)
        elif "Bouts" in fields:
            bouts += _bouts(name, np.asarray(fields["Bouts"], np.float64), problems)
        else:
            problems.append(f"{name} has neither Vector nor Bouts")
    if not behaviours:
        problems.append(f"{ROOT} names no behaviour: it holds {', '.join(found) or 'nothing'}")
    if problems:
        raise AnnotationError(path, problems)
    return Annotations(
        path=path,
        sha256=sha256,
        program="BehaviorDEPOT",
        bouts=tuple(sorted(bouts)),
        behaviours=tuple(behaviours),
        n_frames=n_frames,
    )


def _bouts(name: str, table: Any, problems: list[str]) -> list[Bout]:
    """Bouts of a table of (first, last), either way round, counted from 1."""
    table = np.atleast_2d(table)
    if table.shape[-1] != 2:
        table = table.T
    if table.ndim != 2 or table.shape[1] != 2:
        problems.append(f"{name}.Bouts has shape {table.shape}, expected two columns")
        return []
    wrong = [f"{a:g} to {b:g}" for a, b in table.tolist() if not 1 <= a <= b]
    problems += [f"{name}.Bouts: {each} is no stretch of frames" for each in wrong]
    return [Bout(int(a) - 1, int(b) - 1, name) for a, b in table.tolist() if 1 <= a <= b]


def _old(path: Path) -> dict[str, Any]:
    from scipy.io import loadmat

    try:
        content = loadmat(path, simplify_cells=True)
    except (ValueError, OSError, TypeError, NotImplementedError) as failure:
        raise AnnotationError(path, [f"it cannot be read as MATLAB: {failure}"]) from failure
    found = content.get(ROOT)
    if not isinstance(found, dict):
        names = [name for name in content if not name.startswith("__")]
        raise AnnotationError(path, [f"there is no {ROOT} in it; it has {', '.join(names)}"])
    return found


def _hdf5(path: Path) -> dict[str, Any]:
    try:
        import h5py
    except ImportError as error:
        raise MissingExtra("export", "reading MATLAB files of version 7.3") from error
    try:
        with h5py.File(path) as file:
            if ROOT not in file or not isinstance(file[ROOT], h5py.Group):
                names = [name for name in file if not name.startswith("#")]
                raise AnnotationError(
                    path, [f"there is no {ROOT} in it; it has {', '.join(names)}"]
                )
            return {name: _content(each) for name, each in file[ROOT].items()}
    except OSError as failure:
        raise AnnotationError(path, [f"it cannot be read as HDF5: {failure}"]) from failure


def _content(node: Any) -> Any:
    if hasattr(node, "items"):
        return {name: _content(each) for name, each in node.items()}
    return node[()]


def _count(value: Any) -> int | None:
    if value is None:
        return None
    values = np.asarray(value).ravel()
    return int(values[0]) if values.size == 1 and np.issubdtype(values.dtype, np.number) else None
