"""Keypoints against labels: who is who, how far off, how many found."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from tracker.learning.judging.figures import Figures, known
from tracker.learning.samples import extent_of

NEAR_PX = (5, 10)
"""Distances for which the share of labelled keypoints within them is given (px)."""

STRANGERS = 1e9
"""Cost (px) of pairing two individuals that have no keypoint in common."""


@dataclass(frozen=True, slots=True, eq=False)
class ImagePose:
    """The labelled animals of one image, and where the network had their keypoints.

    Attributes:
        labelled: bool, (animals, keypoints): there is a label.
        error_px: float64, (animals, keypoints), sensor px; NaN where not labelled or not
            found.
        guess_px: The same, of the best guess whatever its confidence; NaN where there is
            none.
        extent_px: float64, (animals,), length of the animal; NaN if not known.
        found: Labelled animals that were found.
        surplus: Animals that the network saw where none is labelled; 0 if not `counted`.
        counted: Every animal in the image has a label, so that all others are surplus.
    """

    labelled: NDArray[np.bool_]
    error_px: NDArray[np.float64]
    guess_px: NDArray[np.float64]
    extent_px: NDArray[np.float64]
    found: int
    surplus: int
    counted: bool

    @property
    def badness(self) -> float:
        """Mean over labels of error / extent, at most 1, 1 where not found; NaN without labels."""
        share = np.minimum(self.error_px / self.extent_px[:, None], 1)
        share = np.where(np.isfinite(self.error_px), share, 1)[self.labelled]
        return float(np.nanmean(share)) if np.isfinite(share).any() else float("nan")


def pair(labels: NDArray[np.float32], seen: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Return (label, seen) for each pair of individuals that are one animal.

    The pairs whose distances, each a mean over the keypoints that both have, add up to the
    least (the Hungarian method, Kuhn 1955). Two that have no keypoint in common are no pair.

    Args:
        labels: (animals, keypoints, 2), px; NaN where not labelled.
        seen: (individuals, keypoints, 2), px; NaN where not found.
    """
    off = np.linalg.norm(labels[:, None] - seen[None], axis=-1)
    both = np.isfinite(off)
    shared = both.sum(-1)
    mean = np.where(both, off, 0).sum(-1) / np.maximum(shared, 1)
    rows, columns = linear_sum_assignment(np.where(shared > 0, mean, STRANGERS))
    return [(r, c) for r, c in zip(rows.tolist(), columns.tolist(), strict=True) if shared[r, c]]


def compare(
    labels: NDArray[np.float32],
    seen: NDArray[np.float32],
    size_px: float,
) -> ImagePose:
    """Return how one image's labels and the network's answer agree.

    A labelled animal counts as found if its pair is off by no more than the animal's length in
    the mean (any pair, if the length is not known); a pair that is farther off is one animal
    missed and one surplus. Its errors count all the same. Keypoints that no animal of the
    image has a label for are not looked at.

    Args:
        labels: (animals, keypoints, 2), sensor px; NaN where not labelled. An animal without
            any label means that nobody said how many there are.
        seen: (individuals, keypoints, 2), sensor px; NaN where not found.
        size_px: Length of an animal; NaN: the labels' own extent.
    """
    counted = len(_there(labels)) == len(labels)
    labels = _there(labels)
    if len(labels):
        named = np.isfinite(labels).all(-1).any(0, keepdims=True)
        seen = np.where(named.T, seen, np.nan)
    seen = _there(seen)
    shape = labels.shape[:2]
    own = np.array([extent_of(animal) for animal in labels], np.float64)
    extent = np.full(shape[0], size_px) if np.isfinite(size_px) else own
    error = np.full(shape, np.nan)
    found = 0
    for label, other in pair(labels, seen):
        error[label] = np.linalg.norm(labels[label] - seen[other], axis=-1)
        found += not np.nanmean(error[label]) > extent[label]
    labelled = np.asarray(np.isfinite(labels).all(-1), np.bool_)
    surplus = len(seen) - found if counted else 0
    return ImagePose(labelled, error, error, extent, found, surplus, counted)


def with_guess(
    pose: ImagePose, labels: NDArray[np.float32], guess: NDArray[np.float32]
) -> ImagePose:
    """Return the same with a guess wherever there is no better one yet.

    Args:
        pose: Of an image with one labelled animal.
        labels: Its labels, (animals, keypoints, 2), sensor px.
        guess: Where the network thinks that it is, whatever its confidence, (1, keypoints, 2),
            sensor px; NaN where it has no guess inside the image.
    """
    if len(guess) != 1:
        return pose
    off = np.linalg.norm(_there(labels) - guess, axis=-1)
    return replace(pose, guess_px=np.where(np.isfinite(pose.guess_px), pose.guess_px, off))


def pose_figures(images: Sequence[ImagePose], keypoints: Sequence[str]) -> Figures:
    """Return the figures of all keypoints, and of each with its name in front.

    Distances are in sensor px and, as `_permille_of_extent`, in thousandths of the animal's
    length. `mean_px`, `median_px` and `p95_px` are of labelled keypoints that were found.
    `within_5_px_share` and `within_10_px_share` are of all labelled ones: not found is not
    within. `mean_px_all` is of all labelled keypoints that have a guess inside the image,
    found or not; None if guesses were not asked for.
    """
    labelled = np.concatenate([image.labelled for image in images])
    error = np.concatenate([image.error_px for image in images])
    guess = np.concatenate([image.guess_px for image in images])
    extent = np.concatenate([image.extent_px for image in images])[:, None]
    figures = _spread(labelled, error, guess, extent)
    for number, name in enumerate(keypoints):
        one = slice(number, number + 1)
        own = _spread(labelled[:, one], error[:, one], guess[:, one], extent)
        figures |= {f"{name}: {key}": value for key, value in own.items()}
    return figures


def animal_figures(images: Sequence[ImagePose]) -> Figures:
    """Return how many animals were labelled, found, missed, and seen where none is."""
    labelled = sum(len(image.labelled) for image in images)
    found = sum(image.found for image in images)
    return {
        "animals": labelled,
        "animals_found": found,
        "animals_missed": labelled - found,
        "animals_surplus": sum(image.surplus for image in images),
    }


def _there(xy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Individuals that have a keypoint at all."""
    return xy[np.isfinite(xy).all(-1).any(-1)]


def _spread(
    labelled: NDArray[np.bool_],
    error: NDArray[np.float64],
    guess: NDArray[np.float64],
    extent: NDArray[np.float64],
) -> Figures:
    n = int(labelled.sum())
    found = np.isfinite(error)
    seen = error[found]
    permille = (1000 * error / extent)[found]
    permille = permille[np.isfinite(permille)]
    guessed = guess[np.isfinite(guess)]
    complete = bool(guessed.size > seen.size or seen.size == n)
    figures = {
        "found_share": seen.size / n if n else np.nan,
        "mean_px": seen.mean() if seen.size else np.nan,
        "median_px": np.median(seen) if seen.size else np.nan,
        "p95_px": np.percentile(seen, 95) if seen.size else np.nan,
        "mean_px_all": guessed.mean() if guessed.size and complete else np.nan,
        "mean_permille_of_extent": permille.mean() if permille.size else np.nan,
        "median_permille_of_extent": np.median(permille) if permille.size else np.nan,
    }
    for limit in NEAR_PX:
        figures[f"within_{limit}_px_share"] = (seen <= limit).sum() / n if n else np.nan
    return {"labelled_keypoints": n} | {name: known(value) for name, value in figures.items()}
