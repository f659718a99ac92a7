"""`tracker batch`: the same pipeline over any number of recordings, offline."""

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Self

import pyarrow as pa
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from tracker.batch.cluster import (
    load_slurm,
    open_existing,
    open_local,
    open_slurm,
    slurm_script,
)
from tracker.batch.engine import Engine, OnDask, Serial
from tracker.batch.engine import Progress as Step
from tracker.batch.jobs import load_offline, make_jobs
from tracker.batch.labels import Label, labels_of_names, labels_of_table
from tracker.batch.offline import Outcome, State
from tracker.batch.place import Place
from tracker.batch.run import Done, look_at_all, run_jobs
from tracker.batch.sources import Source, find_sources
from tracker.batch.table import PARQUET, write_tables
from tracker.commands.output import print_json
from tracker.commands.signals import asked_by_signal
from tracker.compare.animals import groups_of, pairs_of
from tracker.config import Experiment
from tracker.errors import ConfigError, TrackerError, WireError

STOPPED, FAILED = 130, 1
"""Exit codes: after Ctrl-C, as shells give it; some recording failed."""


def batch(
    recordings: Annotated[
        list[str],
        typer.Argument(
            help="Videos, session folders, folders of these, patterns (`'*.mp4'`, `'**/*.avi'`), "
            "or .txt files with one of these per line."
        ),
    ],
    config: Annotated[
        Path | None,
        typer.Option(help="Experiment file, or name of a shipped one. Session folders need none."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for sessions, tables and pages.")] = Path(
        "results"
    ),
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes; default: one per core. 1: here, without Dask."),
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="A Dask cluster that runs already, e.g. tcp://node1:8786.")
    ] = None,
    slurm: Annotated[
        Path | None, typer.Option(help="YAML file: what a job of SLURM gets, and how many.")
    ] = None,
    groups: Annotated[
        Path | None, typer.Option(help="CSV file: recording, group and, if need be, subject.")
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(help="Regular expression on names: `(?P<group>...)`, `(?P<subject>...)`."),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="Replace a setting, e.g. model.provider=cpu. Repeatable."),
    ] = None,
    *,
    print_job: Annotated[
        bool, typer.Option("--print-job", help="Only print the job that SLURM would get.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Last line of stdout is one JSON object.")
    ] = False,
) -> None:
    """Run the pipeline over many recordings, every frame, and put all in one table.

    What was finished is not done again: the same command goes on where it was stopped.
    """
    if print_job:
        if slurm is None:
            raise ConfigError("--print-job prints the job of --slurm FILE: give one")
        typer.echo(slurm_script(load_slurm(slurm)))
        return
    _refuse_two("--workers, --scheduler and --slurm", workers, scheduler, slurm)
    sources = find_sources(recordings)
    labels = _labels(groups, label, sources)
    experiment = None
    if any(not source.is_session for source in sources):
        if config is None:
            raise ConfigError("--config is missing: what should be done with the videos?")
        experiment = load_offline(config, changes or [])
    done = _run(sources, labels, experiment, out, _Where(workers, scheduler, slurm))
    if done.stopped:
        _say_stopped(done, len(sources))
    _report(done, out, as_json=as_json)


@dataclass(frozen=True, slots=True)
class _Where:
    """Where recordings are done, as it was asked for; at most one is not None."""

    workers: int | None
    scheduler: str | None
    slurm: Path | None

    def engine(self, n_jobs: int, place: Place, opened: ExitStack) -> Engine:
        """Return workers that are closed with `opened`."""
        if self.scheduler is not None:
            engine = OnDask(open_existing(self.scheduler, opened), place.ticket)
            engine.refuse_unfit()
            return engine
        if self.slurm is not None:
            return OnDask(open_slurm(load_slurm(self.slurm), opened), place.ticket)
        n_workers = min(self.workers or os.cpu_count() or 1, n_jobs)
        if n_workers == 1:
            return Serial()
        return OnDask(open_local(n_workers, opened), place.ticket)


def _run(
    sources: Sequence[Source],
    labels: Mapping[str, Label],
    experiment: Experiment | None,
    out: Path,
    where: _Where,
) -> Done:
    """Do all recordings; write tables and pages unless it was stopped."""
    with ExitStack() as opened:
        place = opened.enter_context(Place(out))
        opened.enter_context(asked_by_signal(place.ask_to_end))
        watch = opened.enter_context(_Bar(len(sources)))
        looks = look_at_all(place, sources, watch)
        if place.ending:
            return Done(stopped=True)
        jobs = make_jobs(sources, labels, looks, experiment, place.out, place.ticket)
        engine = where.engine(len(jobs), place, opened)
        try:
            done = run_jobs(place, jobs, engine, watch)
        except WireError as failure:
            Console(stderr=True).print(Text(f"error: {failure}", "red"), soft_wrap=True)
            raise typer.Exit(FAILED) from failure
        if not done.stopped:
            write_tables(done.table, place.out)
            _write_pages(done.table, place.out)
    return done


def _write_pages(table: pa.Table, out: Path) -> None:
    """The page of all recordings, and, if there are groups, the one that compares them."""
    from tracker.batch.page import write_index  # slow to import
    from tracker.compare.page import PAGE, write_comparison

    pages = []
    if len(groups_of(table)) > 1:
        try:
            write_comparison(table, pairs_of(table, None, None), out / PAGE, source=PARQUET)
            pages.append(("groups against each other", PAGE))
        except TrackerError as failure:
            Console(stderr=True).print(
                f"no {PAGE}: {failure}", markup=False, highlight=False, soft_wrap=True
            )
    write_index(table, out, pages)


def _labels(groups: Path | None, label: str | None, sources: Sequence[Source]) -> dict[str, Label]:
    _refuse_two("--groups and --label", groups, label)
    if groups is not None:
        return labels_of_table(groups, sources)
    return labels_of_names(label, sources) if label is not None else {}


def _refuse_two(names: str, *options: object) -> None:
    if sum(option is not None for option in options) > 1:
        raise ConfigError(f"{names}: give one of them")


class _Bar:
    """A bar over all frames, on stderr; what went wrong stays above it. Keeps `Watcher`."""

    def __init__(self, n_recordings: int) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=self._console,
        )
        self._task = self._progress.add_task("looking at the videos", total=None, rate="")
        self._n, self._ended = n_recordings, 0
        self._frames: dict[str, int] = {}
        self._now: dict[str, Step] = {}
        self._sums = 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def looking(self, done: int, of: int) -> None:
        """So many videos have been looked at."""
        self._progress.update(self._task, completed=done, total=of)

    def began(self, frames: dict[str, int]) -> None:
        """The recordings begin."""
        self._frames = frames
        self._progress.reset(self._task, total=sum(frames.values()) or None)
        self._show()

    def progress(self, step: Step) -> None:
        """A worker has come further; another one than before has taken over."""
        before = self._now.get(step.name)
        if before is not None and before.worker != step.worker:
            self._say(f"{before.worker} died at frame {before.frames} of {step.name}: begun again")
        self._now[step.name] = step
        self._show()

    def ended(self, outcome: Outcome) -> None:
        """A recording is done, or has failed."""
        self._ended += 1
        frames = outcome.rows[0].get("frames") or 0  # the header may have been wrong
        self._frames[outcome.name] = frames
        self._now[outcome.name] = Step(outcome.name, frames)
        if outcome.state is State.FAILED:
            self._say(f"failed: {outcome.name}: {outcome.error}")
        self._show()

    def _show(self) -> None:
        frames = sum(step.frames for step in self._now.values())
        self._progress.update(
            self._task,
            description=f"{self._ended} of {self._n} recordings",
            completed=frames,
            total=sum(self._frames.values()) or None,
            rate=f"{frames:,} frames",
        )

    def _say(self, text: str) -> None:
        self._console.print(Text(text, "yellow"), soft_wrap=True)


def _say_stopped(done: Done, n_recordings: int) -> None:
    Console(stderr=True, highlight=False).print(
        f"stopped: {len(done.outcomes)} of {n_recordings} recordings are done, no table was "
        f"written; the same command goes on",
        soft_wrap=True,
    )
    raise typer.Exit(STOPPED)


def _report(done: Done, out: Path, *, as_json: bool) -> None:
    failures = [each for each in done.outcomes if each.state is State.FAILED]
    content: dict[str, Any] = {
        "recordings": len(done.outcomes),
        **{str(state): done.count(state) for state in (State.MADE, State.FOUND, State.FAILED)},
        "failures": {each.name: each.error for each in failures},
        "summary": str(out / PARQUET),
        "page": str(out / "index.html"),
    }
    if as_json:
        print_json(content)
    else:
        Console(file=sys.stdout, highlight=False).print(
            f"{content['made']} recordings done, {content['found']} were done before, "
            f"{len(failures)} failed\n{content['summary']}\n{content['page']}",
            soft_wrap=True,
        )
    if failures:
        raise typer.Exit(FAILED)
