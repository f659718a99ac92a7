"""What every animal does in short windows, in its own frame and in its own lengths."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.errors import ConfigError
from tracker.recording import Recording

LEAST_KNOWN = 0.5
"""Share of a window's frames in which the animal has to be known."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Windows of one animal in one session.

    Attributes:
        animal: Its row.
        who: Its name.
        first: int64, (windows,), row of the first frame of each window.
        last: int64, (windows,), row of the last frame, inclusive.
        values: (windows, columns); NaN where too little is known.
        columns: What each of them is.
    """

    animal: int
    who: str
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    values: Floats
    columns: tuple[str, ...]


def moments_of(recording: Recording, window_s: float) -> list[Moments]:
    """Return the windows of every animal of a session.

    Args:
        recording: The session.
        window_s: Length of a window (s); they follow one another.

    Raises:
        ConfigError: If it is shorter than a window, or its skeleton is one point.
    """
    xy = recording.xy.astype(np.float64)
    times = (recording.captured_ns - recording.captured_ns[:1]) / 1e9
    if len(times) < 2 or times[-1] < 2 * window_s:
        raise ConfigError(f"{recording.folder} is shorter than two windows of {window_s:g} s")
    if xy.shape[2] < 2:
        raise ConfigError(f"{recording.folder} has one keypoint: a pose needs two or more")
    number = np.floor(times / window_s).astype(np.int64)
    first = np.flatnonzero(np.diff(number, prepend=-1))
    last = np.append(first[1:], len(times)) - 1
    names = _names(recording, xy.shape[1])
    bodies = [_Body.of(xy[:, k], times, *_ends(recording)) for k in range(xy.shape[1])]
    found = []
    for animal, body in enumerate(bodies):
        columns = body.columns(recording.skeleton.keypoints)
        if len(bodies) > 1:
            columns |= _to_nearest(animal, bodies)
        frames = np.stack(list(columns.values()), axis=1)
        values = _windowed(frames, first, last, body.known)
        labels = [f"{what} of {name}" for what in ("mean", "spread") for name in columns]
        found.append(Moments(animal, names[animal], first, last, values, tuple(labels)))
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Body:
    """An animal frame by frame, in its own frame: x ahead, y to its right, in body lengths."""

    centre: Floats
    ahead: Floats
    length: float
    own: Floats
    speed: Floats
    turning: Floats
    known: NDArray[np.bool_]

    @classmethod
    def of(cls, xy: Floats, times: Floats, front: int, rear: int) -> "_Body":
        axis = xy[:, front] - xy[:, rear]
        size = np.hypot(axis[:, 0], axis[:, 1])
        known = np.isfinite(size) & (size > 0)
        length = float(np.median(size[known])) if known.any() else np.nan
        with np.errstate(invalid="ignore", divide="ignore"):
            ahead = axis / size[:, None]
        counts = np.isfinite(xy).all(axis=2).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            centre = np.nansum(xy, axis=1) / counts[:, None]
        own = _turned((xy - centre[:, None]) / length, ahead[:, None])
        steps = np.gradient(times)
        moved = _turned(np.gradient(centre, axis=0) / length, ahead) / steps[:, None]
        angle = np.arctan2(ahead[:, 1], ahead[:, 0])
        turned = (np.diff(angle, prepend=angle[:1]) + np.pi) % (2 * np.pi) - np.pi
        return cls(centre, ahead, length, own, moved, np.degrees(turned) / steps, known)

    def columns(self, keypoints: Sequence[str]) -> dict[str, Floats]:
        """Return what there is per frame. Left and right are one: each side counts as far off."""
        found = {}
        for place, name in enumerate(keypoints):
            found[f"{name} ahead"] = self.own[:, place, 0]
            found[f"{name} aside"] = np.abs(self.own[:, place, 1])
        found["speed ahead"] = np.arcsinh(self.speed[:, 0])
        found["speed aside"] = np.arcsinh(np.abs(self.speed[:, 1]))
        found["turning"] = np.arcsinh(np.abs(self.turning) / 90)
        return found


def _turned(vectors: Floats, ahead: Floats) -> Floats:
    """Return vectors along and across a direction; across is to its right in the image."""
    along = (vectors * ahead).sum(axis=-1)
    across = vectors[..., 1] * ahead[..., 0] - vectors[..., 0] * ahead[..., 1]
    return np.stack([along, across], axis=-1)


def _to_nearest(animal: int, bodies: Sequence[_Body]) -> dict[str, Floats]:
    """Return how the nearest other animal lies, in lengths of this one."""
    me = bodies[animal]
    away = np.stack([each.centre - me.centre for k, each in enumerate(bodies) if k != animal])
    distance = np.hypot(away[..., 0], away[..., 1]) / me.length
    which = np.where(np.isfinite(distance), distance, np.inf).argmin(axis=0)
    frames = np.arange(len(which))
    own = _turned(away[which, frames] / me.length, me.ahead)
    near = np.log(np.maximum(distance[which, frames], 0.1))
    side = np.hypot(own[:, 0], own[:, 1])
    with np.errstate(invalid="ignore", divide="ignore"):
        return {"distance of the other": near, "other ahead": own[:, 0] / side}


def _windowed(
    frames: Floats, first: NDArray[np.int64], last: NDArray[np.int64], known: NDArray[np.bool_]
) -> Floats:
    """Return mean and standard deviation of each column over each window."""
    there = np.isfinite(frames)
    some = np.where(there, frames, 0.0)
    counts = np.add.reduceat(there.astype(float), first, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.add.reduceat(some, first, axis=0) / counts
        spread = np.sqrt(np.maximum(np.add.reduceat(some**2, first, axis=0) / counts - mean**2, 0))
    values = np.concatenate([mean, spread], axis=1)
    share = np.add.reduceat(known.astype(float), first) / (last - first + 1)
    values[share < LEAST_KNOWN] = np.nan
    return values


def _ends(recording: Recording) -> tuple[int, int]:
    """Return which keypoints are the front and the rear, as the session measured them."""
    known = recording.skeleton.keypoints
    settings = recording.settings.get("features", {})
    front, rear = settings.get("front") or known[0], settings.get("rear") or known[-1]
    return known.index(front), known.index(rear)


def _names(recording: Recording, n: int) -> list[str]:
    given = recording.settings.get("tracking", {}).get("animals") or ()
    subject = recording.settings.get("session", {}).get("subject") or "animal"
    return [*given, *(f"{subject}_{k}" for k in range(n))][:n] if given or n > 1 else [subject]
