"""What a network loses when it is rewritten in fewer bits, and what time it wins."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from time import perf_counter_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.runtimes.base import Answer, ModelCard, Runtime

MAX_MEDIAN_SHIFT_PX = 0.5
"""Largest median distance (px of the input) between keypoints before and after."""

MAX_LOST_SHARE = 0.02
"""Largest share of the keypoints found before that are not found after."""

MIN_MASK_IOU = 0.95
"""Smallest overlap of the masks before and after, over all images together."""

MAX_FLIPPED_SHARE = 0.02
"""Largest share of classes and novelties that fall on the other side of their threshold."""

MAX_MEDIAN_SHIFT_SD = 0.5
"""Largest median change of a quantity, in the standard deviations given with it."""

HALF = 128
"""Coverage from which a cell of a mask counts as animal, of 255."""

WARM_UPS = 5
"""Calls before those that are timed."""


@dataclass(frozen=True, slots=True)
class Loss:
    """How the answers of two networks differ; None for what they do not give.

    A keypoint's shift is the distance to the nearest one of the same name after; animals may
    change places. All are of keypoints that are found, before and after.

    Attributes:
        images: Inputs that were compared.
        found: Keypoints found before.
        lost_share: Share of them by which fewer are found after, image by image.
        median_shift_px: px of the input.
        p95_shift_px: px of the input.
        worst_shift_px: px of the input.
        median_confidence_change: Of keypoints found before, whether or not after; unsigned.
        worst_confidence_change: Likewise.
        mask_iou: Overlap of all masks before and after, over all images together; individuals'
            masks are taken together.
        flipped_share: Share of classes and novelties on the other side of their threshold.
        worst_probability_change: Of classes.
        median_shift_sd: Of quantities, in standard deviations.
    """

    images: int
    found: int | None = None
    lost_share: float | None = None
    median_shift_px: float | None = None
    p95_shift_px: float | None = None
    worst_shift_px: float | None = None
    median_confidence_change: float | None = None
    worst_confidence_change: float | None = None
    mask_iou: float | None = None
    flipped_share: float | None = None
    worst_probability_change: float | None = None
    median_shift_sd: float | None = None

    @property
    def faults(self) -> list[str]:
        """What is lost beyond the limits, in words; empty if the network may be used."""
        limits = (
            (
                "keypoints move by {:.2f} px in the median (at most {:g} px)",
                self.median_shift_px,
                MAX_MEDIAN_SHIFT_PX,
            ),
            ("{:.1%} of the keypoints are lost (at most {:.0%})", self.lost_share, MAX_LOST_SHARE),
            (
                "{:.1%} of the decisions change (at most {:.0%})",
                self.flipped_share,
                MAX_FLIPPED_SHARE,
            ),
            (
                "quantities move by {:.2f} sd in the median (at most {:g} sd)",
                self.median_shift_sd,
                MAX_MEDIAN_SHIFT_SD,
            ),
        )
        found = [
            words.format(value, most)
            for words, value, most in limits
            if value is not None and not value <= most
        ]
        if self.found == 0:
            found.append("no keypoint is found in the images, so none can be compared")
        if self.mask_iou is not None and not self.mask_iou >= MIN_MASK_IOU:
            found.append(f"masks overlap by {self.mask_iou:.3f} (at least {MIN_MASK_IOU:g})")
        return found

    @property
    def known(self) -> Mapping[str, float]:
        """The figures that there are, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}


LOSS_FIGURES = tuple(field.name for field in fields(Loss))
"""Names of the figures, in their order."""


def compare_networks(
    before: Runtime, after: Runtime, inputs: Sequence[NDArray[np.uint8]]
) -> Mapping[tuple[int, int], Loss]:
    """Return the loss for each size (height, width; px) among the inputs, largest first.

    Args:
        before: The network as it was.
        after: The rewritten one.
        inputs: uint8 (1, channels, height, width) each.

    Raises:
        ModelError: If one of them fails.
    """
    answers: dict[tuple[int, int], list[tuple[Answer, Answer]]] = {}
    for image in inputs:
        size = image.shape[2], image.shape[3]
        answers.setdefault(size, []).append((before.run(image), after.run(image)))
    largest_first = sorted(answers, key=lambda size: -size[0] * size[1])
    return {size: loss_of(answers[size], before.card) for size in largest_first}


def loss_of(answers: Sequence[tuple[Answer, Answer]], card: ModelCard) -> Loss:
    """Return how answers differ.

    Args:
        answers: Of one image each, before and after.
        card: Of the network as it was: thresholds.
    """
    figures: dict[str, float | None] = {}
    if card.keypoints:
        figures |= _pose(answers, card.min_confidence)
    if card.mask_classes:
        figures["mask_iou"] = _mask_iou(answers)
    if card.classes or card.novelty:
        figures |= _decisions(answers, card)
    if card.quantities:
        figures["median_shift_sd"] = _quantities(answers)
    return Loss(images=len(answers), **figures)  # type: ignore[arg-type]


def time_in_turn(
    runtimes: Sequence[Runtime], image: NDArray[np.uint8], rounds: int
) -> list[NDArray[np.float64]]:
    """Return the durations (ms) of the bare calls of each network, taken in turn.

    In turn, so that whatever else the machine does falls on all of them alike.

    Args:
        runtimes: Networks that take the same input.
        image: uint8 (1, channels, height, width).
        rounds: Calls of each.
    """
    durations = np.empty((len(runtimes), rounds))
    for runtime in runtimes:
        runtime.prepare((image.shape[2], image.shape[3]))
        for _ in range(WARM_UPS):
            runtime.run(image)
    for number in range(rounds):
        for row, runtime in enumerate(runtimes):
            began = perf_counter_ns()
            runtime.run(image)
            durations[row, number] = (perf_counter_ns() - began) / 1e6
    return list(durations)


def _pose(answers: Sequence[tuple[Answer, Answer]], least: float) -> dict[str, float | None]:
    shifts, changes, found, lost = [], [], 0, 0
    for before, after in answers:
        xy, sure = _of_pose(before)
        other_xy, other_sure = _of_pose(after)
        apart = np.linalg.norm(xy[:, None] - other_xy[None], axis=-1)  # (before, after, keypoint)
        nearest = apart.argmin(1)
        columns = np.arange(xy.shape[1])
        change = np.abs(other_sure[nearest, columns] - sure)
        was, still = sure >= least, other_sure >= least
        found += int(was.sum())
        lost += int(np.maximum(was.sum(0) - still.sum(0), 0).sum())
        apart[:, ~still] = np.inf
        shift = apart.min(1)[was]
        shifts.append(shift[np.isfinite(shift)])
        changes.append(change[was])
    shift, change = np.concatenate(shifts), np.concatenate(changes)
    return {
        "found": found,
        "lost_share": lost / found if found else None,
        "median_shift_px": _figure(np.median, shift),
        "p95_shift_px": _figure(lambda values: np.quantile(values, 0.95), shift),
        "worst_shift_px": _figure(np.max, shift),
        "median_confidence_change": _figure(np.median, change),
        "worst_confidence_change": _figure(np.max, change),
    }


def _of_pose(answer: Answer) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    assert answer.xy is not None  # noqa: S101
    assert answer.confidence is not None  # noqa: S101
    return answer.xy, answer.confidence


def _mask_iou(answers: Sequence[tuple[Answer, Answer]]) -> float | None:
    both = either = 0
    for name in ("mask", "individual_mask"):
        for before, after in answers:
            one, other = getattr(before, name), getattr(after, name)
            if one is None:
                continue
            if name == "individual_mask":  # the order of animals may differ
                one, other = one.max(0), other.max(0)
            both += int(((one >= HALF) & (other >= HALF)).sum())
            either += int(((one >= HALF) | (other >= HALF)).sum())
    return both / either if either else None


def _decisions(
    answers: Sequence[tuple[Answer, Answer]], card: ModelCard
) -> dict[str, float | None]:
    thresholds = np.array([card.class_thresholds.get(name, 0.5) for name in card.classes])
    flipped: list[bool] = []
    changes: list[float] = []
    for before, after in answers:
        if before.probability is not None and after.probability is not None:
            flips = (before.probability >= thresholds) != (after.probability >= thresholds)
            flipped += flips.tolist()
            changes += np.abs(before.probability - after.probability).tolist()
        if before.novelty is not None and after.novelty is not None:
            flipped.append((float(before.novelty) > 1) != (float(after.novelty) > 1))
    return {
        "flipped_share": sum(flipped) / len(flipped) if flipped else None,
        "worst_probability_change": max(changes, default=None),
    }


def _quantities(answers: Sequence[tuple[Answer, Answer]]) -> float | None:
    shifts: list[float] = []
    for before, after in answers:
        if before.quantity is not None and before.quantity_sd is not None:
            assert after.quantity is not None  # noqa: S101
            sd = np.maximum(before.quantity_sd, np.finfo(np.float32).tiny)
            shifts += (np.abs(after.quantity - before.quantity) / sd).tolist()
    return float(np.median(shifts)) if shifts else None


def _figure(
    of: Callable[[NDArray[np.float32]], np.floating[Any]], values: NDArray[np.float32]
) -> float | None:
    return float(of(values)) if values.size else None
