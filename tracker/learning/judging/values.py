"""Class probabilities and measured quantities against labels."""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    f1_score,
    mean_absolute_error,
    precision_score,
    recall_score,
    roc_auc_score,
    root_mean_squared_error,
)

from tracker.learning.judging.figures import Figures, known
from tracker.observers.reading import measure_name

BINS = 15
"""Bins of the expected calibration error, as in Guo et al. 2017."""


def calibration(
    truth: NDArray[np.bool_], probability: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return mean probability, share that is true, and number, of each bin that has any.

    The bins are equally wide; their number is `BINS`.
    """
    places = np.minimum((probability * BINS).astype(np.int64), BINS - 1)
    count = np.bincount(places, minlength=BINS)
    used = count > 0
    said = np.bincount(places, probability, BINS)[used] / count[used]
    right = np.bincount(places, truth.astype(np.float64), BINS)[used] / count[used]
    return said, right, count[used]


def calibration_error(truth: NDArray[np.bool_], probability: NDArray[np.float64]) -> float:
    """Expected calibration error: |probability - share that is true|, mean over all images.

    Naeini et al. 2015 (AAAI), in the form of Guo et al. 2017 (arXiv:1706.04599), for the
    probability that the class is seen. 0 is perfect; NaN without images.
    """
    if not truth.size:
        return float("nan")
    said, right, count = calibration(truth, probability)
    return float((np.abs(said - right) * count).sum() / truth.size)


def class_figures(
    truth: NDArray[np.float32], probability: NDArray[np.float64], threshold: float
) -> Figures:
    """Return the figures of one class; None where only one answer occurs among the labels.

    Args:
        truth: (images,), 1 seen, 0 not seen, NaN not known: left out.
        probability: (images,), 0 to 1; NaN where the network gave none: left out.
        threshold: Probability from which the class counts as seen.
    """
    use = np.isfinite(truth) & np.isfinite(probability)
    real, said = truth[use] > 0.5, probability[use]
    figures: Figures = {"labelled": int(use.sum()), "seen": int(real.sum())}
    figures |= dict.fromkeys(
        ("roc_auc", "average_precision", "f1", "precision", "recall", "specificity", "brier", "ece")
    )
    if not real.size:
        return figures
    above = said >= threshold
    figures["brier"] = known(brier_score_loss(real, said, labels=[False, True]))
    figures["ece"] = known(calibration_error(real, said))
    if real.any():
        figures["recall"] = known(recall_score(real, above))
    if not real.all():
        figures["specificity"] = known(recall_score(~real, ~above))
    if real.any() and not real.all():
        figures["roc_auc"] = known(roc_auc_score(real, said))
        figures["average_precision"] = known(average_precision_score(real, said))
        figures["f1"] = known(f1_score(real, above))
        if above.any():
            figures["precision"] = known(precision_score(real, above))
    return figures


def quantity_figures(
    truth: NDArray[np.float32],
    value: NDArray[np.float64],
    sd: NDArray[np.float64],
    unit: str,
) -> Figures:
    """Return mean absolute and root mean squared error, and how often the truth is within 2 sd.

    Args:
        truth: (images,); NaN where not known: left out.
        value: (images,), what the network measured; NaN: left out.
        sd: (images,), how sure it said it was.
        unit: Of all three, for the names.
    """
    use = np.isfinite(truth) & np.isfinite(value)
    real, said = truth[use].astype(np.float64), value[use]
    mae, rmse = measure_name("mae", unit), measure_name("rmse", unit)
    figures: Figures = {"labelled": int(use.sum()), mae: None, rmse: None}
    figures["within_2_sd_share"] = None
    if real.size:
        figures[mae] = known(mean_absolute_error(real, said))
        figures[rmse] = known(root_mean_squared_error(real, said))
        if np.isfinite(sd[use]).all():
            figures["within_2_sd_share"] = float((np.abs(real - said) <= 2 * sd[use]).mean())
    return figures
