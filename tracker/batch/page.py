"""Makes index.html: all recordings of a batch on one page, each with its report."""

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pyarrow as pa
from matplotlib import rc_context
from matplotlib.figure import Figure

from tracker.batch.table import replace
from tracker.report import REPORT
from tracker.report.look import BLUE, LOOK, data_uri, new_figure

INDEX = "index.html"

KNOWN_ENOUGH = 0.9
"""Share of the frames in which a behaviour has to be known, or pages warn."""

PER_ROW = 4
"""Plots beside each other."""

MADE_WITH = {
    "provider": "network ran on",
    "model_sha256": "network",
    "settings_sha256": "settings",
    "code_sha256": "program",
}


def write_index(table: pa.Table, out: Path, pages: Sequence[tuple[str, str]] = ()) -> Path:
    """Write the page about a batch into its results folder, and return its path.

    The page holds its pictures and asks nothing of a network; it links the reports of the sessions.
    One that is there is replaced.

    Args:
        table: The summary.
        out: The results folder.
        pages: Other pages to link: name, place in the folder.

    Raises:
        RecordingError: If it cannot be written.
    """
    rows = table.to_pylist()
    recordings: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        recordings.setdefault(row["recording"], []).append(row)
    done = [_recording(own, out) for own in recordings.values() if own[0]["state"] != "failed"]
    with rc_context(LOOK):
        overview = _overview(rows)
        content = {
            "title": f"{len(recordings)} recordings",
            "notices": notices_of(table),
            "pages": pages,
            "done": done,
            "failed": [own[0] for own in recordings.values() if own[0]["state"] == "failed"],
            "length": _length(done),
            "frames": sum(row["frames"] for row in done),
            "lost": sum(row["lost"] for row in done),
            "groups": sorted({row["group"] for row in done if row["group"]}),
            "behaviours": list(dict.fromkeys(n for row in done for n in row["behaviours"])),
            "overview": data_uri(overview) if overview else None,
            "known_enough": KNOWN_ENOUGH,
            "made_with": _made_with(rows),
        }
    write_page("tracker.batch", "index.html.jinja", content, out / INDEX)
    return out / INDEX


def write_page(package: str, template: str, content: Mapping[str, Any], path: Path) -> None:
    """Fill a template of a package, laid out as pages of a batch are, and write it in one step.

    Raises:
        RecordingError: If it cannot be written.
    """
    loaders = [jinja2.PackageLoader(name, ".") for name in (package, "tracker.batch")]
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(loaders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    html = environment.get_template(template).render(content)
    replace(path, lambda draft: draft.write_text(html, encoding="utf-8"))


def notices_of(table: pa.Table) -> list[str]:
    """Return what a reader of the numbers must know first."""
    rows = table.to_pylist()
    failed = sorted({row["recording"] for row in rows if row["state"] == "failed"})
    cut = sorted({row["recording"] for row in rows if row["state"] == "cut_off"})
    unseen = sorted(
        {r["recording"] for r in rows if r["known"] is not None and not r["known"] >= KNOWN_ENOUGH}
    )
    kinds = (
        ("failed and is in no number", "failed and are in no number", failed),
        ("was cut off: it counts up to there", "were cut off: they count up to there", cut),
        (
            "has a behaviour that is known in less than 90 % of the frames: see the column known",
            "have behaviours that are known in less than 90 % of the frames: see the column known",
            unseen,
        ),
    )
    notices = [_names(names, one, more) for one, more, names in kinds if names]
    for column, what in (
        ("provider", "networks ran on different providers"),
        ("model_sha256", "different networks were used"),
        ("settings_sha256", "different settings were used, or live sessions are among them"),
    ):
        values = {row[column] for row in rows if row["state"] != "failed"}
        if len(values) > 1:
            notices.append(f"The numbers may not compare: {what} (column {column}).")
    return notices


def _names(names: Sequence[str], one: str, more: str) -> str:
    shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    return f"{shown} {one if len(names) == 1 else more}."


def _recording(rows: Sequence[Mapping[str, Any]], out: Path) -> dict[str, Any]:
    """One line of the page."""
    first = rows[0]
    known = [row["known"] for row in rows if row["known"] is not None]
    return {
        **{name: first[name] for name in ("recording", "group", "subject", "state")},
        "minutes": first["duration_s"] / 60,
        "frames": first["frames"],
        "lost": first["lost"],
        "known": min(known, default=math.nan),
        "metres": first["distance_cm"] / 100,
        "behaviours": {row["behaviour"]: row for row in rows if row["behaviour"]},
        "href": _report_of(first["session"], out),
    }


def _length(done: Sequence[Mapping[str, Any]]) -> tuple[float, str]:
    """All recordings together, in the unit that suits."""
    minutes = sum(row["minutes"] for row in done if not math.isnan(row["minutes"]))
    return (minutes / 60, "hours") if minutes >= 60 else (minutes, "minutes")


def _report_of(session: str, out: Path) -> str | None:
    """The report's place as a link from the page; None if there is none."""
    for folder in (out / session, Path(session)):
        report = (folder / REPORT).resolve()
        if report.is_file():
            try:
                place = Path(os.path.relpath(report, out.resolve())).as_posix()
            except ValueError:  # another drive
                return report.as_uri()
            return jinja2.filters.do_urlencode(place)
    return None


def _overview(rows: Sequence[Mapping[str, Any]]) -> Figure | None:
    """Share of time by behaviour and group; None if nothing is known."""
    known = [row for row in rows if row["behaviour"] and row["fraction"] == row["fraction"]]
    behaviours = list(dict.fromkeys(row["behaviour"] for row in known))
    if not behaviours:
        return None
    groups = sorted({row["group"] or "" for row in known})
    n_rows = math.ceil(len(behaviours) / PER_ROW)
    figure = new_figure(2.5 * n_rows)
    grid = figure.subplots(n_rows, PER_ROW, squeeze=False, sharey=True).ravel()
    for axes, behaviour in zip(grid, behaviours, strict=False):
        for place, group in enumerate(groups):
            own = [r for r in known if (r["behaviour"], r["group"] or "") == (behaviour, group)]
            spread = np.linspace(-0.25, 0.25, len(own)) if len(own) > 1 else np.zeros(len(own))
            shares = [100 * row["fraction"] for row in own]
            axes.scatter(place + spread, shares, s=22, color=BLUE, alpha=0.7)
        axes.set_title(behaviour)
        axes.set_xticks(range(len(groups)), [group or "no group" for group in groups])
        axes.set_xlim(-0.6, len(groups) - 0.4)
        axes.set_ylim(bottom=0)
        axes.grid(axis="y")
    for axes in grid[len(behaviours) :]:
        axes.set_axis_off()
    grid[0].set_ylabel("share of time (%)")
    return figure


def _made_with(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    values = {
        title: sorted({str(row[column]) for row in rows if row[column]})
        for column, title in MADE_WITH.items()
    }
    return [(title, each) for title, each in values.items() if each]
