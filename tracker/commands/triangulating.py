"""`tracker triangulate`: points in 3-D of a recorded session of several cameras."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from tracker.calibration.stand import read_stand
from tracker.commands.output import print_json
from tracker.errors import RecordingError
from tracker.multiview.again import Again, triangulate_again
from tracker.multiview.recorded import is_rig
from tracker.multiview.sets import Incomplete
from tracker.multiview.settings import SetsSettings
from tracker.multiview.triangulate import LARGEST_RESIDUAL_PX


def triangulate(
    folder: Annotated[Path, typer.Argument(help="Folder of a session with several cameras.")],
    views: Annotated[
        Path, typer.Option(help="Where the cameras stand, by `tracker calibrate-views`.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="File to write, .csv or .parquet; default: points.csv in the folder."),
    ] = None,
    incomplete: Annotated[
        Incomplete, typer.Option(help="Whether sets without a frame of one camera are used.")
    ] = Incomplete.KEEP,
    largest_residual_px: Annotated[
        float, typer.Option(min=0.01, help="A camera that saw a point further off is left out.")
    ] = LARGEST_RESIDUAL_PX,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Last line of stdout is one JSON object.")
    ] = False,
) -> None:
    """Work out points in 3-D again, or for the first time, from what the cameras saw."""
    if not is_rig(folder):
        raise RecordingError(
            f"{folder} holds no sets.arrow: expected the folder that holds a session per camera"
        )
    out = out or folder / "points.csv"
    if out.suffix not in (".csv", ".parquet"):
        raise RecordingError(f"{out}: expected a name that ends with .csv or .parquet")
    stand = read_stand(views)
    settings = SetsSettings(incomplete=incomplete, largest_residual_px=largest_residual_px)
    with Progress(console=Console(stderr=True), transient=True, disable=as_json) as bar:
        task = bar.add_task("triangulating")
        found = triangulate_again(
            folder, stand, settings, lambda done, of: bar.update(task, completed=done, total=of)
        )
    _write(out, found)
    summary = {
        "file": out,
        "sets": found.n_sets,
        "points": found.n_known,
        "median_residual_px": found.median_px,
    }
    if as_json:
        print_json(summary)
        return
    typer.echo(
        f"{found.n_known} points in {found.n_sets} sets, median residual {found.median_px:.2f} px"
    )
    typer.echo(out)


def _write(path: Path, found: Again) -> None:
    import pyarrow.csv
    import pyarrow.parquet

    try:
        with path.open("xb") as file:
            if path.suffix == ".csv":
                pyarrow.csv.write_csv(found.table, file)
            else:
                pyarrow.parquet.write_table(found.table, file)
    except FileExistsError:
        raise RecordingError(
            f"{path} is there already, and nothing is overwritten: choose another name with --out"
        ) from None
    except OSError as error:
        raise RecordingError(f"{path} cannot be written: {error.strerror}") from error
