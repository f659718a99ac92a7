"""`tracker cameras`: what is plugged in, and what to write into a config for it."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tracker.cameras.found import FoundCamera, search
from tracker.commands.output import print_json


def cameras(
    address: Annotated[
        list[str] | None,
        typer.Option(help="A GigE camera that a search does not reach. Repeatable."),
    ] = None,
    usb: Annotated[int, typer.Option(min=0, max=64, help="USB cameras to try, from 0.")] = 4,
    *,
    emulated: Annotated[
        bool, typer.Option("--emulated", help="Also those that drivers play themselves.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """List the cameras that are there, with a line for `rig:` of a config.

    Each is opened for a moment. A camera that a session uses is listed without its formats.
    """
    with Console(stderr=True).status("looking for cameras"):
        found = search(addresses=address or (), n_usb=usb, emulated=emulated)
    if as_json:
        about = {
            "cameras": [camera.as_dict() for camera in found.cameras],
            "missing": list(found.missing),
        }
        print_json(about)
        return
    if found.cameras:
        Console().print(_table(found.cameras))
        typer.echo("\nFor `rig:` of a config, one of:")
        for line in dict.fromkeys(camera.line for camera in found.cameras if camera.wishes):
            typer.echo(f"  {line}")
    else:
        typer.echo("No camera answers: check cables, power, and that no other program uses it.")
    for sentence in found.missing:
        typer.echo(f"not looked for: {sentence}")


def _table(found: tuple[FoundCamera, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("kind", "camera", "serial number", "formats"):
        table.add_column(heading, overflow="fold")
    for camera in found:
        name = f"{camera.vendor} {camera.model}".strip()
        said = ", ".join(camera.formats)
        more = f"{said}; {camera.note}" if said and camera.note else said or camera.note
        table.add_row(camera.kind, name, camera.serial, more)
    return table
