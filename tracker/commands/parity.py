"""`tracker parity`: what would have been decided otherwise, afterwards or with other settings."""

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tracker.commands.output import print_json
from tracker.commands.replaying import Folder, Json, progress
from tracker.config import load
from tracker.errors import ConfigError
from tracker.parity import Price, WhatIf, price, what_if
from tracker.recording import Recording
from tracker.session_folder.files import EXPERIMENT


def parity(
    folder: Folder,
    full: Annotated[  # noqa: FBT002 - an option of the command line
        bool, typer.Option("--full", help="Show the network every recorded frame.")
    ] = False,
    other: Annotated[
        Path | None, typer.Option("--with", help="Another experiment file to try on this session.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="Try another setting, e.g. behaviours.freezing.rule.below=1.2."),
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Say what it cost to decide live, by cause; or what other settings would have decided."""
    recording = Recording(folder)
    if other is None and not changes:
        with progress("looking again") as show:
            cost = price(recording, full=full, progress=show)
        if as_json:
            print_json({"session": str(folder), **cost.as_dict()})
        else:
            _print_price(cost)
        return
    if full:
        raise ConfigError(
            "--full compares with the same settings, --with and --set try others: one at a time"
        )
    experiment = load(other or folder / EXPERIMENT, changes or ())
    with progress("deciding again") as show:
        answer = what_if(recording, experiment, show)
    if as_json:
        print_json({"session": str(folder), **answer.as_dict()})
    else:
        _print_what_if(answer)


def _print_price(cost: Price) -> None:
    console = Console(file=sys.stdout, highlight=False)
    console.print(f"{cost.frames} frames arrived, {cost.processed} of them were processed live")
    columns = ("cause", "behaviour", "found", "extra", "onset +ms", "known +ms", "alike")
    table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)
    for step in cost.steps:
        is_all = step is cost.steps[-1]
        if is_all:
            _add_confirmation(table, cost)
        for number, each in enumerate(step.agreements):
            known = _spread(each.known_later_ms, each.known_worst_ms) if is_all else ""
            table.add_row(
                step.cause if number == 0 else "",
                each.behaviour,
                f"{each.matched} of {each.reference}",
                str(each.extra),
                _spread(each.onset_later_ms, each.onset_worst_ms),
                known,
                _share(each.frames_alike),
                end_section=number == len(step.agreements) - 1,
            )
    console.print(table)
    console.print("+ms: later by so much than afterwards, median (worst); alike: share of frames")
    for step in cost.steps:
        console.print(f"{step.cause}: {step.compared}", soft_wrap=True)
    _print_notes(console, cost.notes)


def _add_confirmation(table: Table, cost: Price) -> None:
    for number, (name, (median, worst)) in enumerate(cost.confirmation_ms.items()):
        cause = "confirmation" if number == 0 else ""
        is_last = number == len(cost.confirmation_ms) - 1
        spread = _spread(median, worst)
        table.add_row(cause, name, "", "", "", spread, "", end_section=is_last)


def _print_what_if(answer: WhatIf) -> None:
    console = Console(file=sys.stdout, highlight=False)
    columns = ("behaviour", "live", "other", "both", "live only", "other only")
    table = Table(*columns, "live +ms", "alike", box=box.SIMPLE_HEAD, pad_edge=False)
    for each in answer.agreements:
        counts = (each.episodes, each.reference, each.matched, each.extra, each.missed)
        later = _spread(each.onset_later_ms, each.onset_worst_ms)
        table.add_row(each.behaviour, *map(str, counts), later, _share(each.frames_alike))
    console.print(table)
    if answer.stimuli:
        stimuli_columns = ("stimuli asked for", "live", "other")
        table = Table(*stimuli_columns, box=box.SIMPLE_HEAD, pad_edge=False)
        for name, (live, other) in answer.stimuli.items():
            table.add_row(name, str(live), str(other))
        console.print(table)
    _print_notes(console, answer.notes)


def _spread(median: float, worst: float) -> str:
    return "" if math.isnan(median) else f"{median:.0f} ({worst:.0f})"


def _share(share: float) -> str:
    return "" if math.isnan(share) else f"{share:.1%}"


def _print_notes(console: Console, notes: Sequence[str]) -> None:
    for note in notes:
        console.print(Text(f"note: {note}", "yellow"), soft_wrap=True)
