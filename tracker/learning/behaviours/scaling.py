"""What is done to the inputs of a classifier before they are learned from, inside of its graph."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.errors import TrainingError

SIGNED = ("aside", "angular_speed", "body_angle")
"""Quantities whose sign turns in a mirror image."""

USUAL, MARGIN = 0.999, 1.5
"""A step is unlike the training data if it is further off than so many times what this share is."""


@dataclass(frozen=True, slots=True, eq=False)
class Scaling:
    """How the inputs are centred and scaled, and what of them is usual.

    Attributes:
        middle: float32, (inputs,), means over the training steps.
        spread: float32, (inputs,), standard deviations.
        slow: Inputs that are times (s): they get a logarithm of their own besides.
        novelty_limit: Root mean square of the scaled inputs beyond which it abstains.
    """

    middle: NDArray[np.float32]
    spread: NDArray[np.float32]
    slow: tuple[int, ...]
    novelty_limit: float


def scaling_of(inputs: NDArray[np.float32], units: Sequence[str]) -> Scaling:
    """Return the scaling for some training steps.

    Args:
        inputs: float32, (steps, inputs), NaN where not known.
        units: Of each input.

    Raises:
        TrainingError: If an input was never known.
    """
    known = np.isfinite(inputs)
    never = np.flatnonzero(~known.any(axis=0))
    if len(never):
        raise TrainingError(f"inputs {', '.join(map(str, never))} (from 0) were never known")
    middle = np.nanmean(inputs, axis=0, dtype=np.float64)
    spread = np.maximum(np.nanstd(inputs, axis=0, dtype=np.float64), 1e-6)
    scaled = np.where(known, np.arcsinh((inputs - middle) / spread), 0)
    rms = np.sqrt((scaled**2).sum(axis=1) / np.maximum(known.sum(axis=1), 1))
    return Scaling(
        np.asarray(middle, np.float32),
        np.asarray(spread, np.float32),
        tuple(k for k, unit in enumerate(units) if unit == "s"),
        MARGIN * float(np.quantile(rms, USUAL)),
    )


_LETTER = r"(?<![\w.])[a-j](?=\s*[.,)])"
"""A letter that stands for an animal: before a dot, or alone in the brackets."""


def letters_in(text: str) -> list[str]:
    """Return the letters of the animals that an input names."""
    return re.findall(_LETTER, text)


def swapped_order(inputs: Sequence[str]) -> list[int]:
    """Return, for each input, the one that it is if a and b change places.

    Raises:
        TrainingError: If that one is not among them.
    """
    plain = ["".join(each.split()) for each in inputs]
    order = []
    for each in plain:
        other = re.sub(_LETTER, lambda match: {"a": "b", "b": "a"}.get(match[0], match[0]), each)
        alike = [k for k, name in enumerate(plain) if name in (other, _turned(other))]
        if not alike:
            raise TrainingError(
                f"symmetric: if a and b change places {each} is {other}, which is no input: add it"
            )
        order.append(alike[0])
    return order


def _turned(text: str) -> str:
    """Return a distance from the other end: it is the same."""
    match = re.fullmatch(r"(distance|nearest|alignment)\(([^,]+),([^,]+)\)", text)
    if match is None or (match[1] == "nearest" and ("." in match[2] or "." in match[3])):
        return text
    return f"{match[1]}({match[3]},{match[2]})"


def mirror_signs(inputs: Sequence[str]) -> NDArray[np.float32]:
    """Return -1 for each input whose sign turns in a mirror image, else 1."""
    return np.array([-1 if each.startswith(SIGNED) else 1 for each in inputs], np.float32)


def class_weights(labels: NDArray[np.int64], n_classes: int, balance: float) -> NDArray[np.float32]:
    """Return the weight of each class; their mean over the steps is 1.

    Args:
        labels: Classes of steps, those below 0 are none.
        n_classes: How many there are.
        balance: 0: all weigh the same; 1: all classes together weigh the same.

    Raises:
        TrainingError: If a class is not there.
    """
    counts = np.bincount(labels[labels >= 0], minlength=n_classes)
    missing = np.flatnonzero(counts == 0)
    if len(missing):
        raise TrainingError(f"no session to learn from has class number {missing[0]} (from 0)")
    weights = (counts.sum() / counts) ** balance
    weights *= counts.sum() / (weights * counts).sum()
    return np.asarray(weights, np.float32)
