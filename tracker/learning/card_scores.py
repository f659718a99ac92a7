"""The figures that a network's card carries: few enough to be read."""

from collections.abc import Sequence
from pathlib import Path

from tracker.learning.evaluate import judge_file
from tracker.learning.samples import Sample
from tracker.observers.reading import measure_name
from tracker.runtimes.base import ModelCard

POSE = ("mean_px", "median_px", "p95_px", "within_10_px_share", "found_share")
"""Figures of keypoints; see `judging.pose.pose_figures`."""


def card_scores(network: Path, samples: Sequence[Sample]) -> dict[str, float]:
    """Return held-out figures by "<source>: <figure>", seen through the live loop's observer.

    Args:
        network: The ONNX file.
        samples: The held-out ones, of all sources.

    Raises:
        MissingExtra: If scikit-learn, pycocotools or matplotlib is not installed.
        ModelError: If the network cannot be used, or fails.
    """
    judgement = judge_file(network, samples)
    wanted = figures_of(judgement.card)
    scores: dict[str, float] = {}
    for source in judgement.sources:
        found = judgement.of(source)
        for name in wanted:
            value = found.get(name)
            if value is not None:
                scores[f"{source}: {name}"] = round(value, 4)
    return scores


def figures_of(card: ModelCard) -> tuple[str, ...]:
    """Return the names of the figures that fit a card; a data set may lack some of them.

    Dice against pseudo-masks has a name of its own.
    """
    names = ["images", *(POSE if card.keypoints else ())]
    names += [f"{keypoint}: within_10_px_share" for keypoint in card.keypoints]
    for mask_class in card.mask_classes:
        names += [f"{mask_class}: dice", f"{mask_class}: dice_against_pseudo_masks"]
    for name in card.classes:
        names += [f"{name}: roc_auc", f"{name}: ece"]
    names += [f"{name}: {measure_name('mae', unit)}" for name, unit in card.quantities.items()]
    return tuple(names)
