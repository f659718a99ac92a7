"""Gated recurrent units that tell behaviours: training, and the graph that makes one step."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tracker.errors import TrainingStopped
from tracker.learning.behaviours.judging import judge
from tracker.learning.behaviours.measuring import TRAIN, VALIDATE, Session
from tracker.learning.behaviours.recipe import BehaviourRecipe, GruModel
from tracker.learning.behaviours.scaling import (
    Scaling,
    class_weights,
    mirror_signs,
    swapped_order,
)

LOOKS = 8
"""How often the state is judged on the sessions for validation."""

LENGTHS = ("cm", "px", "cm/s", "px/s", "cm/s^2", "px/s^2")
"""Units of inputs that grow with the animal."""

SMOOTHING = 0.05
"""Share of the truth that is spread over all classes: people are not sure at the borders."""


class Gru(nn.Module):
    """Scaled inputs, one layer, gated recurrent units, one logit per class."""

    middle: torch.Tensor
    spread: torch.Tensor

    def __init__(self, scaling: Scaling, n_classes: int, settings: GruModel) -> None:
        super().__init__()
        n = len(scaling.middle)
        self.register_buffer("middle", torch.from_numpy(scaling.middle))
        self.register_buffer("spread", torch.from_numpy(scaling.spread))
        self.slow = list(scaling.slow)
        self.first = nn.Linear(2 * n + len(self.slow), settings.units)
        self.drop = nn.Dropout(settings.dropout)
        self.units = nn.GRU(settings.units, settings.units, batch_first=True)
        self.last = nn.Linear(settings.units, n_classes)

    def forward(
        self, inputs: torch.Tensor, state: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits (batch, steps, classes) and the state (1, batch, units)."""
        encoded = torch.relu(self.first(self.encode(inputs)))
        out, state = self.units(self.drop(encoded), state)
        return self.last(self.drop(out)), state

    def encode(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return scaled inputs, which of them are not known, and logarithms of times."""
        missing = torch.isnan(inputs)
        away = (inputs - self.middle) / self.spread
        size = torch.abs(away)  # asinh, which the exporter does not know
        bent = torch.sign(away) * torch.log(size + torch.sqrt(size * size + 1))
        scaled = torch.where(missing, 0.0, bent)
        parts = [scaled, missing.to(scaled.dtype)]
        if self.slow:
            times = torch.nan_to_num(inputs[..., self.slow])
            parts.append(torch.log1p(torch.clamp(times, min=0)) / 3)
        return torch.cat(parts, dim=-1)


class OneStep(nn.Module):
    """The graph of the file: features and state in, probability, novelty and state out."""

    def __init__(
        self, network: Gru, scaling: Scaling, order: Sequence[int], temperature: float
    ) -> None:
        super().__init__()
        self.network = network
        self.order = list(order)
        self.temperature = temperature
        self.limit = scaling.novelty_limit

    def forward(self, features: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Make a step."""
        both = torch.cat([features, features[:, self.order]]) if self.order else features
        logits, after = self.network(both[:, None], state)
        probability = torch.softmax(logits[:, 0].mean(dim=0, keepdim=True) / self.temperature, -1)
        known = (~torch.isnan(features)).to(features.dtype)
        scaled = self.network.encode(features)[:, : features.shape[1]]
        mean = (scaled * scaled).sum(-1) / torch.clamp(known.sum(-1), min=1)
        return probability, torch.sqrt(mean) / self.limit, after


class GruTraining:
    """Trains one recipe; the state that tells the sessions for validation best is kept.

    Args:
        recipe: With a model of the kind `gru`.
        settings: That model.
        sessions: Measured, of all parts.
        scaling: Of the training steps.
        units: Of each input.
    """

    def __init__(
        self,
        recipe: BehaviourRecipe,
        settings: GruModel,
        sessions: Sequence[Session],
        scaling: Scaling,
        units: Sequence[str],
    ) -> None:
        torch.manual_seed(recipe.seed)
        self._recipe, self._settings = recipe, settings
        self._dice = np.random.default_rng(recipe.seed)
        self._training = [each for each in sessions if each.part == TRAIN]
        self._validation = [each for each in sessions if each.part == VALIDATE]
        self._signs = mirror_signs(recipe.inputs) if recipe.mirror else None
        self._grows = np.array([unit in LENGTHS for unit in units])
        self.order = swapped_order(recipe.inputs) if recipe.symmetric else []
        self._n_classes = len(recipe.classes)
        self.network = Gru(scaling, self._n_classes, settings)
        labels = np.concatenate([each.labels for each in self._training])
        weights = class_weights(labels, self._n_classes, recipe.balance)
        self._loss = nn.CrossEntropyLoss(
            torch.from_numpy(weights), ignore_index=-1, label_smoothing=SMOOTHING
        )
        self._warm_up = round(recipe.warm_up_s / recipe.step_s)

    def run(self, tell: Callable[[int, float, float], None], stop: Callable[[], bool]) -> None:
        """Train to the end.

        Args:
            tell: Told the iterations done, the loss, and the best macro F1 in validation so far.
            stop: Asked before each iteration.

        Raises:
            TrainingStopped: If `stop` said yes.
        """
        settings, network = self._settings, self.network
        rate, n = settings.learning_rate, settings.iterations
        optimiser = torch.optim.AdamW(network.parameters(), rate, weight_decay=0.01)
        plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=n + 1)
        best, kept = -1.0, network.state_dict()
        for done in range(1, n + 1):
            if stop():
                raise TrainingStopped(f"training was stopped after {done - 1} iterations")
            inputs, labels = self._batch()
            network.train()
            logits, _ = network(inputs)
            loss = self._loss(logits.flatten(0, 1), labels.flatten())
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            plan.step()
            if done % max(1, n // LOOKS) == 0 or done == n:
                told = [self.logits(each).argmax(axis=1) for each in self._validation]
                f1 = judge(self._validation, told, self._n_classes, self._warm_up).macro_f1
                if f1 > best:
                    best = f1
                    kept = {name: value.clone() for name, value in network.state_dict().items()}
            tell(done, float(loss.detach()), best)
        network.load_state_dict(kept)

    def logits(self, session: Session) -> NDArray[np.float32]:
        """Return the logits of every step of a session, as the file computes them."""
        self.network.eval()
        inputs = torch.from_numpy(session.inputs)[None]
        if self.order:
            inputs = torch.cat([inputs, inputs[..., self.order]])
        with torch.inference_mode():
            logits, _ = self.network(inputs)
        mean: NDArray[np.float32] = logits.mean(dim=0).numpy()
        return mean

    def _batch(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw stretches of the training sessions, changed where nothing depends on it."""
        dice, length = self._dice, max(2, round(self._settings.stretch_s / self._recipe.step_s))
        inputs, labels = [], []
        sizes = np.array([len(each.labels) for each in self._training], float)
        for _ in range(self._settings.batch):
            session = self._training[dice.choice(len(sizes), p=sizes / sizes.sum())]
            first = int(dice.integers(-length // 2, max(1, len(session.labels) - length // 2)))
            first = min(max(0, first), max(0, len(session.labels) - length))
            part = session.inputs[first : first + length]
            if self.order and dice.random() < 0.5:
                part = part[:, self.order]
            if self._signs is not None and dice.random() < 0.5:
                part = part * self._signs
            grown = 1 + self._settings.scale * dice.uniform(-1, 1)
            part = np.where(self._grows, part * np.float32(grown), part)
            gap = length - len(part)
            inputs.append(np.pad(part, ((0, gap), (0, 0)), constant_values=np.nan))
            padded = np.pad(session.labels[first : first + length], (0, gap), constant_values=-1)
            labels.append(padded)
        return torch.from_numpy(np.stack(inputs)), torch.from_numpy(np.stack(labels))
