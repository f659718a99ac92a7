"""`tracker new-recipe | train | learning-curve`: from labelled images to a network."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from tracker.errors import TrainingError, TrainingStopped

STOPPED = 130
"""Exit code after Ctrl-C, as shells give it."""

Recipe = Annotated[Path, typer.Argument(help="What to train, on which data.")]
Data = Annotated[
    Path | None, typer.Option(help="Folder of the data sets, in place of the recipe's.")
]


def new_recipe(
    folder: Annotated[
        Path, typer.Argument(help="Labelled images: a DeepLabCut project, .slp files, COCO, ...")
    ],
    out: Annotated[Path, typer.Option(help="Folder for recipe.yaml and, later, the network.")],
) -> None:
    """Look through labelled images, and write a recipe to train a network on them."""
    from tracker.learning.new_recipe import new_recipe as write  # slow to import

    made = write(folder, out)
    lines = [
        f"{made.images} labelled images in {made.groups} groups; kept to judge by: "
        f"{', '.join(made.held_out)}",
        f"keypoints: {', '.join(made.keypoints)}",
    ]
    if made.left_out:
        lines.append(f"left out, since hardly any image has them: {', '.join(made.left_out)}")
    lines.append(f"{made.path}: look it over, then: tracker train {made.path}")
    Console(highlight=False).print(Text("\n".join(lines)), soft_wrap=True)


def train(
    recipe: Recipe,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the network; default: the recipe's own.")
    ] = None,
    data: Data = None,
    *,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an interrupted training stopped.")
    ] = False,
) -> None:
    """Train a network or a classifier by its recipe, judge it on held-out data, and export it."""
    from tracker.learning.behaviours.recipe import is_behaviour_recipe

    try:
        if is_behaviour_recipe(recipe):
            file, scores_by_name = _behaviours(recipe, out, data, resume=resume)
        else:
            from tracker.learning.train import train as run_training  # torch: only here

            result = run_training(recipe, out=out, data=data, resume=resume)
            file, scores_by_name = result.network, result.card.scores
    except TrainingStopped as stopped:
        Console(stderr=True).print(Text(str(stopped)), soft_wrap=True)
        raise typer.Exit(STOPPED) from stopped
    scores = ", ".join(f"{name} {value:g}" for name, value in scores_by_name.items())
    Console().print(f"{file}: {scores}", soft_wrap=True)


def _behaviours(
    recipe: Path, out: Path | None, data: Path | None, *, resume: bool
) -> tuple[Path, Mapping[str, float]]:
    from tracker.learning.behaviours.train import train_behaviours  # torch: only here

    if resume:
        raise TrainingError("--resume: a classifier of behaviours is trained in one go")
    trained = train_behaviours(recipe, out=out, data=data)
    return trained.file, trained.card.scores


def learning_curve(
    recipe: Recipe,
    out: Annotated[
        Path | None, typer.Option(help="Folder for everything; default: learning_curve beside it.")
    ] = None,
    data: Data = None,
    fractions: Annotated[
        list[float] | None,
        typer.Option("--fraction", help="Share of the labelled images; default: 0.25, 0.5 and 1."),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Of each training, in place of the recipe's.")
    ] = None,
) -> None:
    """Train on parts of the labelled images, and draw the error against their number."""
    from tracker.learning.learning_curve import FRACTIONS  # torch: only here
    from tracker.learning.learning_curve import learning_curve as run

    folder = out or recipe.parent / "learning_curve"
    points = run(recipe, folder, data=data, fractions=fractions or FRACTIONS, steps=steps)
    console = Console(highlight=False)
    for point in points:
        scores = ", ".join(
            f"{name} {value:g}" for name, value in point.scores.items() if "median" in name
        )
        console.print(Text(f"{point.images} labelled images: {scores}"), soft_wrap=True)
    console.print(Text(str(folder / "curve.png")), soft_wrap=True)
