"""Caltech Behavior Annotator: text with one or more streams of bouts that tile the video."""

import re
from pathlib import Path

from tracker.annotations.bouts import Annotations, Bout
from tracker.errors import AnnotationError

FIRST_WORDS = "Caltech Behavior Annotator"
"""How every such file begins."""

_STREAM = re.compile(r"S(\d+):\s+start\s+end\s+type", re.IGNORECASE)
_ROW = re.compile(r"(\d+)\s+(\d+)\s+(\S+)")


def is_caltech(first_lines: str) -> bool:
    """Whether a file with this beginning is one of the Caltech Behavior Annotator."""
    return first_lines.lstrip("\ufeff").startswith(FIRST_WORDS)


def read(path: Path, text: str, sha256: str) -> Annotations:
    """Return what a file of the annotator says; its frames begin at 1, ends are inclusive.

    The stream is the bouts' subject, "S1", "S2", ..., if there are several: it labels a view on
    the same animals, and each stream has a label for every frame.

    Raises:
        AnnotationError: Listing everything that is wrong.
    """
    problems: list[str] = []
    known: list[str] = []
    streams: dict[str, list[Bout]] = {}
    stream: list[Bout] | None = None
    name = ""
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.strip()
        if match := _STREAM.match(words):
            name = f"S{match[1]}"
            stream = streams.setdefault(name, [])
        elif stream is None:
            parts = words.split()
            if len(parts) == 2 and not words.endswith(":"):
                known.append(parts[0])
        elif words and set(words) != {"-"}:
            _take(number, words, name, stream, known, problems)
    if not any(streams.values()) and not problems:
        problems.append("it has no bouts: expected lines 'S1: start end type' and below it bouts")
    if problems:
        raise AnnotationError(path, problems)
    several = len(streams) > 1
    bouts = [
        Bout(bout.first, bout.last, bout.behaviour, bout.subject if several else "")
        for each in streams.values()
        for bout in each
    ]
    return Annotations(
        path=path,
        sha256=sha256,
        program="Caltech Behavior Annotator",
        bouts=tuple(sorted(bouts)),
        behaviours=tuple(dict.fromkeys([*known, *(bout.behaviour for bout in bouts)])),
        n_frames=max(bout.last for bout in bouts) + 1,
    )


def _take(
    number: int,
    words: str,
    name: str,
    stream: list[Bout],
    known: list[str],
    problems: list[str],
) -> None:
    match = _ROW.fullmatch(words)
    if match is None:
        problems.append(f"line {number}: expected start, end and type, found {words!r}")
        return
    first, last, behaviour = int(match[1]) - 1, int(match[2]) - 1, match[3]
    after = stream[-1].last + 1 if stream else 0
    if first < 0 or last < first:
        problems.append(f"line {number}: from {match[1]} to {match[2]} is no stretch of frames")
    elif first < after:
        problems.append(f"line {number}: it begins at {match[1]}, before the last one has ended")
    elif known and behaviour not in known:
        problems.append(
            f"line {number}: {behaviour} is not in the configuration above: {', '.join(known)}"
        )
    else:
        stream.append(Bout(first, last, behaviour, name))
