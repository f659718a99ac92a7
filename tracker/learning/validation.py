"""Held-out images, always the same ones: how far a network is off, and what it makes of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from tracker.learning.augment import View, augment, size_of, spoil
from tracker.learning.batches import USABLE, as_batch, crop_target, whole_target
from tracker.learning.losses import Batch, centres_of
from tracker.learning.networks import (
    LEAST_RADIUS_CELLS,
    Graph,
    Network,
    reconstruction_error,
)
from tracker.learning.recipe import GRAIN, Recipe
from tracker.learning.samples import Sample
from tracker.preprocess import Preprocessor

MOST_SAMPLES = 80
"""Held-out samples that are looked at, spread evenly: enough to choose a checkpoint by."""

SPOILT_EVERY = 3
"""For a network with the class `usable`, every so many samples have a spoilt view besides."""

REACHED_SHARE = 0.95
"""Of the labelled places of a keypoint are within its radius."""


@dataclass(frozen=True, slots=True)
class _Case:
    """One view of one held-out sample, ready for the network."""

    batch: Batch
    usable: bool


class Judge:
    """Measures a network on held-out images while it is trained.

    Args:
        recipe: Names heads, input and augmentation.
        samples: The held-out ones.
    """

    def __init__(self, recipe: Recipe, samples: Sequence[Sample]) -> None:
        self._recipe = recipe
        step = -(-len(samples) // MOST_SAMPLES) or 1
        self._cases = list(_cases(recipe, samples[::step]))

    def errors(self, network: Network) -> Mapping[str, float]:
        """Return the error of each head, from 0 to 1; `all` is their weighted mean.

        pose: distance / size of the animal, at most 1, mean over labelled keypoints; of several
        individuals each label counts with the nearest one that was found. segmentation: 1 -
        Dice. classification: Brier score. regression: error / spread, at most 1.
        """
        was_training = network.training
        network.eval()
        kept: dict[str, list[float]] = {}
        device = next(network.parameters()).device
        with torch.inference_mode():
            for case in self._cases:
                batch = case.batch.to(device)
                for head, error in _errors(network, batch, usable=case.usable):
                    kept.setdefault(head, []).append(error)
        network.train(was_training)
        found = {head: float(np.mean(errors)) for head, errors in kept.items()}
        heads = self._recipe.heads
        weights = {head: getattr(heads, head).weight for head in found}
        total = sum(weights.values())
        mean = sum(weights[head] * found[head] for head in found) / total if total else 1.0
        return {"all": mean, **found}

    def calibrate(self, network: Network) -> None:
        """Fit what only held-out images can tell: temperatures, radii, the limit of the novelty."""
        network.eval()
        logits, classes, errors, ways = [], [], [], []
        with torch.inference_mode():
            for case in self._cases:
                maps = network(case.batch.image)
                if "class" in maps:
                    logits.append(maps["class"])
                    classes.append(case.batch.classes)
                if "image" in maps and case.usable:
                    errors.append(reconstruction_error(case.batch.image, maps["image"]))
                if "home" in maps and case.usable:
                    ways.append(_home_error(network, maps, case.batch))
        if logits:
            _fit_temperature(network, torch.cat(logits), torch.cat(classes))
        if ways:
            _fit_radius(network, torch.cat(ways))
        head = self._recipe.heads.reconstruction
        if head is not None and errors:
            limit = torch.quantile(torch.cat(errors), head.quantile)
            network.heads["reconstruction"].get_buffer("limit").copy_(limit)


def _home_error(network: Network, maps: Mapping[str, Tensor], batch: Batch) -> Tensor:
    """Distance (cells) from each labelled centre of where its keypoints say that it is.

    (individuals, keypoints); NaN where the keypoint, or the centre, is not known.
    """
    pose, stride = network.recipe.heads.pose, network.stride
    assert pose is not None  # noqa: S101 - it has a way home
    cells = (batch.xy[0] + 0.5) / stride - 0.5
    centre = (centres_of(batch, pose)[0] + 0.5) / stride - 0.5
    height, width = maps["home"].shape[2:]
    home = maps["home"][0].reshape(len(pose.keypoints), 2, height, width)
    at = torch.nan_to_num(cells).round().long()
    column, row = at[..., 0].clamp(0, width - 1), at[..., 1].clamp(0, height - 1)
    number = torch.arange(len(pose.keypoints), device=row.device).expand_as(row)
    said = torch.stack([column, row], 2) + home[number, :, row, column]
    off = (said - centre[:, None]).square().sum(2).sqrt()
    return torch.where(torch.isfinite(cells).all(2), off, torch.nan)


def _fit_radius(network: Network, errors: Tensor) -> None:
    """The distance from its centre that `REACHED_SHARE` of a keypoint's ways home stay within."""
    if not len(errors):
        return
    radius = network.heads["pose"].get_buffer("radius")
    reached = torch.nanquantile(errors, REACHED_SHARE, 0)
    known = torch.isfinite(reached)
    radius[known] = reached[known].clamp(min=LEAST_RADIUS_CELLS).to(radius)


def _fit_temperature(network: Network, logits: Tensor, classes: Tensor) -> None:
    """Minimise the log loss, one temperature per class (Guo et al. 2017, arXiv:1706.04599)."""
    known = torch.isfinite(classes)
    target = torch.nan_to_num(classes).clone()
    log_t = torch.zeros(logits.shape[1], requires_grad=True)
    optimizer = torch.optim.LBFGS([log_t], lr=0.5, max_iter=50, line_search_fn="strong_wolfe")
    plain = logits.clone()

    def loss() -> Tensor:
        optimizer.zero_grad()
        each = functional.binary_cross_entropy_with_logits(
            plain / log_t.exp(), target, reduction="none"
        )
        value = (each * known).sum() / known.sum().clamp(min=1) + 1e-3 * log_t.square().sum()
        torch.autograd.backward(value)
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    temperature = network.heads["classification"].get_buffer("temperature")
    # Ten images without one mistake would call for a certainty that nobody has.
    temperature.mul_(log_t.detach().exp().clamp(0.5, 10))


def live_inputs(recipe: Recipe, samples: Sequence[Sample]) -> Iterator[NDArray[np.uint8]]:
    """Some held-out samples as network input, whole and as crops: (1, channels, height, width)."""
    step = -(-len(samples) // MOST_SAMPLES) or 1
    for case in _cases(recipe, samples[::step]):
        yield np.ascontiguousarray(case.batch.image.to(torch.uint8).numpy())


def _errors(network: Network, batch: Batch, *, usable: bool) -> Iterator[tuple[str, float]]:
    heads, stride = network.recipe.heads, network.stride
    maps = network(batch.image)
    if heads.pose and usable and torch.isfinite(batch.xy).any():
        answer = Graph(network)(batch.image.to(torch.uint8))
        yield "pose", _pose_error(answer[0][0], batch.xy[0], float(batch.size[0]))
    if heads.segmentation and (batch.mask != 255).any():
        for number in range(len(heads.segmentation.classes)):
            truth = batch.mask[0, stride // 2 :: stride, stride // 2 :: stride]
            seen = (maps["mask"][0, number] > 0) & (truth != 255)
            yield "segmentation", 1 - _dice(seen, truth == number + 1)
    if heads.classification:
        known = torch.isfinite(batch.classes)
        if known.any():
            wrong = (torch.sigmoid(maps["class"]) - batch.classes).square()
            yield "classification", float(wrong[known].mean())
    if heads.regression:
        head = network.heads["regression"]
        middle, spread = head.get_buffer("middle"), head.get_buffer("spread")
        off = (maps["quantity"] - (batch.quantities - middle) / spread).abs()
        known = torch.isfinite(off)
        if known.any():
            yield "regression", float(off[known].clamp(max=1).mean())


def _dice(seen: Tensor, truth: Tensor) -> float:
    total = int(seen.sum() + truth.sum())
    return 2 * int((seen & truth).sum()) / total if total else 1.0


def _pose_error(found: Tensor, xy: Tensor, size: float) -> float:
    """Found and labelled are (individuals, keypoints, 2), px."""
    errors = []
    for one in xy[torch.isfinite(xy).any(2).any(1)]:
        off = (torch.linalg.vector_norm(found - one, dim=2) / size).clamp(max=1)
        mean = torch.nanmean(off, 1)
        errors.append(float(mean.min()))
    return float(np.mean(errors))


def _cases(recipe: Recipe, samples: Sequence[Sample]) -> Iterator[_Case]:
    calm = recipe.augmentation.model_copy(update={"absent": 0.0})
    crop = crop_target(recipe)
    spoils = USABLE in recipe.wanted.classes
    swap = recipe.mirror_order
    for number, sample in enumerate(samples):
        rng = np.random.default_rng([recipe.schedule.seed, number, 1])
        views = [_whole(recipe, sample)]
        views.append(augment(sample, calm, crop or whole_target(recipe), swap, rng))
        if crop is not None:
            still = calm.model_copy(update={"rotation_deg": 0.0, "flip": False, "occlusion": 0.0})
            views.append(augment(sample, still, crop, swap, rng))
        if spoils and number % SPOILT_EVERY == 0:
            views.append(spoil(views[number // SPOILT_EVERY % len(views)], rng))
        for view in views:
            yield _Case(as_batch(recipe, [sample], [view]), view.usable)


def _whole(recipe: Recipe, sample: Sample) -> View:
    """The whole frame as the live loop shows it to the network."""
    inputs = recipe.input
    preprocessor = Preprocessor(sample.image.shape, inputs.channels, inputs.long_side, GRAIN)
    geometry = preprocessor.geometry
    image = preprocessor.prepare(sample.image)[0]
    xy = geometry.to_input(sample.xy)
    with np.errstate(all="ignore"):
        low = np.array([np.nanmin(one, 0, initial=np.inf) for one in xy]).reshape(-1, 2)
        high = np.array([np.nanmax(one, 0, initial=-np.inf) for one in xy]).reshape(-1, 2)
        middle = (low + high) / 2
    middle[~np.isfinite(middle)] = np.nan
    return View(
        image=np.ascontiguousarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0)),
        xy=xy.astype(np.float32),
        unlabelled=np.asarray(np.isnan(sample.xy).any(-1), np.bool_),
        middle=middle.astype(np.float32),
        size=size_of(sample) * geometry.scale_x,
        mask=_labels_to_input(sample.mask, preprocessor),
        owner=_labels_to_input(sample.owner, preprocessor),
    )


def _labels_to_input(
    labels: NDArray[np.uint8] | None, preprocessor: Preprocessor
) -> NDArray[np.uint8] | None:
    """Labels of the pixels nearest to those of the input; nothing in the margin."""
    if labels is None:
        return None
    geometry = preprocessor.geometry
    laid = np.zeros(preprocessor.input_shape, np.uint8)
    rows = ((np.arange(geometry.height) + 0.5) / geometry.scale_y).astype(int)
    columns = ((np.arange(geometry.width) + 0.5) / geometry.scale_x).astype(int)
    rows, columns = rows.clip(max=labels.shape[0] - 1), columns.clip(max=labels.shape[1] - 1)
    laid[: geometry.height, : geometry.width] = labels[np.ix_(rows, columns)]
    return laid
