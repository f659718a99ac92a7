"""What a person reads in the terminal: a live panel while it runs, a summary at the end."""

import math
import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tracker.check import Finding, Verdict
from tracker.closed_loop import Stimulation
from tracker.machine import Load
from tracker.session_state import State, Status
from tracker.session_status import ViewStatus

SLOW_RING = 0.5
"""Fill of the ring buffer above which the panel warns."""


class LivePanel:
    """Rate, latency, losses and behaviours, redrawn in place; silent if not a terminal.

    A context manager, used by the main thread. Draws on stderr, so that stdout can be piped.

    Args:
        title: What runs, e.g. the config's name.
        provider: What the network runs on.
        behaviours: Names to show, in ethogram order.
        duration_s: Planned length; None: open end.
        quiet: True: draw nothing at all.
    """

    def __init__(
        self,
        title: str,
        provider: str,
        behaviours: tuple[str, ...],
        duration_s: float | None,
        *,
        quiet: bool,
    ) -> None:
        self._title = title
        self._provider = provider
        self._behaviours = behaviours
        self._duration_s = duration_s
        console = Console(stderr=True)
        shown = console.is_terminal and not quiet
        self._live = Live(console=console, refresh_per_second=8, transient=True) if shown else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, status: Status) -> None:
        """Draw one moment of the session."""
        if self._live is not None:
            self._live.update(self.render(status))

    def render(self, status: Status) -> Panel:
        """Return the picture of one moment."""
        numbers = Table.grid(padding=(0, 2))
        numbers.add_column(justify="right", style="dim")
        numbers.add_column()
        numbers.add_row("time", self._time(status))
        numbers.add_row("rate", f"{_number(status.fps, '.1f')} frames/s on {self._provider}")
        latency, own = status.latency, status.overhead
        numbers.add_row(
            "latency",
            f"{_number(latency.p50, '.1f')} ms median, {_number(latency.p99, '.1f')} p99, "
            f"{_number(latency.max, '.1f')} worst",
        )
        numbers.add_row("own share", f"{_number(own.p50, '.2f')} ms median beside the network")
        numbers.add_row("frames", _frames(status))
        numbers.add_row("ring buffer", _ring(status.ring_fill))
        numbers.add_row("computer", _computer(status.load))
        if status.view is not None:
            numbers.add_row("camera", _camera(status.view))
        numbers.add_row("now", self._now(status))
        numbers.add_row("outputs", _armed(status.stimulation))
        if status.stimulation is not None:
            numbers.add_row("stimuli", _stimuli(status.stimulation))
        hint = Text("Ctrl-C ends the session", style="dim")
        return Panel(
            Group(numbers, hint), title=Text(self._title), title_align="left", expand=False
        )

    def _time(self, status: Status) -> Text:
        text = f"{status.elapsed_s:.0f} s"
        if self._duration_s is not None:
            text += f" of {self._duration_s:g} s"
        if status.state is State.STOPPING:
            text += ", ending"
        return Text(text)

    def _now(self, status: Status) -> Text:
        text = Text()
        for name in self._behaviours:
            on = name in status.going_on
            text.append(f" {name} ", "bold black on cyan" if on else "dim")
            text.append(" ")
        return text


def _number(value: float, form: str) -> str:
    return "-" if math.isnan(value) else format(value, form)


def _frames(status: Status) -> Text:
    totals = status.totals
    text = Text(f"{totals.captured} captured, {totals.processed} processed")
    for fate, n in totals.lost.items():
        text.append(f", {n} {str(fate).replace('_', ' ')}", "yellow")
    if totals.unexplained:
        text.append(f", {totals.unexplained} unexplained", "bold red")
    return text


def _computer(load: Load) -> Text:
    if math.isnan(load.disk_free_mb):
        return Text("-")
    text = Text(f"{_number(load.cpu_cores, '.1f')} of {load.n_cores} cores, ")
    if load.gpu is not None and not math.isnan(load.gpu.busy):
        text.append(f"GPU {load.gpu.busy:.0%}, ")
    text.append("disk ")
    if math.isfinite(load.disk_left_h):
        text.append(f"full in {load.disk_left_h:.1f} h", "yellow" if load.disk_left_h < 2 else "")
    else:
        text.append(f"{load.disk_free_mb / 1000:,.0f} GB free")
    return text


def _camera(view: ViewStatus) -> Text:
    """Where the camera looks."""
    if view.state in ("", "still"):
        return Text("as in the reference view" if view.state else "-")
    if view.state == "unknown":
        return Text(f"it cannot be said whether it was moved: {view.why}", "yellow")
    text = "was moved" if view.state == "moved" else "moves"
    follows = "; zones follow" if view.applied else ""
    return Text(
        f"{text}: the picture shifted by {view.x_px:+.1f}, {view.y_px:+.1f} px, turned by "
        f"{view.turned_deg:+.2f} deg{follows}",
        "bold yellow",
    )


def _armed(outputs: Stimulation | None) -> Text:
    if outputs is None:
        return Text("none: this experiment stimulates nothing", "dim")
    if outputs.armed_by is not None:
        return Text.assemble((" armed ", "bold black on red"), f" by {outputs.armed_by}")
    return Text(f"not armed: {outputs.disarmed_why}", "yellow" if outputs.disarmed_why else "dim")


def _stimuli(outputs: Stimulation) -> Text:
    counts = ", ".join(f"{n} {what}" for what, n in outputs.counts.items())
    return Text(f"{counts or 'none yet'}{'; last: ' + outputs.last if outputs.last else ''}")


def _ring(fill: float) -> Table:
    grid = Table.grid(padding=(0, 1))
    style = "yellow" if fill > SLOW_RING else "cyan"
    grid.add_row(
        ProgressBar(total=1.0, completed=fill, width=20, complete_style=style), f"{fill:.0%}"
    )
    return grid


def print_summary(summary: Mapping[str, Any]) -> None:
    """Print what a session folder says happened, on stdout."""
    frames, latency = summary["frames"], summary["latency_ms"]
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", style="dim")
    table.add_column()
    table.add_row("session", Text(summary["session"]))
    table.add_row("ended", str(summary["end_reason"]))
    table.add_row(
        "frames",
        f"{frames['captured']} captured, {frames['processed']} processed, "
        f"{frames['recorded']} recorded, {frames['unexplained']} unexplained",
    )
    for cause, n in frames["lost"].items():
        table.add_row("", f"{n} {cause.replace('_', ' ')}")
    table.add_row("rate", f"{_number(summary['fps'], '.1f')} frames/s on {summary['provider']}")
    table.add_row(
        "latency",
        f"{_of(latency, 'p50')} ms median, {_of(latency, 'p99')} p99, "
        f"{_of(latency, 'max')} worst, received to published",
    )
    overhead = summary["overhead_ms"]
    table.add_row(
        "own share",
        f"{_of(overhead, 'p50')} ms median, {_of(overhead, 'p99')} p99, "
        f"without the bare network call",
    )
    for behaviour, n in summary["episodes"].items():
        table.add_row(behaviour, f"{n} episodes{_certainty(summary, behaviour)}")
    if "stimuli" in summary:
        _add_stimuli(table, summary)
    if "truth" in summary:
        truth = summary["truth"]
        for behaviour, f1 in truth["f1"].items():
            table.add_row(f"F1 {behaviour}", _number(_nan(f1), ".3f"))
        table.add_row(
            "keypoints", f"{_number(_nan(truth['keypoint_error_px']), '.2f')} px mean error"
        )
        if "idf1" in truth:
            told = f"IDF1 {truth['idf1']:.3f}, {truth['switches']} switches"
            table.add_row("identities", told)
    Console(file=sys.stdout).print(table)


def _certainty(summary: Mapping[str, Any], behaviour: str) -> str:
    """What it took to be certain of a behaviour's episodes, and where nothing was known."""
    after = summary["confirmed_after_ms"][behaviour]["p50"]
    told = "" if math.isnan(after) else f", certain {after:.0f} ms after their onset"
    abstained = summary["abstained"][behaviour]
    return told + (f", not known in {abstained:.1%} of the frames" if abstained > 0 else "")


def _add_stimuli(table: Table, summary: Mapping[str, Any]) -> None:
    stimuli, took = dict(summary["stimuli"]), summary["stimulus_ms"]
    refused = stimuli.pop("refused")
    table.add_row("stimuli", ", ".join(f"{n} {what}" for what, n in stimuli.items() if n) or "none")
    for reason, n in refused.items():
        table.add_row("", f"{n} refused: {reason.replace('_', ' ')}")
    if took["p50"] is not None and not math.isnan(took["p50"]):
        table.add_row(
            "loop",
            f"{_of(took, 'p50')} ms median, {_of(took, 'p99')} p99, received to acknowledged",
        )


def _nan(value: float | None) -> float:
    return math.nan if value is None else value


def _of(numbers: Mapping[str, float | None], name: str) -> str:
    return _number(_nan(numbers[name]), ".2f")


def print_findings(findings: Sequence[Finding]) -> None:
    """Print how a check came out, the verdict last, on stdout."""
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", style="dim")
    for finding in findings:
        table.add_row(
            finding.what, Text(finding.verdict, _STYLES[finding.verdict]), Text(finding.text)
        )
    console = Console(file=sys.stdout, highlight=False)
    console.print(table)
    worst = max((finding.verdict for finding in findings), key=list(Verdict).index)
    said = {
        Verdict.GOOD: "ready",
        Verdict.DOUBTFUL: "it would run; read the yellow lines first",
        Verdict.BAD: "not ready",
    }
    console.print(Text(said[worst], f"bold {_STYLES[worst]}"))


_STYLES = {Verdict.GOOD: "green", Verdict.DOUBTFUL: "yellow", Verdict.BAD: "red"}
