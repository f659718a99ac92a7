"""Bouts of behaviours as a person saw them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, order=True)
class Bout:
    """One bout, or a point event, whose first and last frame are the same.

    Attributes:
        first: First frame, from 0.
        last: Last frame, inclusive.
        behaviour: As the file calls it.
        subject: Who does it; "" if the file does not say.
    """

    first: int
    last: int
    behaviour: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Annotations:
    """What one person saw in one video.

    Attributes:
        path: The file.
        sha256: Of its bytes.
        program: Whose format it is.
        bouts: In the order of their first frames.
        behaviours: Names that the file knows, seen or not.
        n_frames: Of the video, as far as the file says; None: it does not.
        notes: What a person has to know, one sentence each.
    """

    path: Path
    sha256: str
    program: str
    bouts: tuple[Bout, ...]
    behaviours: tuple[str, ...]
    n_frames: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def rater(self) -> str:
        """Who saw it, for a person: the file's name without its ending."""
        return self.path.name.partition(".")[0] or self.path.name

    def of(self, behaviour: str, subject: str | None = None) -> tuple[Bout, ...]:
        """Return the bouts of a behaviour: of a subject that the file knows, else of all."""
        found = tuple(bout for bout in self.bouts if bout.behaviour == behaviour)
        if subject not in {bout.subject for bout in self.bouts}:
            return found
        return tuple(bout for bout in found if bout.subject == subject)


def covered(bouts: Sequence[Bout], n_frames: int) -> NDArray[np.bool_]:
    """Return which of so many frames lie in a bout, first and last frame included."""
    mask = np.zeros(n_frames, bool)
    for bout in bouts:
        mask[max(0, bout.first) : bout.last + 1] = True
    return mask


def bouts_of(mask: NDArray[np.bool_], behaviour: str, subject: str = "") -> list[Bout]:
    """Return the bouts of a behaviour that is told frame by frame."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [
        Bout(int(first), int(after) - 1, behaviour, subject)
        for first, after in zip(edges[::2], edges[1::2], strict=True)
    ]
