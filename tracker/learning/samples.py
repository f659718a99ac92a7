"""What training learns from: images whose keypoints are known."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One image whose keypoints are known.

    Attributes:
        image: uint8, (height, width) grey or (height, width, 3) RGB.
        xy: float32, (keypoints, 2), pixels of the image; NaN where there is no label.
        group: Animal or rig: what the split keeps together.
        source: Name of its source.
        size_px: Extent of the animal (px): median over its group of the longest distance
            between two keypoints.
    """

    image: NDArray[np.uint8]
    xy: NDArray[np.float32]
    group: str
    source: str
    size_px: float


@dataclass(frozen=True, slots=True)
class Split:
    """Samples to learn from and, of other animals and rigs, to judge by.

    Attributes:
        train: To learn from.
        validation: Of groups that `train` has nothing of.
        weights: How often each sample of `train` is drawn; they add up to 1.
    """

    train: tuple[Sample, ...]
    validation: tuple[Sample, ...]
    weights: NDArray[np.float64]


def extent_of(xy: NDArray[np.float32]) -> float:
    """Longest distance between two keypoints (px); NaN if fewer than two are known."""
    known = xy[np.isfinite(xy).all(1)]
    if len(known) < 2:
        return float("nan")
    return float(np.linalg.norm(known[:, None] - known[None], axis=2).max())


def median_of(values: Sequence[float]) -> float:
    """Median of the values that are known; NaN if none is."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.median(known)) if known else float("nan")
