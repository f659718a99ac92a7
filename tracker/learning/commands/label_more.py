"""`tracker label-more`: which frames to label next."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.text import Text

from tracker.build import find_network
from tracker.runtimes.base import Provider, RuntimeSettings

Json = Annotated[bool, typer.Option("--json", help="Last line of stdout is one JSON object.")]


def label_more(  # noqa: PLR0913 - one parameter per option of the command line
    video: Annotated[Path, typer.Argument(help="The video to choose frames from.")],
    network: Annotated[
        str, typer.Option("--model", help="An .onnx file, or the name of a shipped network.")
    ],
    out: Annotated[
        Path, typer.Option(help="Folder of the project to write into, new or older.")
    ] = Path("label-more"),
    *,
    n: Annotated[int, typer.Option("--n", min=1, help="How many frames.")] = 40,
    label_format: Annotated[
        Literal["deeplabcut", "sleap"],
        typer.Option("--format", help="The program to correct them with."),
    ] = "deeplabcut",
    every: Annotated[
        int | None,
        typer.Option(min=1, help="Look at every so many frames; default: at most 3000 in all."),
    ] = None,
    scorer: Annotated[
        str | None, typer.Option(help="Who labels; default: the project's, or network.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the frames drawn at random.")] = 0,
    provider: Annotated[Provider, typer.Option(help="What the network runs on.")] = Provider.AUTO,
    as_json: Json = False,
) -> None:
    """Write the frames that a network is least sure of, with its guesses, to be corrected."""
    from tracker.learning.labelling.label_more import label_more as choose  # slow to import
    from tracker.learning.labelling.writers import LabelFormat

    found = choose(
        video,
        find_network(network),
        out,
        n=n,
        label_format=LabelFormat(label_format),
        every=every,
        scorer=scorer,
        seed=seed,
        settings=RuntimeSettings(provider=provider),
    )
    reasons = {str(why or "random"): count for why, count in found.reasons.items()}
    if as_json:
        content = {"labels": str(found.labels), "frames": found.frames, "reasons": reasons}
        print(json.dumps(content), flush=True)
        return
    counts = ", ".join(f"{count} {why}" for why, count in reasons.items())
    text = f"{len(found.frames)} of {found.n_looked_at} frames ({counts}): {found.labels}"
    Console().print(Text(text), soft_wrap=True)
