"""`tracker evaluate`: how good a network is."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from tracker.build import find_network
from tracker.errors import TrainingError
from tracker.runtimes.base import Provider, RuntimeSettings

Network = Annotated[str, typer.Argument(help="An .onnx file, or the name of a shipped network.")]


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
