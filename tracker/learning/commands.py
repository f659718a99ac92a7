"""The commands of the command line that make and judge networks: `train`, `evaluate`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from tracker.build import find_network
from tracker.errors import TrainingError, TrainingStopped
from tracker.learning import more_commands
from tracker.runtimes.base import Provider, RuntimeSettings

Network = Annotated[str, typer.Argument(help="An .onnx file, or the name of a shipped network.")]


STOPPED = 130
"""Exit code after Ctrl-C, as shells give it."""


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command(epilog="Example: `tracker train models/mouse_top_view/recipe.yaml`")(train)
    app.command(
        epilog="Example: `tracker evaluate mouse_top_view --data my_project --map nose=SNOUT`"
    )(evaluate)
    more_commands.register(app)


def train(
    recipe: Annotated[Path, typer.Argument(help="What to train, on which data.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for the network; default: the recipe's own.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder of the data sets, in place of the recipe's.")
    ] = None,
    *,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an interrupted training stopped.")
    ] = False,
) -> None:
    """Train a network by its recipe, judge it on held-out data, and export it to ONNX."""
    from tracker.learning.train import train as run_training  # torch: only here

    try:
        result = run_training(recipe, out=out, data=data, resume=resume)
    except TrainingStopped as stopped:
        Console(stderr=True).print(Text(str(stopped)), soft_wrap=True)
        raise typer.Exit(STOPPED) from stopped
    scores = ", ".join(f"{name} {value:g}" for name, value in result.card.scores.items())
    Console().print(f"{result.network}: {scores}", soft_wrap=True)


def evaluate(  # noqa: PLR0913 - one parameter per option of the command line
    model: Network,
    data: Annotated[
        Path,
        typer.Option(
            help="Folder of labelled images: DeepLabCut, SLEAP, Lightning Pose, COCO, tables."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the page; default: evaluations/MODEL-on-DATA."),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(
            help="Only images in whose SESSION/IMAGE_NAME this expression is found, e.g. ^(7|9)_"
        ),
    ] = None,
    recipe: Annotated[
        Path | None,
        typer.Option(help="Only what this recipe holds out; --data is its data folder."),
    ] = None,
    maps: Annotated[
        list[str] | None,
        typer.Option("--map", help="keypoint=label[,label]: whose mean it is. Repeatable."),
    ] = None,
    provider: Annotated[Provider, typer.Option(help="What the network runs on.")] = Provider.AUTO,
    *,
    whole: Annotated[bool, typer.Option("--whole", help="The whole frame only, no crop.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Last line of stdout is one JSON object.")
    ] = False,
) -> None:
    """Say how good a network is on labelled images, and write a page with the worst of them."""
    from tracker.learning.evaluate import evaluate as run_evaluation  # slow to import
    from tracker.learning.judging.selection import Selection

    found = run_evaluation(
        find_network(model),
        Selection(data, only, recipe, _mapping(maps or [])),
        out=out,
        settings=RuntimeSettings(provider=provider),
        crop=not whole,
    )
    if as_json:
        print(json.dumps({**found.facts, "page": str(found.page)}, allow_nan=False), flush=True)
        return
    from tracker.learning.judging.table import print_judgement

    console = Console(highlight=False)
    print_judgement(found.judgement, found.facts, console)
    console.print(Text(str(found.page)), soft_wrap=True)


def _mapping(maps: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """`nose=SNOUT` or `head=leftear,rightear` as keypoint: labels."""
    mapping = {}
    for text in maps:
        keypoint, _, labels = text.partition("=")
        names = tuple(label.strip() for label in labels.split(",") if label.strip())
        if not keypoint.strip() or not names:
            raise TrainingError(f"--map {text!r}: expected keypoint=label or keypoint=label,label")
        mapping[keypoint.strip()] = names
    return mapping
