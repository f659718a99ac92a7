"""Write a trained network as an ONNX file with its card, once it gives the same answers."""

import contextlib
import io
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from tracker.errors import TrainingError
from tracker.learning.networks import Graph
from tracker.learning.recipe import GRAIN, Recipe, SyntheticSource
from tracker.runtimes.base import CARD_KEY, ModelCard, Provider, RuntimeSettings
from tracker.runtimes.onnx import OnnxRuntime

OPSET = 18
"""ONNX operator set; read by ONNX Runtime 1.14 and later."""

MAX_SHIFT_PX = 0.05
"""Largest distance between PyTorch's and the file's keypoints, where either is confident."""

MAX_CHANGE = 1e-3
"""Largest difference between PyTorch's and the file's confidences and probabilities.

Of quantities, in standard deviations; of the novelty, as a share of its limit.
"""

MAX_MASK_CHANGE = 2
"""Largest difference between PyTorch's and the file's masks, of 255."""


def card_of(recipe: Recipe, mask_stride: int) -> ModelCard:
    """Return the card of a recipe's network, without scores.

    Args:
        recipe: What it was trained by.
        mask_stride: Input pixels per cell of its masks.
    """
    pose, heads = recipe.heads.pose, recipe.heads
    keypoints = pose.keypoints if pose else ()
    sources = [each for each in recipe.sources if not isinstance(each, SyntheticSource)]
    return ModelCard(
        name=recipe.name,
        version=recipe.version,
        description=recipe.description,
        keypoints=keypoints,
        edges=tuple(
            (keypoints.index(start), keypoints.index(end))
            for start, end in (pose.edges if pose else ())
        ),
        max_individuals=pose.max_individuals if pose else 1,
        mask_classes=recipe.wanted.mask_classes,
        individual_masks=bool(heads.segmentation and heads.segmentation.per_individual),
        mask_stride=mask_stride,
        classes=recipe.wanted.classes,
        class_thresholds=dict.fromkeys(recipe.wanted.classes, 0.5),
        quantities=heads.regression.quantities if heads.regression else {},
        novelty=heads.reconstruction is not None,
        channels=recipe.input.channels,
        long_side=recipe.input.long_side,
        crop=recipe.input.crop,
        multiple_of=GRAIN,
        min_confidence=pose.min_confidence if pose else 0.3,
        label_names={
            name: tuple(dict.fromkeys(s.keypoints[name] for s in sources if name in s.keypoints))
            for name in keypoints
            if any(name in source.keypoints for source in sources)
        },
        trained_on=tuple(source.described for source in recipe.sources),
        licence=recipe.licence,
    )


def export(graph: Graph, card: ModelCard, images: Sequence[NDArray[np.uint8]], path: Path) -> None:
    """Write `graph` with its `card` to `path`, and check it against PyTorch.

    Args:
        graph: Trained, in evaluation mode.
        card: Goes into the file's metadata.
        images: Real network inputs, uint8 (1, channels, height, width), to compare on.
        path: Written only if the comparison holds; an older file stays otherwise.

    Raises:
        TrainingError: If ONNX Runtime and PyTorch disagree.
        ModelError: If the file cannot be used, e.g. because values are not finite.
    """
    partial = path.with_suffix(".part.onnx")
    try:
        _convert(graph, card, partial)
        check_parity(graph, partial, images)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_card(card: ModelCard, path: Path) -> None:
    """Replace the card inside a network file."""
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {CARD_KEY: card.model_dump_json()})
    partial = path.with_suffix(".part.onnx")
    onnx.save(model, partial)
    partial.replace(path)


def check_parity(graph: Graph, path: Path, images: Sequence[NDArray[np.uint8]]) -> None:
    """Compare a file's answers with PyTorch's.

    Raises:
        TrainingError: If they differ by more than `MAX_SHIFT_PX`, `MAX_CHANGE` or
            `MAX_MASK_CHANGE`.
    """
    runtime = OnnxRuntime(path, RuntimeSettings(provider=Provider.CPU))
    card = runtime.card
    for number, image in enumerate(images):
        answer = runtime.run(image)
        with torch.inference_mode():
            expected = dict(
                zip(
                    card.outputs,
                    (out[0].numpy() for out in graph(torch.from_numpy(image))),
                    strict=True,
                )
            )
        got = {name: getattr(answer, name) for name in card.outputs}
        for what, difference, most in _differences(got, expected, card.min_confidence):
            if not difference <= most:
                raise TrainingError(
                    f"{path.name} and PyTorch disagree on image {number}: {what} by "
                    f"{difference:.5f} (at most {most}); the file was not written"
                )


Outputs = dict[str, NDArray[np.generic]]


def _differences(got: Outputs, expected: Outputs, least: float) -> list[tuple[str, float, float]]:
    """What, by how much, at most how much."""
    found: list[tuple[str, float, float]] = []
    for name, value in got.items():
        off = np.abs(value.astype(np.float64) - expected[name].astype(np.float64))
        if name == "xy":
            sure = np.maximum(got["confidence"], expected["confidence"]) >= least
            shift = np.hypot(off[..., 0], off[..., 1])[sure]
            found.append(("keypoints (px)", float(shift.max(initial=0)), MAX_SHIFT_PX))
        elif name in ("mask", "individual_mask"):
            # A cell on the border between two animals may go to either.
            most = np.quantile(off, 0.999) if off.size else 0.0
            found.append((name, float(most), MAX_MASK_CHANGE))
        elif name.startswith("quantity"):
            off = off / expected["quantity_sd"].astype(np.float64)
            found.append((name, float(off.max(initial=0)), MAX_CHANGE))
        else:
            found.append((name, float(off.max(initial=0)), MAX_CHANGE))
    return found


def _convert(graph: Graph, card: ModelCard, path: Path) -> None:
    side = max(GRAIN, -(-card.long_side // GRAIN) * GRAIN)
    example = torch.zeros((1, card.channels, side, side + GRAIN), dtype=torch.uint8)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        # The tracing exporter is deprecated, yet needs a third of the time and of the
        # packages of the new one, and gives the same graph.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", UserWarning)  # shapes that only a run knows
        torch.onnx.export(
            graph,
            (example,),
            str(path),
            input_names=["image"],
            output_names=list(card.outputs),
            dynamic_axes={"image": {2: "height", 3: "width"}},
            opset_version=OPSET,
            dynamo=False,
        )
    write_card(card, path)
