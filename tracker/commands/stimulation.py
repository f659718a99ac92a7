"""`tracker latency | flash | report | unblind`: the loop's speed, its box, and what it left."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from tracker.clock import SystemClock
from tracker.commands.output import print_json
from tracker.config import load
from tracker.recording import Recording

Json = Annotated[bool, typer.Option("--json", help="Last line of stdout is one JSON object.")]
Folder = Annotated[Path, typer.Argument(help="A session folder.")]


def latency(
    config: Annotated[Path, typer.Argument(help="Experiment file, or name of a shipped one.")],
    led: Annotated[str, typer.Option(help="Output that drives an LED in the camera's view.")],
    answer: Annotated[str, typer.Option(help="Output whose edge answers.")],
    trials: Annotated[int, typer.Option(min=5, max=10_000, help="Flashes.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Of the moments of the flashes.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder in which session folders are made.")] = Path(
        "sessions"
    ),
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Replace a setting. Repeatable.")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Measure the loop on this rig, from light in the picture to an edge, with a verdict."""
    from tracker.latency.measure import Plan, measure_latency  # slow to import
    from tracker.latency.plot import draw, figures_of, verdict

    experiment = load(config, changes or ())
    plan = Plan(led, answer, trials, seed)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("looking for the LED", total=None)

        def show(what: str, done: int, of: int) -> None:
            bar.update(task, description=what, completed=done, total=of)

        measured = measure_latency(experiment, plan, out, SystemClock(), show)
    outputs = experiment.stimulation.outputs if experiment.stimulation else {}
    holds, text = verdict(measured, outputs[answer].limits.deadline_ms)
    figures = figures_of(measured)
    picture = measured.folder / "latency.png"
    if measured.trials:
        draw(measured, picture)
    if as_json:
        print_json({**figures, "holds": holds, "verdict": text})
    else:
        _print_latency(figures["ms_after_light"], text, picture, holds=holds)
    if not holds:
        sys.exit(1)


def flash(
    port: Annotated[str | None, typer.Option(help="Serial port; default: the only Uno.")] = None,
    baud: Annotated[int, typer.Option(help="Of the board's boot loader.")] = 115_200,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print the command of avrdude.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing, compare what is on the board.")
    ] = False,
) -> None:
    """Write the firmware of the stimulus box to an Arduino Uno, and read it back."""
    from tracker.actuators.firmware.flash import flash as run

    done = run(port, dry_run=dry_run, only_check=check, baud=baud)
    typer.echo(shlex.join(done.command) if dry_run else f"{done.port}: done")


def report(
    folder: Folder,
    out: Annotated[
        Path | None, typer.Option(help="File to write; default: report.html in the folder.")
    ] = None,
) -> None:
    """Make the page that shows what happened in a session, again."""
    from tracker.report import write_report  # slow to import

    typer.echo(write_report(Recording(folder), out))


def unblind(
    folder: Folder,
    by: Annotated[
        str | None, typer.Option(help="Who you are; default: the name of your account.")
    ] = None,
) -> None:
    """Let everybody read which stimuli were sham; it is noted who did it, and cannot be undone."""
    from tracker.report import write_report  # slow to import
    from tracker.unblinding import unblind as run

    arms = run(folder, by)
    write_report(Recording(folder))
    counts = ", ".join(f"{n} {arm}" for arm, n in arms.items()) or "no stimuli"
    typer.echo(f"unblinded: {counts}; report.html was made again")


def _print_latency(
    stages: dict[str, dict[str, float]], text: str, picture: Path, *, holds: bool
) -> None:
    table = Table("ms after the light", "p50", "p99", "max")
    for name, figures in stages.items():
        table.add_row(name, *(f"{figures[column]:.2f}" for column in ("p50", "p99", "max")))
    console = Console(file=sys.stdout, highlight=False)
    console.print(table)
    console.print(Text(text, "bold green" if holds else "bold red"), soft_wrap=True)
    console.print(f"picture: {picture}", soft_wrap=True)
