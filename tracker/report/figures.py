"""The numbers of the report, computed from the session folder."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tracker.recording import Recording
from tracker.stimuli import Action, Delivery, Edge, StimulusRow
from tracker.types import Fate

STAGES = (
    ("exposure → received", "captured_ns", "received_ns"),
    ("received → observed", "received_ns", "observed_ns"),
    ("observed → decided", "observed_ns", "decided_ns"),
    ("decided → commanded", "decided_ns", "commanded_ns"),
    ("commanded → acknowledged", "commanded_ns", "acknowledged_ns"),
)
"""What a stimulus goes through: title, from, to."""

TOTALS = (
    ("received → acknowledged", "received_ns", "acknowledged_ns"),
    ("exposure → acknowledged", "captured_ns", "acknowledged_ns"),
)

FRAME_STAGES = (
    ("exposure → received", "captured_ns", "received_ns"),
    ("received → taken by the pipeline", "received_ns", "started_ns"),
    ("taken → observed", "started_ns", "observed_ns"),
    ("observed → decided", "observed_ns", "decided_ns"),
    ("decided → published", "decided_ns", "published_ns"),
    ("received → decided", "received_ns", "decided_ns"),
)
"""What every processed frame goes through."""

LIMITS = {
    "longest_pulse_ms": ("longest pulse", "ms"),
    "refractory_s": ("shortest pause", "s"),
    "duty_cycle": ("duty cycle", ""),
    "dose_s_per_minute": ("dose per minute", "s"),
    "dose_s_per_session": ("dose per session", "s"),
    "dose_s_per_day": ("dose per day", "s"),
    "deadline_ms": ("deadline after exposure", "ms"),
    "min_identity": ("identity at least", ""),
}
"""What the page calls the limits of an output, and their units."""


def asked_for(recording: Recording) -> list[StimulusRow]:
    """Return the stimuli that were asked for; a stop is none."""
    return [row for row in recording.stimuli if row.command.action is not Action.STOP]


def limits_of(settings: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return the limits of each output by name; those that are not set are left out."""
    outputs = (settings.get("stimulation") or {}).get("outputs") or {}
    return {
        name: {
            key: float(value)
            for key, value in (output.get("limits") or {}).items()
            if isinstance(value, int | float)
        }
        for name, output in outputs.items()
    }


def counts_of(rows: Iterable[StimulusRow]) -> list[dict[str, Any]]:
    """Return one row per controller, output and arm: how many of each delivery."""
    counted: dict[tuple[str, str, str], Counter[Delivery]] = {}
    for row in rows:
        command = row.command
        arm = "hidden" if command.arm is None else str(command.arm)
        counted.setdefault((command.controller, command.output, arm), Counter())[row.delivery] += 1
    return [
        {"controller": controller, "output": output, "arm": arm, "counts": counts}
        for (controller, output, arm), counts in sorted(counted.items())
    ]


def refusals_of(rows: Iterable[StimulusRow]) -> list[tuple[str, int, str]]:
    """Return each reason for a refusal: its name, how often, and the words of the last one."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row.delivery in (Delivery.REFUSED, Delivery.LATE):
            found.setdefault(str(row.refusal), []).append(row.reason)
    return sorted(
        ((name, len(reasons), reasons[-1]) for name, reasons in found.items()),
        key=lambda each: -each[1],
    )


def spans_ms(rows: Sequence[StimulusRow], start: str, end: str) -> NDArray[np.float64]:
    """Return the time between two stages (ms) of each stimulus that has passed both."""
    spans = [_stamp(row, end) - _stamp(row, start) for row in rows]
    values = np.array(spans, np.float64) / 1e6
    return values[~np.isnan(values)]


def _stamp(row: StimulusRow, name: str) -> float:
    value = row.command.captured_ns if name == "captured_ns" else getattr(row, name)
    return float("nan") if value is None else float(value)


def stage_table(rows: Sequence[StimulusRow], *, live: bool) -> list[dict[str, Any]]:
    """Return p50, p99 and the largest (ms) of each stage of the stimuli.

    Args:
        rows: Stimuli.
        live: Whether capture times are on the session clock; without, no stage begins there.
    """
    stages = [each for each in STAGES + TOTALS if live or each[1] != "captured_ns"]
    return [_summary(title, spans_ms(rows, start, end)) for title, start, end in stages]


def frame_table(ledger: pa.Table, *, live: bool) -> list[dict[str, Any]]:
    """Return the same of the frames that were processed, and of the bare network call."""
    table = ledger.filter(pc.equal(ledger["fate"], str(Fate.PROCESSED)))
    stages = [each for each in FRAME_STAGES if live or each[1] != "captured_ns"]
    rows = [
        _summary(title, (_column(table, end) - _column(table, start)) / 1e6)
        for title, start, end in stages
    ]
    return [*rows, _summary("the bare network call", _column(table, "network_ns") / 1e6)]


def _column(table: pa.Table, name: str) -> NDArray[np.float64]:
    values: NDArray[np.float64] = table[name].cast(pa.float64()).to_numpy()
    return values


def _summary(title: str, values_ms: NDArray[np.float64]) -> dict[str, Any]:
    known = values_ms[~np.isnan(values_ms)]
    if not len(known):
        return {"title": title, "n": 0}
    p50, p99, largest = np.percentile(known, [50, 99, 100])
    return {"title": title, "n": len(known), "p50": p50, "p99": p99, "max": largest}


def measured_on_s(edges: Sequence[Edge], rows: Sequence[StimulusRow]) -> dict[str, float]:
    """Return how long each output was on (s), by the edges that its device reported.

    An edge going up belongs to the output of its stimulus, and the next one going down on the same
    line ends it. Outputs without such edges are left out.
    """
    output_of = {row.command.stimulus_id: row.command.output for row in rows}
    since: dict[str, Edge] = {}
    on_s: dict[str, float] = {}
    for edge in edges:
        if edge.rising and edge.stimulus_id in output_of:
            since.setdefault(edge.line, edge)
        elif not edge.rising and (rise := since.pop(edge.line, None)) is not None:
            output = output_of[rise.stimulus_id]
            on_s[output] = on_s.get(output, 0.0) + (edge.device_us - rise.device_us) / 1e6
    return on_s


def losses_of(totals: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return each cause of a loss: where, how many frames, and their share of all (0 to 1).

    That no video was asked for is no loss.
    """
    n_all = max(int(totals["captured"]), 1)
    found = [
        {"where": where, "cause": cause, "n": n, "share": n / n_all}
        for where, key in (("not processed", "lost"), ("not in the video", "not_recorded"))
        for cause, n in sorted(totals[key].items(), key=lambda item: -item[1])
    ]
    return [each for each in found if each["n"] and each["cause"] != Fate.NOT_WANTED]
