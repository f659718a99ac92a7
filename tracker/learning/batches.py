"""Batches to learn from, drawn by step: the same recipe and step give the same batch."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from tracker.learning.augment import Target, View, augment, spoil
from tracker.learning.losses import Batch
from tracker.learning.recipe import Recipe
from tracker.learning.samples import Sample, Split

CROP_SIZE_RANGE = 1.35
"""In a crop the animal is up to this factor larger or smaller than it should be."""

CROP_SPREAD = 0.2
"""In a crop the animal is off the middle by up to this share of the side."""

USABLE = "usable"
"""The class for which spoilt images are made."""


def whole_target(recipe: Recipe) -> Target:
    """How an animal is seen where the whole frame is the input."""
    augmentation = recipe.augmentation
    return Target(recipe.schedule.canvas, augmentation.size_px, augmentation.spread)


def crop_target(recipe: Recipe) -> Target | None:
    """How an animal is seen that is followed with a crop; None if the recipe has none."""
    crop = recipe.input.crop
    if crop is None:
        return None
    sizes = crop.animal_px / CROP_SIZE_RANGE, crop.animal_px * CROP_SIZE_RANGE
    return Target((crop.side, crop.side), sizes, CROP_SPREAD)


def draw_batch(recipe: Recipe, split: Split, step: int) -> Batch:
    """Return the batch of a step."""
    schedule = recipe.schedule
    rng = np.random.default_rng([schedule.seed, step])
    crop = crop_target(recipe)
    target = whole_target(recipe)
    if crop is not None and rng.random() < schedule.crop_share:
        target = crop
    picks = rng.choice(len(split.train), schedule.batch, p=split.weights)
    samples = [split.train[pick] for pick in picks]
    views = [draw_view(recipe, sample, target, rng) for sample in samples]
    return as_batch(recipe, samples, views)


def draw_view(recipe: Recipe, sample: Sample, target: Target, rng: np.random.Generator) -> View:
    """Return a view of a sample, now and then a spoilt one."""
    view = augment(sample, recipe.augmentation, target, recipe.mirror_order, rng)
    usable = USABLE in recipe.wanted.classes
    if usable and rng.random() < recipe.augmentation.spoilt:
        return spoil(view, rng)
    return view


def as_batch(recipe: Recipe, samples: Sequence[Sample], views: Sequence[View]) -> Batch:
    """Return views, all of one size, as one batch."""
    n_keypoints = len(recipe.wanted.keypoints)
    most = max(1, *(len(view.xy) for view in views))
    xy = np.full((len(views), most, n_keypoints, 2), np.nan, np.float32)
    unlabelled = np.zeros((len(views), most, n_keypoints), bool)
    middle = np.full((len(views), most, 2), np.nan, np.float32)
    for number, view in enumerate(views):
        if view.usable:  # in a spoilt image there is nothing to be found
            xy[number, : len(view.xy)] = view.xy
            unlabelled[number, : len(view.xy)] = view.unlabelled
            middle[number, : len(view.xy)] = view.middle
    images = np.concatenate([planes(view.image) for view in views])
    image = torch.from_numpy(images).to(torch.float32)
    pairs = list(zip(samples, views, strict=True))
    return Batch(
        image=image.contiguous(memory_format=torch.channels_last),
        xy=torch.from_numpy(xy),
        unlabelled=torch.from_numpy(unlabelled),
        middle=torch.from_numpy(middle),
        size=torch.tensor([view.size for view in views], dtype=torch.float32),
        pose_known=torch.tensor([_pose_known(sample) for sample in samples]),
        mask=_stacked([view.mask for view in views], images.shape[2:]),
        owner=_stacked([view.owner for view in views], images.shape[2:]),
        classes=torch.from_numpy(np.stack([_classes(recipe, *pair) for pair in pairs])),
        quantities=torch.from_numpy(np.stack([_quantities(*pair) for pair in pairs])),
    )


def _pose_known(sample: Sample) -> bool:
    """Whether somebody said where all animals are."""
    somewhere = all(np.isfinite(one).all(axis=1).any() for one in sample.xy)
    return somewhere and bool(np.isfinite(sample.size_px))


def _classes(recipe: Recipe, sample: Sample, view: View) -> NDArray[np.float32]:
    """Of a spoilt image only one thing is known: it is not usable."""
    if view.usable:
        return sample.classes
    names = recipe.wanted.classes
    return np.array([0.0 if name == USABLE else np.nan for name in names], np.float32)


def _quantities(sample: Sample, view: View) -> NDArray[np.float32]:
    return sample.quantities if view.usable else np.full_like(sample.quantities, np.nan)


def _stacked(labels: Sequence[NDArray[np.uint8] | None], shape: tuple[int, ...]) -> torch.Tensor:
    """One array of them all, 255 where nothing is known."""
    unknown = np.full(shape, 255, np.uint8)
    return torch.from_numpy(np.stack([unknown if each is None else each for each in labels]))


def planes(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A grey or RGB image as network input, (1, channels, height, width)."""
    stacked = image[None] if image.ndim == 2 else image.transpose(2, 0, 1)
    return np.ascontiguousarray(stacked[None])
