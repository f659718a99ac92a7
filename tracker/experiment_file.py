"""Changes an experiment file in place: settings anew, comments, order and quotes as they were."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import RoundTripRepresenter
from ruamel.yaml.util import load_yaml_guess_indent

from tracker.errors import ConfigError

WIDTH = 4096
"""Lines are not broken below this (characters): they stay as they are."""


class _Representer(RoundTripRepresenter):
    """Writes null where nothing is set, as experiment files do."""

    def represent_none(self, data: None) -> ScalarNode:  # noqa: ARG002 - ruamel's signature
        return self.represent_scalar("tag:yaml.org,2002:null", "null")


_Representer.add_representer(type(None), _Representer.represent_none)


class ExperimentFile:
    """What an experiment file says, to be changed and written back.

    Args:
        text: YAML.
        name: Of the file, for messages.

    Raises:
        ConfigError: If it is no YAML, or no settings with names.
    """

    def __init__(self, text: str, name: str = "the file") -> None:
        self._yaml = YAML()
        self._yaml.Representer = _Representer
        self._yaml.preserve_quotes = True
        self._yaml.width = WIDTH
        try:
            content = self._yaml.load(text)
            _, indent, offset = load_yaml_guess_indent(text)
        except YAMLError as error:
            raise ConfigError(f"{name} is not YAML: {error}") from None
        if not isinstance(content, CommentedMap):
            raise ConfigError(
                f"{name} holds {type(content).__name__}, expected settings with names"
            )
        offset = 2 if offset is None else offset
        self._yaml.indent(
            mapping=2, sequence=offset + 2 if indent is None else indent, offset=offset
        )
        self.content = content
        """All settings, to be changed."""

    @classmethod
    def read(cls, path: Path) -> "ExperimentFile":
        """Return what a file says.

        Raises:
            ConfigError: If it cannot be read, or is no YAML of settings.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} cannot be read: {error}") from None
        return cls(text, str(path))

    def section(self, *names: str) -> CommentedMap:
        """Return the section of this name, made where it is not there.

        Raises:
            ConfigError: If it is a value.
        """
        here = self.content
        for name in names:
            if here.get(name) is None:
                here[name] = CommentedMap()
            here = here[name]
            if not isinstance(here, CommentedMap):
                raise ConfigError(f"{'.'.join(names)}: {name} is a value, expected settings")
        return here

    def set(self, section: CommentedMap, settings: Mapping[str, Any]) -> None:
        """Give settings of a section other values; what is as it was is not touched."""
        for name, value in settings.items():
            if name not in section or section[name] != value:
                section[name] = value

    def text(self) -> str:
        """Return it as it is to be written."""
        text = io.StringIO()
        self._yaml.dump(self.content, text)
        return text.getvalue()

    def replace(self, path: Path) -> None:
        """Write it over a file in one step, so that a program that dies leaves the old one.

        Raises:
            ConfigError: If it cannot be written.
        """
        draft = path.with_name(path.name + ".tmp")
        try:
            draft.write_text(self.text(), encoding="utf-8")
            draft.replace(path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise ConfigError(f"{path} cannot be written: {error.strerror}") from error


def part_of_rig(content: CommentedMap, name: str, path: Path) -> CommentedMap:
    """Return `rig.<name>` of an experiment file; raises `ConfigError` if it is not there."""
    rig = content.get("rig")
    part = rig.get(name) if isinstance(rig, CommentedMap) else None
    if not isinstance(part, CommentedMap):
        raise ConfigError(f"{path} has no rig.{name}: expected an experiment file")
    return part
