"""Masks against labels: Dice and IoU."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.learning.judging.figures import Figures, known
from tracker.types import Masks

HALF = 128
"""Coverage from which a pixel counts as animal."""


def mask_image(masks: Masks | None, name: str, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return which pixels of the image are of the class, bool (height, width).

    The coarse grid is drawn out bilinearly; beyond its outermost cells nothing is animal.
    All False if the network gave no such mask.

    Args:
        masks: What the network saw.
        name: Of the class.
        shape: Height and width of the image (px).
    """
    if masks is None or name not in masks.names:
        return np.zeros(shape, bool)
    coverage = masks.coverage[masks.names.index(name)]
    height, width = shape
    columns = (np.arange(width, dtype=np.float32) - np.float32(masks.x0_px)) / masks.step_x_px
    rows = (np.arange(height, dtype=np.float32) - np.float32(masks.y0_px)) / masks.step_y_px
    columns, rows = columns.astype(np.float32), rows.astype(np.float32)
    fine = cv2.remap(
        coverage,
        np.broadcast_to(columns, shape).copy(),
        np.broadcast_to(rows[:, None], shape).copy(),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    known_column = (columns >= -0.5) & (columns <= coverage.shape[1] - 0.5)
    known_row = (rows >= -0.5) & (rows <= coverage.shape[0] - 0.5)
    inside: NDArray[np.bool_] = (fine >= HALF) & known_row[:, None] & known_column
    return inside


def overlap(seen: NDArray[np.bool_], truth: NDArray[np.bool_]) -> tuple[float, float]:
    """Return Dice and IoU of two masks of one image; NaN if both are empty."""
    both = int((seen & truth).sum())
    total = int(seen.sum()) + int(truth.sum())
    if total == 0:
        return float("nan"), float("nan")
    return 2 * both / total, both / (total - both)


def mask_figures(overlaps: Sequence[tuple[float, float]], *, pseudo: bool) -> Figures:
    """Return `masks`, `dice` and `iou`: means over the images where either has the class.

    Args:
        overlaps: Of each image, see `overlap`.
        pseudo: True: the truth was found by background subtraction; the names say so.
    """
    values = np.array([pair for pair in overlaps if np.isfinite(pair[0])]).reshape(-1, 2)
    behind = "_against_pseudo_masks" if pseudo else ""
    dice, iou = values.mean(0) if len(values) else (np.nan, np.nan)
    return {
        f"masks{behind}": len(values),
        f"dice{behind}": known(dice),
        f"iou{behind}": known(iou),
    }
