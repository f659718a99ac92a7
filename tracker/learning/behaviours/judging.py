"""How well a classifier tells behaviours apart, frame by frame; and how well it knows it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.learning.behaviours.measuring import Session
from tracker.runtimes.classifier_card import Reliability

BINS = 10
"""Of probabilities, in the figure of reliability."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Frames of several sessions together.

    Attributes:
        f1: (classes,), 0 to 1; NaN of a class that is not there and was never told.
        precision: (classes,).
        recall: (classes,).
        frames: (classes,), how many a person told.
        confusion: int64, (classes, classes + 1): rows what a person told; last column: abstained.
    """

    f1: NDArray[np.float64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    frames: NDArray[np.int64]
    confusion: NDArray[np.int64]

    @property
    def macro_f1(self) -> float:
        """Mean over the classes that are there."""
        return float(np.nanmean(self.f1))


def held(session: Session, answers: NDArray[np.int64], warm_up: int) -> NDArray[np.int64]:
    """Return the class of every frame: a step's answer holds until the next; -1: none yet.

    Args:
        session: Whose frames.
        answers: Class by step.
        warm_up: Steps without an answer, at first.
    """
    place = np.searchsorted(session.frames, np.arange(len(session.truth)), side="right") - 1
    told = np.where(place >= warm_up, answers[np.maximum(place, 0)], -1)
    return np.asarray(told, np.int64)


def judge(
    sessions: Sequence[Session], answers: Sequence[NDArray[np.int64]], n_classes: int, warm_up: int
) -> Judged:
    """Compare answers with what a person saw, over all frames that a person told.

    Args:
        sessions: Several.
        answers: Class by step, of each.
        n_classes: How many classes there are.
        warm_up: Steps without an answer, at first: they count as missed.
    """
    confusion = np.zeros((n_classes, n_classes + 1), np.int64)
    for session, each in zip(sessions, answers, strict=True):
        told, truth = held(session, each, warm_up), session.truth
        use = truth >= 0
        np.add.at(confusion, (truth[use], told[use]), 1)  # -1 is the last column
    right = np.diag(confusion[:, :-1]).astype(np.float64)
    frames, said = confusion.sum(axis=1), confusion[:, :-1].sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return Judged(2 * right / (frames + said), right / said, right / frames, frames, confusion)


def fitted_temperature(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Return what to divide logits by so that probabilities are as likely as they say.

    Guo et al., On calibration of modern neural networks, ICML 2017.

    Args:
        logits: float32, (steps, classes).
        labels: Of each step; those below 0 are left out.
    """
    from scipy.optimize import minimize_scalar

    use = labels >= 0
    kept, right = logits[use].astype(np.float64), labels[use]

    def loss(log_t: float) -> float:
        scaled = kept / np.exp(log_t)
        scaled -= scaled.max(axis=1, keepdims=True)
        total = np.log(np.exp(scaled).sum(axis=1))
        return float((total - scaled[np.arange(len(right)), right]).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-2, 3), method="bounded").x))


def reliability_of(
    probability: NDArray[np.float32], labels: NDArray[np.int64]
) -> tuple[Reliability, ...]:
    """Return how often classes were right, by the probability that they were given.

    Args:
        probability: float32, (steps, classes); every class of every step counts.
        labels: Of each step; those below 0 are left out.
    """
    use = labels >= 0
    said = probability[use].ravel().astype(np.float64)
    seen = (np.arange(probability.shape[1]) == labels[use][:, None]).ravel()
    bins = np.minimum((said * BINS).astype(int), BINS - 1)
    return tuple(
        Reliability(
            said=round(float(said[bins == k].mean()), 4),
            seen=round(float(seen[bins == k].mean()), 4),
            moments=int((bins == k).sum()),
        )
        for k in range(BINS)
        if (bins == k).any()
    )


def calibration_error(bins: Sequence[Reliability]) -> float:
    """Return the mean difference of what was said and what was seen, weighted by moments."""
    moments = np.array([each.moments for each in bins], float)
    off = np.abs([each.said - each.seen for each in bins])
    return float((off * moments).sum() / moments.sum())
