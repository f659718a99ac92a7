"""`tracker export` and `tracker import`: to and from the files of other programs."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from tracker.commands.output import print_json
from tracker.export.coco import Choice
from tracker.export.run import Format, Pictures, export
from tracker.export.session_view import Rows
from tracker.recording import Recording


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
        print_json({"files": done.files, "notes": done.notes})
        return
    for file in done.files:
        typer.echo(file)


def import_session(
    tracks: Annotated[
        Path, typer.Argument(help="Tracks of DeepLabCut (.h5, .csv) or SLEAP (.slp, .analysis.h5).")
    ],
    config: Annotated[
        Path,
        typer.Option(help="Experiment file, or the name of a shipped one: its rules are tried."),
    ],
    video: Annotated[
        Path | None, typer.Option(help="The video that the tracks were found in.")
    ] = None,
    fps: Annotated[
        float | None, typer.Option(min=0.001, help="Frames per second, if there is no video.")
    ] = None,
    individual: Annotated[
        str | None, typer.Option(help="Whom features and rules are about; default: the first.")
    ] = None,
    min_confidence: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="A keypoint below it is not found; default: its program's own."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder in which session folders are made.")] = Path(
        "sessions"
    ),
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Replace a setting. Repeatable.")
    ] = None,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Last line of stdout is one JSON object.")
    ] = False,
) -> None:
    """Make a session out of tracks that another program found, to try rules on old data."""
    from tracker.report import write_report  # slow to import
    from tracker.summary import summarise
    from tracker.terminal import print_summary
    from tracker.track_import import Import, ImportRun

    wanted = Import(tracks, config, video, fps, individual, min_confidence, changes or ())
    run = ImportRun(wanted, out)
    console = Console(stderr=True)
    for note in run.notes:
        console.print(Text(f"note: {note}", "yellow"), soft_wrap=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(tracks.name, total=run.n_frames)
        run.run(lambda done, _of: bar.update(task, completed=done))
    recording = Recording(run.folder)
    summary = summarise(recording)
    if as_json:
        print_json(summary)
    else:
        print_summary(summary)
    write_report(recording)
