"""Figures for a person, in the terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tracker.learning.judging.figures import Figures
from tracker.learning.judging.judge import Judgement
from tracker.learning.judging.page import by_part, columns_of, shown

KEYPOINT_FIGURES = {
    "labels": "labelled_keypoints",
    "found": "found_share",
    "mean px": "mean_px",
    "median px": "median_px",
    "p95 px": "p95_px",
    "≤ 5 px": "within_5_px_share",
    "≤ 10 px": "within_10_px_share",
}
"""What is shown of each keypoint; the page has more."""


def print_judgement(judgement: Judgement, facts: Mapping[str, Any], console: Console) -> None:
    """Print a table of all figures, one of the keypoints, what was not judged, and the speed."""
    columns = columns_of(judgement)
    split = {name: by_part(own, judgement.card.keypoints) for name, own in columns.items()}
    table = Table(title=f"{facts['model']} on {facts['data']}", title_justify="left")
    table.add_column(no_wrap=True)
    for name in columns:
        # Found data are named from the folder on, which the title says already.
        short = name.removeprefix(f"{facts['data']}/")
        table.add_column(Text(short), justify="right", overflow="fold")
    for row in dict.fromkeys(key for whole, _ in split.values() for key in whole):
        table.add_row(Text(row), *(shown(whole.get(row)) for whole, _ in split.values()))
    console.print(table)
    _, each = by_part(judgement.of(), judgement.card.keypoints)
    if each:
        console.print(_keypoint_table(each))
    if missing := judgement.keypoints_without_labels:
        console.print(
            f"No labels for {', '.join(missing)}: if the data have them by other names, add "
            f"--map {missing[0]}=LABEL",
            style="yellow",
        )
    speed = f"{facts['ms_per_image']:.1f} ms per image on {facts['provider']}"
    console.print(f"{speed}, {facts['cores']} cores")


def _keypoint_table(each: Mapping[str, Figures]) -> Table:
    table = Table(title="keypoints", title_justify="left")
    table.add_column()
    for name in KEYPOINT_FIGURES:
        table.add_column(name, justify="right")
    for part, figures in each.items():
        values = (shown(figures.get(name)) for name in KEYPOINT_FIGURES.values())
        table.add_row(Text(part), *values)
    return table
