"""How good a trained network is on animals and rigs that it never saw."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from tracker.learning.networks import GRAIN, PoseGraph
from tracker.learning.recipe import Recipe
from tracker.learning.samples import Sample
from tracker.preprocess import Preprocessor


def inputs_of(recipe: Recipe, samples: Sequence[Sample]) -> list[NDArray[np.uint8]]:
    """Each sample as network input, uint8 (1, channels, height, width)."""
    return [_preprocessor(recipe, sample).prepare(sample.image).copy() for sample in samples]


def score(graph: PoseGraph, recipe: Recipe, samples: Sequence[Sample]) -> Mapping[str, float]:
    """Return figures for each source, on frames as the live loop would give them.

    Args:
        graph: In evaluation mode.
        recipe: Names input size and the least confidence.
        samples: Held out of training.

    Returns:
        For each source, with its name in front: number of images; median and 95th percentile
        of the distance of found keypoints from their labels, in sensor pixels; median in
        thousandths of the animal's extent; and the share of labelled keypoints found.
    """
    figures: dict[str, float] = {}
    for source in dict.fromkeys(sample.source for sample in samples):
        own = [sample for sample in samples if sample.source == source]
        distance, confidence, size = _answers(graph, recipe, own)
        labelled = np.isfinite(distance)
        found = labelled & (confidence >= recipe.min_confidence)
        seen = distance[found]
        nothing = float("nan")
        figures[f"{source}: images"] = len(own)
        figures[f"{source}: median_px"] = float(np.median(seen)) if seen.size else nothing
        figures[f"{source}: p95_px"] = float(np.percentile(seen, 95)) if seen.size else nothing
        figures[f"{source}: median_permille_of_extent"] = (
            float(np.median(1000 * (distance / size)[found])) if seen.size else nothing
        )
        figures[f"{source}: found_share"] = float(found.sum() / max(1, labelled.sum()))
    return {name: round(value, 4) for name, value in figures.items() if np.isfinite(value)}


def _answers(
    graph: PoseGraph, recipe: Recipe, samples: Sequence[Sample]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Distance (sensor px), confidence, and extent of the animal (sensor px), per keypoint."""
    rows = []
    with torch.inference_mode():
        for sample in samples:
            preprocessor = _preprocessor(recipe, sample)
            image = torch.from_numpy(preprocessor.prepare(sample.image))
            xy, confidence = (out[0, 0].numpy() for out in graph(image))
            off = np.linalg.norm(preprocessor.geometry.to_sensor(xy) - sample.xy, axis=1)
            rows.append((off, confidence, np.full(len(off), sample.size_px)))
    distance, sure, size = (
        np.stack(column).astype(np.float64) for column in zip(*rows, strict=True)
    )
    return distance, sure, size


def _preprocessor(recipe: Recipe, sample: Sample) -> Preprocessor:
    return Preprocessor(sample.image.shape, recipe.network.channels, recipe.long_side, GRAIN)
