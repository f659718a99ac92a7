"""From a recipe to a network file: `train`."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from ruamel.yaml import YAML

from tracker.errors import MissingExtra
from tracker.learning.data.loading import load
from tracker.learning.evaluate import NEEDED
from tracker.learning.recipe import Recipe, read_recipe
from tracker.learning.samples import Split
from tracker.learning.stopping import stop_on_signal
from tracker.runtimes.base import ModelCard

if TYPE_CHECKING:
    from tracker.learning.fitting import Progress as State
    from tracker.learning.networks import Network

CHECKPOINT = "checkpoint.pt"
"""State of a training that is not finished, beside its results."""


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What training left.

    Attributes:
        network: The network file.
        card: What it says of itself; also beside it as `card.yaml`.
        steps: Steps done, those before an interruption included.
    """

    network: Path
    card: ModelCard
    steps: int


def train(
    recipe: Path,
    *,
    out: Path | None = None,
    data: Path | None = None,
    resume: bool = False,
) -> TrainingResult:
    """Train the network of a recipe and write `network.onnx`, `card.yaml` and `curves.png`.

    A checkpoint, `checkpoint.pt`, is written beside them at every validation, and removed at
    the end. Ctrl-C ends training after the step at hand, with a checkpoint. The network of the
    validation with the smallest error is the one that is kept.

    Args:
        recipe: The YAML file.
        out: Folder for the results; by default the recipe's own. Made if it is not there.
        data: Folder of the sources, in place of the recipe's.
        resume: Go on from the checkpoint if there is one.

    Raises:
        MissingExtra: If a library of the extra `train` is not installed.
        TrainingStopped: If Ctrl-C was pressed.
        TrainingError: If the recipe or its data are wrong, or the exported network differs.
    """
    if not all(importlib.util.find_spec(name) for name in ("torch", "onnx", *NEEDED)):
        raise MissingExtra("train", "training")
    plan = read_recipe(recipe)
    split = load(plan, data or (recipe.parent / plan.data))
    folder = out or recipe.parent
    folder.mkdir(parents=True, exist_ok=True)
    network = _fit(plan, split, folder, resume=resume)
    card = _export(plan, split, network, folder)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return TrainingResult(folder / "network.onnx", card, plan.schedule.steps)


def _fit(plan: Recipe, split: Split, folder: Path, *, resume: bool) -> "Network":
    from tracker.learning.curves import draw_curves
    from tracker.learning.fitting import Trainer

    checkpoint = folder / CHECKPOINT
    trainer = Trainer(plan, split)
    if resume and checkpoint.is_file():
        trainer.resume(checkpoint)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[state]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar, stop_on_signal() as stop:
        state = trainer.progress
        task = bar.add_task(
            f"training {plan.name}", total=state.steps, completed=state.step, state=""
        )

        def show(now: "State") -> None:
            text = f"loss {now.loss:.3f}, held-out error {now.error:.4f}"
            bar.update(task, completed=now.step, state=text)

        network = trainer.run(checkpoint, show, stop)
    draw_curves(trainer.history, plan.name, folder / "curves.png")
    return network


def _export(plan: Recipe, split: Split, network: "Network", folder: Path) -> ModelCard:
    from tracker.learning.card_scores import card_scores
    from tracker.learning.export import card_of, export, write_card
    from tracker.learning.networks import Graph
    from tracker.learning.validation import live_inputs

    file = folder / "network.onnx"
    card = card_of(plan, network.stride)
    export(Graph(network).eval(), card, list(live_inputs(plan, split.validation)), file)
    card = card.model_copy(update={"scores": card_scores(file, split.validation)})
    write_card(card, file)
    _write_card(card, folder / "card.yaml")
    return card


def _write_card(card: ModelCard, path: Path) -> None:
    yaml = YAML(pure=True)
    yaml.width = 100
    with path.open("w", encoding="utf-8") as file:
        file.write("# What network.onnx says of itself; written by training, read by people.\n")
        yaml.dump(card.model_dump(mode="json"), file)
