"""What all readers share: images, checks, groups, sizes."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracker.learning.data.formats.labels import LabelMap
from tracker.learning.data.images import check_memory, read_image
from tracker.learning.recipe import FileSource
from tracker.learning.samples import Sample, Wanted, extent_of, median_of

BORDER_PX = 0.5
"""A label may lie so far beyond the centres of the outermost pixels: on their outer edge."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """One labelled image, as its file tells it.

    Attributes:
        where: File and row or frame.
        key: "<session>/<image name>" or "<video>/<frame, 6 digits>".
        image: uint8, (height, width) or (height, width, 3).
        labels: What `points` are.
        points: float32, (individuals, labels, 2), px; NaN where there is no label.
        mask: As in `Sample`.
        owner: As in `Sample`.
        pseudo_mask: As in `Sample`.
        classes: As in `Sample`; None: nothing is known.
        quantities: As in `Sample`; None: nothing is known.
    """

    where: str
    key: str
    image: NDArray[np.uint8]
    labels: LabelMap
    points: NDArray[np.float32]
    mask: NDArray[np.uint8] | None = None
    owner: NDArray[np.uint8] | None = None
    pseudo_mask: bool = False
    classes: NDArray[np.float32] | None = None
    quantities: NDArray[np.float32] | None = None

    @property
    def xy(self) -> NDArray[np.float32]:
        """Keypoints (individuals, keypoints, 2)."""
        return self.labels.keypoints(self.points)


class Gatherer:
    """Turns what a reader finds in one source into samples, and keeps every fault.

    Args:
        source: The source.
        wanted: What to look for.
        faults: One sentence is added for everything that is wrong.
    """

    def __init__(self, source: FileSource, wanted: Wanted, faults: list[str]) -> None:
        self._source = source
        self._wanted = wanted
        self._faults = faults
        self._found: list[tuple[Found, str]] = []
        self._expected = 0
        self._n_read = 0
        self._n_bytes = 0
        self._first_seen: dict[Path, str] = {}
        self._without_group: set[str] = set()
        try:
            self._group: re.Pattern[str] | None = re.compile(source.group)
        except re.error as error:
            self._group = None
            faults.append(f"{source.name}: group {source.group!r} is no expression: {error}")

    def expect(self, n_images: int) -> None:
        """Say that so many more images will come; needed to know the memory beforehand."""
        self._expected += n_images

    @property
    def expected(self) -> int:
        """Images that were said to come."""
        return self._expected

    def image(self, path: Path, where: str) -> NDArray[np.uint8] | None:
        """Read an image file, once.

        Returns:
            None if it is missing, no image, or was read before, which is a fault.

        Raises:
            TrainingError: If all images would need more memory than is sensible.
        """
        path = path.resolve()
        if path in self._first_seen:
            first = self._first_seen[path]
            self._faults.append(f"{where}: {path.name} is there twice, see {first}")
            return None
        self._first_seen[path] = where
        if not path.is_file():
            self._faults.append(f"{where}: {path.name} is missing in {path.parent}")
            return None
        image = read_image(path, self._wanted.channels)
        if image is None:
            self._faults.append(f"{where}: {path.name} is no image")
            return None
        self._n_read, self._n_bytes = self._n_read + 1, self._n_bytes + image.nbytes
        n_images = max(self._expected, self._n_read)
        check_memory(self._source.name, n_images, self._n_bytes / self._n_read)
        return image

    def add(self, found: Found) -> None:
        """Keep a labelled image, after a look at its labels."""
        self._check_labels(found)
        self._found.append((found, self._group_of(found)))

    def samples(self) -> list[Sample]:
        """All that was added, in that order."""
        found = [(item, item.xy, group) for item, group in self._found]
        extents: dict[str, list[float]] = {}
        for _, xy, group in found:
            extents.setdefault(group, []).extend(extent_of(animal) for animal in xy)
        sizes = {group: median_of(values) for group, values in extents.items()}
        return [
            Sample(
                image=item.image,
                xy=xy,
                group=group,
                source=self._source.name,
                size_px=sizes[group],
                where=item.where,
                key=item.key,
                mask=item.mask,
                owner=item.owner,
                pseudo_mask=item.pseudo_mask,
                classes=self._classes(item),
                quantities=_or_unknown(item.quantities, len(self._wanted.quantities)),
            )
            for item, xy, group in found
        ]

    def _classes(self, found: Found) -> NDArray[np.float32]:
        classes = _or_unknown(found.classes, len(self._wanted.classes))
        if self._source.usable and "usable" in self._wanted.classes:
            number = self._wanted.classes.index("usable")
            classes[number] = 1 if np.isnan(classes[number]) else classes[number]
        return classes

    def _group_of(self, found: Found) -> str:
        match = self._group.search(found.key) if self._group else None
        if match is not None and match.groups() and match.group(1) is not None:
            return match.group(1)
        session = found.key.rpartition("/")[0]
        if self._group is not None and session not in self._without_group:
            self._without_group.add(session)
            self._faults.append(
                f"{found.where}: group {self._source.group!r} finds none in {found.key!r}"
            )
        return ""

    def _check_labels(self, found: Found) -> None:
        height, width = found.image.shape[:2]
        for points in found.points:
            for number in found.labels.used:
                x, y = points[number]
                label = f"{found.where}: {found.labels.labels[number]}"
                if np.isnan(x) and np.isnan(y):
                    continue
                if np.isnan(x) or np.isnan(y):
                    self._faults.append(f"{label} has only one of x and y")
                elif not (
                    -BORDER_PX <= x <= width - 1 + BORDER_PX
                    and -BORDER_PX <= y <= height - 1 + BORDER_PX
                ):
                    self._faults.append(
                        f"{label} at ({x:.1f}, {y:.1f}) is outside {found.key}, "
                        f"which is {width} x {height} px"
                    )


def key_of(image: Path) -> str:
    """An image file as `group` is looked for in it: "<its folder>/<its name>"."""
    return f"{image.absolute().parent.name}/{image.name}"


def unlabelled(n_labels: int) -> NDArray[np.float32]:
    """Points (1, labels, 2) of an image of which nobody said where animals are."""
    return np.full((1, n_labels, 2), np.nan, np.float32)


def _or_unknown(values: NDArray[np.float32] | None, size: int) -> NDArray[np.float32]:
    return np.full(size, np.nan, np.float32) if values is None else values.copy()
