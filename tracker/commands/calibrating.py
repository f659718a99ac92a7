"""`tracker calibrate`: a camera's lens from pictures of a board, and the board to print."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress, TextColumn

from tracker.build import build_camera
from tracker.calibration.boards import HOW, Board, BoardFinder
from tracker.calibration.lens import write_lens
from tracker.calibration.solve import Calibration, calibrate
from tracker.calibration.views import PICTURES, Picture, ViewCollector, pictures_in
from tracker.cameras.base import Camera
from tracker.cameras.make import CameraSettings
from tracker.cameras.opencv import OpenCVSettings
from tracker.cameras.video_file import VideoFileSettings
from tracker.clock import SystemClock
from tracker.commands.output import print_json
from tracker.commands.signals import asked_by_signal
from tracker.config import load
from tracker.errors import CalibrationError, EndOfStream
from tracker.types import Frame

LOOKS_PER_S = 4
"""Frames of a film or a camera that are looked at, per second of captured time."""


def calibrate_lens(
    sources: Annotated[
        list[Path] | None, typer.Argument(help="Pictures, folders of pictures, films.")
    ] = None,
    board: Annotated[str, typer.Option(help=f"The board: {HOW}.")] = "",
    out: Annotated[Path, typer.Option(help="File of the lens to write, .yaml or .json.")] = Path(
        "lens.yaml"
    ),
    camera: Annotated[
        str | None,
        typer.Option(
            help="Look live instead: number of a USB camera, a stream's URL, or an experiment "
            "file, whose camera is taken."
        ),
    ] = None,
    views: Annotated[int, typer.Option(min=5, max=200, help="Views that are enough.")] = 30,
    *,
    wide: Annotated[
        bool, typer.Option("--wide", help="Fit a third radial term, for a very wide angle.")
    ] = False,
    print_board: Annotated[
        Path | None,
        typer.Option(help="Only write the board to print, .pdf or .png, true to size."),
    ] = None,
    dpi: Annotated[int, typer.Option(min=72, max=2400, help="Of a board's .png.")] = 600,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")
    ] = False,
) -> None:
    """Find out what a camera's lens does to a picture, from pictures of a board.

    Print a board (--print-board), glue it onto something flat, measure a square, and show it to
    the camera in 10 to 30 places: in the corners of the picture too, near and far, tilted by 20 to
    45 degrees. The file that is written is named by rig.arena.lens of an experiment; beside it lies
    a picture of what was found, to look at.
    """
    if not board:
        raise CalibrationError(f"--board is missing: expected {HOW}")
    wanted = Board.read(board)
    if print_board is not None:
        _print_board(print_board, wanted, dpi, as_json=as_json)
        return
    if bool(sources) == (camera is not None):
        raise CalibrationError("name pictures or films, or a --camera: one of the two")
    picture = out.with_suffix(".png")
    for path in (out, picture):
        if path.exists():
            raise CalibrationError(f"{path} is there already: choose another name with --out")
    collector = ViewCollector(BoardFinder(wanted), most=views)
    _collect(collector, sources or [], camera, quiet=as_json)
    collector.refuse_nothing()
    found = calibrate(collector.views, wanted, collector.shape or (), third_radial=wide)
    write_lens(out, found.lens)
    _draw(picture, found, wanted, collector)
    summary = _summary(found, collector, out, picture)
    if as_json:
        print_json(summary)
    else:
        _print(summary)


def _print_board(path: Path, board: Board, dpi: int, *, as_json: bool) -> None:
    from tracker.calibration.printing import print_board  # slow to import

    width_mm, height_mm = print_board(path, board, dpi)
    if as_json:
        print_json({"file": str(path), "width_mm": width_mm, "height_mm": height_mm})
        return
    typer.echo(
        f"{path}: {width_mm:.0f} x {height_mm:.0f} mm. Print it at 100 % (not fitted to the page) "
        f"and measure the line below the board"
    )


def _collect(
    collector: ViewCollector, sources: list[Path], camera: str | None, *, quiet: bool
) -> None:
    """Look until there are enough views, the sources end, or a person ends it."""
    stopped = _Stop()
    pictures = _pictures(sources, stopped) if camera is None else _live(camera, stopped)
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"),)
    with (
        asked_by_signal(stopped),
        Progress(*columns, console=console, transient=True, disable=quiet) as bar,
    ):
        task = bar.add_task("looking for the board")
        for name, image in pictures:
            collector.take(name, image)
            bar.update(
                task,
                description=f"{len(collector.views)} views that differ, the board in "
                f"{collector.n_found} of {collector.n_seen} pictures (Ctrl-C: enough)",
            )
            if collector.is_full or stopped.asked:
                break


@dataclass(slots=True)
class _Stop:
    asked: bool = False

    def __call__(self) -> None:
        self.asked = True


def _pictures(sources: list[Path], stopped: _Stop) -> Iterator[Picture]:
    for source in sources:
        if source.is_file() and source.suffix.lower() not in PICTURES:
            yield from _frames(VideoFileSettings(path=source, fast=True), stopped, source.name)
        else:
            yield from pictures_in([source])


def _live(camera: str, stopped: _Stop) -> Iterator[Picture]:
    if camera.isdecimal() or "://" in camera:
        settings: CameraSettings = OpenCVSettings(
            device=int(camera) if camera.isdecimal() else camera
        )
    else:
        settings = load(Path(camera)).rig.camera
    yield from _frames(settings, stopped, "live")


def _frames(settings: CameraSettings, stopped: _Stop, name: str) -> Iterator[Picture]:
    """Give some frames per second of a film or a camera."""
    source = build_camera(settings, SystemClock())
    source.open()
    try:
        due_ns = -(10**18)
        for frame in _each(source, lambda: stopped.asked):
            if frame.captured_ns >= due_ns:
                due_ns = frame.captured_ns + 1_000_000_000 // LOOKS_PER_S
                grey = frame.image if frame.image.ndim == 2 else frame.image[..., 1].copy()
                yield f"{name} frame {frame.index}", grey
    finally:
        source.close()


def _each(source: Camera, is_over: Callable[[], bool]) -> Iterator[Frame]:
    while not is_over():
        try:
            got = source.read(0.1)
        except EndOfStream:
            return
        if isinstance(got, Frame):
            yield got


def _draw(path: Path, found: Calibration, board: Board, collector: ViewCollector) -> None:
    from tracker.calibration.pictures import draw_calibration  # slow to import

    shown = max(range(len(found.views)), key=lambda each: found.tilt_deg[each])
    image = collector.pictures[collector.views.index(found.views[shown])]
    draw_calibration(path, found, board, shown, image)


def _summary(
    found: Calibration, collector: ViewCollector, out: Path, picture: Path
) -> dict[str, Any]:
    lens = found.lens
    return {
        "file": str(out),
        "picture": str(picture),
        "pictures": collector.n_seen,
        "with_board": collector.n_found,
        "views": lens.views,
        "left_out": list(found.left_out),
        "reprojection_error_px": lens.reprojection_error_px,
        "worst_view_px": max(found.error_px),
        "focal_px": list(lens.focal_px),
        "focal_error_px": found.focal_error_px,
        "centre_px": list(lens.centre_px),
        "distortion": list(lens.distortion),
        "covered": found.covered,
        "most_tilt_deg": max(found.tilt_deg),
    }


def _print(summary: dict[str, Any]) -> None:
    console = Console(file=sys.stdout, highlight=False)
    left_out = f", left out: {', '.join(summary['left_out'])}" if summary["left_out"] else ""
    lines = (
        f"the board was found in {summary['with_board']} of {summary['pictures']} pictures; "
        f"{summary['views']} that differ were used{left_out}",
        f"reprojection error {summary['reprojection_error_px']:.3f} px, worst view "
        f"{summary['worst_view_px']:.3f} px (root mean square)",
        f"focal length {summary['focal_px'][0]:.1f} px, give or take "
        f"{summary['focal_error_px']:.1f}; corners around {summary['covered']:.0%} of the picture, "
        f"tilted by up to {summary['most_tilt_deg']:.0f} deg",
        f"{summary['file']}: name it in rig.arena.lens; look at {summary['picture']}",
    )
    for line in lines:
        console.print(line, soft_wrap=True, markup=False)
