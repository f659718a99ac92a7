"""The training loop: seeded by step, so that it goes on after an interruption as if none were."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, cast

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from tracker.errors import TrainingError, TrainingStopped
from tracker.learning.batches import draw_batch
from tracker.learning.losses import losses_of
from tracker.learning.networks import Network
from tracker.learning.recipe import Recipe
from tracker.learning.samples import Sample, Split
from tracker.learning.validation import Judge

MEMORY = 0.02
"""Share of the steps over which weights are averaged; the average is what is judged and kept."""


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


@dataclass(slots=True)
class History:
    """What the curves are drawn from.

    Attributes:
        steps: At each validation, the steps done.
        losses: By head, mean over the steps since the validation before.
        errors: By head and `all`, see `Judge.errors`.
    """

    steps: list[int] = field(default_factory=list)
    losses: dict[str, list[float]] = field(default_factory=dict)
    errors: dict[str, list[float]] = field(default_factory=dict)


def choose_device(*, has_gpu: bool) -> torch.device:
    """Return where to train: on the GPU if there is one, else on the CPU."""
    return torch.device("cuda" if has_gpu else "cpu")


def never() -> bool:
    """Nobody asks to stop."""
    return False


class Trainer:
    """Trains one network; all that is random depends on seed and step alone.

    Args:
        recipe: What to train.
        split: On what.
        device: Where; by default on the GPU if PyTorch can use one, in mixed precision, else on
            the CPU.
    """

    def __init__(self, recipe: Recipe, split: Split, device: torch.device | None = None) -> None:
        schedule = recipe.schedule
        torch.set_num_threads(schedule.threads)
        torch.manual_seed(schedule.seed)
        self._recipe, self._split = recipe, split
        self._device = device or choose_device(has_gpu=torch.cuda.is_available())
        self._mixed = self._device.type == "cuda"
        self._judge = Judge(recipe, split.validation)
        network = Network(recipe)
        _set_scale(network, split.train)
        # A third faster on a CPU; PyTorch's own overloads leave this form out.
        network.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._network = network
        decay = 1 - 1 / max(2.0, MEMORY * schedule.steps)
        averaging = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        self._average = AveragedModel(network, multi_avg_fn=averaging, use_buffers=True)
        self._optimizer = torch.optim.AdamW(
            network.parameters(), schedule.learning_rate, weight_decay=schedule.weight_decay
        )
        self._scaler = torch.amp.GradScaler(self._device.type, enabled=self._mixed)
        self._step = 0
        self._loss = float("nan")
        self._recent: list[dict[str, float]] = []  # since the last validation
        self._best: Mapping[str, Any] | None = None
        self._error = float("inf")
        self.history = History()

    @property
    def progress(self) -> Progress:
        """Where it stands."""
        return Progress(self._step, self._recipe.schedule.steps, self._loss, self._error)

    def run(
        self,
        checkpoint: Path,
        report: Callable[[Progress], None],
        stop: Callable[[], bool] = never,
    ) -> Network:
        """Train to the last step and return the network that was best on held-out images.

        Args:
            checkpoint: Written at every validation, so that an interrupted run can go on.
            report: Told after each step.
            stop: Asked after each step whether to stop there, with a checkpoint.

        Raises:
            TrainingStopped: If `stop` said so before the last step.
            TrainingError: If the loss is no longer a number.
        """
        schedule = self._recipe.schedule
        while self._step < schedule.steps:
            self._train_one_batch()
            if self._step % schedule.validate_every == 0 or self._step == schedule.steps:
                self._validate()
                self.save(checkpoint)
            report(self.progress)
            if self._step < schedule.steps and stop():
                self.save(checkpoint)
                raise TrainingStopped(
                    f"training stopped after step {self._step} of {schedule.steps}: the same "
                    f"command with --resume goes on from {checkpoint}"
                )
        network = Network(self._recipe)
        if self._best is not None:
            network.load_state_dict(dict(self._best))
        network.eval()
        self._judge.calibrate(network)
        return network

    def save(self, path: Path) -> None:
        """Write the whole state; the file is complete or the old one at any time."""
        history = self.history
        state = {
            "recipe": self._recipe.model_dump_json(),
            "network": self._network.state_dict(),
            "average": self._average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "scaler": self._scaler.state_dict(),
            "step": self._step,
            "best": self._best,
            "error": self._error,
            "recent": self._recent,
            "history": {"steps": history.steps, "losses": history.losses, "errors": history.errors},
        }
        partial = path.with_suffix(".part")
        torch.save(state, partial)
        partial.replace(path)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint.

        Raises:
            TrainingError: If it is no checkpoint, or comes from another recipe.
        """
        try:
            state = torch.load(path, weights_only=True, map_location=self._device)
        except (OSError, RuntimeError, EOFError, UnpicklingError) as error:
            raise TrainingError(
                f"{path} is no checkpoint of a training: train without --resume"
            ) from error
        if state["recipe"] != self._recipe.model_dump_json():
            raise TrainingError(
                f"{path} comes from another recipe than this one: train without --resume, or "
                f"put the old recipe back"
            )
        self._network.load_state_dict(state["network"])
        self._average.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        if state["scaler"]:  # on a CPU it has no state
            self._scaler.load_state_dict(state["scaler"])
        self._step, self._best, self._error = state["step"], state["best"], state["error"]
        self._recent = state.get("recent", [])  # earlier checkpoints lack it
        self.history = History(**state["history"])

    def _train_one_batch(self) -> None:
        batch = draw_batch(self._recipe, self._split, self._step).to(self._device)
        for group in self._optimizer.param_groups:
            group["lr"] = self._rate()
        with torch.autocast(self._device.type, torch.float16, enabled=self._mixed):
            maps = self._network(batch.image)
        losses = losses_of(
            self._network, {name: each.float() for name, each in maps.items()}, batch
        )
        self._optimizer.zero_grad()
        torch.autograd.backward(self._scaler.scale(sum(losses.values(), torch.zeros(()))))
        self._scaler.unscale_(self._optimizer)
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), 5.0)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._average.update_parameters(self._network)
        self._step += 1
        values = {head: loss.item() for head, loss in losses.items()}
        self._recent.append(values)
        self._loss = sum(values.values())
        if not np.isfinite(self._loss):
            raise TrainingError(
                f"the loss is {values} at step {self._step}: lower schedule.learning_rate"
            )

    def _rate(self) -> float:
        """Rises over the first 5 % of the steps, then falls as a cosine to 1 % of its height."""
        schedule = self._recipe.schedule
        done = self._step / schedule.steps
        rise = min(1.0, (self._step + 1) / max(1.0, 0.05 * schedule.steps))
        fall = 0.01 + 0.99 * (1 + np.cos(np.pi * done)) / 2
        return float(schedule.learning_rate * rise * fall)

    def _validate(self) -> None:
        average = cast("Network", self._average.module)
        errors = self._judge.errors(average)
        history = self.history
        history.steps.append(self._step)
        for head in self._recent[0] if self._recent else ():
            mean = float(np.mean([losses[head] for losses in self._recent]))
            history.losses.setdefault(head, []).append(mean)
        for head, error in errors.items():
            history.errors.setdefault(head, []).append(error)
        self._recent = []
        if errors["all"] <= self._error:
            self._error = errors["all"]
            state = average.state_dict()
            self._best = {name: value.clone() for name, value in state.items()}


def _set_scale(network: Network, samples: tuple[Sample, ...]) -> None:
    """Give a regression head the middle and spread of the training values."""
    if "regression" not in network.heads:
        return
    head = network.heads["regression"]
    values = np.stack([sample.quantities for sample in samples])
    for number, column in enumerate(values.T):
        known = column[np.isfinite(column)]
        if len(known):
            head.get_buffer("middle")[number] = float(np.mean(known))
            head.get_buffer("spread")[number] = max(float(np.std(known)), 1e-6)
