"""Makes report.html: gathers numbers and plots, and fills the template."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from tracker.recording import Recording
from tracker.report import plots, responses
from tracker.report.figures import (
    LIMITS,
    asked_for,
    counts_of,
    frame_table,
    limits_of,
    losses_of,
    measured_on_s,
    moment_ns,
    refusals_of,
    settings_of,
    spans_ms,
    stage_table,
)
from tracker.report.look import LOOK, MARKS, TimeAxis, data_uri
from tracker.session_folder.files import write_error
from tracker.stimuli import Delivery, StimulusRow

REPORT = "report.html"
"""Name of the page in a session folder."""

MOST_ROWS = 200
"""Stimuli and log lines that the page lists one by one, at most."""


def write_report(recording: Recording, path: Path | None = None) -> Path:
    """Write one HTML page about a session and return its path.

    The page holds its pictures and asks nothing of a network. All in it was computed from the
    files of the folder; what they do not tell, it says. A page that is there is replaced, so that
    it can be made anew once a session is unblinded. While it works, matplotlib's settings are
    changed for the whole process.

    Args:
        recording: The session; it may have been cut off.
        path: Where to; by default `report.html` in the session folder.

    Raises:
        RecordingError: If the folder cannot be read, or the page not be written.
    """
    path = recording.folder / REPORT if path is None else path
    with rc_context(LOOK):
        content = _contents(recording)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tracker.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    html = environment.get_template("report.html.jinja").render(content)
    new = path.with_name(path.name + ".new")
    try:
        new.write_text(html, encoding="utf-8")
        new.replace(path)
    except OSError as failure:
        raise write_error(path, failure) from failure
    return path


def _contents(recording: Recording) -> dict[str, Any]:
    session, rows = recording.session, asked_for(recording)
    live = bool(session["camera"]["live"])
    time, totals = _time_axis(recording), recording.totals()
    settings = settings_of(recording)
    return {
        "title": f"{_about(session).get('subject') or 'session'}, {_started(session)}",
        "end_reason": session.get("end_reason", "not closed"),
        "notices": _notices(recording, live=live),
        "header": _header(recording, time),
        "provenance": _provenance(session),
        "totals": totals,
        "losses": losses_of(totals),
        "episodes": Counter(each.onset.behaviour for each in recording.episodes),
        "behaviours": session["behaviours"],
        "open_onsets": len(recording.open_onsets),
        "path": _picture(plots.path(recording, rows)),
        "log": [line for line in recording.log if line.level != "info"][:MOST_ROWS],
        "since_s": lambda t_ns: (t_ns - time.zero_ns) / 1e9,
        "live": live,
        "blinded": recording.is_blinded,
        "has_video": session["recorder"]["codec"] != "none",
        "ethogram": _picture(plots.ethogram(recording, rows, time)),
        **_frames(recording, live=live),
        **_stimuli(recording, rows, settings, time),
    }


def _frames(recording: Recording, *, live: bool) -> dict[str, Any]:
    ledger = recording.ledger
    span = (ledger["decided_ns"].to_numpy() - ledger["received_ns"].to_numpy()) / 1e6
    title = "received → decided, every processed frame"
    return {
        "frame_table": frame_table(ledger, live=live),
        "frame_plot": _picture(responses.frame_latency(np.asarray(span, np.float64), title)),
    }


def _stimuli(
    recording: Recording, rows: Sequence[StimulusRow], settings: Mapping[str, Any], time: TimeAxis
) -> dict[str, Any]:
    live = bool(recording.session["camera"]["live"])
    counts, limits = Counter(row.delivery for row in rows), limits_of(settings)
    feature = responses.speed_feature(recording)
    found = responses.responses(recording, rows, feature) if feature else []
    hidden = _hidden(rows)
    known_doses = [row for row in rows if row.command.output not in hidden]
    known = [each for each in found if not np.isnan(each.speed).all()]
    return {
        "rows": rows[:MOST_ROWS],
        "n_rows": len(rows),
        "n_stops": len(recording.stimuli) - len(rows),
        "counts": counts,
        "count_rows": counts_of(rows),
        "deliveries": list(MARKS),
        "marks": MARKS,
        "refusals": refusals_of(rows),
        "refusal_plot": _picture(plots.refusals(rows, time)),
        "outputs": _outputs(recording, rows, limits),
        "limit_names": LIMITS,
        "dose_plot": _picture(plots.doses(known_doses, limits, time)),
        "stage_table": stage_table(rows, live=live),
        "latency_plot": _picture(responses.latency(rows, live=live)),
        "acknowledged": _acknowledged(rows),
        "total_ms": _p50_p99(rows),
        "around_plot": _picture(
            responses.around_stimuli(known, feature) if feature and known else None
        ),
        "n_around": len(known),
        "moment_s": {
            row.command.stimulus_id: None if at is None else (at - time.zero_ns) / 1e9
            for row in rows[:MOST_ROWS]
            for at in (moment_ns(row),)
        },
    }


def _outputs(
    recording: Recording,
    rows: Sequence[StimulusRow],
    limits: Mapping[str, Mapping[str, float]],
) -> list[dict[str, Any]]:
    """Dose and limits of each output that is in the experiment, or that something was asked of."""
    on_s = measured_on_s(recording.edges, rows)
    names = sorted(set(limits) | {row.command.output for row in rows})
    hidden = _hidden(rows)
    return [
        {
            "name": name,
            "hidden": name in hidden,
            "dose_s": sum(row.dose_s for row in rows if row.command.output == name),
            "on_s": on_s.get(name),
            "limits": limits.get(name, {}),
        }
        for name in names
    ]


def _hidden(rows: Sequence[StimulusRow]) -> frozenset[str]:
    """Outputs of which not every dose is known, because arms are hidden."""
    return frozenset(row.command.output for row in rows if row.delivery is Delivery.BLINDED)


def _acknowledged(rows: Sequence[StimulusRow]) -> dict[str, Any]:
    """How many were acknowledged by the device itself, and how far its times may be off."""
    told = [row for row in rows if row.acknowledged_ns is not None]
    off_us = [row.uncertainty_ns / 1e3 for row in told if row.uncertainty_ns is not None]
    return {
        "n": len(told),
        "by_device": sum(row.confirmed for row in told),
        "median_us": float(np.median(off_us)) if off_us else None,
        "worst_us": max(off_us) if off_us else None,
    }


def _p50_p99(rows: Sequence[StimulusRow]) -> tuple[float, float] | None:
    spans = spans_ms(rows, "received_ns", "acknowledged_ns")
    if not len(spans):
        return None
    p50, p99 = np.percentile(spans, [50, 99])
    return float(p50), float(p99)


def _picture(figure: Figure | None) -> str | None:
    return None if figure is None else data_uri(figure)


def _time_axis(recording: Recording) -> TimeAxis:
    """From the first captured frame to the last moment that a frame or an episode tells of."""
    captured = recording.ledger["captured_ns"].drop_null().to_pylist()
    ends = [each.end_ns for each in recording.episodes]
    begin = captured[0] if captured else int(recording.session["opened_ns"])
    return TimeAxis.over(begin, max([begin, *captured[-1:], *ends]))


def _notices(recording: Recording, *, live: bool) -> list[str]:
    """What a reader must know before anything else."""
    notices = [f"{problem[0].upper()}{problem[1:]}." for problem in recording.problems]
    if recording.session.get("end_reason") == "failed":
        notices.insert(0, "The session failed: the log at the end of this page says why.")
    if recording.is_blinded:
        notices.append(
            "This session is blinded: which stimuli were delivered and which were sham is hidden, "
            'and so are doses and acknowledgements. The command "tracker unblind" reveals them; '
            "then make this page again."
        )
    if not live:
        notices.append(
            "The source is not live: its capture times are on a time line of its own, so that "
            "nothing can be said of the time from exposure on."
        )
    failed = sum(row.delivery is Delivery.FAILED for row in recording.stimuli)
    if failed:
        notices.append(f"An actuator failed {failed} times: see the log.")
    return notices


def _about(session: Mapping[str, Any]) -> Mapping[str, Any]:
    found = session.get("provenance")
    return found if isinstance(found, Mapping) else {}


def _started(session: Mapping[str, Any]) -> str:
    return str(session["started_utc"])[:19].replace("T", " ") + " UTC"


def _header(recording: Recording, time: TimeAxis) -> list[tuple[str, str]]:
    session, about = recording.session, _about(recording.session)
    camera, model = session["camera"], about.get("model") or {}
    height, width = camera["shape"][:2]
    fps = "rate not known" if camera["fps"] is None else f"{camera['fps']:g} frames/s"
    length = (time.end_ns - time.zero_ns) / 1e9
    network = " on ".join(str(model[key]) for key in ("name", "provider") if model.get(key))
    pairs = [
        ("subject", about.get("subject")),
        ("experimenter", about.get("experimenter")),
        ("notes", about.get("notes")),
        ("started", _started(session)),
        ("filmed", f"{int(length // 60)} min {length % 60:.1f} s"),
        ("ended", session.get("end_reason", "not closed: the program died or lost its power")),
        ("camera", f"{camera['name']}, {width} x {height}, {fps}"),
        ("network", network or None),
        ("session", session["session_id"]),
    ]
    return [(name, str(value)) for name, value in pairs if value not in (None, "")]


def _provenance(session: Mapping[str, Any]) -> list[tuple[str, str]]:
    about = _about(session)
    pairs = [
        ("written by", session.get("written_by")),
        ("program", about.get("tracker")),
        ("code", about.get("code_sha256")),
        ("experiment", session.get("experiment_sha256")),
        ("network", about.get("model_sha256")),
        ("python", about.get("python")),
        ("libraries", ", ".join(f"{k} {v}" for k, v in (about.get("libraries") or {}).items())),
        ("machine", ", ".join(str(v) for v in (about.get("machine") or {}).values())),
        *_schedules(about),
    ]
    return [(name, str(value)) for name, value in pairs if value]


def _schedules(about: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the session kept of its controllers and actuators from the start."""
    facts = about.get("stimulation") or {}
    return [
        (f"{kind[:-1]} {name}", ", ".join(f"{key} {value}" for key, value in each.items()))
        for kind in ("controllers", "actuators")
        for name, each in (facts.get(kind) or {}).items()
    ]
