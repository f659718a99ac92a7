"""From the labels of a data set to our keypoints."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.learning.recipe import FileSource
from tracker.learning.samples import Wanted


@dataclass(frozen=True, slots=True)
class LabelMap:
    """Which labels of a data set make which keypoint.

    Attributes:
        labels: Names in the data set, in the order of its points.
        parts: For each wanted keypoint the indices of the labels whose mean it is; none where
            the data set does not have it.
    """

    labels: tuple[str, ...]
    parts: tuple[tuple[int, ...], ...]

    @property
    def used(self) -> tuple[int, ...]:
        """Indices of the labels that go into a keypoint."""
        return tuple(sorted({index for part in self.parts for index in part}))

    def keypoints(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Keypoints (individuals, keypoints, 2) of points (individuals, labels, 2).

        NaN where a label that goes into the mean is not known.
        """
        xy = np.full((len(points), len(self.parts), 2), np.nan, np.float32)
        for number, part in enumerate(self.parts):
            if part:
                xy[:, number] = points[:, list(part)].mean(axis=1)
        return xy


def plain(name: str) -> str:
    """A name without what people write differently: case, `_`, `-`, `.` and spaces."""
    return "".join(letter for letter in name.casefold() if letter not in "_-. ")


def same_names(ours: Sequence[str], theirs: Sequence[str]) -> dict[str, str]:
    """Theirs for each of our names that they have, however it is written."""
    known = {plain(name): name for name in reversed(theirs)}
    return {name: known[plain(name)] for name in ours if plain(name) in known}


def map_labels(
    source: FileSource, wanted: Wanted, labels: Sequence[str], where: str, faults: list[str]
) -> LabelMap | None:
    """Find our keypoints among the labels of a file.

    Args:
        source: Its `keypoints`; where there are none, labels with our own names are taken.
        wanted: Names our keypoints.
        labels: Names in the file.
        where: The file.
        faults: Gets labels that nobody knows, or that are not there.

    Returns:
        None if a fault was found.
    """
    if not wanted.keypoints:
        return LabelMap(tuple(labels), ())
    mapped = dict(source.keypoints) or {
        ours: (theirs,) for ours, theirs in same_names(wanted.keypoints, labels).items()
    }
    found = list(_mismatches(source, mapped, wanted, labels))
    faults += [f"{where}: {fault}" for fault in found]
    if found:
        return None
    numbers = {label: number for number, label in enumerate(labels)}
    parts = [tuple(numbers[label] for label in mapped.get(name, ())) for name in wanted.keypoints]
    return LabelMap(tuple(labels), tuple(parts))


def _mismatches(
    source: FileSource, mapped: dict[str, tuple[str, ...]], wanted: Wanted, labels: Sequence[str]
) -> Iterator[str]:
    known = {label for parts in mapped.values() for label in parts}
    unknown = sorted(set(labels) - known - set(source.ignore))
    missing = sorted(known - set(labels))
    if unknown and not source.keypoints:
        yield (
            f"labels {unknown} are none of the keypoints {list(wanted.keypoints)}: name them in "
            f"keypoints or in ignore"
        )
    elif unknown:
        yield f"labels {unknown} are neither in keypoints nor in ignore"
    if missing:
        yield f"labels {missing} are not in it; it has {sorted(labels)}"
