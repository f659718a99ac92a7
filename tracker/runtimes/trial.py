"""Try a network before it is trusted: sensible values, and those that the CPU gives."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.errors import ModelError
from tracker.runtimes.base import Answer, ModelCard, Provider

MAX_SHIFT_PX = 0.5
"""Largest distance (px of the input) between a provider's keypoint and the CPU's."""

MAX_PROBABILITY_SHIFT = 0.02
"""Largest difference between a provider's confidence or probability and the CPU's."""

MAX_CELL_SHARE = 0.01
"""Largest share of a mask's cells that are animal for one and not for the other."""

MAX_QUANTITY_RANGE = 0.02
"""Largest difference of a quantity, as a share of its range over the trial images ..."""

MAX_QUANTITY_SD = 0.1
"""... or of the standard deviation that the CPU gives with it."""

MAX_NOVELTY_SHARE = 0.05
"""Largest difference of the novelty, as a share of the CPU's."""

ROUNDING = 1e-4
"""Share of a value by which different arithmetic may always differ."""

Values = NDArray[np.float64]
Outputs = Mapping[str, Values]


def trial_images(shape: tuple[int, ...]) -> Iterator[NDArray[np.uint8]]:
    """Yield eight seeded images with a dark or a light blob of an animal's proportions, and noise.

    Args:
        shape: (1, channels, height, width).
    """
    rng = np.random.default_rng(0)
    height, width = shape[2:]
    for number in range(8):
        floor, animal = ((200, 30), (40, 220))[number % 2]
        image = np.full((height, width), floor, np.uint8)
        centre = int(rng.integers(0, width)), int(rng.integers(0, height))
        axes = int(rng.integers(8, 40)), int(rng.integers(4, 16))
        cv2.ellipse(image, centre, axes, float(rng.uniform(0, 360)), 0, 360, (animal,), -1)
        noisy = image + rng.normal(0, 8, image.shape)
        grey = np.clip(noisy, 0, 255).astype(np.uint8)
        yield np.ascontiguousarray(np.broadcast_to(grey, shape))


def refuse_nonsense(
    outputs: Mapping[str, NDArray[Any]], shapes: Mapping[str, tuple[int | None, ...]], file: str
) -> None:
    """Refuse what a network gave if it has other shapes than promised, or cannot be.

    Args:
        outputs: For one image, by name, the batch included.
        shapes: Expected shape of each output.
        file: Name of the network file.

    Raises:
        ModelError: If a shape is another one, a value is not finite, a probability is not
            within 0 to 1, or a standard deviation or the novelty is negative.
    """
    for name, values in outputs.items():
        if values.shape != shapes[name]:
            raise ModelError(
                f"{file} gives {name} of shape {values.shape}, expected {shapes[name]} for its card"
            )
        if not np.isfinite(values).all():
            raise ModelError(f"{file} gives values of {name} that are not finite: train it again")
        low, high = float(values.min(initial=0)), float(values.max(initial=0))
        if name in ("confidence", "probability") and (low < 0 or high > 1):
            raise ModelError(
                f"{file} gives {name} from {low:.3g} to {high:.3g}, expected 0 to 1: "
                f"put the sigmoid into the graph"
            )
        if name in ("quantity_sd", "novelty") and low < 0:
            raise ModelError(f"{file} gives {name} of {low:.3g}, expected at least 0")


def compare_answers(
    answers: Sequence[Answer], expected: Sequence[Answer], card: ModelCard, provider: Provider
) -> None:
    """Compare a provider's answers with the CPU's, for the same images.

    Confidences must agree everywhere, and keypoints wherever the CPU is confident. Where it
    is not, two cells may be equally likely; there half of the keypoints must agree.

    Args:
        answers: The provider's.
        expected: The CPU's.
        card: What the network says of itself.
        provider: For the message.

    Raises:
        ModelError: If they differ by more than the limits of this module, or are not
            numbers; it names all outputs that do.
    """
    given = {name: _stack(answers, name) for name in card.outputs}
    right = {name: _stack(expected, name) for name in card.outputs}
    differences = [
        *_different_positions(given, right, card.min_confidence),
        *_different_probabilities(given, right),
        *_different_masks(given, right),
        *_different_values(given, right),
    ]
    if differences:
        raise ModelError(
            f"{provider} gives other answers than the CPU: {'; '.join(differences)}. Set provider "
            f"to cpu or precision to fp32, or update its libraries"
        )


def _stack(answers: Sequence[Answer], name: str) -> Values:
    """One output of all answers, in double precision so that uint8 can be subtracted."""
    return np.stack([getattr(answer, name) for answer in answers]).astype(np.float64)


def _different_positions(given: Outputs, right: Outputs, least: float) -> Iterator[str]:
    if "xy" in right:
        shift = np.linalg.norm(given["xy"] - right["xy"], axis=-1)
        sure = shift[right["confidence"] >= least]
        furthest = max(float(sure.max(initial=0)), float(np.median(shift)))
        if not furthest <= MAX_SHIFT_PX:
            yield f"keypoints differ by {furthest:.2f} px (at most {MAX_SHIFT_PX})"


def _different_probabilities(given: Outputs, right: Outputs) -> Iterator[str]:
    for name in ("confidence", "probability"):
        if name in right:
            change = float(np.abs(given[name] - right[name]).max(initial=0))
            if not change <= MAX_PROBABILITY_SHIFT:
                yield f"{name} differs by {change:.3f} (at most {MAX_PROBABILITY_SHIFT})"


def _different_masks(given: Outputs, right: Outputs) -> Iterator[str]:
    for name in ("mask", "individual_mask"):
        if name in right:
            share = float(((given[name] > 127) != (right[name] > 127)).mean())
            if share > MAX_CELL_SHARE:
                yield f"{name} differs in {share:.1%} of its cells (at most {MAX_CELL_SHARE:.0%})"


def _different_values(given: Outputs, right: Outputs) -> Iterator[str]:
    limits: dict[str, Values] = {}
    if "quantity" in right:
        value, sd = right["quantity"], right["quantity_sd"]
        limits["quantity"] = np.maximum(
            MAX_QUANTITY_RANGE * np.ptp(value, axis=0), MAX_QUANTITY_SD * sd
        )
        limits["quantity_sd"] = MAX_QUANTITY_SD * sd
    if "novelty" in right:
        limits["novelty"] = MAX_NOVELTY_SHARE * right["novelty"]
    for name, limit in limits.items():
        change = np.abs(given[name] - right[name])
        excess = change - limit - ROUNDING * np.abs(right[name])
        if not float(excess.max(initial=0)) <= 0:
            worst = np.unravel_index(np.argmax(excess), excess.shape)
            yield f"{name} differs by {change[worst]:.3g} (at most {limit[worst]:.3g})"
