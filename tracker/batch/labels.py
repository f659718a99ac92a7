"""Which animal is in a recording, and in which group it is."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from tracker.batch.sources import Source
from tracker.errors import ConfigError

COLUMNS = ("recording", "group", "subject")
SHOWN = 5
"""Names that an error lists at most."""

SUBJECT = re.compile(r"[\w.-]+")
"""What an animal may be called, as in `session.subject`."""


@dataclass(frozen=True, slots=True)
class Label:
    """What a person knows of a recording.

    Attributes:
        group: E.g. the treatment; None: not known.
        subject: The animal; None: not known.
    """

    group: str | None = None
    subject: str | None = None


def labels_of_table(path: Path, sources: Sequence[Source]) -> dict[str, Label]:
    """Return the label of every recording by its name, out of a CSV file.

    Args:
        path: With the columns recording (path, file name, or that without its suffix), group
            and, if need be, subject; separated by commas or semicolons.
        sources: All recordings; each has exactly one row.

    Raises:
        ConfigError: Naming the file and the line, or the recordings without one.
    """
    labels: dict[str, Label] = {}
    for line, row in _rows(path):
        where = f"{path}, line {line}"
        source = _named(row["recording"], sources, where)
        if source.name in labels:
            raise ConfigError(f"{where}: {source.name} has a row already")
        labels[source.name] = _label(row, where)
    _refuse_missing(str(path), "has no row for", [s for s in sources if s.name not in labels])
    return labels


def labels_of_names(pattern: str, sources: Sequence[Source]) -> dict[str, Label]:
    """Return the label of every recording, out of its name.

    Args:
        pattern: A regular expression with (?P<group>...) and, if need be, (?P<subject>...),
            looked for in the whole name, folders included.
        sources: All recordings.

    Raises:
        ConfigError: If it is no such expression, or a name does not have it.
    """
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"--label {pattern}: no regular expression: {error}") from None
    if not {"group", "subject"} & set(expression.groupindex):
        raise ConfigError(
            f"--label {pattern}: expected (?P<group>...) or (?P<subject>...) in it, or both, "
            f"e.g. (?P<group>drug|saline)_(?P<subject>m[0-9]+)"
        )
    found = {source.name: expression.search(source.name) for source in sources}
    _refuse_missing(f"--label {pattern}", "is not in", [s for s in sources if not found[s.name]])
    return {
        name: _label(match.groupdict(), f"--label {pattern} on {name}")
        for name, match in found.items()
        if match
    }


def _label(parts: Mapping[str, str | None], where: str) -> Label:
    subject = parts.get("subject") or None
    if subject is not None and not SUBJECT.fullmatch(subject):
        raise ConfigError(
            f"{where}: the subject is {subject!r}, expected letters, digits, '_', '.' and '-'"
        )
    return Label(parts.get("group") or None, subject)


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Rows with the numbers of their lines."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as failure:
        raise ConfigError(f"{path} cannot be read: {failure}") from failure
    header = text.split("\n", 1)[0]
    reader = csv.DictReader(
        text.splitlines(), delimiter=";" if header.count(";") > header.count(",") else ","
    )
    names = [name.strip() for name in reader.fieldnames or ()]
    foreign = [name for name in names if name not in COLUMNS]
    if foreign or not {"recording", "group"} <= set(names):
        raise ConfigError(
            f"{path}: its columns are {', '.join(names) or 'none'}; expected recording, group and, "
            f"if need be, subject"
        )
    reader.fieldnames = names
    rows = []
    for row in reader:
        if None in row or None in row.values():
            raise ConfigError(f"{path}, line {reader.line_num}: expected {len(names)} cells")
        rows.append((reader.line_num, {name: cell.strip() for name, cell in row.items()}))
    return rows


def _named(name: str, sources: Sequence[Source], where: str) -> Source:
    """The one recording that a cell means: by its path, or the end of it, or its stem."""
    wanted = name.replace("\\", "/")
    exact = [source for source in sources if source.name == wanted]
    hits = exact or [
        source
        for source in sources
        if f"/{source.name}".endswith(f"/{wanted}") or source.stem == wanted
    ]
    if len(hits) == 1:
        return hits[0]
    if hits:
        raise ConfigError(
            f"{where}: {name} could be {_some(hits)}: write more of the path, as printed here"
        )
    known: Mapping[str, str] = {source.path.name: source.name for source in sources}
    close = get_close_matches(Path(wanted).name, known, 1)
    hint = f"; did you mean {known[close[0]]}?" if close else ""
    raise ConfigError(f"{where}: {name} is none of the {len(sources)} recordings{hint}")


def _refuse_missing(who: str, what: str, sources: Sequence[Source]) -> None:
    if sources:
        raise ConfigError(f"{who} {what} {_some(sources)}: every recording needs its label")


def _some(sources: Sequence[Source]) -> str:
    names = [source.name for source in sources[:SHOWN]]
    more = f" and {len(sources) - SHOWN} more" if len(sources) > SHOWN else ""
    return ", ".join(names) + more
