"""Another recording's clock on that of a session: the file alignment_<name>.json."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tracker.errors import AlignmentError
from tracker.session_folder.files import SCHEMA_VERSION, write_new
from tracker.session_folder.rows import to_json

PREFIX = "alignment_"


@dataclass(frozen=True, slots=True)
class Alignment:
    """Which times of two clocks belong together.

    Attributes:
        session_id: Of the session.
        name: Of the other recording.
        pulses: Path of its file as it was given.
        pulses_sha256: Of that file.
        line: Of the session: an input, an output, or "frames".
        n_ours: Pulses of the session.
        n_theirs: Pulses of the other recording.
        n_matched: Pulses in both.
        n_missing: Ours that lie between matched ones and are not in their recording.
        n_extra: Theirs that lie between matched ones and are not in the session.
        n_barcodes: Numbers of barcodes that were found in both; 0 without barcodes.
        zero_ns: Session time at zero of their clock, by the map (ns).
        drift_ppm: How much longer a second of the session is than one of theirs, on the whole.
        residual_ms: What is left of the matched pulses' times once the map is taken off: `rms`,
            `p99` and `max` (ms).
        knots: (their s, session ns): the map is straight between them, and goes on at the overall
            drift outside.
        settings: How it was matched.
    """

    session_id: str
    name: str
    pulses: str
    pulses_sha256: str
    line: str
    n_ours: int
    n_theirs: int
    n_matched: int
    n_missing: int
    n_extra: int
    n_barcodes: int
    zero_ns: int
    drift_ppm: float
    residual_ms: Mapping[str, float]
    knots: tuple[tuple[float, int], ...]
    settings: Mapping[str, Any] = field(default_factory=dict)

    def session_ns(self, their_s: ArrayLike) -> NDArray[np.int64]:
        """Return times of the other recording (s) on the session clock (ns)."""
        theirs, ours_ns = self._knots()
        rate = 1e9 * (1 + self.drift_ppm * 1e-6)
        mapped = _interpolate(np.asarray(their_s, np.float64), theirs, ours_ns - ours_ns[0], rate)
        return np.asarray(np.rint(mapped), np.int64) + int(ours_ns[0])

    def their_s(self, session_ns: ArrayLike) -> NDArray[np.float64]:
        """Return times of the session (ns) on the clock of the other recording (s)."""
        theirs, ours_ns = self._knots()
        since_ns = np.asarray(np.asarray(session_ns) - ours_ns[0], np.float64)
        rate = 1e-9 / (1 + self.drift_ppm * 1e-6)
        return _interpolate(since_ns, np.asarray(ours_ns - ours_ns[0], np.float64), theirs, rate)

    def _knots(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        theirs = np.array([knot[0] for knot in self.knots])
        return theirs, np.array([knot[1] for knot in self.knots], np.int64)


def _interpolate(
    at: NDArray[np.float64], known: NDArray[np.float64], values: NDArray[Any], rate: float
) -> NDArray[np.float64]:
    inside = np.interp(at, known, values)
    before, after = np.minimum(at - known[0], 0.0), np.maximum(at - known[-1], 0.0)
    return np.asarray(inside + rate * (before + after), np.float64)


def name_from(path: Path) -> str:
    """Return a name for what a file holds: letters, digits and `_`."""
    return re.sub(r"\W+", "_", path.stem, flags=re.ASCII).strip("_") or "pulses"


def path_of(folder: Path, name: str) -> Path:
    """Return where the alignment of this name lies in a session folder."""
    return folder / f"{PREFIX}{name}.json"


def save(folder: Path, alignment: Alignment) -> Path:
    """Write an alignment into its session; return the file.

    Raises:
        RecordingError: If there is one of this name already, or it cannot be written.
    """
    path = path_of(folder, alignment.name)
    content = {"schema": SCHEMA_VERSION, **asdict(alignment)}
    write_new(path, to_json(content) + b"\n")
    return path


def alignments_of(folder: Path) -> tuple[Alignment, ...]:
    """Return all alignments of a session, by name.

    Raises:
        AlignmentError: If one of the files is damaged.
    """
    return tuple(_load(path) for path in sorted(folder.glob(f"{PREFIX}*.json")))


def _load(path: Path) -> Alignment:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        schema = content.pop("schema")
        knots = tuple((float(theirs), int(ours)) for theirs, ours in content.pop("knots"))
        found = Alignment(**content, knots=knots)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as failure:
        raise AlignmentError(f"{path} is no alignment that can be read: {failure}") from failure
    if schema > SCHEMA_VERSION or len(knots) < 2:
        raise AlignmentError(
            f"{path} has schema {schema} and {len(knots)} knots; expected 2 or more"
        )
    return found
