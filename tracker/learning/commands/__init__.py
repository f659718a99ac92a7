"""The commands of the command line that make, judge and change networks."""

import typer

from tracker.learning.commands.candidates import candidates
from tracker.learning.commands.evaluate import evaluate
from tracker.learning.commands.label_more import label_more
from tracker.learning.commands.quantise import quantise
from tracker.learning.commands.train import learning_curve, new_recipe, train

NETWORKS, BEHAVIOURS = "Networks", "Behaviours"
"""Headings of `tracker --help`."""


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command(
        rich_help_panel=NETWORKS,
        name="new-recipe",
        epilog="Example: `tracker new-recipe my-dlc-project --out my_mouse`",
    )(new_recipe)
    app.command(rich_help_panel=NETWORKS, epilog="Example: `tracker train my_mouse/recipe.yaml`")(
        train
    )
    app.command(
        rich_help_panel=NETWORKS,
        epilog="Example: `tracker evaluate mouse_top_view --data my_project --map nose=SNOUT`",
    )(evaluate)
    app.command(
        rich_help_panel=NETWORKS,
        name="learning-curve",
        epilog="Example: `tracker learning-curve my_mouse/recipe.yaml`",
    )(learning_curve)
    app.command(
        rich_help_panel=NETWORKS,
        name="label-more",
        epilog="Example: `tracker label-more mouse.mp4 --model mouse_top_view --out my_project`",
    )(label_more)
    app.command(
        rich_help_panel=BEHAVIOURS,
        epilog="Example: `tracker candidates sessions/20261122T101500Z_m12 --out candidates`",
    )(candidates)
    app.command(
        rich_help_panel=NETWORKS,
        epilog="Example: `tracker quantise mouse_top_view --data mouse.mp4 --out int8.onnx`",
    )(quantise)
