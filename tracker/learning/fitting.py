"""The training loop: seeded by step, so that it goes on after an interruption as if none were."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tracker.errors import TrainingError
from tracker.learning.augment import augment
from tracker.learning.networks import GRAIN, PoseGraph, PoseNetwork, loss_of
from tracker.learning.recipe import Recipe
from tracker.learning.samples import Sample, Split
from tracker.preprocess import Preprocessor

VALIDATION_VIEWS = 3
"""Images made of each held-out sample: as it is, and at two other sizes and angles."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where training stands.

    Attributes:
        step: Steps done.
        steps: Steps in all.
        loss: Of the last batch.
        error: Held-out error of the best network so far, see `Judge`; infinite before the
            first validation.
    """

    step: int
    steps: int
    loss: float
    error: float


class Judge:
    """Held-out images, always the same ones, and how far a network is off on them.

    Args:
        recipe: Names keypoints, input and augmentation.
        samples: The held-out ones.
    """

    def __init__(self, recipe: Recipe, samples: Sequence[Sample]) -> None:
        self._views = list(_views(recipe, samples))

    def error(self, network: PoseNetwork) -> float:
        """Mean over all labelled keypoints of distance / size of the animal, at most 1 each."""
        graph = PoseGraph(network).eval()
        errors = []
        with torch.inference_mode():
            for image, xy, size in self._views:
                found = graph(torch.from_numpy(image))[0][0, 0].numpy()
                errors.append(np.linalg.norm(found - xy, axis=1) / size)
        network.train()
        return float(np.nanmean(np.minimum(np.concatenate(errors), 1)))


def _views(
    recipe: Recipe, samples: Sequence[Sample]
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.float32], float]]:
    """Network input, keypoints in it, and extent of the animal in it (px)."""
    calm = recipe.augmentation.model_copy(update={"absent": 0.0})
    for number, sample in enumerate(samples):
        preprocessor = Preprocessor(
            sample.image.shape, recipe.network.channels, recipe.long_side, GRAIN
        )
        geometry = preprocessor.geometry
        size = sample.size_px * geometry.scale_x
        yield preprocessor.prepare(sample.image).copy(), geometry.to_input(sample.xy), size
        for view in range(1, VALIDATION_VIEWS):
            rng = np.random.default_rng([recipe.schedule.seed, number, view, 1])
            canvas, swap = recipe.schedule.canvas, mirror_order(recipe)
            image, xy = augment(sample, calm, canvas, swap, rng)
            middle_size = np.sqrt(np.prod(recipe.augmentation.size_px))
            yield planes(image), xy, float(middle_size)


def mirror_order(recipe: Recipe) -> list[int]:
    """For each keypoint, the one whose place it takes in a mirror image."""
    pairs = dict(recipe.mirror) | {right: left for left, right in recipe.mirror}
    return [recipe.keypoints.index(pairs.get(name, name)) for name in recipe.keypoints]


def planes(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A grey or RGB image as network input, (1, channels, height, width)."""
    stacked = image[None] if image.ndim == 2 else image.transpose(2, 0, 1)
    return np.ascontiguousarray(stacked[None])


class Trainer:
    """Trains one network; all that is random depends on seed and step alone.

    Args:
        recipe: What to train.
        split: On what.
    """

    def __init__(self, recipe: Recipe, split: Split) -> None:
        schedule = recipe.schedule
        torch.set_num_threads(schedule.threads)
        torch.manual_seed(schedule.seed)
        self._recipe, self._split = recipe, split
        self._swap = mirror_order(recipe)
        self._judge = Judge(recipe, split.validation)
        self.network = PoseNetwork(len(recipe.keypoints), recipe.network)
        # A third faster on a CPU; PyTorch's own overloads leave this form out.
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._optimizer = torch.optim.AdamW(
            self.network.parameters(), schedule.learning_rate, weight_decay=schedule.weight_decay
        )
        self._step = 0
        self._loss = float("nan")
        self._best: Mapping[str, Any] | None = None
        self._error = float("inf")

    @property
    def progress(self) -> Progress:
        """Where it stands."""
        return Progress(self._step, self._recipe.schedule.steps, self._loss, self._error)

    def run(self, checkpoint: Path, report: Callable[[Progress], None]) -> PoseNetwork:
        """Train to the last step and return the network that was best on held-out images.

        Args:
            checkpoint: Written at every validation, so that an interrupted run can go on.
            report: Told after each step.
        """
        schedule = self._recipe.schedule
        while self._step < schedule.steps:
            self._train_one_batch()
            if self._step % schedule.validate_every == 0 or self._step == schedule.steps:
                self._validate()
                self.save(checkpoint)
            report(self.progress)
        if self._best is not None:
            self.network.load_state_dict(dict(self._best))
        self.network.eval()
        return self.network

    def save(self, path: Path) -> None:
        """Write the whole state; the file is complete or the old one at any time."""
        state = {
            "recipe": self._recipe.model_dump_json(),
            "network": self.network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "step": self._step,
            "best": self._best,
            "error": self._error,
        }
        partial = path.with_suffix(".part")
        torch.save(state, partial)
        partial.replace(path)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint.

        Raises:
            TrainingError: If it comes from another recipe.
        """
        state = torch.load(path, weights_only=True)
        if state["recipe"] != self._recipe.model_dump_json():
            raise TrainingError(
                f"{path} comes from another recipe than this one: train without --resume, or "
                f"put the old recipe back"
            )
        self.network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._step, self._best, self._error = state["step"], state["best"], state["error"]

    def _train_one_batch(self) -> None:
        images, xy, known = self._batch()
        for group in self._optimizer.param_groups:
            group["lr"] = self._rate()
        loss = loss_of(self.network(images), xy, known)
        self._optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self._optimizer.step()
        self._step += 1
        self._loss = loss.item()
        if not np.isfinite(self._loss):
            raise TrainingError(
                f"the loss is {self._loss} at step {self._step}: lower schedule.learning_rate"
            )

    def _batch(self) -> tuple[Tensor, Tensor, Tensor]:
        """Images, keypoints (NaN: not in the image) and which labels are known, by step."""
        schedule, split = self._recipe.schedule, self._split
        rng = np.random.default_rng([schedule.seed, self._step])
        picks = rng.choice(len(split.train), schedule.batch, p=split.weights)
        drawn = [
            augment(split.train[pick], self._recipe.augmentation, schedule.canvas, self._swap, rng)
            for pick in picks
        ]
        images = np.concatenate([planes(image) for image, _ in drawn])
        xy = np.stack([xy for _, xy in drawn])
        labelled = np.stack([np.isfinite(split.train[pick].xy).all(1) for pick in picks])
        tensor = torch.from_numpy(images).to(torch.float32)
        tensor = tensor.contiguous(memory_format=torch.channels_last)
        return tensor, torch.from_numpy(xy), torch.from_numpy(labelled)

    def _rate(self) -> float:
        """Rises over the first 5 % of the steps, then falls as a cosine to 1 % of its height."""
        schedule = self._recipe.schedule
        done = self._step / schedule.steps
        rise = min(1.0, (self._step + 1) / max(1.0, 0.05 * schedule.steps))
        fall = 0.01 + 0.99 * (1 + np.cos(np.pi * done)) / 2
        return float(schedule.learning_rate * rise * fall)

    def _validate(self) -> None:
        error = self._judge.error(self.network)
        if error <= self._error:
            self._error = error
            self._best = {name: value.clone() for name, value in self.network.state_dict().items()}
