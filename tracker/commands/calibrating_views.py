"""`tracker calibrate-views`: where several cameras stand, from a board that they saw together."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress, TextColumn

from tracker.build import build_camera
from tracker.calibration.boards import HOW, Board, BoardFinder, Corners
from tracker.calibration.lens import Lens, read_lens
from tracker.calibration.solve import View, calibrate
from tracker.calibration.stand import Stand, write_stand
from tracker.calibration.views import PICTURES, differ, pictures_in
from tracker.cameras.base import frames_of
from tracker.cameras.video_file import VideoFileSettings
from tracker.clock import SystemClock
from tracker.commands.output import print_json
from tracker.errors import CalibrationError
from tracker.multiview.recorded import is_rig, moments_of
from tracker.multiview.solve import Moment, solve_stand

Image = NDArray[np.uint8]


def calibrate_views(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="NAME=PATH per camera: a folder of pictures (same file name: same moment) or a "
            "film (same frame: same moment). Or one folder of a session with several cameras."
        ),
    ],
    board: Annotated[str, typer.Option(help=f"The board: {HOW}.")],
    lenses: Annotated[
        list[str] | None,
        typer.Option(
            "--lens",
            help="NAME=FILE: a camera's lens by `tracker calibrate`. Without, it is found from the "
            "same pictures.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="File of the cameras to write.")] = Path("views.yaml"),
    every: Annotated[int, typer.Option(min=1, help="Of a film, each so many-th frame.")] = 15,
    most: Annotated[int, typer.Option(min=5, max=200, help="Moments that are enough.")] = 40,
    floor: Annotated[
        str | None,
        typer.Option(
            help="Name of the moment at which the board lay on the floor: the world's z is 0 "
            "there, and points up. Default: the world is that of the first camera."
        ),
    ] = None,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")
    ] = False,
) -> None:
    """Find out where several cameras stand, from a board that they see at the same moments."""
    wanted = Board.read(board)
    if out.exists():
        raise CalibrationError(f"{out} is there already: choose another name with --out")
    given = {name: read_lens(Path(path)) for name, path in _pairs(lenses or [], "--lens")}
    names, pictures = _pictures(sources, every)
    if unknown := sorted(set(given) - set(names)):
        raise CalibrationError(f"--lens {unknown[0]}: there is no such camera; there is {names}")
    moments, sizes = _look(pictures, BoardFinder(wanted), most, quiet=as_json)
    found = {
        name: given[name] if name in given else _lens(name, moments, wanted, sizes)
        for name in names
    }
    for name, lens in found.items():
        if name in sizes:
            lens.refuse_other(sizes[name])
    stand = solve_stand(found, moments, wanted, floor)
    write_stand(out, stand)
    if as_json:
        print_json(_summary(stand, out))
        return
    for line in _lines(stand, out):
        typer.echo(line)


def _pairs(texts: Sequence[str], what: str) -> Iterator[tuple[str, str]]:
    for text in texts:
        name, sign, path = text.partition("=")
        if not (sign and name.isidentifier() and name.islower() and path):
            raise CalibrationError(
                f"{what} {text!r}: expected NAME=PATH, the name in small letters"
            )
        yield name, path


def _pictures(
    sources: Sequence[str], every: int
) -> tuple[list[str], Iterator[tuple[str, Mapping[str, Image]]]]:
    """The cameras' names, and the pictures of each moment by camera."""
    if len(sources) == 1 and is_rig(Path(sources[0])):
        return moments_of(Path(sources[0]), every)
    paths = dict(_pairs(sources, "source"))
    if len(paths) < 2 or len(paths) < len(sources):
        raise CalibrationError(f"{', '.join(sources)}: expected two cameras or more, each once")
    return list(paths), _together({name: _of(Path(path), every) for name, path in paths.items()})


def _together(
    each: Mapping[str, Iterator[tuple[str, Image]]],
) -> Iterator[tuple[str, Mapping[str, Image]]]:
    """Pictures with one name, in the order of their names; a camera may lack some."""
    heads = {name: next(pictures, None) for name, pictures in each.items()}
    while waiting := [head[0] for head in heads.values() if head is not None]:
        moment = min(waiting)
        now = {name: head[1] for name, head in heads.items() if head and head[0] == moment}
        yield moment, now
        for name in now:
            heads[name] = next(each[name], None)


def _of(path: Path, every: int) -> Iterator[tuple[str, Image]]:
    if path.is_dir() or path.suffix.lower() in PICTURES:
        yield from pictures_in([path])
        return
    camera = build_camera(VideoFileSettings(path=path, fast=True), SystemClock())
    camera.open()
    try:
        for frame in frames_of(camera):
            if frame.index % every == 0:
                yield f"frame {frame.index:08d}", frame.image.copy()
    finally:
        camera.close()


def _look(
    pictures: Iterator[tuple[str, Mapping[str, Image]]],
    finder: BoardFinder,
    most: int,
    *,
    quiet: bool,
) -> tuple[list[Moment], dict[str, tuple[int, ...]]]:
    """Moments with the board that differ, and the size of each camera's pictures."""
    moments: list[Moment] = []
    sizes: dict[str, tuple[int, ...]] = {}
    n_seen = 0
    bar = Progress(
        TextColumn("{task.description}"),
        console=Console(stderr=True),
        transient=True,
        disable=quiet,
    )
    with bar:
        task = bar.add_task("looking for the board")
        for name, images in pictures:
            n_seen += 1
            sizes |= {camera: image.shape[:2] for camera, image in images.items()}
            found = {camera: finder.find(image) for camera, image in images.items()}
            corners = {camera: each for camera, each in found.items() if each is not None}
            if corners and _is_new(corners, moments, sizes):
                moments.append(Moment(name, corners))
            bar.update(task, description=f"{len(moments)} moments that differ, of {n_seen}")
            if len(moments) >= most:
                break
    if not moments:
        raise CalibrationError(
            f"the board was found at none of {n_seen} moments: check --board (squares, not "
            f"corners, are counted), the light, and that the board is sharp"
        )
    return moments, sizes


def _is_new(
    corners: Mapping[str, Corners],
    moments: Sequence[Moment],
    sizes: Mapping[str, tuple[int, ...]],
) -> bool:
    """Whether some camera sees the board where it has not seen it yet."""
    return any(
        all(
            differ(seen, kept.corners[camera], sizes[camera][1])
            for kept in moments
            if camera in kept.corners
        )
        for camera, seen in corners.items()
    )


def _lens(
    name: str, moments: Sequence[Moment], board: Board, sizes: Mapping[str, tuple[int, ...]]
) -> Lens:
    views = [View(each.name, each.corners[name]) for each in moments if name in each.corners]
    try:
        return calibrate(views, board, sizes.get(name, (1, 1))).lens
    except CalibrationError as error:
        raise CalibrationError(
            f"{name}: {error}; or give its lens with --lens {name}=FILE"
        ) from error


def _summary(stand: Stand, out: Path) -> dict[str, Any]:
    return {
        "file": str(out),
        "moments": stand.moments,
        "reprojection_error_px": stand.reprojection_error_px,
        "cameras": {
            name: {"error_px": each.error_px, "place_cm": each.place_cm.round(2).tolist()}
            for name, each in stand.cameras.items()
        },
    }


def _lines(stand: Stand, out: Path) -> Iterator[str]:
    yield (
        f"{stand.moments} moments, reprojection error {stand.reprojection_error_px:.3f} px (root "
        f"mean square)"
    )
    for name, each in stand.cameras.items():
        x, y, z = each.place_cm
        yield f"{name}: {each.error_px:.3f} px, at ({x:.1f}, {y:.1f}, {z:.1f}) cm"
    yield f"{out}: name it in rig.views"
