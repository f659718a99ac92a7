"""`tracker render`: an annotated film of a session."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from tracker.commands.output import print_json
from tracker.recording import Recording

STOPPED = 130
"""Exit code after Ctrl-C, as shells give it."""


def render(
    session: Annotated[Path, typer.Argument(help="A session folder.")],
    out: Annotated[
        Path | None,
        typer.Option(help="File to write, .mp4; default: film.mp4 in the session folder."),
    ] = None,
    from_s: Annotated[
        float | None, typer.Option("--from", min=0, help="s, since the first frame.")
    ] = None,
    to_s: Annotated[
        float | None, typer.Option("--to", min=0, help="s, since the first frame.")
    ] = None,
    speed: Annotated[
        float, typer.Option(min=0.01, max=1000, help="0.25: slow motion; 8: eight times as fast.")
    ] = 1.0,
    behaviour: Annotated[
        str | None, typer.Option(help="Only the bouts of this behaviour, one after the other.")
    ] = None,
    before: Annotated[float, typer.Option(min=0, help="s before each bout.")] = 2.0,
    after: Annotated[float, typer.Option(min=0, help="s after each bout.")] = 2.0,
    scale: Annotated[
        float | None,
        typer.Option(min=0.05, max=8, help="Of the picture; default: 480 to 1920 px wide."),
    ] = None,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Last line of stdout is one JSON object.")
    ] = False,
) -> None:
    """Make an annotated film of a session: pose, trail, behaviours, stimuli, losses, clock."""
    from tracker.render import Wanted, render  # loads OpenCV and FFmpeg

    recording = Recording(session)
    name = "film.mp4" if behaviour is None else f"film_{behaviour}.mp4"
    wanted = Wanted(from_s, to_s, speed, behaviour, before, after, scale)
    console = Console(stderr=True)
    columns = (TextColumn("film"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task("film", total=None)
            film = render(
                recording,
                session / name if out is None else out,
                wanted,
                lambda done, of: bar.update(task, completed=done, total=of),
            )
    except KeyboardInterrupt:
        console.print("stopped: no film was made")
        raise typer.Exit(STOPPED) from None
    if film.cut_off:
        console.print("the session's video was cut off, and so the film ends there")
    if as_json:
        print_json(film)
    else:
        seconds = film.n_pictures / film.fps
        typer.echo(f"{film.path}: {seconds:.1f} s, {film.n_pictures} pictures at {film.fps:g}/s")
