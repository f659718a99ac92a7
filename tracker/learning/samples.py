"""What training learns from, and judging judges by: images of which something is known."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a reader is to look for in a data set; names that it lacks are simply not known.

    Attributes:
        channels: Of the images: 1 (grey) or 3 (RGB).
        keypoints: Names, in the order of `Sample.xy`.
        mask_classes: Names; class n has the value n + 1 in `Sample.mask`.
        classes: Names, in the order of `Sample.classes`.
        quantities: Names, in the order of `Sample.quantities`.
    """

    channels: int
    keypoints: tuple[str, ...] = ()
    mask_classes: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    quantities: tuple[str, ...] = ()


def _nothing() -> NDArray[np.float32]:
    return np.empty(0, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One image, and what is known of it.

    Attributes:
        image: uint8, (height, width) grey or (height, width, 3) RGB.
        xy: float32, (individuals, keypoints, 2), pixels of the image; NaN where there is no
            label. Every animal in the image is there: where none is, there is none. One
            individual of nothing but NaN: nobody said where animals are.
        group: Animal, session or rig: what the split keeps together.
        source: Name of its source.
        size_px: Extent of one animal (px): median over its group of the longest distance
            between two keypoints; NaN if not known.
        where: File and row or frame, for a person.
        key: "<session>/<image name>" or "<video>/<frame, 6 digits>"; what `group` was found in.
        mask: uint8, (height, width): 0 no animal, n + 1 class n of `Wanted.mask_classes`;
            None if not known.
        owner: uint8, (height, width): 0 nobody, n + 1 individual n of `xy`; None if not known.
        pseudo_mask: True if `mask` was found by background subtraction, not drawn by hand.
        classes: float32, (classes,): 1 seen, 0 not seen, NaN not known.
        quantities: float32, (quantities,), in their units; NaN where not known.
    """

    image: NDArray[np.uint8]
    xy: NDArray[np.float32]
    group: str
    source: str
    size_px: float
    where: str = ""
    key: str = ""
    mask: NDArray[np.uint8] | None = None
    owner: NDArray[np.uint8] | None = None
    pseudo_mask: bool = False
    classes: NDArray[np.float32] = field(default_factory=_nothing)
    quantities: NDArray[np.float32] = field(default_factory=_nothing)


@dataclass(frozen=True, slots=True)
class Split:
    """Samples to learn from and, of other animals, sessions and rigs, to judge by.

    Attributes:
        train: To learn from.
        validation: Of groups that `train` has nothing of.
        weights: How often each sample of `train` is drawn; they add up to 1.
    """

    train: tuple[Sample, ...]
    validation: tuple[Sample, ...]
    weights: NDArray[np.float64]


def extent_of(xy: NDArray[np.float32]) -> float:
    """Longest distance between two keypoints (..., 2) of one animal (px); NaN below two known."""
    known = xy[np.isfinite(xy).all(1)]
    if len(known) < 2:
        return float("nan")
    return float(np.linalg.norm(known[:, None] - known[None], axis=2).max())


def median_of(values: Sequence[float]) -> float:
    """Median of the values that are known; NaN if none is."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.median(known)) if known else float("nan")
