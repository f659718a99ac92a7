"""`tracker operating-point`: thresholds for a wanted rate of false triggers."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from tracker.annotations.bouts import Annotations
from tracker.commands.behaviours import (
    AsJson,
    Changes,
    ConfigFile,
    Fps,
    FromS,
    Individual,
    Least,
    Renamed,
    ToS,
    TruthFiles,
    decide_with_bar,
    frames_of,
    print_notes,
    renamed,
)
from tracker.config import shipped
from tracker.errors import ConfigError
from tracker.evaluation.decide import Decided
from tracker.evaluation.evaluate import names_in, read_truth
from tracker.evaluation.operating import Point, Scored, as_settings, points, proposed
from tracker.evaluation.operating_plot import draw
from tracker.evaluation.write_point import write_points
from tracker.track_import.run import Import


def operating_point(
    config: ConfigFile,
    truth: TruthFiles,
    tracks: Annotated[Path, typer.Option("--tracks", help="Tracks of DeepLabCut or SLEAP.")],
    wanted_per_hour: Annotated[
        float, typer.Option("--false-per-hour", min=0, help="False triggers per hour allowed.")
    ] = 1.0,
    video: Annotated[Path | None, typer.Option(help="The video of the tracks, if there.")] = None,
    fps: Fps = None,
    behaviour: Renamed = None,
    from_s: FromS = None,
    to_s: ToS = None,
    min_confidence: Least = None,
    individual: Individual = None,
    plots: Annotated[
        Path | None, typer.Option(help="Folder for a picture per behaviour; made if not there.")
    ] = None,
    write: Annotated[
        Path | None, typer.Option(help="Write the experiment with the proposed thresholds here.")
    ] = None,
    changes: Changes = None,
    *,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Change CONFIG itself; the old one is kept beside.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Draw false triggers per hour against misses and delay, and propose thresholds."""
    source = _file_of(config)
    if in_place and source != config:
        raise ConfigError(f"{config} is a shipped experiment: write to a file of yours (--write)")
    wanted = Import(tracks, config, video, fps, individual, min_confidence, changes or ())
    decided = decide_with_bar(wanted)
    watched = tuple(decided.experiment.behaviours)
    truths = read_truth(truth, decided.fps, watched)
    frames = frames_of(decided, from_s, to_s) or (0, decided.n_frames)
    found = _all_points(decided, truths, renamed(behaviour), frames)
    chosen = {name: proposed(each, wanted_per_hour) for name, (each, _) in found.items()}
    for name, (each, _) in found.items():
        if plots is not None:
            plots.mkdir(parents=True, exist_ok=True)
            draw(plots / f"{name}.png", name, each, chosen[name], wanted_per_hour)
    if write is not None or in_place:
        written = {
            name: {
                "episode": as_settings(point),
                "operating_point": _origin(decided, truths, point, wanted_per_hour, found[name][1]),
            }
            for name, point in chosen.items()
        }
        write_points(source, write or source, written, in_place=in_place)
    print_notes((*decided.notes, *(note for each in truths for note in each.notes)))
    _tell({name: each for name, (each, _) in found.items()}, chosen, wanted_per_hour, as_json)


def _all_points(
    decided: Decided,
    truths: Sequence[Annotations],
    chosen: dict[str, str],
    frames: tuple[int, int],
) -> dict[str, tuple[list[Point], list[Scored]]]:
    watched = decided.experiment.behaviours
    known = [names_in(truth, tuple(watched), chosen) for truth in truths]
    found = {}
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        for name, settings in watched.items():
            scored = _scored(decided, name, truths, known, frames)
            if scored:
                show = partial(_show, bar, bar.add_task(name))
                found[name] = points(scored, settings.episode, show), scored
    if not found:
        raise ConfigError(
            f"no rater names a behaviour of the experiment ({', '.join(watched)}): say which is "
            f"which (--behaviour freezing=Freezing)"
        )
    return found


def _show(bar: Progress, task: TaskID, done: int, of: int) -> None:
    bar.update(task, completed=done, total=of)


def _scored(
    decided: Decided,
    name: str,
    truths: Sequence[Annotations],
    known: Sequence[dict[str, str]],
    frames: tuple[int, int],
) -> list[Scored]:
    """Scores of the stretch, and each rater's bouts in it, counted from its first frame."""
    first, after = frames
    scores, captured_ns = decided.scores[name][first:after], decided.captured_ns[first:after]
    return [
        Scored(
            scores,
            captured_ns,
            [
                type(bout)(bout.first - first, bout.last - first, bout.behaviour, bout.subject)
                for bout in truth.of(names[name], decided.experiment.behaviours[name].subject)
                if first <= bout.first < after
            ],
            decided.fps,
        )
        for truth, names in zip(truths, known, strict=True)
        if name in names
    ]


def _file_of(config: Path) -> Path:
    if config.is_file():
        return config
    return shipped("configs") / f"{config}.yaml"


def _origin(
    decided: Decided,
    truths: Sequence[Annotations],
    point: Point,
    wanted_per_hour: float,
    scored: Sequence[Scored],
) -> dict[str, Any]:
    return {
        "wanted_per_hour": wanted_per_hour,
        "false_per_hour": round(point.false_per_hour, 3),
        "missed": round(point.missed, 4),
        "delay_ms": None if math.isnan(point.delay_ms) else round(point.delay_ms, 1),
        "bouts": sum(len(each.bouts) for each in scored),
        "hours": round(sum(len(each.scores) / each.fps for each in scored) / 3600, 4),
        "tracks": decided.tracks.name,
        "tracks_sha256": decided.tracks_sha256,
        "truth": {truth.path.name: truth.sha256 for truth in truths},
    }


def _tell(
    found: dict[str, list[Point]],
    chosen: dict[str, Point],
    wanted_per_hour: float,
    as_json: bool,  # noqa: FBT001 - handed on from the command line
) -> None:
    if as_json:
        about = {
            name: {
                "as_set": _plain(each[0]),
                "proposed": _plain(chosen[name]),
                "points": [_plain(point) for point in each],
            }
            for name, each in found.items()
        }
        print(json.dumps({"wanted_per_hour": wanted_per_hour, "behaviours": about}), flush=True)
        return
    table = Table("behaviour", "", title=f"At most {wanted_per_hour:g} false triggers per hour")
    for column in ("enter", "leave", "at least", "false per h", "missed", "delay", "frame F1"):
        table.add_column(column, justify="right")
    for name, each in found.items():
        for what, point in (("as set", each[0]), ("proposed", chosen[name])):
            delay = "-" if math.isnan(point.delay_ms) else f"{point.delay_ms:.0f} ms"
            table.add_row(
                name,
                what,
                f"{point.enter:g}",
                f"{point.leave:g}",
                f"{point.min_duration_s:g} s",
                f"{point.false_per_hour:.1f}",
                f"{point.missed:.1%}",
                delay,
                f"{point.frame_f1:.3f}",
            )
    Console().print(table)
    for name, point in chosen.items():
        if point.false_per_hour > wanted_per_hour:
            Console().print(
                f"{name}: no thresholds tried have so few false triggers: the rule itself has to "
                f"become stricter",
                soft_wrap=True,
            )


def _plain(point: Point) -> dict[str, float | None]:
    return {name: None if math.isnan(value) else value for name, value in asdict(point).items()}
