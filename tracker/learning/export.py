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
from tracker.learning.networks import GRAIN, PoseGraph
from tracker.runtimes.base import CARD_KEY, ModelCard, Provider, RuntimeSettings
from tracker.runtimes.onnx import OnnxRuntime

OPSET = 18
"""ONNX operator set; read by ONNX Runtime 1.14 and later."""

MAX_SHIFT_PX = 0.05
"""Largest distance between PyTorch's and the file's keypoints, where either is confident."""

MAX_CONFIDENCE_SHIFT = 1e-3
"""Largest difference between PyTorch's and the file's confidence."""


def export(
    graph: PoseGraph, card: ModelCard, images: Sequence[NDArray[np.uint8]], path: Path
) -> None:
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


def check_parity(graph: PoseGraph, path: Path, images: Sequence[NDArray[np.uint8]]) -> None:
    """Compare a file's answers with PyTorch's.

    Raises:
        TrainingError: If they differ by more than `MAX_SHIFT_PX` or `MAX_CONFIDENCE_SHIFT`.
    """
    runtime = OnnxRuntime(path, RuntimeSettings(provider=Provider.CPU))
    least = runtime.card.min_confidence
    for number, image in enumerate(images):
        xy, confidence = runtime.run(image)
        with torch.inference_mode():
            torch_xy, torch_confidence = (out[0].numpy() for out in graph(torch.from_numpy(image)))
        sure = np.maximum(confidence, torch_confidence) >= least
        shift = float(np.linalg.norm(xy - torch_xy, axis=-1)[sure].max(initial=0))
        change = float(np.abs(confidence - torch_confidence).max())
        if not (shift <= MAX_SHIFT_PX and change <= MAX_CONFIDENCE_SHIFT):
            raise TrainingError(
                f"{path.name} and PyTorch disagree on image {number}: keypoints by {shift:.3f} px "
                f"(at most {MAX_SHIFT_PX}), confidence by {change:.5f} (at most "
                f"{MAX_CONFIDENCE_SHIFT}); the file was not written"
            )


def _convert(graph: PoseGraph, card: ModelCard, path: Path) -> None:
    side = max(GRAIN, -(-card.long_side // GRAIN) * GRAIN)
    example = torch.zeros((1, card.channels, side, side + GRAIN), dtype=torch.uint8)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        # The tracing exporter is deprecated, yet needs a third of the time and of the
        # packages of the new one, and gives the same graph.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            graph,
            (example,),
            str(path),
            input_names=["image"],
            output_names=["xy", "confidence"],
            dynamic_axes={"image": {2: "height", 3: "width"}},
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {CARD_KEY: card.model_dump_json()})
    onnx.save(model, path)
