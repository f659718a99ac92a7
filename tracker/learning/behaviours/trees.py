"""Gradient-boosted trees that tell behaviours, on what the inputs were over windows that look back.

The windows are the same sums in three places: in numpy here, for training; in the graph of the
file, for the live session; and, with `centred`, around each step, to see what looking back costs.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tracker.learning.behaviours.measuring import TRAIN, Session
from tracker.learning.behaviours.recipe import BehaviourRecipe, TreesModel
from tracker.learning.behaviours.scaling import class_weights, swapped_order

LARGEST = 60_000.0
"""Columns are cut off there, and rounded to 16 bits (3 digits): trees split between any two values
that differ, and would otherwise do so by the last bit, which sums in another order do not share."""


def lengths_of(settings: TreesModel, step_s: float) -> list[int]:
    """Return the lengths of the windows, in steps."""
    return [max(1, round(each / step_s)) for each in settings.windows_s]


def windowed(
    inputs: NDArray[np.float32], lengths: Sequence[int], *, centred: bool = False
) -> NDArray[np.float32]:
    """Return each input, and its mean and standard deviation over each window.

    Args:
        inputs: float32, (steps, inputs), NaN where not known.
        lengths: Of the windows, in steps; the present one is the last of each.
        centred: The present one is the middle one: only of use when all is over.

    Returns:
        float32, (steps, inputs * (1 + 2 windows)), NaN where nothing of a window is known.
    """
    parts: list[NDArray[Any]] = [inputs]
    for length in lengths:
        after = length // 2 if centred else 0
        padded = np.pad(inputs, ((length - 1 - after, after), (0, 0)), constant_values=np.nan)
        some = np.lib.stride_tricks.sliding_window_view(padded, length, axis=0)
        counts = np.isfinite(some).sum(axis=2)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.nansum(some, axis=2) / counts
            off = np.nan_to_num(some - mean[:, :, None])
            parts += [mean, np.sqrt((off * off).sum(axis=2) / counts)]
    columns = np.clip(np.concatenate(parts, axis=1), -LARGEST, LARGEST)
    return np.asarray(columns.astype(np.float16), np.float32)


class Windows(nn.Module):
    """The same in a graph: the last steps in, and out again with the present one behind them."""

    def __init__(self, lengths: Sequence[int], order: Sequence[int]) -> None:
        super().__init__()
        self.lengths = list(lengths)
        self.order = list(order)

    def forward(
        self, features: torch.Tensor, state: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what the trees look at (1 or 2, columns), and the last steps."""
        steps = torch.cat([state[1:], features])
        known = (~torch.isnan(steps)).to(steps.dtype)
        values = torch.nan_to_num(steps)
        parts = [features]
        for length in self.lengths:
            there, some = known[-length:], values[-length:]
            counts = there.sum(0, keepdim=True)
            mean = some.sum(0, keepdim=True) / counts
            off = torch.nan_to_num(some - mean) * there
            parts += [mean, torch.sqrt((off * off).sum(0, keepdim=True) / counts)]
        row = torch.clamp(torch.cat(parts, dim=1), -LARGEST, LARGEST).half().float()
        return (torch.cat([row, row[:, self.order]]) if self.order else row), steps


class TreesTraining:
    """Trains one recipe.

    Args:
        recipe: With a model of the kind `trees`.
        settings: That model.
        centred: Windows around each step; such trees cannot run live.
    """

    def __init__(
        self, recipe: BehaviourRecipe, settings: TreesModel, *, centred: bool = False
    ) -> None:
        self._recipe, self._settings = recipe, settings
        self._centred = centred
        self.lengths = lengths_of(settings, recipe.step_s)
        n = len(recipe.inputs)
        order = swapped_order(recipe.inputs) if recipe.symmetric else []
        self.order = [part * n + k for part in range(1 + 2 * len(self.lengths)) for k in order]
        self.trees: Any = None

    def run(self, sessions: Sequence[Session], tell: Callable[[int, float, float], None]) -> None:
        """Train on the training sessions, a and b in both places where it is symmetric."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        settings = self._settings
        rows, labels = [], []
        for session in sessions:
            if session.part != TRAIN:
                continue
            columns = windowed(session.inputs, self.lengths, centred=self._centred)
            use = np.flatnonzero(session.labels >= 0)[:: settings.every]
            rows.append(columns[use])
            labels.append(session.labels[use])
            if self.order:
                rows[-1][1::2] = rows[-1][1::2][:, self.order]  # every other moment
        told = np.concatenate(labels)
        weights = class_weights(told, len(self._recipe.classes), self._recipe.balance)
        self.trees = HistGradientBoostingClassifier(
            max_iter=settings.iterations,
            learning_rate=settings.learning_rate,
            max_leaf_nodes=settings.leaves,
            min_samples_leaf=settings.least_in_leaf,
            l2_regularization=5.0,
            max_features=0.3,
            early_stopping=False,
            random_state=self._recipe.seed,
        ).fit(np.concatenate(rows), told, sample_weight=weights[told])
        tell(settings.iterations, float("nan"), float("nan"))

    def logits(self, session: Session) -> NDArray[np.float32]:
        """Return the logits of every step of a session."""
        columns = windowed(session.inputs, self.lengths, centred=self._centred)
        both = [columns, columns[:, self.order]] if self.order else [columns]
        raw = np.mean([self._raw(each) for each in both], axis=0)
        return np.asarray(raw, np.float32)

    def _raw(self, columns: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return a logit per class; of two classes the trees tell the second one alone."""
        found = np.asarray(self.trees.decision_function(columns), np.float64)
        return found if found.ndim == 2 else np.stack([np.zeros_like(found), found], axis=1)
