"""Lines of stimuli.jsonl, edges.jsonl and sealed.jsonl; docs/session_folder.md specifies them."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

import msgspec

from tracker.errors import RecordingError
from tracker.session_folder.files import SCHEMA_VERSION
from tracker.stimuli import Edge, StimulusCommand, StimulusRow, stimulus_fields

_T = TypeVar("_T")
_COMMAND = frozenset(field.name for field in fields(StimulusCommand))


def stimulus_line(
    row: StimulusRow, session_id: str, hashes: Mapping[str, str | None]
) -> dict[str, Any]:
    """Return the line of one stimulus command, laid flat, with what decided it."""
    about = {"schema": SCHEMA_VERSION, "session_id": session_id}
    return {**about, **stimulus_fields(row), **hashes}


def edge_line(edge: Edge, session_id: str) -> dict[str, Any]:
    """Return the line of one edge."""
    flat = {field.name: getattr(edge, field.name) for field in fields(Edge)}
    return {"schema": SCHEMA_VERSION, "session_id": session_id, **flat}


def seed_line(sealed: Mapping[str, Any], session_id: str) -> dict[str, Any]:
    """Return the first line of sealed.jsonl: what each controller's schedule follows from."""
    return {"schema": SCHEMA_VERSION, "session_id": session_id, "controllers": dict(sealed)}


def row_of(line: dict[str, Any]) -> StimulusRow:
    """Return the row that a line tells of.

    Raises:
        RecordingError: If fields are missing or wrong.
    """
    command = {name: value for name, value in line.items() if name in _COMMAND}
    values = command.get("values")
    if isinstance(values, dict):  # JSON has no NaN: what was not known is null there
        command["values"] = {
            name: float("nan") if value is None else value for name, value in values.items()
        }
    rest = {name: value for name, value in line.items() if name not in _COMMAND}
    return _convert(rest | {"command": command}, StimulusRow)


def edge_of(line: dict[str, Any]) -> Edge:
    """Return the edge that a line tells of; raises as `row_of`."""
    return _convert(line, Edge)


def is_seed(line: dict[str, Any]) -> bool:
    """Whether a line of sealed.jsonl tells of seeds."""
    return "controllers" in line


def is_edge(line: dict[str, Any]) -> bool:
    """Whether a line of sealed.jsonl tells of an edge, not of a stimulus."""
    return "rising" in line


def _convert(line: dict[str, Any], kind: type[_T]) -> _T:
    about = {name: line[name] for name in line if name not in ("schema", "session_id")}
    try:
        return msgspec.convert(about, kind)
    except msgspec.ValidationError as failure:
        raise RecordingError(f"a line about a {kind.__name__} is damaged: {failure}") from failure
