"""`tracker quantise`: the same network in fewer bits."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tracker.build import find_network
from tracker.runtimes.network_file import read_network

if TYPE_CHECKING:
    from tracker.learning.precision.quantise import Quantised

Network = Annotated[str, typer.Argument(help="An .onnx file, or the name of a shipped network.")]
Json = Annotated[bool, typer.Option("--json", help="Last line of stdout is one JSON object.")]


def quantise(
    model: Network,
    data: Annotated[
        Path, typer.Option(help="A video, or a folder of images; labels are not needed.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="File to write; default: NETWORK-PRECISION.onnx here.")
    ] = None,
    precision: Annotated[
        Literal["int8", "fp16"], typer.Option(help="int8 for CPUs, fp16 for TensorRT.")
    ] = "int8",
    images: Annotated[
        int, typer.Option(min=16, help="Images used, half of them to calibrate by.")
    ] = 200,
    *,
    as_json: Json = False,
) -> None:
    """Write a network in fewer bits, unless it then sees something else."""
    from tracker.learning.precision.quantise import LowPrecision  # slow to import
    from tracker.learning.precision.quantise import quantise as run

    network = find_network(model)
    if out is None:
        out = Path(f"{read_network(network).card.name}-{precision}.onnx")
    made = run(network, data, out, precision=LowPrecision(precision), images=images)
    if as_json:
        print(json.dumps(_content(made), allow_nan=False), flush=True)
        return
    console = Console(highlight=False)
    console.print(_table(made))
    console.print(Text(f"{made.network}, all but {made.kept_in_float}"), soft_wrap=True)


def _content(made: "Quantised") -> dict[str, object]:
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


def _table(made: "Quantised") -> Table:
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
