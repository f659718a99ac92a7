"""`tracker register`: two sessions of one arena in shared coordinates."""

import sys
from pathlib import Path
from typing import Annotated, Any

import cv2
import msgspec
import typer
from rich.console import Console

from tracker.arena import ArenaSettings
from tracker.commands.output import print_json
from tracker.errors import RegistrationError
from tracker.registered.pair import Pair, Registered, register, write_pair
from tracker.registered.positions import write_positions
from tracker.registered.sources import ArenaView, view_of
from tracker.registration.models import Model
from tracker.replay.own import experiment_of


def register_views(
    a: Annotated[Path, typer.Argument(help="A session folder, a film or a picture.")],
    b: Annotated[
        Path | None, typer.Argument(help="Another one of the same arena, brought to the first.")
    ] = None,
    out: Annotated[
        Path, typer.Option(help="File to write, .json; beside it lies a picture of both.")
    ] = Path("registered.json"),
    model: Annotated[Model, typer.Option(help="How the camera may have moved.")] = Model.HOMOGRAPHY,
    positions: Annotated[
        Path | None,
        typer.Option(help="Also write the second session's positions in the first's px and cm."),
    ] = None,
    save_view: Annotated[
        Path | None,
        typer.Option(help="Write the first one's view without its animals, .png, and end."),
    ] = None,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")
    ] = False,
) -> None:
    """Bring two sessions of one arena together, so that their trajectories share coordinates.

    With --save-view, make the picture of a reference view that rig.registration.reference names.
    """
    with Console(stderr=True).status(f"looking at {a}"):
        first = view_of(a)
    if save_view is not None:
        _write_picture(save_view, first.image)
        _say(f"{save_view}: the view of {a}", {"view": str(save_view)}, as_json=as_json)
        return
    if b is None:
        raise RegistrationError("name a second session, or a file with --save-view")
    picture = out.with_suffix(".png")
    _refuse_present(*(path for path in (out, picture, positions) if path is not None))
    with Console(stderr=True).status(f"bringing {b} to {a}"):
        second = view_of(b)
        found = register(first, second, model)
    write_pair(out, found.pair)
    _write_picture(picture, found.overlay)
    if positions is not None:
        _write_positions(positions, first, second, found.pair)
    lines = _lines(found, out, picture)
    facts = msgspec.to_builtins(found.pair) | {"file": str(out), "picture": str(picture)}
    _say("\n".join(lines), facts, as_json=as_json)


def _write_positions(path: Path, first: ArenaView, second: ArenaView, pair: Pair) -> None:
    if second.recording is None:
        raise RegistrationError(f"{second.name} is no session: it has no positions")
    arena: ArenaSettings | None = None
    if first.recording is not None:
        arena = experiment_of(first.recording).rig.arena
    write_positions(path, second.recording, pair, arena)


def _write_picture(path: Path, image: Any) -> None:
    _refuse_present(path)
    if path.suffix.lower() != ".png":
        raise RegistrationError(f"{path}: expected a name that ends in .png")
    done, content = cv2.imencode(".png", image)
    try:
        path.write_bytes(content.tobytes() if done else b"")
    except OSError as error:
        raise RegistrationError(f"{path} cannot be written: {error.strerror}") from error


def _refuse_present(*paths: Path) -> None:
    for path in paths:
        if path.exists():
            raise RegistrationError(f"{path} is there already: choose another name")


def _lines(found: Registered, out: Path, picture: Path) -> list[str]:
    pair = found.pair
    residual = (
        "too few points look alike to state a residual"
        if pair.residual_px is None
        else f"{pair.n_points} points that look alike are {pair.residual_px:.2f} px apart (median; "
        f"95 in 100 less than {pair.residual_p95_px:.2f})"
    )
    return [
        f"{pair.b} against {pair.a}: the picture shifted by {pair.x_px:+.2f} px to the right and "
        f"{pair.y_px:+.2f} px down, turned by {pair.turned_deg:+.3f} deg, scale {pair.scale:.4f}; "
        f"a corner moved by up to {pair.largest_px:.1f} px",
        f"edges alike to {pair.likeness:.2f}; a corner is known to {pair.uncertainty_px:.2f} px "
        f"(standard deviation); {residual}",
        f"{out}; look at {picture} (the first red, the second cyan: left as they were, right "
        f"brought together)",
    ]


def _say(text: str, facts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(facts)
    else:
        Console(file=sys.stdout, highlight=False).print(text, soft_wrap=True, markup=False)
