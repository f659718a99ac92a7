"""A network file in fewer bits, if it still sees the same: `quantise`."""

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from tracker.errors import MissingExtra, ModelError, TrainingError
from tracker.learning.precision.inputs import RealInputs, collect_inputs
from tracker.learning.precision.loss import Loss, compare_networks, time_in_turn
from tracker.runtimes.base import ModelCard, Provider, RuntimeSettings
from tracker.runtimes.onnx import OnnxRuntime

NEEDED = ("onnx", "sympy")
"""Modules of the extra `train` that rewriting needs; PyTorch brings the second one."""

ON_CPU = RuntimeSettings(provider=Provider.CPU)
"""Where the answers are compared: every machine has it."""

TIMED_CALLS = 50
"""Calls of each network and size that are timed."""

Size = tuple[int, int]
"""Height and width of an input (px)."""


class LowPrecision(StrEnum):
    """What a network can be rewritten in."""

    INT8 = "int8"
    """For CPUs: 8-bit convolutions, calibrated on real images."""

    FP16 = "fp16"
    """For NVIDIA cards: half precision throughout the learned part."""


@dataclass(frozen=True, slots=True)
class Quantised:
    """A network in fewer bits, and what that costs and wins.

    Attributes:
        network: The file.
        card: What it says of itself.
        losses: Against the float32 network on images that were not calibrated on, by size of
            the input.
        times_ms: Median duration of the bare call on the CPU, one thread: float32, then this
            one; by size of the input.
        kept_in_float: What had to stay in float32, in words.
    """

    network: Path
    card: ModelCard
    losses: Mapping[Size, Loss]
    times_ms: Mapping[Size, tuple[float, float]]
    kept_in_float: str


def quantise(
    network: Path,
    data: Path,
    out: Path,
    *,
    precision: LowPrecision = LowPrecision.INT8,
    images: int = 200,
    quiet: bool = False,
) -> Quantised:
    """Write a network in fewer bits, unless it then sees something else.

    Both networks are shown the same whole frames and crops, made by the observer of the live
    loop from images that the calibration has not seen, and are compared on the CPU. int8 is
    tried with ever more in float32 until it is within the limits of `loss`.

    Args:
        network: The float32 network file, with a card.
        data: A video, or a folder of images or videos; labels are not needed.
        out: The file to write; replaced only if the new one is within the limits.
        precision: int8 or fp16.
        images: How many are used, half of them for the calibration.
        quiet: No progress bar.

    Raises:
        MissingExtra: If ONNX or what belongs to it is not installed.
        ModelError: If the network cannot be used, or loses more than the limits allow; the
            figures are named.
        TrainingError: If the data cannot be used, or `out` is the network itself.
    """
    if not all(importlib.util.find_spec(name) for name in NEEDED):
        raise MissingExtra("train", "quantising")
    if out.exists() and out.samefile(network):
        raise TrainingError(f"{out} is the network itself: give another file to write")
    before = OnnxRuntime(network, ON_CPU)
    if before.card.precision != "fp32":
        raise ModelError(f"{network} is in {before.card.precision} already: give the fp32 network")
    inputs = _collect(before, data, images, quiet=quiet)
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f"{out.stem}.part.onnx")
    try:
        losses, kept = _rewrite(network, before, inputs, precision, partial)
        card = _card_of(before.card, precision, losses, kept)
        _write_card(card, partial)
        after = OnnxRuntime(partial, ON_CPU)
        times = _times(before, after, inputs.held_out)
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    return Quantised(out, card, losses, times, kept)


def _collect(before: OnnxRuntime, data: Path, images: int, *, quiet: bool) -> RealInputs:
    columns = TextColumn("looking at images"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as bar:
        task = bar.add_task("", total=images)
        found = collect_inputs(
            before, data, n=images, progress=lambda n: bar.update(task, completed=n)
        )
        bar.update(task, total=found.n_calibration + found.n_held_out)
    return found


def _rewrite(
    network: Path,
    before: OnnxRuntime,
    inputs: RealInputs,
    precision: LowPrecision,
    partial: Path,
) -> tuple[Mapping[Size, Loss], str]:
    """Write the first version that is within the limits; return its losses and what was kept."""
    from tracker.learning.precision.lower import PLANS, to_half, to_int8

    failures = []
    plans = PLANS if precision is LowPrecision.INT8 else (None,)
    for plan in plans:
        if plan is None:
            to_half(network, partial)
            kept = "what decodes the maps"
        else:
            to_int8(network, inputs.calibration, plan, partial)
            ends = "first and last convolutions" if plan.last_in_float else "first convolutions"
            kept = f"{ends} and what decodes the maps"
        try:
            losses = compare_networks(before, OnnxRuntime(partial, ON_CPU), inputs.held_out)
        except ModelError as error:  # e.g. a number that float16 cannot hold
            failures.append(f"with {kept} in float32: {error}")
            continue
        faults = [
            f"{width}x{height} px: {fault}"
            for (height, width), loss in losses.items()
            for fault in loss.faults
        ]
        if not faults:
            return losses, kept
        failures.append(f"with {kept} in float32: {', '.join(faults)}")
    raise ModelError(
        f"{network.name} loses too much in {precision} and was not written: "
        f"{'; '.join(failures)}; keep the fp32 network"
    )


def _card_of(
    card: ModelCard, precision: LowPrecision, losses: Mapping[Size, Loss], kept: str
) -> ModelCard:
    """The scores of the float32 network are not this one's: what it lost takes their place."""
    scores = {
        f"against fp32 at {width}x{height}: {name}": round(value, 4)
        for (height, width), loss in losses.items()
        for name, value in loss.known.items()
    }
    note = f"In {precision}, without {kept}."
    return card.model_copy(
        update={
            "version": f"{card.version}-{precision}",
            "precision": str(precision),
            "description": f"{card.description} {note}".strip(),
            "scores": scores,
        }
    )


def _write_card(card: ModelCard, path: Path) -> None:
    from tracker.learning.precision.lower import write_card

    write_card(card, path)


def _times(
    before: OnnxRuntime, after: OnnxRuntime, inputs: Sequence[NDArray[np.uint8]]
) -> dict[Size, tuple[float, float]]:
    by_size = {(image.shape[2], image.shape[3]): image for image in inputs}
    found = {}
    for size, image in by_size.items():
        first, second = time_in_turn((before, after), image, TIMED_CALLS)
        found[size] = float(np.median(first)), float(np.median(second))
    return found
