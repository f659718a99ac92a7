"""`tracker tune`: each step of a method that sees without a network, on a real frame."""

import math
import sys
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from tracker.cameras.video_file import VideoFileSettings
from tracker.commands.cameras import camera_overrides
from tracker.commands.output import print_json
from tracker.commands.signals import asked_by_signal
from tracker.config import Experiment, ObserverSettings, load
from tracker.errors import ConfigError, MissingExtra
from tracker.gui.display import has_display, has_extra
from tracker.observers.steps import sheet_of
from tracker.tuning import Material, gather, knobs_of, try_out, turned, write_back
from tracker.types import Observation

KINDS = "background, threshold, region_growing or blob"


def tune(
    config: Annotated[Path, typer.Argument(help="Experiment file, or the name of a shipped one.")],
    camera: Annotated[
        str | None,
        typer.Option(
            help="Instead of the config's camera: a video file, a stream's URL, the number of a "
            "USB camera, or `synthetic`."
        ),
    ] = None,
    frame: Annotated[
        int | None, typer.Option(min=0, help="Index of the frame to show; default: the last read.")
    ] = None,
    frames: Annotated[
        int, typer.Option(min=1, help="Frames to read, for the median and for what moves.")
    ] = 300,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="Replace a setting, e.g. observer.difference=45. Repeatable."),
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option(help="No window: write all steps into this .png or .jpg.")
    ] = None,
    empty: Annotated[
        Path | None,
        typer.Option(help="No window: write the empty arena, the median of the frames, as PNG."),
    ] = None,
    screenshot: Annotated[
        Path | None, typer.Option(help="Save a picture of the window as PNG, and end; no display.")
    ] = None,
    *,
    write: Annotated[
        bool, typer.Option("--write", help="No window: write what --set changed into the file.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")
    ] = False,
) -> None:
    """Show each step of a method that sees without a network, and choose its settings.

    The window has a slider for each setting; its button writes them into the file, whose comments
    are kept. The method sees 30 frames before the one that is shown. `background` without a picture
    of the empty arena begins with the median of the frames that were read.
    """
    _refuse_files(sheet, empty)
    windowless = sheet is not None or empty is not None or write or as_json
    if not windowless:
        _refuse_window(screenshot)
    experiment = load(config, [*camera_overrides(camera), *(changes or [])])
    settings = _method_of(experiment, config)
    material = _read(experiment, frames, frame, quiet=as_json)
    if not windowless:
        _open(config, settings, material, screenshot)
        return
    steps, seen = try_out(settings, material)
    if sheet is not None:
        _write_picture(sheet, sheet_of(steps))
    if empty is not None:
        _write_picture(empty, material.empty)
    written = write_back(config, settings) if write else []
    _tell(seen, material, sheet, empty, written, as_json=as_json)


def _method_of(experiment: Experiment, config: Path) -> ObserverSettings:
    if experiment.observer is None:
        raise ConfigError(
            f"{config} sees with the network {experiment.model.network}: tune is for {KINDS}, "
            f"e.g. --set observer.kind=background"
        )
    return experiment.observer


def _open(
    config: Path, settings: ObserverSettings, material: Material, screenshot: Path | None
) -> None:
    from tracker.gui.tune import Tuned, run_tuning

    tuned = Tuned(
        f"tracker tune {config}",
        knobs_of(settings),
        lambda values: try_out(turned(settings, values), material),
        lambda values: write_back(config, turned(settings, values)),
    )
    sys.exit(run_tuning(tuned, screenshot))


def _refuse_files(*files: Path | None) -> None:
    for path in files:
        if path is not None and path.exists():
            raise ConfigError(f"{path} is there already: choose another name")


def _refuse_window(screenshot: Path | None) -> None:
    if not has_extra():
        raise MissingExtra("view", "tracker tune, but for --sheet FILE.png")
    if screenshot is None and not has_display():
        raise ConfigError("there is no display here: --sheet FILE.png needs none")


def _read(experiment: Experiment, n: int, wanted: int | None, *, quiet: bool) -> Material:
    source = experiment.rig.camera
    if isinstance(source, VideoFileSettings):
        source = source.model_copy(update={"fast": True, "loop": False})
    elif hasattr(source, "paced"):
        source = source.model_copy(update={"paced": False})
    stopped: list[bool] = []
    console = Console(stderr=True)
    with (
        asked_by_signal(lambda: stopped.append(True)),
        Progress(console=console, transient=True, disable=quiet) as bar,
    ):
        task = bar.add_task("reading frames", total=max(n, (wanted or 0) + 1))

        def tick(done: int) -> bool:
            bar.update(task, completed=done)
            return not stopped

        return gather(source, n, wanted, tick)


def _write_picture(path: Path, picture: NDArray[np.uint8]) -> None:
    kind = path.suffix.lower()
    if kind not in (".png", ".jpg"):
        raise ConfigError(f"{path} is {kind or 'without an ending'}, expected .png or .jpg")
    _, data = cv2.imencode(kind, picture, [cv2.IMWRITE_JPEG_QUALITY, 82])
    try:
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error


def _tell(
    seen: Observation,
    material: Material,
    sheet: Path | None,
    empty: Path | None,
    written: list[str],
    *,
    as_json: bool,
) -> None:
    n = seen.measures.get("n_animals", math.nan)
    middles = [
        [round(float(v), 1) for v in each[1]] for each in seen.xy if np.isfinite(each[1]).all()
    ]
    if as_json:
        said: dict[str, Any] = {
            "frame": seen.frame_index,
            "n_animals": n,
            "area_px2": seen.measures.get("area_px2", math.nan),
            "centres_px": middles,
            "sheet": None if sheet is None else str(sheet),
            "empty": None if empty is None else str(empty),
            "written": written,
        }
        print_json(said)
        return
    found = "nothing can be said" if seen.abstained else f"{n:.0f} found"
    places = ", ".join(f"({x:.0f}, {y:.0f})" for x, y in middles)
    typer.echo(f"frame {seen.frame_index}: {found}{', at ' + places if places else ''} px")
    if sheet is not None:
        typer.echo(f"{sheet}: each step of the method")
    if empty is not None:
        typer.echo(
            f"{empty}: median of {material.n_samples} frames. Look whether an animal is left in it "
            f"(more --frames take it out), then say in the experiment\n\n"
            f"observer:\n  empty: {empty}"
        )
    if written:
        typer.echo(f"written: {', '.join(written)}")
