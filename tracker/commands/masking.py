"""`tracker label-masks`: labels for training from a method that needs none."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from tracker.commands.cameras import camera_overrides
from tracker.commands.output import print_json
from tracker.commands.signals import asked_by_signal
from tracker.config import load
from tracker.errors import ConfigError
from tracker.pseudo_masks import write_pseudo_masks


def label_masks(
    config: Annotated[Path, typer.Argument(help="Experiment file with an observer, or its name.")],
    camera: Annotated[
        str | None, typer.Option(help="A video file, in place of the config's camera.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder to make.")] = Path("label-masks"),
    images: Annotated[int, typer.Option(min=1, help="Pictures, at most.")] = 100,
    name: Annotated[str, typer.Option(help="Of the animal, e.g. mouse.")] = "animal",
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Replace a setting. Repeatable.")
    ] = None,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")
    ] = False,
) -> None:
    """Write masks that a method without a network sees as COCO labels, to train a network on.

    Frames are taken evenly from those in which all animals are seen, each of about its usual area.
    They are pseudo-masks: look at them before you train, and say in the paper what they are.
    """
    experiment = load(config, [*camera_overrides(camera), *(changes or [])])
    source, settings = experiment.rig.camera, experiment.observer
    if settings is None:
        raise ConfigError(f"{config} has no observer: expected e.g. --set observer.kind=background")
    if source.kind not in ("video_file", "synthetic"):
        raise ConfigError(f"the camera is {source.kind}: a film is read twice, expected video_file")
    fast = {"fast": True, "loop": False} if source.kind == "video_file" else {"paced": False}
    stopped: list[bool] = []
    with (
        asked_by_signal(lambda: stopped.append(True)),
        Progress(console=Console(stderr=True), transient=True, disable=as_json) as bar,
    ):
        task = bar.add_task("reading frames", total=None)

        def tick(read: int) -> bool:
            bar.update(task, description=f"{read} frames read")
            return not stopped

        n = write_pseudo_masks(source.model_copy(update=fast), settings, out, images, name, tick)
    if as_json:
        print_json({"folder": str(out), "images": n})
    else:
        typer.echo(f"{out}: {n} pictures with masks, annotations.json (COCO)")
