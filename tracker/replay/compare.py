"""Compares what comes out of a replay with what was written live, and keeps what differs."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tracker.recording import Recording
from tracker.replay.verdict import Difference, Kind
from tracker.session_folder.rows import EpisodeLine, to_json
from tracker.stimuli import StimulusCommand
from tracker.tracking import as_seen
from tracker.types import FrameResult, Observation

KEPT = 20
"""Differences of each kind that are kept and shown; all are counted."""

_BLOCK = 1024

SEALED = ("arm", "train")
"""Fields of a command that a blinded session hides."""


class Found:
    """Keeps the first differences of each kind, and counts all."""

    def __init__(self) -> None:
        self.compared: Counter[Kind] = Counter()
        self.n_different: Counter[Kind] = Counter()
        self.kept: list[Difference] = []

    def add(self, kind: Kind, where: str, frame: int | None, text: str) -> None:
        """Keep a difference."""
        self.n_different[kind] += 1
        if self.n_different[kind] <= KEPT:
            self.kept.append(Difference(kind, where, frame, text))

    def first_frame(self, kind: Kind) -> int | None:
        """Return the lowest frame in which something of this kind differs."""
        frames = [each.frame for each in self.kept if each.kind is kind and each.frame is not None]
        return min(frames, default=None)


class NumberComparison:
    """Features and scores of every frame against their columns, bit for bit; NaN is NaN.

    Args:
        recording: Live.
        found: Told of differences.
    """

    def __init__(self, recording: Recording, found: Found) -> None:
        self._found = found
        self._live = {**recording.features}
        self._live |= {f"score/{name}": values for name, values in recording.scores.items()}
        self._indices = recording.frame_indices
        self._rows: list[list[float]] = []
        self._done = 0
        self._names: list[str] | None = None

    def take(self, result: FrameResult) -> None:
        """Compare a frame, now or with those that follow."""
        if self._names is None:
            self._names = [*result.features, *(f"score/{name}" for name in result.scores)]
            self._compare_names(self._names)
        self._rows.append([*result.features.values(), *result.scores.values()])
        if len(self._rows) >= _BLOCK:
            self.finish()

    def finish(self) -> None:
        """Compare what has not been compared yet."""
        if not self._rows:
            return
        every, begin, names = np.array(self._rows, np.float64), self._done, self._names or []
        self._done += len(self._rows)
        self._rows = []
        self._found.compared[Kind.FEATURE] += len(every)
        known = [name for name in names if name in self._live]
        now = np.ascontiguousarray(every[:, [names.index(name) for name in known]])
        live = np.stack([self._live[name][begin : self._done] for name in known], axis=1)
        differs = (now.view(np.int64) != live.view(np.int64)) & ~(np.isnan(now) & np.isnan(live))
        for row in np.flatnonzero(differs.any(axis=1)):
            index = int(self._indices[begin + row])
            changed = [
                f"{known[column]} was {live[row, column]:.17g}, comes out {now[row, column]:.17g}"
                for column in np.flatnonzero(differs[row])
            ]
            self._found.add(Kind.FEATURE, f"frame {index}", index, "; ".join(changed))

    def _compare_names(self, names: Sequence[str]) -> None:
        gone, new = set(self._live) - set(names), set(names) - set(self._live)
        if gone or new:
            text = f"columns that are gone: {_listed(gone)}; that are new: {_listed(new)}"
            self._found.add(Kind.FEATURE, "all frames", None, text)


NOT_SEEN = ("masks", "network_ns", "crop")
"""Fields of an observation that are not compared: two that are not recorded; how long it took."""


def compare_observations(now: Observation, live: Observation, found: Found) -> None:
    """Compare what is seen in a frame with what was seen live, every bit of it that is recorded.

    Of a recording made before there was tracking, individuals are compared from left to right.
    """
    found.compared[Kind.OBSERVATION] += 1
    if now.identities and not live.identities:
        now, live = as_seen(now), as_seen(live)
    changed = []
    for field in fields(Observation):
        if field.name not in NOT_SEEN:
            before, after = getattr(live, field.name), getattr(now, field.name)
            changed += _changed(field.name, after, before)
    if changed:
        where = f"frame {live.frame_index}"
        found.add(Kind.OBSERVATION, where, live.frame_index, "; ".join(changed))


def compare_episodes(now: Sequence[EpisodeLine], live: Sequence[EpisodeLine], found: Found) -> None:
    """Compare lines about episodes, byte for byte, and their order."""
    known = {_key(each): each for each in live}
    again = {_key(each): each for each in now}
    _refuse_twice(Kind.EPISODE, live, known, found)
    _compare_lines(Kind.EPISODE, again, known, found)


def compare_commands(
    now: Sequence[StimulusCommand],
    live: Sequence[StimulusCommand],
    hidden: frozenset[str],
    found: Found,
) -> None:
    """Compare what was decided about stimuli, byte for byte, and the order.

    Args:
        now: Of the replay.
        live: As recorded; where nobody can know the arm, it is None, and is not compared.
        hidden: Controllers of which differences must not tell arms or trains.
        found: Told of differences.
    """
    known = {_key(each): each for each in live}
    again = {_key(each): each for each in now}
    _refuse_twice(Kind.STIMULUS, live, known, found)
    for name, command in again.items():
        if name in known and known[name].arm is None:
            again[name] = replace(command, arm=None, train=None)
    _compare_lines(Kind.STIMULUS, again, known, found, hidden)


def _refuse_twice(
    kind: Kind, lines: Sequence[Any], by_key: Mapping[Any, Any], found: Found
) -> None:
    for line in lines:
        if by_key[_key(line)] is not line:
            found.add(kind, *_place(line), "is there twice")


def _compare_lines(
    kind: Kind,
    now: Mapping[Any, Any],
    live: Mapping[Any, Any],
    found: Found,
    hidden: frozenset[str] = frozenset(),
) -> None:
    found.compared[kind] += len(live)
    for key, was in live.items():
        where, frame = _place(was)
        if key not in now:
            found.add(kind, where, frame, "does not come out again")
        elif to_json(now[key]) != to_json(was):
            secret = SEALED if getattr(was, "controller", None) in hidden else ()
            found.add(kind, where, frame, _changed_fields(now[key], was, secret))
    for key, comes in now.items():
        if key not in live:
            where, frame = _place(comes)
            found.add(kind, where, frame, "comes out, and was not there live")
    if not found.n_different[kind] and list(now) != list(live):
        found.add(kind, "order", None, "the same lines come out in another order")


def _key(line: Any) -> Any:
    if isinstance(line, EpisodeLine):
        return line.episode_id, line.state
    return line.stimulus_id


def _place(line: Any) -> tuple[str, int | None]:
    """Return what a line is called, and the frame on which it became certain."""
    if isinstance(line, EpisodeLine):
        frame = line.confirmed_index if line.state == "new" else line.end_index
        return f"{line.episode_id} {line.state}", frame
    command: StimulusCommand = line
    return f"{command.stimulus_id} on frame {command.frame_index}", command.frame_index


def _changed_fields(now: Any, was: Any, secret: Sequence[str]) -> str:
    changed = []
    for name in _field_names(was):
        before, after = to_json(getattr(was, name)), to_json(getattr(now, name))
        if before != after and name in secret:
            changed.append("what is sealed does not follow from the sealed seed")
        elif before != after:
            changed.append(f"{name} was {before.decode()}, comes out {after.decode()}")
    return "; ".join(dict.fromkeys(changed))


def _field_names(line: Any) -> list[str]:
    if isinstance(line, msgspec.Struct):
        return list(line.__struct_fields__)
    return [field.name for field in fields(line)]


def _changed(name: str, now: Any, live: Any) -> list[str]:
    """Say how a field of an observation differs, if it does."""
    if isinstance(live, Mapping):
        return _changed_values(name, now, live)
    if not isinstance(live, np.ndarray) or not isinstance(now, np.ndarray):
        same = now is live or (type(now) is type(live) and now == live)
        alike = same or (_is_nan(now) and _is_nan(live))
        return [] if alike else [f"{name} was {live}, comes out {now}"]
    if now.shape != live.shape:
        return [f"{name} was of {len(live)} individuals, is of {len(now)}"]
    return [] if np.array_equal(now, live, equal_nan=True) else [f"{name} {_how_far(now, live)}"]


def _how_far(now: NDArray[np.float32], live: NDArray[np.float32]) -> str:
    both = np.isfinite(now) & np.isfinite(live)
    n_found = int((np.isfinite(now) != np.isfinite(live)).sum())
    apart = np.abs(now[both].astype(np.float64) - live[both])
    far = f"by up to {apart.max(initial=0):.3g}"
    return (
        f"differs: {n_found} values found in one alone, the others {far}"
        if n_found
        else (f"differs {far}")
    )


def _changed_values(what: str, now: Mapping[str, float], live: Mapping[str, float]) -> list[str]:
    changed = []
    for name in dict.fromkeys([*live, *now]):
        before, after = live.get(name), now.get(name)
        if before != after and not (_is_nan(before) and _is_nan(after)):
            changed.append(f"{what} {name} was {before}, comes out {after}".strip())
    return changed


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "none"
