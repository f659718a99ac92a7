"""`tracker evaluate-behaviours`: behaviours beside what people saw."""

import json
import math
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from tracker.annotations.bouts import Annotations
from tracker.config import load
from tracker.errors import ConfigError
from tracker.evaluation.decide import Decided, decide
from tracker.evaluation.evaluate import Evaluation, between_raters, evaluate, names_in, read_truth
from tracker.track_import.run import Import

ConfigFile = Annotated[Path, typer.Argument(help="An experiment, or the name of a shipped one.")]
TracksFile = Annotated[Path | None, typer.Option("--tracks", help="Tracks of DeepLabCut or SLEAP.")]
TruthFiles = Annotated[
    list[Path],
    typer.Option(
        "--truth", help="What a person saw; once for each rater. BORIS, Caltech, SimBA, MATLAB."
    ),
]
Fps = Annotated[
    float | None,
    typer.Option(help="Frames per second; default: of rig.camera, if that is tracks_only."),
]
Renamed = Annotated[
    list[str] | None,
    typer.Option(
        "--behaviour", help="What the annotations call a behaviour, if not the same: mine=theirs."
    ),
]
FromS = Annotated[float | None, typer.Option(min=0, help="s: judge from here on.")]
ToS = Annotated[float | None, typer.Option(min=0, help="s: judge up to here.")]
Least = Annotated[
    float | None,
    typer.Option(min=0, max=1, help="Confidence from which a keypoint counts; default: as usual."),
]
Individual = Annotated[
    str | None, typer.Option(help="The individual that is the first animal; default: the first.")
]
Subject = Annotated[
    str | None,
    typer.Option(help="Whose bouts count, or which stream of the Caltech Annotator, e.g. S1."),
]
Changes = Annotated[
    list[str] | None, typer.Option("--set", help="Replace a setting: session.subject=m12.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Last line of stdout is one JSON object.")]


def evaluate_behaviours(
    config: ConfigFile,
    truth: TruthFiles,
    tracks: TracksFile = None,
    video: Annotated[Path | None, typer.Option(help="The video of the tracks, if there.")] = None,
    fps: Fps = None,
    behaviour: Renamed = None,
    from_s: FromS = None,
    to_s: ToS = None,
    min_confidence: Least = None,
    individual: Individual = None,
    subject: Subject = None,
    changes: Changes = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Run the pipeline over tracks, frame by frame, and compare it with what people saw.

    Without --tracks only the raters are compared, with each other.
    """
    chosen = renamed(behaviour)
    if tracks is None:
        _only_raters(config, truth, fps, chosen, changes or (), as_json=as_json)
        return
    wanted = Import(tracks, config, video, fps, individual, min_confidence, changes or ())
    decided = decide_with_bar(wanted)
    truths = read_truth(truth, decided.fps, tuple(decided.experiment.behaviours))
    result = evaluate(decided, truths, chosen, frames_of(decided, from_s, to_s), subject)
    print_notes(result.notes)
    if as_json:
        print(json.dumps(result.as_dict()), flush=True)
        return
    _show(result)


def decide_with_bar(wanted: Import) -> Decided:
    """Run the pipeline over tracks, with a progress bar; raises as `decide`."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("frames", total=None)
        return decide(wanted, lambda done, of: bar.update(task, completed=done, total=of))


def frames_of(decided: Decided, from_s: float | None, to_s: float | None) -> tuple[int, int] | None:
    """Return the stretch of frames from one time to another; None: all."""
    if from_s is None and to_s is None:
        return None
    first = round((from_s or 0) * decided.fps)
    return first, decided.n_frames if to_s is None else round(to_s * decided.fps)


def renamed(pairs: list[str] | None) -> dict[str, str]:
    """Return what annotations call behaviours, of texts like mine=theirs."""
    found = {}
    for pair in pairs or ():
        mine, equals, theirs = pair.partition("=")
        if not (mine and equals and theirs):
            raise ConfigError(f"--behaviour {pair}: expected mine=theirs, e.g. freezing=Freezing")
        found[mine] = theirs
    return found


def _only_raters(
    config: Path,
    truth: list[Path],
    fps: float | None,
    chosen: dict[str, str],
    changes: list[str] | tuple[()],
    *,
    as_json: bool,
) -> None:
    if len(truth) < 2:
        raise ConfigError("give --tracks, or the annotations of two raters or more to compare")
    watched = tuple(load(config, changes).behaviours)
    truths = read_truth(truth, fps, watched)
    n_frames = _length(truths)
    found: dict[str, Any] = {}
    for name in watched:
        named = {each.rater: (each, names_in(each, watched, chosen).get(name)) for each in truths}
        bouts = {rater: each.of(theirs) for rater, (each, theirs) in named.items() if theirs}
        if len(bouts) > 1:
            found[name] = between_raters(bouts, (0, n_frames), fps or 1.0)
    if not found:
        raise ConfigError(f"no two raters name one of the behaviours {', '.join(watched)}")
    if as_json:
        print(json.dumps({"between_raters": found}), flush=True)
        return
    _show_raters(found)


def _length(truths: list[Annotations]) -> int:
    known = [each.n_frames for each in truths if each.n_frames is not None]
    return min(known) if known else max(bout.last for each in truths for bout in each.bouts) + 1


def print_notes(notes: tuple[str, ...]) -> None:
    """Write notes to stderr."""
    for note in notes:
        Console(stderr=True).print(Text(f"note: {note}", "yellow"), soft_wrap=True)


def _show(result: Evaluation) -> None:
    table = Table("behaviour", "rater", title=_title(result))
    for column in (
        "frame F1",
        "episode F1",
        "told / seen",
        "onset error",
        "delay",
        "false per h",
        "missed",
    ):
        table.add_column(column, justify="right")
    for name, raters in result.by_rater.items():
        for rater, each in raters.items():
            table.add_row(
                name,
                rater,
                _number(each.frame_f1),
                _number(each.episode_f1),
                f"{each.episodes} / {each.bouts}",
                f"{_number(each.onset_error_ms, 0)} ms",
                f"{_number(each.delay_ms, 0)} ms",
                _number(each.false_triggers_per_hour, 1),
                str(each.missed),
            )
    console = Console()
    console.print(table)
    if any(result.raters.values()):
        _show_raters(result.raters)
    for name, about in result.abstained.items():
        if about["share"]:
            causes = ", ".join(f"{each} ({n} frames)" for each, n in about["missing"].items())
            console.print(
                f"{name} abstained in {about['share']:.1%} of the frames: not known were {causes}",
                soft_wrap=True,
            )


def _show_raters(found: Any) -> None:
    table = Table("behaviour", "raters", title="Between raters")
    for column in ("frame F1", "episode F1", "kappa"):
        table.add_column(column, justify="right")
    for name, pairs in found.items():
        for pair, each in pairs.items():
            table.add_row(name, pair, *(_number(each[key]) for key in each))
    Console().print(table)


def _title(result: Evaluation) -> str:
    first, after = result.frames
    return f"Frames {first} to {after - 1}, {(after - first) / result.fps:.0f} s"


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.{digits}f}"
