"""Average precision by object keypoint similarity (OKS), as the COCO challenge computes it."""

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from tracker.learning.judging.figures import Figures, known

SIGMA = 0.05
"""Spread of a keypoint's labels, as a share of the square root of the animal's area.

COCO's constants for people run from 0.025 (eyes) to 0.107 (hips): Ronchi and Perona 2017,
arXiv:1707.05388. No animal keypoints of ours have been labelled often enough to measure theirs,
so all have one value from the middle. A keypoint that is off by twice this, times the square
root of the area, scores exp(-1/2).
"""

FAR_PX = 1e7
"""Where COCO is told that a keypoint is which was not found: it scores 0 there."""


@dataclass(frozen=True, slots=True, eq=False)
class OksImage:
    """One image for the evaluation.

    Attributes:
        labels: (animals, keypoints, 2), px; NaN where not labelled.
        seen: (individuals, keypoints, 2), px; NaN where not found.
        confidence: (individuals, keypoints), 0 to 1.
    """

    labels: NDArray[np.float32]
    seen: NDArray[np.float32]
    confidence: NDArray[np.float32]


def area_of(xy: NDArray[np.float32]) -> float:
    """Return the area (px²) of the box around an animal's keypoints (keypoints, 2).

    No side counts as shorter than half the longer one: a mouse that lies along a side of the
    image is to be judged no more strictly than one that lies across.
    """
    sides = np.nanmax(xy, axis=0) - np.nanmin(xy, axis=0)
    return float(np.prod(np.maximum(sides, sides.max() / 2)))


def oks_figures(images: Sequence[OksImage]) -> Figures:
    """Return `oks_map`, mean over OKS thresholds 0.50 to 0.95, and `oks_ap50`, at 0.50.

    Animals of one labelled keypoint are left out: they have no area. An individual's score
    is the mean confidence of its keypoints that were found. None if nothing is labelled.
    """
    truth, answers = _truth(images), _answers(images)
    if not truth:
        return {"oks_map": None, "oks_ap50": None}
    if not answers:
        return {"oks_map": 0.0, "oks_ap50": 0.0}
    keypoints = len(truth[0]["keypoints"]) // 3
    with contextlib.redirect_stdout(io.StringIO()):  # it reports its progress there
        judge = COCOeval(_coco(images, truth), _coco(images, answers), "keypoints")
        judge.params.kpt_oks_sigmas = np.full(keypoints, SIGMA)
        judge.params.areaRng = [[0.0, 1e12]]
        judge.params.areaRngLbl = ["all"]
        judge.params.maxDets = [max(len(image.seen) for image in images)]
        judge.evaluate()
        judge.accumulate()
    precision = judge.eval["precision"]  # (thresholds, recalls, 1, 1, 1); -1: not known
    return {"oks_map": _mean(precision), "oks_ap50": _mean(precision[:1])}


def _mean(precision: NDArray[np.float64]) -> float | None:
    valid = precision[precision > -1]
    return known(valid.mean()) if valid.size else None


def _truth(images: Sequence[OksImage]) -> list[dict[str, Any]]:
    rows = []
    for number, image in enumerate(images, 1):
        for xy in image.labels:
            labelled = np.isfinite(xy).all(-1)
            if labelled.sum() > 1:
                rows.append(_row(number, xy, labelled) | {"area": area_of(xy), "iscrowd": 0})
    return _numbered(rows)


def _answers(images: Sequence[OksImage]) -> list[dict[str, Any]]:
    rows = []
    for number, image in enumerate(images, 1):
        for xy, confidence in zip(image.seen, image.confidence, strict=True):
            found = np.isfinite(xy).all(-1)
            if found.any():
                score = {"score": float(confidence[found].mean()), "area": 1.0}
                rows.append(_row(number, xy, found) | score)
    return _numbered(rows)


def _row(image: int, xy: NDArray[np.float32], there: NDArray[np.bool_]) -> dict[str, Any]:
    """What labels and answers share; 2 means labelled and visible."""
    flat = np.column_stack([np.where(there[:, None], xy, FAR_PX), np.where(there, 2, 0)])
    low, high = np.nanmin(xy, axis=0), np.nanmax(xy, axis=0)
    return {
        "image_id": image,
        "category_id": 1,
        "keypoints": flat.astype(np.float64).ravel().tolist(),
        "num_keypoints": int(there.sum()),
        "bbox": [*low.tolist(), *(high - low).tolist()],
    }


def _numbered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row | {"id": number} for number, row in enumerate(rows, 1)]


def _coco(images: Sequence[OksImage], rows: list[dict[str, Any]]) -> Any:
    coco = COCO()
    coco.dataset = {
        "images": [{"id": number} for number in range(1, len(images) + 1)],
        "categories": [{"id": 1, "name": "animal"}],
        "annotations": rows,
    }
    coco.createIndex()
    return coco
