"""Windows that look alike → candidate behaviours and their bouts."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tracker.errors import ConfigError
from tracker.learning.candidates.moments import Moments

KEPT, MOST_AXES = 0.9, 12
"""Share of the variance that principal components have to hold, and how many there may be."""

LEAST_SPREAD = 0.1
"""Columns, all of them in body lengths or logarithms, count less if they hardly change."""

FEWEST, MOST = 3, 12
"""Clusters that are tried where nobody says how many."""

SETTLED = 0.03
"""Share of its value by which the criterion has to fall for one cluster more."""


@dataclass(frozen=True, slots=True)
class CandidateBout:
    """A stretch in which one animal does the same.

    Attributes:
        candidate: Its number, from 1, the most frequent first.
        session: Number of the session.
        animal: Row of the animal.
        who: Its name.
        first: Row of its first frame.
        last: Row of its last frame, inclusive.
        sure: Mean probability, 0 to 1.
    """

    candidate: int
    session: int
    animal: int
    who: str
    first: int
    last: int
    sure: float


def clustered(
    sessions: Sequence[Sequence[Moments]], n_clusters: int | None, seed: int
) -> list[CandidateBout]:
    """Return the bouts of all candidates; the same sessions and seed give the same.

    Windows are scaled, reduced to principal components, and given to a mixture of Gaussians; how
    many is chosen by the Bayesian information criterion if nobody says.

    Args:
        sessions: Windows of each animal of each.
        n_clusters: How many candidates; None: as many as the data bear, 3 to 12.
        seed: Of the mixture.

    Raises:
        ConfigError: If there are too few windows.
    """
    from sklearn.decomposition import PCA

    rows = [(s, each) for s, session in enumerate(sessions) for each in session]
    values = np.concatenate([each.values for _, each in rows])
    known = np.isfinite(values).mean(axis=1) > 0.5
    if known.sum() < 20 * (n_clusters or FEWEST):
        raise ConfigError(
            f"{known.sum()} windows in which an animal is known are too few: give more sessions, "
            f"or shorter windows"
        )
    use = values[known]
    use = np.where(np.isfinite(use), use, np.nanmedian(use, axis=0))
    axes = PCA(min(MOST_AXES, *use.shape), svd_solver="full")
    spread = np.maximum(use.std(axis=0), LEAST_SPREAD)
    reduced = axes.fit_transform((use - use.mean(axis=0)) / spread)
    n_axes = int(np.searchsorted(axes.explained_variance_ratio_.cumsum(), KEPT)) + 1
    probability = _mixture(reduced[:, :n_axes], n_clusters, seed)
    order = np.argsort(-np.bincount(probability.argmax(axis=1), minlength=probability.shape[1]))
    probability = probability[:, order]
    all_labels = np.full(len(values), -1)
    all_labels[known] = probability.argmax(axis=1)
    sure = np.zeros(len(values))
    sure[known] = probability.max(axis=1)
    bouts, start = [], 0
    for session, each in rows:
        part = slice(start, start + len(each.values))
        bouts += _bouts(session, each, all_labels[part], sure[part])
        start += len(each.values)
    return bouts


def _mixture(values: NDArray[np.float64], n_clusters: int | None, seed: int) -> NDArray[np.float64]:
    """Return the probability of each cluster for each row."""
    from sklearn.mixture import GaussianMixture

    best, best_bic = None, np.inf
    for n in [n_clusters] if n_clusters else range(FEWEST, MOST + 1):
        mixture = GaussianMixture(n, covariance_type="diag", reg_covar=1e-3, n_init=2,
                                  max_iter=300, random_state=seed).fit(values)  # fmt: skip
        bic = mixture.bic(values)
        if best is not None and bic > best_bic - SETTLED * abs(best_bic):
            break
        best, best_bic = mixture, bic
    probability: NDArray[np.float64] = best.predict_proba(values) if best else values
    return probability


def _bouts(
    session: int, each: Moments, labels: NDArray[np.int64], sure: NDArray[np.float64]
) -> list[CandidateBout]:
    edges = np.flatnonzero(np.diff(labels, prepend=-2, append=-2))
    return [
        CandidateBout(
            int(labels[begin]) + 1,
            session,
            each.animal,
            each.who,
            int(each.first[begin]),
            int(each.last[end - 1]),
            float(sure[begin:end].mean()),
        )
        for begin, end in pairwise(edges)
        if labels[begin] >= 0
    ]
