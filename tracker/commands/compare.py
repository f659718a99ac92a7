"""`tracker compare`: groups of animals against each other."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tracker.batch.table import read_summary
from tracker.commands.output import print_json
from tracker.compare.animals import pairs_of

if TYPE_CHECKING:
    from tracker.compare.effects import Effect


def compare(
    summary: Annotated[Path, typer.Argument(help="summary.parquet of a batch.")],
    a: Annotated[str | None, typer.Option(help="Group that the other is compared with.")] = None,
    b: Annotated[str | None, typer.Option(help="The other; without both: all pairs.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Page to write; default: compare.html beside the table.")
    ] = None,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Last line of stdout is one JSON object.")
    ] = False,
) -> None:
    """Compare groups of animals: effects with intervals, one value per animal, as a page."""
    from tracker.compare.page import PAGE, write_comparison  # slow to import

    table = read_summary(summary)
    path = out or summary.parent / PAGE
    effects = write_comparison(table, pairs_of(table, a, b), path, source=str(summary))
    if as_json:
        print_json({"page": path, "effects": [_about(each) for each in effects]})
    else:
        typer.echo(path)


def _about(effect: "Effect") -> dict[str, Any]:
    from tracker.compare.page import row_of

    return {"a": effect.contrast.a_name, "b": effect.contrast.b_name, **row_of(effect)}
