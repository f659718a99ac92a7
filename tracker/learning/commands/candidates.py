"""`tracker candidates`: moments of sessions that look alike, for someone to name."""

import importlib.util
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tracker.errors import MissingExtra


def candidates(
    sessions: Annotated[list[Path], typer.Argument(help="Session folders, also imported ones.")],
    out: Annotated[Path, typer.Option(help="Folder for the sheet, films and bouts; a new one.")],
    window_s: Annotated[float, typer.Option(min=0.05, max=60, help="s, of one moment.")] = 0.5,
    n: Annotated[
        int | None, typer.Option("--n", min=2, max=50, help="How many; default: what data bear.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same.")] = 0,
) -> None:
    """Find moments of sessions that look alike, as candidates for behaviours to name."""
    if importlib.util.find_spec("sklearn") is None:
        raise MissingExtra("train", "finding candidates")
    from tracker.learning.candidates.run import find_candidates  # scikit-learn: only here

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("looking", total=None)
        found = find_candidates(
            sessions,
            out,
            window_s=window_s,
            n_clusters=n,
            seed=seed,
            progress=lambda done, of: bar.update(task, completed=done, total=of),
        )
    table = Table("candidate", "of the time", "bouts", "median", "sessions")
    for each in found:
        table.add_row(str(each.number), f"{each.share:.1%}", str(each.bouts),
                      f"{each.median_s:.2f} s", str(each.sessions))  # fmt: skip
    Console().print(table)
    Console(highlight=False).print(str(out / "candidates.html"), soft_wrap=True)
