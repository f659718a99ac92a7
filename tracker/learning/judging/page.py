"""One HTML page that says how good a network is, with nothing beside it."""

import base64
import html
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.learning.judging.figures import Figures
from tracker.learning.judging.judge import Judged, Judgement
from tracker.learning.judging.overlays import choose, colour_of, overlay
from tracker.learning.judging.plots import plots

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 1080px; color: #222; }
table { border-collapse: collapse; margin: 0.5em 0 1.5em; }
th, td { padding: 0.15em 0.8em; border-bottom: 1px solid #ddd; text-align: right; }
th:first-child, td:first-child { text-align: left; }
.row { display: flex; flex-wrap: wrap; gap: 1em; }
figure { margin: 0; width: 340px; } figure img { width: 100%; }
figcaption { font-size: 13px; overflow-wrap: anywhere; }
.dot { display: inline-block; width: 0.8em; height: 0.8em; border-radius: 50%; }
.note { color: #555; }
"""

NOTES = (
    "Distances are in pixels of the image; permille_of_extent is in thousandths of the animal's "
    "length. Mean, median and p95 are of labelled keypoints that were found; the shares within "
    "5 and 10 px are of all labelled ones; mean_px_all is of all of them, with the best guess "
    "where the network was not sure. A dash: it cannot be known from these labels."
)


def write_page(judgement: Judgement, facts: Mapping[str, Any], folder: Path) -> Path:
    """Write `report.html` and `figures.json` and return the path of the page.

    Args:
        judgement: What came out.
        facts: Model, data, machine; shown at the top, and the whole of `figures.json`.
        folder: Made if it is not there; a page that is there is replaced.

    Raises:
        OSError: If the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = json.dumps(facts, indent=2, allow_nan=False)
    (folder / "figures.json").write_text(content + "\n", encoding="utf-8")
    page = folder / "report.html"
    page.write_text("".join(_page(judgement, facts)), encoding="utf-8")
    return page


def shown(value: float | None) -> str:
    """Return a figure for a person: four significant digits, whole numbers whole, a dash."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value == int(value) and abs(value) >= 10 else f"{value:.4g}"


def by_part(figures: Figures, parts: Sequence[str]) -> tuple[Figures, dict[str, Figures]]:
    """Split figures into those of each part, e.g. each keypoint, and all others."""
    each: dict[str, Figures] = {}
    others: Figures = {}
    for name, value in figures.items():
        part, _, rest = name.partition(": ")
        if rest and part in parts:
            each.setdefault(part, {})[rest] = value
        else:
            others[name] = value
    return others, each


def columns_of(judgement: Judgement) -> dict[str, Figures]:
    """Return the figures of each data set and, if there are several, of all together."""
    columns = {source: judgement.of(source) for source in judgement.sources}
    return columns if len(columns) < 2 else {**columns, "all together": judgement.of()}


def _page(judgement: Judgement, facts: Mapping[str, Any]) -> Iterator[str]:
    title = f"{facts['model']} on {facts['data']}"
    yield f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{_text(title)}'
    yield f"</title><style>{STYLE}</style></head><body>\n<h1>{_text(title)}</h1>\n"
    plain = {key: value for key, value in facts.items() if not isinstance(value, Mapping)}
    yield "<table>"
    for key, value in plain.items():
        text = ", ".join(map(str, value)) if isinstance(value, list) else value
        yield f"<tr><td>{_text(key)}</td><td>{_text(text)}</td></tr>"
    yield "</table>\n<h2>Figures</h2>\n"
    yield from _tables(judgement)
    yield f'<p class="note">{_text(NOTES)}</p>\n<div class="row">'
    for name, png in plots(judgement):
        yield _figure("png", png, _text(name))
    yield "</div>\n"
    yield from _images(judgement)
    yield "</body></html>\n"


def _tables(judgement: Judgement) -> Iterator[str]:
    keypoints = judgement.card.keypoints
    split = {name: by_part(figures, keypoints) for name, figures in columns_of(judgement).items()}
    wholes = {name: whole for name, (whole, _) in split.items()}
    yield _table(dict.fromkeys(key for whole in wholes.values() for key in whole), wholes)
    for name, (_, each) in split.items():
        if each:
            keys = dict.fromkeys(key for figures in each.values() for key in figures)
            rows = {key: {part: figures.get(key) for part, figures in each.items()} for key in keys}
            yield f"<h3>Keypoints: {_text(name)}</h3>\n"
            yield _table(each, rows)


def _table(rows: Iterable[str], columns: Mapping[str, Figures]) -> str:
    head = "".join(f"<th>{_text(name.replace('_', ' '))}</th>" for name in columns)
    body = "".join(
        f"<tr><td>{_text(row)}</td>"
        + "".join(f"<td>{shown(figures.get(row))}</td>" for figures in columns.values())
        + "</tr>\n"
        for row in rows
    )
    return f"<table><tr><th></th>{head}</tr>\n{body}</table>\n"


def _images(judgement: Judgement) -> Iterator[str]:
    worst, others = choose(judgement)
    legend = " ".join(
        f'<span class="dot" style="background: rgb{colour_of(n)}"></span> {_text(name)}'
        for n, name in enumerate(judgement.card.keypoints)
    )
    for title, numbers in (("The worst images", worst), ("Others, at random", others)):
        if numbers:
            yield f"<h2>{title}</h2>\n<p>Rings are labels, dots and lines the network. {legend}</p>"
            yield '<div class="row">'
            for number in numbers:
                image = judgement.images[number]
                yield _figure("jpeg", _jpeg(overlay(judgement, image)), _caption(judgement, image))
            yield "</div>\n"


def _caption(judgement: Judgement, image: Judged) -> str:
    """File and row, errors, and what was said of classes and quantities."""
    error, labelled = image.pose.error_px, image.pose.labelled
    parts = []
    if labelled.any():
        found = error[np.isfinite(error)]
        mean = f"mean {found.mean():.1f} px, " if found.size else ""
        parts.append(f"{mean}{found.size} of {labelled.sum()} keypoints found")
    if image.pose.surplus:
        parts.append(f"{image.pose.surplus} animals too many")
    if image.seen.abstained:
        parts.append("abstained")
    parts += [f"{name} {value:.2f}" for name, value in image.seen.class_scores.items()]
    parts += [f"{name} {value:.4g}" for name, value in image.seen.measures.items()]
    known = zip(judgement.card.classes, image.sample.classes.tolist(), strict=False)
    parts += [f"labelled {name} {value:.0f}" for name, value in known if np.isfinite(value)]
    place = image.sample.key or image.sample.where
    where = f" ({_text(image.sample.where)})" if image.sample.where != place else ""
    return f"<b>{_text(place)}</b>{where}<br>{_text('; '.join(parts))}"


def _figure(kind: str, data: bytes, caption: str) -> str:
    coded = base64.b64encode(data).decode("ascii")
    return (
        f'<figure><img src="data:image/{kind};base64,{coded}" alt="">'
        f"<figcaption>{caption}</figcaption></figure>\n"
    )


def _jpeg(image: NDArray[np.uint8]) -> bytes:
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes())


def _text(value: object) -> str:
    return html.escape("-" if value is None else str(value))
