"""Accuracy against time: a recipe's network in several sizes, trained alike, judged alike.

    python benchmarks/sizes.py models/mouse_top_view/recipe.yaml --data DATA --out sizes

Each size gets a folder in OUT; one that is there already is not trained again. Time is that of
one call on one CPU thread: of a crop, as in steady state, and of a whole 640x480 frame.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from common import SHAPE, arguments, report
from matplotlib.figure import Figure

from tracker.learning.learning_curve import write_variant
from tracker.learning.precision.loss import time_in_turn
from tracker.learning.train import train
from tracker.preprocess import InputGeometry
from tracker.runtimes.base import Provider, RuntimeSettings
from tracker.runtimes.onnx import OnnxRuntime

SIZES = {
    "small": {"widths": [8, 16, 24, 48, 64], "depth": 1},
    "medium": {"widths": [16, 24, 48, 96, 128], "depth": 2},
    "large": {"widths": [16, 32, 64, 128, 160], "depth": 2},
}
CALLS = 200


def main() -> None:
    asked = parse()
    for name, backbone in SIZES.items():
        folder = asked.out / name
        if not (folder / "network.onnx").is_file():
            changes: dict[str, dict[str, Any]] = {"backbone": {"kind": "compact", **backbone}}
            if asked.steps is not None:
                changes["schedule"] = {"steps": asked.steps}
            recipe = write_variant(asked.recipe, folder, changes)
            train(recipe, data=asked.data.resolve(), resume=True)
    files = {name: asked.out / name / "network.onnx" for name in SIZES}
    rows = measure(files, asked.source)
    report("Accuracy against time", rows, asked.json)
    draw(rows, asked.source, asked.out / "sizes.png")


def parse() -> argparse.Namespace:
    parser = arguments(__doc__ or "")
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--out", type=Path, required=True, help="folder for the networks")
    parser.add_argument("--steps", type=int, help="of each training, in place of the recipe's")
    parser.add_argument("--source", default="mouse_open_field", help="whose scores are shown")
    return parser.parse_args()


def measure(files: dict[str, Path], source: str) -> list[dict[str, Any]]:
    """One row per network; they take turns, so that a busy moment is one for all."""
    settings = RuntimeSettings(provider=Provider.CPU)
    runtimes = [OnnxRuntime(file, settings) for file in files.values()]
    card = runtimes[0].card
    fit = InputGeometry.fit(*SHAPE, card.long_side, card.multiple_of)
    whole = fit.padded_height, fit.padded_width
    crop = (card.crop.side, card.crop.side) if card.crop else whole
    crop_ms, whole_ms = time_calls(runtimes, crop), time_calls(runtimes, whole)
    rows = []
    for number, (name, file) in enumerate(files.items()):
        figures = runtimes[number].card.scores
        scores = {key.removeprefix(f"{source}: "): value for key, value in figures.items()}
        row = {
            "size": name,
            "crop_ms": crop_ms[number],
            "whole_ms": whole_ms[number],
            "median_px": scores["median_px"],
            "mean_px": scores["mean_px"],
            "within_10_px": scores["within_10_px_share"],
            "megabytes": file.stat().st_size / 1e6,
        }
        rows.append(row)
    return rows


def time_calls(runtimes: list[OnnxRuntime], sides: tuple[int, int]) -> list[float]:
    """Median (ms) of `CALLS` calls of each on noise."""
    shape = (1, runtimes[0].card.channels, *sides)
    image = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    return [float(np.median(each)) for each in time_in_turn(runtimes, image, CALLS)]


def draw(rows: list[dict[str, Any]], source: str, path: Path) -> None:
    figure = Figure(figsize=(5.5, 3.6), layout="constrained")
    axes = figure.subplots()
    for key, marker in (("mean_px", "o"), ("median_px", "s")):
        label = key.replace("_px", " error")
        axes.plot([r["crop_ms"] for r in rows], [r[key] for r in rows], f"{marker}-", label=label)
    for row in rows:
        axes.annotate(
            row["size"],
            (row["crop_ms"], row["mean_px"]),
            textcoords="offset points",
            xytext=(6, 6),
        )
    axes.set_xlabel("one call on one CPU thread, a crop (ms)")
    axes.set_ylabel(f"{source}, held-out animals (px)")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
