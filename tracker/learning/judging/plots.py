"""Figures of the page, as PNG."""

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import roc_curve

from tracker.learning.judging.judge import Judgement
from tracker.learning.judging.overlays import colour_of
from tracker.learning.judging.values import BINS, calibration

SHOWN_PX = 20.0
"""Right end of the error plot (px), at least."""


def plots(judgement: Judgement) -> Iterator[tuple[str, bytes]]:
    """Yield title and PNG of each plot that the labels allow."""
    if any(image.pose.labelled.any() for image in judgement.images):
        yield "Error of the keypoints", _png(_errors(judgement))
    for name in judgement.card.classes:
        truth, said = judgement.classes_of(name)
        use = np.isfinite(truth) & np.isfinite(said)
        if use.any():
            yield f"Calibration of {name}", _png(_calibration(truth[use] > 0.5, said[use]))
        if 0 < (truth[use] > 0.5).sum() < use.sum():
            yield f"ROC of {name}", _png(_roc(truth[use] > 0.5, said[use]))


def _errors(judgement: Judgement) -> Figure:
    """Share of labelled keypoints that are found within a distance."""
    labelled = np.concatenate([image.pose.labelled for image in judgement.images])
    error = np.concatenate([image.pose.error_px for image in judgement.images])
    found = error[np.isfinite(error)]
    end = max(SHOWN_PX, float(np.percentile(found, 95))) if found.size else SHOWN_PX
    figure = Figure(figsize=(6.4, 4), layout="constrained")
    axes = figure.add_subplot(
        xlabel="error (px)", ylabel="share of labelled keypoints", xlim=(0, end), ylim=(0, 1.01)
    )
    for number, name in enumerate(judgement.card.keypoints):
        colour = [part / 255 for part in colour_of(number)]
        _rise(axes, labelled[:, number], error[:, number], label=name, color=colour)
    _rise(axes, labelled, error, label="all", color="black", linewidth=2)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", fontsize="small", ncols=1 + len(judgement.card.keypoints) // 9)
    return figure


def _rise(axes: Any, labelled: NDArray[np.bool_], error: NDArray[np.float64], **look: Any) -> None:
    n = int(labelled.sum())
    if n:
        steps = np.sort(error[np.isfinite(error)])
        height = np.arange(1, len(steps) + 1) / n
        axes.step(np.r_[0, steps], np.r_[0, height], where="post", **look)


def _calibration(truth: NDArray[np.bool_], said: NDArray[np.float64]) -> Figure:
    mean, right, count = calibration(truth, said)
    figure = Figure(figsize=(4.4, 4), layout="constrained")
    axes = figure.add_subplot(
        xlabel="probability", ylabel="share of images that show it", xlim=(0, 1), ylim=(0, 1)
    )
    axes.plot([0, 1], [0, 1], color="0.6", linestyle="--", linewidth=1)
    axes.bar(mean, right, width=0.7 / BINS, alpha=0.5)
    axes.plot(mean, right, marker="o")
    for x, y, n in zip(mean, right, count, strict=True):
        axes.annotate(str(n), (x, y), textcoords="offset points", xytext=(0, 5), fontsize=7)
    return figure


def _roc(truth: NDArray[np.bool_], said: NDArray[np.float64]) -> Figure:
    wrong, right, _ = roc_curve(truth, said)
    figure = Figure(figsize=(4.4, 4), layout="constrained")
    axes = figure.add_subplot(
        xlabel="false positive rate", ylabel="true positive rate", xlim=(0, 1), ylim=(0, 1.01)
    )
    axes.plot([0, 1], [0, 1], color="0.6", linestyle="--", linewidth=1)
    axes.plot(wrong, right)
    return figure


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()
