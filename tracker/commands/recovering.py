"""`tracker recover`: closes session folders that a crash left open."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from tracker.commands.output import print_json
from tracker.errors import RecordingError
from tracker.recovery import Recovery
from tracker.recovery import recover as run

REFUSED = 2


def recover(
    folders: Annotated[list[Path], typer.Argument(help="Session folders.", show_default=False)],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what is there and what would be done.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")
    ] = False,
) -> None:
    """Close session folders that a crash, a power cut or a kill left open, and count the losses.

    Until a new file is whole and compared with what it was made from, the old one stays. What was
    closed already is left as it is. A folder into which a program still writes is refused.
    """
    results = [_recover(folder, dry_run=dry_run, as_json=as_json) for folder in folders]
    if as_json:
        print_json({"sessions": results})
    if any("error" in result for result in results):
        sys.exit(REFUSED)


def _recover(folder: Path, *, dry_run: bool, as_json: bool) -> dict[str, Any]:
    console = Console(stderr=True, highlight=False)
    try:
        with Progress(console=console, transient=True, disable=as_json) as bar:
            tasks: dict[str, Any] = {}

            def show(name: str, part: float) -> None:
                if name not in tasks:
                    tasks[name] = bar.add_task(name, total=1.0)
                bar.update(tasks[name], completed=part)

            recovery = run(folder, dry_run=dry_run, progress=show)
    except RecordingError as error:
        if not as_json:
            line = Text.assemble(("error:", "bold red"), f" {error}")
            console.print(line, soft_wrap=True)
        return {"session": str(folder), "error": str(error)}
    if not as_json:
        _print(recovery)
    return _as_dict(recovery)


def _as_dict(recovery: Recovery) -> dict[str, Any]:
    return {
        "session": str(recovery.folder),
        "was_closed": recovery.was_closed,
        "closed_now": recovery.closed_now,
        "files": {
            state.name: {
                "there": state.there,
                "finished": state.finished,
                "items": state.n_items,
                "cut_bytes": state.n_bytes - state.kept_bytes,
            }
            for state in recovery.files
        },
        "totals": dict(recovery.totals),
        "lost": list(recovery.lost),
    }


def _print(recovery: Recovery) -> None:
    console = Console(file=sys.stdout, highlight=False)
    console.print(Text(str(recovery.folder), "bold"), soft_wrap=True)
    if recovery.was_closed:
        console.print("  closed already: nothing to do")
        return
    table = Table.grid(padding=(0, 2))
    for state in recovery.files:
        what = "frames" if state.name.endswith(".mkv") else "rows"
        if state.name.endswith(".jsonl"):
            what = "lines"
        end = "whole" if state.finished else "cut off" if state.there else "missing"
        table.add_row("", state.name, f"{state.n_items} {what}", end)
    console.print(table)
    for sentence in recovery.lost:
        console.print(f"  {sentence}", soft_wrap=True, markup=False)
    totals = recovery.totals
    console.print(
        f"  {totals['captured']} frames captured, {totals['processed']} processed, "
        f"{totals['recorded']} recorded, {totals['unexplained']} unexplained"
    )
    done = "closed; make its page with: tracker report" if recovery.closed_now else "not closed yet"
    console.print(f"  {done} {recovery.folder if recovery.closed_now else '(dry run)'}")
