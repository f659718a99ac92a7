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
from tracker.report import plots, responses, timing
from tracker.report.around import around_onsets, worth_showing
from tracker.report.bouts import bouts_of, statistics
from tracker.report.facts import about_session, header, notices_of, session_facts, started
from tracker.report.figures import (
    LIMITS,
    asked_for,
    counts_of,
    frame_table,
    limits_of,
    losses_of,
    measured_on_s,
    refusals_of,
    spans_ms,
    stage_table,
)
from tracker.report.look import LOOK, MARKS, TimeAxis, data_uri
from tracker.report.maps import maps
from tracker.report.places import arena_of, zone_times
from tracker.report.stills import MOST_BEHAVIOURS, arena_picture, key_frames
from tracker.report.view import view_facts, view_notices, view_plot
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
    settings = recording.settings
    return {
        "title": f"{about_session(session).get('subject') or 'session'}, {started(session)}",
        "end_reason": session.get("end_reason", "not closed"),
        "notices": [*notices_of(recording, live=live), *view_notices(recording)],
        "header": header(recording, time),
        "facts": session_facts(session),
        "totals": totals,
        "losses": losses_of(totals),
        "open_onsets": len(recording.open_onsets),
        "log": [line for line in recording.log if line.level != "info"][:MOST_ROWS],
        "since_s": lambda t_ns: (t_ns - time.zero_ns) / 1e9,
        "live": live,
        "blinded": recording.is_blinded,
        "has_video": session["recorder"]["codec"] != "none",
        "ethogram": _picture(plots.ethogram(recording, rows, time)),
        **_frames(recording, live=live),
        **_camera(recording, time),
        **_behaviours(recording, rows, settings),
        **_places(recording, rows, settings),
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


def _camera(recording: Recording, time: TimeAxis) -> dict[str, Any]:
    found = timing.intervals_of(recording.ledger, recording.session["camera"]["fps"])
    return {
        "intervals": found,
        "interval_plot": _picture(None if found is None else timing.intervals(found, time)),
        "loss_plot": _picture(timing.losses(recording, time)),
        "view": view_facts(recording.views),
        "view_plot": _picture(view_plot(recording.views, time)),
    }


def _behaviours(
    recording: Recording, rows: Sequence[StimulusRow], settings: Mapping[str, Any]
) -> dict[str, Any]:
    bouts = bouts_of(recording)
    features = worth_showing(recording, settings)
    hidden = recording.is_blinded
    return {
        "bouts": statistics(recording),
        "onset_plot": _picture(around_onsets(recording, bouts, rows, features)),
        "n_behaviours_shown": MOST_BEHAVIOURS,
        "n_behaviours_done": len({bout.behaviour for bout in bouts}),
        "key_frames": {} if hidden else key_frames(recording, bouts),
        "zero_ns": _begin_ns(recording),
    }


def _places(
    recording: Recording, rows: Sequence[StimulusRow], settings: Mapping[str, Any]
) -> dict[str, Any]:
    arena = arena_of(settings)
    picture, problem = arena_picture(recording)
    found = maps(recording, rows, arena, picture)
    return {
        "maps": found,
        "map_plot": _picture(None if found is None else found.figure),
        "on_a_frame": picture is not None,
        "video_problem": problem,
        "zones": zone_times(recording, arena),
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
            for at in (row.moment_ns,)
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
    captured = recording.ledger["captured_ns"].drop_null()
    ends = [each.end_ns for each in recording.episodes]
    begin = _begin_ns(recording)
    last = [captured[-1].as_py()] if len(captured) else []
    return TimeAxis.over(begin, max([begin, *last, *ends]))


def _begin_ns(recording: Recording) -> int:
    captured = recording.ledger["captured_ns"].drop_null()
    return int(captured[0].as_py()) if len(captured) else int(recording.session["opened_ns"])
