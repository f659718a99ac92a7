"""Writes the chosen thresholds into an experiment file, comments kept, with what they came from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap

from tracker.errors import ConfigError
from tracker.experiment_file import ExperimentFile


def with_points(text: str, points: Mapping[str, Mapping[str, Any]]) -> str:
    """Return an experiment file with other thresholds.

    Args:
        text: The file.
        points: By behaviour: `episode` (what to set) and `operating_point` (where it is from).

    Raises:
        ConfigError: If it has no such behaviour.
    """
    file = ExperimentFile(text)
    behaviours = file.content.get("behaviours")
    for name, point in points.items():
        if not isinstance(behaviours, CommentedMap) or name not in behaviours:
            raise ConfigError(f"the file has no behaviour {name!r} to write thresholds to")
        watched = behaviours[name]
        if not isinstance(watched.get("episode"), CommentedMap):
            watched["episode"] = CommentedMap()
        watched["episode"].update(point["episode"])
        watched["operating_point"] = CommentedMap(point["operating_point"])
    return file.text()


def write_points(
    source: Path, target: Path, points: Mapping[str, Mapping[str, Any]], *, in_place: bool
) -> None:
    """Write an experiment file with other thresholds.

    Args:
        source: The file as it is.
        target: Where to write; not there yet, or the same file and `in_place`.
        points: As for `with_points`.
        in_place: Whether the file itself is to be changed; the old one is kept beside it.

    Raises:
        ConfigError: If something is there already, or the file has no such behaviour.
    """
    text = source.read_text(encoding="utf-8")
    changed = with_points(text, points)
    if in_place:
        kept = source.with_name(source.name + ".before")
        if kept.exists():
            raise ConfigError(f"{kept} is there already: move it away, nothing is overwritten")
        kept.write_text(text, encoding="utf-8")
        source.write_text(changed, encoding="utf-8")
        return
    if target.exists():
        raise ConfigError(f"{target} is there already: nothing is overwritten")
    target.write_text(changed, encoding="utf-8")
