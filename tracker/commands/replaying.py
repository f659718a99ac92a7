"""`tracker replay`: what a recorded session decides again, and whether it is the same."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from tracker.commands.output import print_json
from tracker.recording import Recording
from tracker.replay import Difference, Kind, Source, Verdict, Why, verify
from tracker.replay.outcome import Outcome, outcome_of

Folder = Annotated[Path, typer.Argument(help="A session folder.")]
Json = Annotated[bool, typer.Option("--json", help="Last line of stdout is one JSON object.")]

COMPARED = {
    Kind.FRAME: "processed frames",
    Kind.OBSERVATION: "observations",
    Kind.FEATURE: "rows of features and scores",
    Kind.EPISODE: "lines about episodes",
    Kind.STIMULUS: "stimulus decisions",
}

CAUSES = {
    Why.CODE: "other code",
    Why.CONFIG: "other settings",
    Why.LIBRARIES: "other libraries",
    Why.MODEL: "another network",
    Why.PROVIDER: "another provider of the network",
    Why.MACHINE: "another machine",
    Why.CODEC: "the codec is lossy",
    Why.NOT_IN_VIDEO: "frames that are not in the video",
    Why.NOT_RECORDED: "it depends on something that is not recorded (masks are not)",
    Why.SEED: "the seed",
    Why.YOKE: "the other animal's session",
    Why.MANUAL: "by hand",
    Why.CUT_OFF: "the session was cut off",
    Why.FOLLOWS: "follows from an earlier difference",
    Why.FILE_CHANGED: "a file was changed after it was written",
}

SHOWN = 5
"""Differences of each kind that a person is shown."""

LONGEST = 200
"""Letters of one of them that are shown."""

DIFFERENT = 1
"""Exit code of a session that does not decide the same again."""


def replay(
    folder: Folder,
    source: Annotated[
        Source, typer.Option("--from", help="Begin with what was seen, or with the images.")
    ] = Source.OBSERVATIONS,
    *,
    check: Annotated[
        bool, typer.Option("--verify", help="Compare with what was decided live, byte for byte.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Decide again what a session decided: same frames, same pipeline, same seeds."""
    recording = Recording(folder)
    if check:
        with progress("replaying") as show:
            verdict = verify(recording, source, show)
        if as_json:
            print_json({"session": str(folder), **verdict.as_dict()})
        else:
            _print_verdict(verdict)
        if not verdict.identical:
            sys.exit(DIFFERENT)
        return
    with progress("replaying") as show:
        outcome = outcome_of(recording, source, show)
    if as_json:
        print_json({"session": str(folder), **outcome.as_dict()})
    else:
        _print_outcome(outcome)


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on stderr while something is done; gives whom to tell how far it is."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(what, total=None)

        def show(done: int, of: int) -> None:
            bar.update(task, completed=done, total=of)

        yield show


def _print_outcome(outcome: Outcome) -> None:
    console = Console(file=sys.stdout, highlight=False)
    table = Table("episode", "onset s", "end s", "known at s", title="Episodes")
    for each in outcome.episodes:
        end = each["end_s"]
        table.add_row(
            each["episode_id"],
            f"{each['onset_s']:.3f}",
            "" if end is None else f"{end:.3f}",
            f"{each['confirmed_s']:.3f}",
        )
    console.print(table)
    if outcome.stimuli:
        table = Table("stimulus", "frame", "at s", "output", "action", "arm", "trigger")
        table.title = "Stimuli asked for"
        for each in outcome.stimuli:
            names = ("output", "action", "arm", "trigger")
            words = [str(each[name] or "hidden") for name in names]
            at = f"{each['captured_s']:.3f}"
            table.add_row(each["stimulus_id"], str(each["frame_index"]), at, *words)
        console.print(table)
    for note in outcome.notes:
        console.print(Text(f"note: {note}", "yellow"), soft_wrap=True)


def _print_verdict(verdict: Verdict) -> None:
    console = Console(file=sys.stdout, highlight=False)
    counts = ", ".join(f"{n} {COMPARED[kind]}" for kind, n in verdict.compared.items())
    word, style = ("identical", "bold green") if verdict.identical else ("different", "bold red")
    console.print(Text(f"{word}, from {verdict.source}: {counts}", style), soft_wrap=True)
    for kind, n in verdict.n_different.items():
        _print_differences(console, n, [each for each in verdict.differences if each.kind is kind])
    _print_list(console, "Otherwise than live", [cause.text for cause in verdict.causes])
    _print_list(console, "Not compared", [cause.text for cause in verdict.not_compared])


def _print_differences(console: Console, n: int, first: Sequence[Difference]) -> None:
    """The first few of one kind, a line each; `--json` has more of them, and all of each."""
    console.print(Text(f"{n} of kind {first[0].kind}, the first of them:", "bold"))
    for each in first[:SHOWN]:
        text = each.text if len(each.text) <= LONGEST else f"{each.text[:LONGEST]} ..."
        causes = "; or ".join(CAUSES[why] for why in each.causes)
        console.print(Text(f"  {each.where}: {text}"), soft_wrap=True)
        console.print(Text(f"    cause: {causes}", "yellow"), soft_wrap=True)


def _print_list(console: Console, title: str, texts: Sequence[str]) -> None:
    if texts:
        console.print(f"{title}:")
    for text in texts:
        console.print(Text(f"  {text}"), soft_wrap=True)
