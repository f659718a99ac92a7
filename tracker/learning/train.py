"""From a recipe to a network file: `train`."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

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
from tracker.learning.data import load
from tracker.learning.recipe import Recipe, read_recipe
from tracker.learning.samples import Split
from tracker.runtimes.base import ModelCard

if TYPE_CHECKING:
    from tracker.learning.fitting import Progress as State
    from tracker.learning.networks import PoseNetwork

QUICK_STEPS = 200
"""Steps of a trial run, at most."""


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
    quick: bool = False,
) -> TrainingResult:
    """Train the network of a recipe and write `network.onnx` and `card.yaml`.

    A checkpoint, `checkpoint.pt`, is written beside them at every validation, and removed at
    the end. The network of the validation with the smallest error is the one that is kept.

    Args:
        recipe: The YAML file.
        out: Folder for the results; by default the recipe's own. Made if it is not there.
        data: Folder of the sources, in place of the recipe's.
        resume: Go on from the checkpoint if there is one.
        quick: A trial run of `QUICK_STEPS` steps at most.

    Raises:
        MissingExtra: If PyTorch or ONNX is not installed.
        TrainingError: If the recipe or its data are wrong, or the exported network differs.
    """
    if not all(importlib.util.find_spec(name) for name in ("torch", "onnx")):
        raise MissingExtra("train", "training")
    plan = read_recipe(recipe)
    if quick:
        steps = min(QUICK_STEPS, plan.schedule.steps)
        schedule = plan.schedule.model_copy(update={"steps": steps})
        plan = plan.model_copy(update={"schedule": schedule})
    split = load(plan, data or (recipe.parent / plan.data))
    folder = out or recipe.parent
    folder.mkdir(parents=True, exist_ok=True)
    network = _fit(plan, split, folder / "checkpoint.pt", resume=resume)
    card = _export(plan, split, network, folder)
    (folder / "checkpoint.pt").unlink(missing_ok=True)
    return TrainingResult(folder / "network.onnx", card, plan.schedule.steps)


def _fit(plan: Recipe, split: Split, checkpoint: Path, *, resume: bool) -> "PoseNetwork":
    from tracker.learning.fitting import Trainer

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
    with Progress(*columns) as bar:
        state = trainer.progress
        task = bar.add_task(
            f"training {plan.name}", total=state.steps, completed=state.step, state=""
        )

        def show(now: "State") -> None:
            text = f"loss {now.loss:.3f}, held-out error {now.error:.4f}"
            bar.update(task, completed=now.step, state=text)

        return trainer.run(checkpoint, show)


def _export(plan: Recipe, split: Split, network: "PoseNetwork", folder: Path) -> ModelCard:
    from tracker.learning.export import export
    from tracker.learning.networks import GRAIN, PoseGraph
    from tracker.learning.scores import inputs_of, score

    graph = PoseGraph(network).eval()
    card = ModelCard(
        name=plan.name,
        version=plan.version,
        description=plan.description,
        keypoints=plan.keypoints,
        edges=tuple(
            (plan.keypoints.index(start), plan.keypoints.index(end)) for start, end in plan.edges
        ),
        channels=plan.network.channels,
        long_side=plan.long_side,
        multiple_of=GRAIN,
        min_confidence=plan.min_confidence,
        trained_on=tuple(source.described for source in plan.sources),
        licence=plan.licence,
        scores=score(graph, plan, split.validation),
    )
    export(graph, card, inputs_of(plan, split.validation), folder / "network.onnx")
    _write_card(card, folder / "card.yaml")
    return card


def _write_card(card: ModelCard, path: Path) -> None:
    yaml = YAML(pure=True)
    yaml.width = 100
    with path.open("w", encoding="utf-8") as file:
        file.write("# What network.onnx says of itself; written by training, read by people.\n")
        yaml.dump(card.model_dump(mode="json"), file)
