"""The commands of the command line around a trained network: `label-more`, `quantise`."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tracker.build import find_network
from tracker.learning.label_writers import LabelFormat
from tracker.learning.quantise import LowPrecision, Quantised
from tracker.learning.quantise import quantise as quantise_network
from tracker.runtimes.base import Provider, RuntimeSettings
from tracker.runtimes.network_file import read_network

Network = Annotated[str, typer.Argument(help="An .onnx file, or the name of a shipped network.")]
Json = Annotated[bool, typer.Option("--json", help="Last line of stdout is one JSON object.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command(
        name="label-more",
        epilog="Example: `tracker label-more mouse.mp4 --network mouse_top_view --out my_project`",
    )(label_more)
    app.command(
        epilog="Example: `tracker quantise mouse_top_view --data mouse.mp4 --out int8.onnx`"
    )(quantise)


def label_more(  # noqa: PLR0913 - one parameter per option of the command line
    video: Annotated[Path, typer.Argument(help="The video to choose frames from.")],
    network: Annotated[str, typer.Option(help="An .onnx file, or a shipped network.")],
    out: Annotated[
        Path, typer.Option(help="Folder of the project to write into, new or older.")
    ] = Path("label-more"),
    *,
    n: Annotated[int, typer.Option("--n", min=1, help="How many frames.")] = 40,
    label_format: Annotated[
        LabelFormat, typer.Option("--format", help="The program to correct them with.")
    ] = LabelFormat.DEEPLABCUT,
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
    from tracker.learning.label_more import label_more as choose  # slow to import

    found = choose(
        video,
        find_network(network),
        out,
        n=n,
        label_format=label_format,
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


def quantise(
    model: Network,
    data: Annotated[
        Path, typer.Option(help="A video, or a folder of images; labels are not needed.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="File to write; default: NETWORK-PRECISION.onnx here.")
    ] = None,
    precision: Annotated[
        LowPrecision, typer.Option(help="int8 for CPUs, fp16 for TensorRT.")
    ] = LowPrecision.INT8,
    images: Annotated[
        int, typer.Option(min=16, help="Images used, half of them to calibrate by.")
    ] = 200,
    *,
    as_json: Json = False,
) -> None:
    """Write a network in fewer bits, unless it then sees something else."""
    network = find_network(model)
    if out is None:
        out = Path(f"{read_network(network).card.name}-{precision}.onnx")
    made = quantise_network(network, data, out, precision=precision, images=images)
    if as_json:
        print(json.dumps(_content(made), allow_nan=False), flush=True)
        return
    console = Console(highlight=False)
    console.print(_table(made))
    console.print(Text(f"{made.network}, all but {made.kept_in_float}"), soft_wrap=True)


def _content(made: Quantised) -> dict[str, object]:
    sizes = {
        f"{width}x{height}": {
            "ms_before": made.times_ms[height, width][0],
            "ms_after": made.times_ms[height, width][1],
            **loss.known,
        }
        for (height, width), loss in made.losses.items()
    }
    return {
        "network": str(made.network),
        "version": made.card.version,
        "kept_in_float": made.kept_in_float,
        "sizes": sizes,
    }


def _table(made: Quantised) -> Table:
    title = f"{made.card.name} {made.card.version}: lost and won, one CPU thread"
    table = Table(title=title, title_justify="left")
    table.add_column()
    columns = []
    for (height, width), loss in made.losses.items():
        table.add_column(f"{width}x{height} px", justify="right")
        before, after = made.times_ms[height, width]
        columns.append({"ms before": before, "ms after": after, **loss.known})
    for name in dict.fromkeys(name for column in columns for name in column):
        table.add_row(name, *(_shown(column.get(name)) for column in columns))
    return table


def _shown(value: float | None) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else f"{value:.3f}"
