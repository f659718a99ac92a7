"""What `tracker arm | disarm | stimulate | mark | film | status | stop` do: ask, and print it.

Each prints one line or table for a person, or with `as_json` one JSON object, on stdout.
"""

import math
import sys

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tracker.commands.output import print_json
from tracker.control.remote import Remote
from tracker.control.requests import StatusReport, Stimulated
from tracker.session_status import OutputStatus
from tracker.stimuli import Delivery, PulseTrain


def arm(remote: Remote, *, by: str = "", as_json: bool = False) -> None:
    """Let stimuli through from now on. Raises what `Remote` raises, as all of these do."""
    remote.arm(by=by)
    _say("armed", as_json=as_json)


def disarm(remote: Remote, why: str = "", *, as_json: bool = False) -> None:
    """Let nothing through, and bring every output low."""
    remote.disarm(why)
    _say("disarmed", as_json=as_json)


def stimulate(
    remote: Remote, output: str, train: PulseTrain, *, by: str = "", as_json: bool = False
) -> bool:
    """Ask for a pulse train; return whether it was delivered."""
    got = remote.stimulate(output, train, by=by)
    if as_json:
        print_json(got)
    else:
        _print(Text(_outcome(got), "" if got.delivery is Delivery.DELIVERED else "yellow"))
    return got.delivery is Delivery.DELIVERED


def mark(remote: Remote, text: str, *, by: str = "", as_json: bool = False) -> None:
    """Write a line into the session's log."""
    remote.mark(text, by=by)
    _say("marked", as_json=as_json)


def film(remote: Remote, *, on: bool, by: str = "", as_json: bool = False) -> None:
    """Start or stop the video."""
    _say(remote.film(on=on, by=by), as_json=as_json)


def stop(remote: Remote, *, by: str = "", as_json: bool = False) -> None:
    """End the session in order."""
    remote.stop(by=by)
    _say("the session ends", as_json=as_json)


def status(remote: Remote, *, as_json: bool = False) -> None:
    """Print how the session is doing."""
    report = remote.status()
    if as_json:
        print_json(report)
    else:
        Console(file=sys.stdout, highlight=False).print(_table(report))


def _say(text: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"done": text})
    else:
        _print(Text(text))


def _print(text: Text) -> None:
    Console(file=sys.stdout, highlight=False).print(text, soft_wrap=True)


def _outcome(got: Stimulated) -> str:
    text = f"{got.stimulus_id}: {got.delivery}"
    if got.commanded_ns is not None and got.acknowledged_ns is not None:
        text += f", {(got.acknowledged_ns - got.commanded_ns) / 1e6:.2f} ms after the order"
        text += "" if got.confirmed else " (not confirmed by the device)"
    return f"{text}: {got.reason}" if got.reason else text


def _table(report: StatusReport) -> Table:
    now = report.status
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", style="dim")
    table.add_column()
    table.add_row("session", Text(f"{report.session}, {now.state}"))
    rate = "-" if math.isnan(now.fps) else f"{now.fps:.1f}"
    table.add_row("rate", Text(f"{rate} frames/s on {now.provider or 'no network'}"))
    table.add_row("frames", Text(_counted(now.counts)))
    table.add_row("armed", _armed(report))
    for name, output in now.outputs.items():
        table.add_row(Text(name), Text(_doses(output)))
    if now.stimuli:
        table.add_row("stimuli", Text(_counted(now.stimuli)))
    return table


def _armed(report: StatusReport) -> Text:
    if report.status.armed_by is None:
        why = report.status.disarmed_why
        return Text(f"no: {why}" if why else "no")
    text = f"by {report.status.armed_by}"
    if report.holder is not None:
        text += f", held by {report.holder}"
    if report.lease_left_s is not None:
        text += f" for {report.lease_left_s:.1f} s more"
    return Text(text, "bold red")


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in counts.items()) or "none yet"


def _doses(output: OutputStatus) -> str:
    parts = []
    for span, dose_s in output.dose_s.items():
        limit_s = output.limit_s.get(span)
        parts.append(f"{dose_s:.2f} s {'' if limit_s is None else f'of {limit_s:g} s '}per {span}")
    ready = "ready" if output.ready_in_s <= 0 else f"ready in {output.ready_in_s:.1f} s"
    return ", ".join([*parts, ready])
