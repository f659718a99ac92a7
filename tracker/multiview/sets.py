"""Which frames of several cameras were taken at the same moment.

Cameras on one trigger count the same frames, each from a number of its own. Times say once which
numbers belong together; from then on the counters do, so that a time that is a little off cannot
put a frame into the wrong set. Times are compared all the same: where they lie apart, a
counter was reset, and times decide again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

_T = TypeVar("_T")

MOST_WAITING = 64
"""Frames of one camera that wait for the others; more, and its oldest set is taken as it is."""


class Incomplete(StrEnum):
    """What becomes of a set in which a camera has no frame."""

    KEEP = "keep"
    """It is used if there are enough cameras in it."""

    DROP = "drop"
    """It is counted, and not used."""


@dataclass(frozen=True, slots=True)
class Member(Generic[_T]):
    """A camera's frame in a set.

    Attributes:
        index: The camera's own count.
        captured_ns: When it was taken.
        content: What was seen in it.
    """

    index: int
    captured_ns: int
    content: _T


@dataclass(frozen=True, slots=True)
class FrameSet(Generic[_T]):
    """Frames of one moment.

    Attributes:
        number: Of the set, from 0; a moment that no camera told of has none.
        members: By camera; those without a frame are missing.
        complete: Whether every camera has one.
    """

    number: int
    members: Mapping[str, Member[_T]]
    complete: bool

    @property
    def captured_ns(self) -> int:
        """Mean time of its frames (ns)."""
        times = [member.captured_ns for member in self.members.values()]
        return times[0] + sum(time - times[0] for time in times) // len(times)


class SetMatcher(Generic[_T]):
    """Puts frames into sets; used by one thread.

    Args:
        names: Of all cameras.
        apart_ns: Frames of one set are taken within this of each other; less than half the shortest
            time between two frames of one camera.
    """

    def __init__(self, names: Sequence[str], apart_ns: int) -> None:
        self.names = tuple(names)
        self._apart_ns = apart_ns
        self._waiting: dict[str, list[Member[_T]]] = {name: [] for name in names}
        self._ended: set[str] = set()
        self._offsets: dict[str, int] = {}
        self._next_number = 0
        self.n_complete = 0
        """Sets with a frame of every camera."""
        self.n_incomplete = 0
        """Sets without one."""
        self.n_resets = 0
        """How often times contradicted the counters."""

    def add(self, name: str, member: Member[_T]) -> list[FrameSet[_T]]:
        """Take a camera's next frame, in the order of its count; return the sets that are final."""
        self._waiting[name].append(member)
        return self._final()

    def end(self, name: str) -> list[FrameSet[_T]]:
        """Say that a camera gives no more frames; return the sets that are final by that."""
        self._ended.add(name)
        return self._final()

    def _final(self) -> list[FrameSet[_T]]:
        found = []
        while self._is_decided():
            found.append(self._take())
        return found

    def _is_decided(self) -> bool:
        """Whether no camera can still add a frame to the oldest moment there is."""
        lengths = {name: len(waiting) for name, waiting in self._waiting.items()}
        if not any(lengths.values()):
            return False
        silent = [name for name, n in lengths.items() if not n and name not in self._ended]
        return not silent or max(lengths.values()) > MOST_WAITING

    def _take(self) -> FrameSet[_T]:
        heads = {name: waiting[0] for name, waiting in self._waiting.items() if waiting}
        chosen = self._by_counter(heads) or self._by_time(heads)
        for name in chosen:
            del self._waiting[name][0]
        complete = len(chosen) == len(self.names)
        if complete:
            self._offsets = {name: member.index for name, member in chosen.items()}
            self.n_complete += 1
        else:
            self.n_incomplete += 1
        self._next_number += 1
        return FrameSet(self._next_number - 1, chosen, complete)

    def _by_counter(self, heads: Mapping[str, Member[_T]]) -> dict[str, Member[_T]]:
        """Those at the head with the lowest count since the last complete set; empty: not known."""
        if not self._offsets:
            return {}
        since = {name: member.index - self._offsets[name] for name, member in heads.items()}
        lowest = min(since.values())
        chosen = {name: member for name, member in heads.items() if since[name] == lowest}
        times = [member.captured_ns for member in chosen.values()]
        later = [m.captured_ns for name, m in heads.items() if name not in chosen]
        together = max(times) - min(times) <= self._apart_ns
        if not together or any(time - min(times) <= self._apart_ns for time in later):
            self._offsets = {}
            self.n_resets += 1
            return {}
        return chosen

    def _by_time(self, heads: Mapping[str, Member[_T]]) -> dict[str, Member[_T]]:
        """Those at the head within a set's time of the earliest."""
        first_ns = min(member.captured_ns for member in heads.values())
        return {
            name: member
            for name, member in heads.items()
            if member.captured_ns - first_ns <= self._apart_ns
        }
