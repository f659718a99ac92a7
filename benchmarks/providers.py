"""Each shipped network on each provider that comes up: time of a call, distance from the CPU.

The images are those that a provider is tried with before it is trusted: an ellipse and noise. Of
a provider that does not come up, or is refused, is said why.
"""

from pathlib import Path
from time import perf_counter_ns
from typing import Any

import numpy as np
from common import SHAPE, arguments, report
from rich.console import Console

from tracker.config import shipped
from tracker.errors import ModelError
from tracker.preprocess import Preprocessor
from tracker.runtimes.base import Answer, ModelCard, Precision, Provider, RuntimeSettings
from tracker.runtimes.onnx import OnnxRuntime
from tracker.runtimes.trial import trial_images

TRIED = [
    (Provider.CPU, Precision.AUTO),
    (Provider.OPENVINO, Precision.AUTO),
    (Provider.CUDA, Precision.AUTO),
    (Provider.CUDA, Precision.FP32),
    (Provider.TENSORRT, Precision.AUTO),
    (Provider.TENSORRT, Precision.FP16),
]


def main() -> None:
    parser = arguments(__doc__ or "", rounds=300)
    parser.add_argument("--network", nargs="*", help="shipped names; by default all")
    parser.add_argument("--frame", nargs=2, type=int, default=SHAPE, help="height, width (px)")
    asked = parser.parse_args()
    models = shipped("models")
    names = asked.network or sorted(path.name for path in models.iterdir() if path.is_dir())
    rows = []
    for name in names:
        file = models / name / "network.onnx"
        reference = OnnxRuntime(file, RuntimeSettings(provider=Provider.CPU))
        for shape in shapes_of(reference.card, tuple(asked.frame)):
            images = list(trial_images((1, reference.card.channels, *shape)))
            expected = [reference.run(image) for image in images]
            rows += rows_of(file, reference.card, images, expected, asked.rounds)
    report("One call of a network (ms), and how far it is from the CPU's answer", rows, asked.json)


def shapes_of(card: ModelCard, frame: tuple[int, int]) -> list[tuple[int, int]]:
    """Height and width of its crop, if it has one, and of its input for whole frames."""
    whole = Preprocessor(frame, card.channels, card.long_side, card.multiple_of).input_shape
    return [*([(card.crop.side,) * 2] if card.crop else []), whole]


def rows_of(
    file: Path, card: ModelCard, images: list[Any], expected: list[Answer], rounds: int
) -> list[dict[str, Any]]:
    rows = []
    for provider, precision in TRIED:
        settings = RuntimeSettings(provider=provider, precision=precision)
        try:
            runtime = OnnxRuntime(file, settings, images[0].shape[2:])
        except ModelError as error:
            said = f"{card.name} on {provider}, {precision}: {error}"
            Console().print(said, soft_wrap=True, markup=False)
            continue
        answers = [runtime.run(image) for image in images]
        times = []
        for turn in range(rounds):
            began = perf_counter_ns()
            runtime.run(images[turn % len(images)])
            times.append((perf_counter_ns() - began) / 1e6)
        rows.append(
            {
                "network": card.name,
                "input": f"{images[0].shape[3]}x{images[0].shape[2]}",
                "provider": str(provider),
                "precision": str(precision),
                "p50": float(np.median(times)),
                "p99": float(np.percentile(times, 99)),
                **distances(answers, expected, card.min_confidence),
            }
        )
    return rows


def distances(answers: list[Answer], expected: list[Answer], least: float) -> dict[str, float]:
    """The largest, over keypoints of which the CPU is confident, and over all confidences."""
    given = np.stack([answer.xy for answer in answers])
    right = np.stack([answer.xy for answer in expected])
    sure = np.stack([answer.confidence for answer in expected])
    shift = np.linalg.norm(given - right, axis=-1)[sure >= least]
    change = np.abs(np.stack([answer.confidence for answer in answers]) - sure)
    return {"shift_px": float(shift.max(initial=0)), "confidence": float(change.max())}


if __name__ == "__main__":
    main()
