"""`tracker export` and `tracker import`: to and from the files of other programs."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from tracker.export.coco import Choice
from tracker.export.run import Format, Pictures, export
from tracker.export.session_view import Rows


def export_session(
    folder: Annotated[Path, typer.Argument(help="A session folder.")],
    formats: Annotated[list[Format], typer.Argument(help="One or more.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the files; default: `export` in the session's folder."),
    ] = None,
    frames: Annotated[
        Rows,
        typer.Option(
            help="Which frames have a row: every one that the camera counted, only those "
            "processed, or those in the video."
        ),
    ] = Rows.SLOTS,
    images: Annotated[int, typer.Option(min=1, help="coco: how many frames.")] = 40,
    choose: Annotated[
        Choice, typer.Option(help="coco: evenly spaced frames, or the least sure ones.")
    ] = Choice.UNSURE,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Last line of stdout is one JSON object.")
    ] = False,
) -> None:
    """Write a session as NWB, DeepLabCut, SLEAP, movement, BORIS, COCO, CSV or Parquet."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[Format, TaskID] = {each: bar.add_task(each, total=1) for each in formats}

        def show(what: Format, done: int, of: int) -> None:
            bar.update(tasks[what], completed=done / of)

        done = export(
            folder,
            formats,
            out,
            rows=frames,
            pictures=Pictures(images, choose),
            progress=show,
        )
    for note in done.notes:
        Console(stderr=True).print(Text(f"note: {note}", "yellow"), soft_wrap=True)
    if as_json:
        print(
            json.dumps({"files": [str(file) for file in done.files], "notes": done.notes}),
            flush=True,
        )
        return
    for file in done.files:
        typer.echo(file)
