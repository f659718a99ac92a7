"""How unsure a network was of each frame of a video, from 0 to 1."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from tracker.learning.samples import extent_of, median_of

TYPICAL_JUMP = 10.0
"""Leaps so many times larger than the video's median leap are jumps, however small the animal."""


class Sign(StrEnum):
    """What a network can be unsure by. Each is a number from 0 (sure) to 1."""

    LOW_CONFIDENCE = "low_confidence"
    """1 less the mean of the lowest and the average confidence of the animals seen; 1 if none."""

    NOT_FOUND = "not_found"
    """Share of the usual number of keypoints by which more or fewer were found.

    Usual is one animal's number times the median number of animals, at least one.
    """

    JUMP = "jump"
    """Farthest distance of a keypoint from the middle between its places before and after.

    1 is the median body length, or ten times the median of this distance if that is more. The
    frames beside a jump have half of it.
    """

    SIZE = "size"
    """Animal longer than the median: 1 at twice the length. Shorter: 1 at a quarter."""

    NOVELTY = "novelty"
    """Half of the novelty: 0.5 at the largest that was met in training, 1 at twice that."""

    UNUSABLE = "unusable"
    """1 less the probability of the class `usable`."""


@dataclass(frozen=True, slots=True, eq=False)
class Glimpse:
    """What a network said of one frame.

    Attributes:
        index: Number of the frame in the video, from 0.
        time_s: From the first frame.
        xy: float32, (animals, keypoints, 2), sensor px; NaN where not found.
        confidence: float32, (animals, keypoints), 0 to 1.
        novelty: 1 at the largest in training; NaN if not known.
        usable: Probability of the class `usable`; NaN if not known.
        thumbnail: uint8, (rows, columns), the frame in small and grey.
    """

    index: int
    time_s: float
    xy: NDArray[np.float32]
    confidence: NDArray[np.float32]
    novelty: float
    usable: float
    thumbnail: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Doubts:
    """How unsure the network was of each frame.

    Attributes:
        signs: float64, (frames,) each; NaN throughout for what the network does not say.
        doubt: float64, (frames,), 0 to 1: half of the strongest sign and half of the average
            of all signs that there are. One strong sign is enough for a high place; of two
            frames with one, that with more signs comes first.
    """

    signs: dict[Sign, NDArray[np.float64]]
    doubt: NDArray[np.float64]

    def strongest(self, place: int) -> Sign:
        """Return the strongest sign of a frame."""
        return max(self.signs, key=lambda sign: np.nan_to_num(self.signs[sign][place], nan=-1.0))


def doubts_of(glimpses: Sequence[Glimpse]) -> Doubts:
    """Return how unsure the network was of each frame of a video.

    Args:
        glimpses: In the order of the video, at equal distances.
    """
    body_px = median_of([extent_of(animal) for each in glimpses for animal in each.xy])
    signs = {
        Sign.LOW_CONFIDENCE: np.array([_low_confidence(each) for each in glimpses]),
        Sign.NOT_FOUND: _not_found(glimpses),
        Sign.JUMP: _jumps(glimpses, body_px),
        Sign.SIZE: np.array([_size(each, body_px) for each in glimpses]),
        Sign.NOVELTY: np.array([each.novelty / 2 for each in glimpses]),
        Sign.UNUSABLE: np.array([1 - each.usable for each in glimpses]),
    }
    signs = {sign: np.clip(values, 0, 1) for sign, values in signs.items()}
    table = np.stack([values for values in signs.values() if not np.isnan(values).all()])
    table = np.nan_to_num(table, nan=0.0)
    return Doubts(signs, (table.max(0) + table.mean(0)) / 2)


def _seen(glimpse: Glimpse) -> NDArray[np.bool_]:
    """Animals of which a keypoint was found."""
    return np.asarray(np.isfinite(glimpse.xy[..., 0]).any(1))


def _low_confidence(glimpse: Glimpse) -> float:
    confidence = glimpse.confidence[_seen(glimpse)]
    if not confidence.size:
        return 1.0
    return 1 - float(confidence.min() + confidence.mean()) / 2


def _not_found(glimpses: Sequence[Glimpse]) -> NDArray[np.float64]:
    n_animals = np.median([_seen(each).sum() for each in glimpses])
    usual = max(1.0, float(n_animals)) * glimpses[0].xy.shape[1]
    found = np.array([np.isfinite(each.xy[..., 0]).sum() for each in glimpses])
    share: NDArray[np.float64] = np.abs(found - usual) / usual
    return share


def _jumps(glimpses: Sequence[Glimpse], body_px: float) -> NDArray[np.float64]:
    leaps = np.full(len(glimpses), np.nan)
    for place in range(1, len(glimpses) - 1):
        here = glimpses[place].xy
        before = _same_animals(here, glimpses[place - 1].xy)
        after = _same_animals(here, glimpses[place + 1].xy)
        leap = np.linalg.norm(here - (before + after) / 2, axis=-1)
        if np.isfinite(leap).any():
            leaps[place] = np.nanmax(leap)
    whole = np.fmax(body_px, TYPICAL_JUMP * median_of(leaps.tolist()))
    return leaps / whole if whole > 0 else np.full(len(glimpses), np.nan)


def _same_animals(here: NDArray[np.float32], there: NDArray[np.float32]) -> NDArray[np.float32]:
    """Where the animals of one frame are in another, in their order; NaN where they are not."""
    from tracker.learning.judging.pose import pair  # SciPy: only here

    if len(here) == len(there) == 1:
        return there
    found = np.full_like(here, np.nan)
    for one, other in pair(here, there) if len(here) and len(there) else ():
        found[one] = there[other]
    return found


def _size(glimpse: Glimpse, body_px: float) -> float:
    extents = [extent_of(animal) for animal in glimpse.xy]
    octaves = [np.log2(extent / body_px) for extent in extents if extent > 0]
    known = [value if value > 0 else -value / 2 for value in octaves if np.isfinite(value)]
    return float(max(known)) if known else float("nan")
