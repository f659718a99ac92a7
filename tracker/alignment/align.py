"""Matches the pulses of another recording with those of a session, and says how well."""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from tracker.alignment.barcodes import Barcode, pairs_by_codes, read_barcodes
from tracker.alignment.clock_map import Alignment, name_from, path_of, save
from tracker.alignment.matching import (
    Match,
    Places,
    Times,
    best_anchor,
    match,
    other_matches,
    pairs_by_intervals,
    tolerance_of,
)
from tracker.alignment.pulses import Pulses, read_pulses, session_pulses
from tracker.errors import AlignmentError
from tracker.recording import Recording

LEAST_PAIRS = 3
LEAST_SHARE = 0.5
"""Of the fewer pulses where both recordings ran, so many have to find a partner."""

KNOT_S = 30.0
KNOT_PAIRS = 20
"""A knot of the map stands for so much time, and so many pulses, at least."""


@dataclass(frozen=True, slots=True)
class AlignOptions:
    """How pulses are matched.

    Attributes:
        line: Of the session; None: the input with edges, or the frames.
        rate_hz: Samples per second of the file's times; None: they are in s.
        rising: Which edges count, where both are there.
        first: Which pulse of the session (from 0) the file's first one is; None: found out.
        tolerance_ms: How far two pulses of a pair may lie apart, at most.
        barcode: How barcodes are written; None: there are none.
        offset_ms: How much later the session states a pulse than it came: half the exposure
            where a strobe rises as the exposure begins, and captured_ns is its middle.
    """

    line: str | None = None
    rate_hz: float | None = None
    rising: bool = True
    first: int | None = None
    tolerance_ms: float = 10.0
    barcode: Barcode | None = None
    offset_ms: float = 0.0


def align(
    folder: Path, pulses: Path, options: AlignOptions | None = None, name: str | None = None
) -> tuple[Alignment, Path]:
    """Find the other recording's clock and write it into the session; return it and its file.

    Args:
        folder: A session folder.
        pulses: The other recording's edges, see `read_pulses`.
        options: None: the usual ones.
        name: Of the other recording; None: from the file's name.

    Raises:
        AlignmentError: If the pulses do not match, or match in several ways.
        RecordingError: If the session cannot be read, or is aligned under this name already.
    """
    options = options or AlignOptions()
    recording = Recording(folder)
    name = name_from(Path(name or pulses.name))
    if path_of(folder, name).exists():
        raise AlignmentError(
            f"{path_of(folder, name)} is there already, and nothing is overwritten: remove it, or "
            f"choose another name (--name)"
        )
    theirs = read_pulses(pulses, options.rate_hz)
    line, ours = session_pulses(recording, options.line)
    ours = Pulses(ours.times_s - options.offset_ms / 1e3, ours.high)
    a, b = (each.those(rising=options.rising) for each in (ours, theirs))
    _refuse_too_few(line, a, pulses, b)
    tolerance_s = tolerance_of(a, b, options.tolerance_ms / 1e3)
    pairs, n_barcodes = _first_pairs(ours, theirs, options, tolerance_s)
    found = _matched(a, b, pairs, options.first, tolerance_s, sure=n_barcodes > 0)
    alignment = _described(found, a, b) | {
        "session_id": str(recording.session["session_id"]),
        "name": name,
        "pulses": str(pulses),
        "pulses_sha256": hashlib.sha256(pulses.read_bytes()).hexdigest(),
        "line": line,
        "n_barcodes": n_barcodes,
        "settings": asdict(options) | {"tolerance_ms": tolerance_s * 1e3},
    }
    result = Alignment(**alignment)  # type: ignore[arg-type]
    return result, save(folder, result)


def _refuse_too_few(line: str, ours: Times, path: Path, theirs: Times) -> None:
    if min(len(ours), len(theirs)) < LEAST_PAIRS:
        raise AlignmentError(
            f"{line} of the session has {len(ours)} pulses, {path} {len(theirs)}: at least "
            f"{LEAST_PAIRS} are needed in both"
        )


def _first_pairs(
    ours: Pulses, theirs: Pulses, options: AlignOptions, tolerance_s: float
) -> tuple[Places, int]:
    """Pairs of places among the edges that count, some of them wrong, and how many are barcodes."""
    rising = options.rising
    if options.barcode is None:
        return pairs_by_intervals(
            ours.those(rising=rising), theirs.those(rising=rising), tolerance_s
        ), 0
    codes = []
    for each in (ours, theirs):
        if each.high is None or not rising:
            raise AlignmentError(
                "barcodes need rising and falling edges, with their levels, in both"
            )
        among_rising = np.cumsum(each.high) - 1
        found = read_barcodes(each.times_s, each.high, options.barcode)
        codes.append({int(among_rising[place]): number for place, number in found.items()})
    pairs = pairs_by_codes(*codes)
    if not len(pairs):
        raise AlignmentError(
            f"{len(codes[0])} barcodes in the session and {len(codes[1])} in the file have none in "
            f"common: check the wiring, and bits, bit and start length of the generator"
        )
    return pairs, len(np.unique(pairs[:, 1]))


def _matched(
    ours: Times,
    theirs: Times,
    pairs: Places,
    first: int | None,
    tolerance_s: float,
    *,
    sure: bool,
) -> Match:
    if first is not None:
        if not 0 <= first < len(ours):
            raise AlignmentError(f"--first {first}: the session has pulses 0 to {len(ours) - 1}")
        found = match(ours, theirs, (first, 0), 1.0, tolerance_s)
    else:
        anchor = best_anchor(ours, theirs, pairs, tolerance_s)
        if anchor is None:
            raise AlignmentError(
                "no three intervals between pulses are the same in both: is it the same line, and "
                "are times in s (--rate-hz)?"
            )
        found = match(ours, theirs, anchor[:2], anchor[2], tolerance_s)
        _refuse_poor(found, ours, theirs)
        if not sure and (shifts := other_matches(ours, theirs, found, tolerance_s)):
            found = _by_their_number(ours, theirs, tolerance_s, shifts)
    _refuse_poor(found, ours, theirs)
    return found


def _by_their_number(
    ours: Times, theirs: Times, tolerance_s: float, shifts: tuple[int, ...]
) -> Match:
    """A regular train says nothing of which pulse is which, unless both have all of them."""
    found = match(ours, theirs, (0, 0), 1.0, tolerance_s)
    if len(ours) == len(theirs) == len(found.ours):
        return found
    raise AlignmentError(
        f"the pulses are so regular that they match as well shifted by "
        f"{', '.join(map(str, shifts))}, and there are {len(ours)} in the session and "
        f"{len(theirs)} in the file: say which pulse of the session, from 0, the file's first one "
        f"is (--first), or use random pulses or barcodes"
    )


def _refuse_poor(found: Match, ours: Times, theirs: Times) -> None:
    n = len(found.ours)
    among_ours = found.ours[-1] - found.ours[0] + 1
    among_theirs = found.theirs[-1] - found.theirs[0] + 1
    if n < max(LEAST_PAIRS, LEAST_SHARE * min(among_ours, among_theirs)):
        raise AlignmentError(
            f"only {n} of {min(len(ours), len(theirs))} pulses find a partner: is it the same "
            f"line, and are times in s (--rate-hz)?"
        )


def _described(found: Match, ours: Times, theirs: Times) -> dict[str, object]:
    """The map through matched pulses, and what it leaves of them."""
    a, b = ours[found.ours], theirs[found.theirs]
    middle_s = b.mean()
    slope, level = np.polyfit(b - middle_s, a, 1)
    off_s = a - (level + slope * (b - middle_s))
    knots = _knots(b, off_s)
    knots_s = [level + slope * (at_s - middle_s) + off for at_s, off in knots]
    places = [at_s for at_s, _ in knots]
    left_ms = 1e3 * np.abs(a - _through(b, places, knots_s, slope))
    return {
        "n_ours": len(ours),
        "n_theirs": len(theirs),
        "n_matched": len(a),
        "n_missing": int(found.ours[-1] - found.ours[0] + 1) - len(a),
        "n_extra": int(found.theirs[-1] - found.theirs[0] + 1) - len(b),
        "zero_ns": round(1e9 * float(_through(np.zeros(1), places, knots_s, slope)[0])),
        "drift_ppm": float(slope - 1) * 1e6,
        "residual_ms": {
            "rms": float(np.sqrt(np.mean(left_ms**2))),
            "p99": float(np.percentile(left_ms, 99)),
            "max": float(left_ms.max()),
        },
        "knots": tuple(
            (float(at), round(value * 1e9)) for (at, _), value in zip(knots, knots_s, strict=True)
        ),
    }


def _knots(theirs: Times, off_s: Times) -> list[tuple[float, float]]:
    """(their s, how far off the straight line): the middle of each stretch; two at least."""
    length_s = float(theirs[-1] - theirs[0])
    n = int(min(length_s // KNOT_S, len(theirs) // KNOT_PAIRS))
    if n < 2:
        return [(float(theirs[0]), 0.0), (float(theirs[-1]), 0.0)]
    parts = np.array_split(np.arange(len(theirs)), n)
    return [(float(theirs[part].mean()), float(np.median(off_s[part]))) for part in parts]


def _through(at_s: Times, knots_at: list[float], knots_s: list[float], slope: float) -> Times:
    before = np.minimum(at_s - knots_at[0], 0.0)
    after = np.maximum(at_s - knots_at[-1], 0.0)
    return np.asarray(np.interp(at_s, knots_at, knots_s) + slope * (before + after), np.float64)
