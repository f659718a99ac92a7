"""How rare a pose is: rare ones are drawn more often, or a network learns to ignore them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from tracker.learning.samples import Sample

NEIGHBOURS_SHARE = 0.05
"""The distance to so many of all poses says how rare one is: more than a bout's frames."""

MOST = 6.0
"""The rarest poses are drawn this many times as often as usual ones."""

ROUNDS = 5
"""Times that poses are laid onto their mean, and the mean is taken again."""

Poses = NDArray[np.float64]


def rarity_of(samples: Sequence[Sample]) -> NDArray[np.float64]:
    """Return how often each image is to be drawn: 1 for usual poses, up to `MOST` for rare ones.

    Poses are compared without place, size and direction (generalised Procrustes analysis, Gower
    1975, sizes as in `Sample.size_px`). A pose is so many times as rare as usual as the nearest
    twentieth of all poses is farther away than it is for half of them; an image is as rare as
    its rarest animal.
    """
    known = [
        (number, one / float(np.nan_to_num(sample.size_px, nan=1.0)))
        for number, sample in enumerate(samples)
        for one in sample.xy
        if np.isfinite(one).all(1).sum() >= 2
    ]
    rarity = np.ones(len(samples))
    if len(known) < 2:
        return rarity
    owner = [number for number, _ in known]
    flat = _aligned(np.stack([one for _, one in known]).astype(np.float64))
    flat = flat.reshape(len(known), -1)
    near = max(2, round(NEIGHBOURS_SHARE * len(known)))
    distance = cKDTree(flat).query(flat, k=[near])[0][:, 0]
    usual = max(float(np.median(distance)), float(distance.max()) / 1e6, 1e-12)
    np.maximum.at(rarity, owner, np.clip(distance / usual, 1.0, MOST))
    return rarity


def _aligned(poses: Poses) -> Poses:
    """Poses (n, keypoints, 2) laid onto their mean; keypoints without a label where most are."""
    here = np.asarray(np.isfinite(poses).all(2), np.bool_)
    mask = here[..., None]
    filled = np.where(mask, poses, 0.0)
    first = here.sum(1).argmax()
    mean: Poses = np.where(mask[first], filled[first], filled[first].sum(0) / here[first].sum())
    count = here.sum(0)
    for _ in range(ROUNDS):
        laid = _laid_onto(mean, filled, mask)
        mean = np.where(count[:, None] > 0, laid.sum(0) / np.maximum(count, 1)[:, None], mean)
    seen = np.where(mask, laid, np.nan)
    seen[0, count == 0] = 0.0  # nobody has it: it makes no difference
    return np.where(mask, laid, np.nanmedian(seen, 0))


def _laid_onto(mean: Poses, poses: Poses, mask: NDArray[np.bool_]) -> Poses:
    """Poses moved and turned so that their labelled keypoints are closest to those of the mean."""
    count = mask.sum(1, keepdims=True)
    place = (mean * mask).sum(1, keepdims=True) / count
    centred = (poses - poses.sum(1, keepdims=True) / count) * mask
    cross = np.einsum("nki,nkj->nij", centred, (mean - place) * mask)
    angle = np.arctan2(cross[:, 0, 1] - cross[:, 1, 0], cross[:, 0, 0] + cross[:, 1, 1])
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.stack([np.stack([cosine, -sine], 1), np.stack([sine, cosine], 1)], 1)
    laid: Poses = (np.einsum("nij,nkj->nki", turn, centred) + place) * mask
    return laid
