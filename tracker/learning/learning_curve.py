"""How many frames does one have to label? Train on some of them, and see what more would bring."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tracker.errors import TrainingError
from tracker.learning.data.loading import load
from tracker.learning.recipe import read_recipe
from tracker.learning.train import CHECKPOINT, train
from tracker.runtimes.onnx import read_card

FRACTIONS = (0.25, 0.5, 1.0)
"""Shares of the labelled training images."""


@dataclass(frozen=True, slots=True)
class Point:
    """One network of a learning curve.

    Attributes:
        fraction: Share of the labelled training images.
        images: Labelled images that it learnt from; drawn ones are not counted.
        scores: Held-out figures, as in its card.
    """

    fraction: float
    images: int
    scores: Mapping[str, float]


def learning_curve(
    recipe: Path,
    out: Path,
    *,
    data: Path | None = None,
    fractions: Sequence[float] = FRACTIONS,
    steps: int | None = None,
) -> list[Point]:
    """Train a recipe on parts of its labelled images; write `curve.json` and `curve.png`.

    Each network gets a folder in `out`, with the recipe it was trained by. One that is there
    already is not trained again, and an interrupted one goes on.

    Args:
        recipe: The YAML file.
        out: Folder for everything; made if it is not there.
        data: Folder of the sources, in place of the recipe's.
        fractions: Shares of the labelled training images, above 0 and at most 1.
        steps: Of each training, in place of the recipe's.

    Raises:
        MissingExtra: If PyTorch or ONNX is not installed.
        TrainingError: If recipe, data or fractions are wrong.
    """
    if not fractions or not all(0 < share <= 1 for share in fractions):
        raise TrainingError(f"fractions are {list(fractions)}, expected shares above 0, at most 1")
    root = (data or recipe.parent / read_recipe(recipe).data).resolve()
    points: list[Point] = []
    fixed = {} if steps is None else {"steps": steps}
    for share in sorted(fractions):
        folder = out / f"{share:.0%}"
        changed = write_variant(recipe, folder, {"schedule": {"fraction": share, **fixed}})
        network = folder / "network.onnx"
        if not network.is_file() or (folder / CHECKPOINT).is_file():
            train(changed, data=root, resume=True)
        plan = read_recipe(changed)
        labelled = {each.name for each in plan.sources if each.kind != "synthetic"}
        n = sum(sample.source in labelled for sample in load(plan, root).train)
        points.append(Point(share, n, read_card(network).scores))
        content = json.dumps([asdict(point) for point in points], indent=2)
        (out / "curve.json").write_text(content + "\n", encoding="utf-8")
    draw_points(points, read_recipe(recipe).name, out / "curve.png")
    return points


def write_variant(recipe: Path, folder: Path, changes: Mapping[str, Mapping[str, Any]]) -> Path:
    """Write a recipe with some settings replaced into a folder of its own; return its path.

    Args:
        recipe: The YAML file.
        folder: Made if it is not there.
        changes: Part of the recipe, e.g. `schedule`: setting: value.
    """
    yaml = YAML(typ="safe", pure=True)
    content = yaml.load(recipe.read_text(encoding="utf-8"))
    for part, settings in changes.items():
        content[part] = {**content.get(part, {}), **settings}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "recipe.yaml"
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(content, file)
    return path


def draw_points(points: Sequence[Point], title: str, path: Path) -> None:
    """Write held-out error and share of keypoints within 10 px against labelled images, as PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    counts = [point.images for point in points]
    for axes, figure_name, label in (
        (left, "median_px", "median error (px)"),
        (left, "mean_px", "mean error (px)"),
        (right, "within_10_px_share", "keypoints within 10 px"),
    ):
        for name in points[-1].scores if points else ():
            source, _, what = name.rpartition(": ")
            of_all = ": " not in source  # not of one keypoint
            if what == figure_name and of_all and not source.startswith("synthetic"):
                series = [point.scores.get(name, float("nan")) for point in points]
                axes.plot(counts, series, "o-", label=f"{source}: {label}")
    for axes in (left, right):
        axes.set_xlabel("labelled training images")
        axes.set_xlim(left=0)
        axes.spines[["top", "right"]].set_visible(False)
        if axes.lines:
            axes.legend(frameon=False)
    left.set_ylim(bottom=0)
    right.set_ylim(top=1)
    figure.suptitle(f"{title}, held-out images")
    figure.savefig(path, dpi=110)
