"""How far two lists of episodes of one behaviour agree."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.scoring import covered_frames, framewise_f1
from tracker.types import Episode


@dataclass(frozen=True, slots=True)
class Agreement:
    """How episodes agree with a reference. NaN where there is nothing to tell it from.

    An episode and one of the reference match if they share a frame; each matches one at most.

    Attributes:
        behaviour: Name from the ethogram.
        episodes: How many there are.
        reference: How many the reference has.
        matched: How many match.
        missed: In the reference alone.
        extra: Not in the reference.
        onset_later_ms: Median of onset minus the reference's onset, over those that match.
        onset_worst_ms: The one that is farthest from 0.
        known_later_ms: Median of confirmation minus the reference's onset.
        known_worst_ms: The largest of these.
        frames_alike: Share (0 to 1) of all frames on which both say the same.
        f1: Frame-wise F1 (0 to 1).
    """

    behaviour: str
    episodes: int
    reference: int
    matched: int
    missed: int
    extra: int
    onset_later_ms: float
    onset_worst_ms: float
    known_later_ms: float
    known_worst_ms: float
    frames_alike: float
    f1: float


def agreement(
    behaviour: str,
    episodes: Sequence[Episode],
    reference: Sequence[Episode],
    frame_indices: NDArray[np.int64],
) -> Agreement:
    """Compare the episodes of one behaviour with a reference.

    Args:
        behaviour: Which one; episodes of others are left out.
        episodes: Of any behaviour; those of one do not overlap.
        reference: The same.
        frame_indices: Camera's count of all frames that count, shape (frames,), rising.
    """
    ours = [each for each in episodes if each.onset.behaviour == behaviour]
    theirs = [each for each in reference if each.onset.behaviour == behaviour]
    pairs = _pairs(ours, theirs)
    later = np.array([(a.onset.onset_ns - b.onset.onset_ns) / 1e6 for a, b in pairs])
    known = np.array([(a.onset.confirmed_ns - b.onset.onset_ns) / 1e6 for a, b in pairs])
    one, other = (covered_frames(frame_indices, each) for each in (ours, theirs))
    return Agreement(
        behaviour=behaviour,
        episodes=len(ours),
        reference=len(theirs),
        matched=len(pairs),
        missed=len(theirs) - len(pairs),
        extra=len(ours) - len(pairs),
        onset_later_ms=_median(later),
        onset_worst_ms=float(later[np.abs(later).argmax()]) if len(later) else math.nan,
        known_later_ms=_median(known),
        known_worst_ms=float(known.max()) if len(known) else math.nan,
        frames_alike=float((one == other).mean()) if len(frame_indices) else math.nan,
        f1=framewise_f1(one, other),
    )


def _pairs(ours: Sequence[Episode], theirs: Sequence[Episode]) -> list[tuple[Episode, Episode]]:
    """Return those that match, the ones that share most frames first served."""
    shared = [(_n_shared(a, b), i, j) for i, a in enumerate(ours) for j, b in _near(a, theirs)]
    shared.sort(key=lambda each: (-each[0], each[1], each[2]))
    taken: set[int] = set()
    given: set[int] = set()
    pairs = []
    for _, i, j in shared:
        if i not in taken and j not in given:
            taken.add(i)
            given.add(j)
            pairs.append((i, j))
    return [(ours[i], theirs[j]) for i, j in sorted(pairs)]


def _near(episode: Episode, others: Sequence[Episode]) -> list[tuple[int, Episode]]:
    return [(j, other) for j, other in enumerate(others) if _n_shared(episode, other) > 0]


def _n_shared(a: Episode, b: Episode) -> int:
    first = max(a.onset.onset_index, b.onset.onset_index)
    return min(a.end_index, b.end_index) - first + 1


def _median(values: NDArray[np.float64]) -> float:
    return float(np.median(values)) if len(values) else math.nan
