"""Accuracy lost and time won in fewer bits, for any network, per precision and provider.

Answers are compared with those of the float32 network on the CPU, on real images that the
calibration has not seen. Of a provider that does not come up here is said why.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from common import arguments, report
from rich.console import Console

from tracker.build import find_network
from tracker.errors import ModelError
from tracker.learning.precision.inputs import collect_inputs
from tracker.learning.precision.loss import compare_networks, time_in_turn
from tracker.learning.precision.quantise import ON_CPU, LowPrecision, quantise
from tracker.runtimes.base import Provider, RuntimeSettings
from tracker.runtimes.onnx import OnnxRuntime

PROVIDERS = (Provider.CPU, Provider.OPENVINO, Provider.CUDA, Provider.TENSORRT)


def main() -> None:
    parser = arguments(__doc__ or "", rounds=200)
    parser.add_argument("data", type=Path, help="a video, or a folder of images")
    parser.add_argument("--network", default="mouse_top_view", help="shipped name, or .onnx file")
    parser.add_argument("--images", type=int, default=200, help="half of them to calibrate by")
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    network = find_network(asked.network)
    with tempfile.TemporaryDirectory() as folder:
        files = {"fp32": network}
        for precision in LowPrecision:
            try:
                made = quantise(
                    network,
                    asked.data,
                    Path(folder) / f"{precision}.onnx",
                    precision=precision,
                    images=asked.images,
                )
                files[str(precision)] = made.network
            except ModelError as error:
                Console().print(f"{precision}: {error}", soft_wrap=True, markup=False)
        reference = OnnxRuntime(network, ON_CPU)
        inputs = collect_inputs(reference, asked.data, n=asked.images).held_out
        rows = [
            row
            for provider in PROVIDERS
            for row in rows_of(provider, files, reference, inputs, asked.rounds, asked.threads)
        ]
    title = f"{reference.card.name}, threads: {asked.threads}, VNNI: {has_vnni()}"
    report(title, rows, asked.json)


def rows_of(
    provider: Provider,
    files: dict[str, Path],
    reference: OnnxRuntime,
    inputs: Sequence[Any],
    rounds: int,
    threads: int,
) -> list[dict[str, Any]]:
    """One row per precision and size of the input."""
    settings = RuntimeSettings(provider=provider, threads=threads)
    runtimes, losses, rows = {}, {}, []
    for precision, file in files.items():
        try:  # what a provider gets wrong, it is refused for at its first image
            runtime = OnnxRuntime(file, settings)
            losses[precision] = compare_networks(reference, runtime, inputs)
            runtimes[precision] = runtime
        except ModelError as error:
            Console().print(f"{precision} on {provider}: {error}", soft_wrap=True, markup=False)
    images = {(image.shape[2], image.shape[3]): image for image in inputs}
    for size, image in images.items():
        times = time_in_turn(list(runtimes.values()), image, rounds) if runtimes else []
        medians = dict(zip(runtimes, (float(np.median(each)) for each in times), strict=True))
        fastest = dict(zip(runtimes, (float(np.min(each)) for each in times), strict=True))
        for precision, loss in losses.items():
            figures = {
                "p50_ms": medians[precision],
                "fastest_ms": fastest[precision],
                "of_fp32": medians[precision] / medians["fp32"] if "fp32" in medians else None,
                **{name: loss[size].known.get(name) for name in SHOWN},
            }
            where = f"{size[1]}x{size[0]}"
            rows.append(row_of(provider, precision, input=where, **figures))
    return rows


def has_vnni() -> str:
    """Whether the processor multiplies bytes in one step, as far as the system says."""
    path = Path("/proc/cpuinfo")
    if not path.is_file():
        return "unknown"
    return "yes" if "vnni" in path.read_text(encoding="utf-8") else "no"


SHOWN = (
    "median_shift_px",
    "worst_shift_px",
    "lost_share",
    "median_confidence_change",
    "worst_confidence_change",
    "mask_iou",
)


def row_of(provider: Provider, precision: str, **figures: Any) -> dict[str, Any]:
    empty = dict.fromkeys(("input", "p50_ms", "fastest_ms", "of_fp32", *SHOWN), "")
    known = {name: value for name, value in figures.items() if value is not None}
    return {"provider": str(provider), "precision": precision, **empty, **known}


if __name__ == "__main__":
    main()
