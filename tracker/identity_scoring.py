"""How well animals were told apart, where it is known who is who.

Each frame is a list of true animals, a list of tracked ones, and their similarities from 0 (have
nothing to do with each other) to 1 (the same place).

- IDF1: Ristani et al. 2016, "Performance measures and a data set for multi-target, multi-camera
  tracking": the one-to-one map of names that fits most frames, and F1 over them.
- HOTA: Luiten et al. 2021, "HOTA: a higher order metric for evaluating multi-object tracking":
  the geometric mean of detection and association, over 19 thresholds of similarity.
- Switches: Bernardin and Stiefelhagen 2008, "Evaluating multiple object tracking performance: the
  CLEAR MOT metrics": how often a true animal is followed under another name than before.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Array = NDArray[np.float64]

MATCHES_FROM = 0.5
"""Similarity from which an individual may be a true animal, for IDF1 and switches."""

THRESHOLDS = np.arange(1, 20) * 0.05
"""Similarities at which HOTA is taken: 0.05 to 0.95."""


class Compared(NamedTuple):
    """One frame.

    Attributes:
        true: Names of the true animals in it, all different.
        tracked: Names of the tracked ones in it, all different.
        similarity: (true, tracked), 0 to 1.
    """

    true: Sequence[str]
    tracked: Sequence[str]
    similarity: Array


@dataclass(frozen=True, slots=True)
class IdentityScores:
    """How well animals were told apart; NaN where there was nothing to tell.

    Attributes:
        idf1: 0 to 1.
        hota: 0 to 1; its two parts are `detection` and `association`, as means over thresholds.
        detection: 0 to 1.
        association: 0 to 1.
        switches: Number of switches.
        frames: Number of frames compared.
    """

    idf1: float
    hota: float
    detection: float
    association: float
    switches: int
    frames: int


def identity_scores(frames: Sequence[Compared]) -> IdentityScores:
    """Compare tracked animals with the true ones, over frames in their order."""
    counted = _Counted(frames)
    hota, detection, association = _hota(counted)
    return IdentityScores(
        _idf1(counted), hota, detection, association, _switches(counted), len(frames)
    )


def similarity_of_places(true: Array, tracked: Array, none_at_px: float) -> Array:
    """Return 1 - distance / `none_at_px`, and 0 beyond, of all pairs of places.

    Args:
        true: (true, 2), px.
        tracked: (tracked, 2), px.
        none_at_px: Distance at which two places have nothing to do with each other.
    """
    apart = np.hypot(*(true[:, None] - tracked[None]).transpose(2, 0, 1))
    return np.asarray(np.clip(1 - apart / none_at_px, 0, 1))


class _Counted:
    """The frames with names as numbers."""

    def __init__(self, frames: Sequence[Compared]) -> None:
        true: dict[str, int] = {}
        tracked: dict[str, int] = {}
        self.frames = [
            (
                np.array([true.setdefault(name, len(true)) for name in each.true], np.intp),
                np.array(
                    [tracked.setdefault(name, len(tracked)) for name in each.tracked], np.intp
                ),
                each.similarity,
            )
            for each in frames
        ]
        self.n_true = np.zeros(len(true))
        self.n_tracked = np.zeros(len(tracked))
        for i, j, _ in self.frames:
            self.n_true[i] += 1
            self.n_tracked[j] += 1


def _numbers(names: Sequence[str], known: dict[str, int]) -> NDArray[np.intp]:
    return np.array([known.setdefault(name, len(known)) for name in names], np.intp)


def _idf1(counted: _Counted) -> float:
    fits = np.zeros((len(counted.n_true), len(counted.n_tracked)))
    for i, j, similarity in counted.frames:
        fits[np.ix_(i, j)] += similarity >= MATCHES_FROM
    rows, columns = linear_sum_assignment(-fits)
    n_both = counted.n_true.sum() + counted.n_tracked.sum()
    return float(2 * fits[rows, columns].sum() / n_both) if n_both else math.nan


def _switches(counted: _Counted) -> int:
    """Count changes of name; a match that holds is kept before others are looked for."""
    last = np.full(len(counted.n_true), -1)
    switches = 0
    for i, j, similarity in counted.frames:
        can_be = similarity >= MATCHES_FROM
        worth = np.where(can_be, 1 + similarity + 1000 * (last[i][:, None] == j), 0)
        rows, columns = linear_sum_assignment(-worth)
        rows, columns = (each[can_be[rows, columns]] for each in (rows, columns))
        before = last[i[rows]]
        switches += int(((before >= 0) & (before != j[columns])).sum())
        last[i[rows]] = j[columns]
    return switches


def _hota(counted: _Counted) -> tuple[float, float, float]:
    """Return HOTA, detection and association, means over the thresholds."""
    n_true, n_tracked = counted.n_true, counted.n_tracked
    if not len(n_true) or not len(n_tracked):
        nothing = math.nan if not len(n_true) and not len(n_tracked) else 0.0
        return nothing, nothing, nothing
    agree = np.zeros((len(n_true), len(n_tracked)))
    for i, j, similarity in counted.frames:
        all_of_both = similarity.sum(axis=1)[:, None] + similarity.sum(axis=0) - similarity
        share = np.where(all_of_both > 0, similarity / np.where(all_of_both > 0, all_of_both, 1), 0)
        agree[np.ix_(i, j)] += share
    agree /= n_true[:, None] + n_tracked - agree
    matches = np.zeros((len(THRESHOLDS), *agree.shape))
    for i, j, similarity in counted.frames:
        rows, columns = linear_sum_assignment(-agree[np.ix_(i, j)] * similarity)
        for k, least in enumerate(THRESHOLDS):
            hit = similarity[rows, columns] >= least - 1e-12
            matches[k, i[rows[hit]], j[columns[hit]]] += 1
    hits = matches.sum(axis=(1, 2))
    detection = hits / (n_true.sum() + n_tracked.sum() - hits)
    overlap = matches / (n_true[:, None] + n_tracked - matches)
    association = (matches * overlap).sum(axis=(1, 2)) / np.maximum(hits, 1)
    hota = np.sqrt(detection * association)
    return float(hota.mean()), float(detection.mean()), float(association.mean())
