"""SLEAP: labels of video frames, read by sleap-io."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tracker.errors import DeviceError, TrackFileError
from tracker.label_files import BROKEN_SLP, open_slp
from tracker.learning.data.formats.gather import Found, Gatherer, key_of
from tracker.learning.data.formats.labels import LabelMap, map_labels
from tracker.learning.data.images import check_memory, read_frames, with_channels
from tracker.learning.recipe import SleapSource
from tracker.learning.samples import Sample, Wanted

if TYPE_CHECKING:
    from sleap_io import Instance, LabeledFrame, Labels, Video


def read_sleap(source: SleapSource, wanted: Wanted, root: Path, faults: list[str]) -> list[Sample]:
    """Labelled frames of a .slp file, or of all in a folder; see `read_source`.

    Instances that a person made or corrected count; predicted ones only in frames that have
    no others. Frames without instances are left out, unless they are marked as negative:
    then there is no animal in them. Videos are looked for where the file says, and beside it.
    """
    path = root / source.path
    files = sorted(path.glob("*.slp")) if path.is_dir() else [path]
    if not files:
        faults.append(f"{source.path}: there is no .slp file in this folder")
    gatherer = Gatherer(source, wanted, faults)
    opened = [
        (file, labels)
        for file in files
        if (labels := _open(file, file.relative_to(root).as_posix(), faults)) is not None
    ]
    parts = [
        part
        for file, labels in opened
        for part in _parts(file, labels, source, file.relative_to(root).as_posix())
    ]
    gatherer.expect(sum(len(part.frames) for part in parts))
    for part in parts:
        labels = map_labels(source, wanted, part.labels, part.name, faults)
        if labels is not None:
            part.read(gatherer, labels, wanted.channels, faults)
    return gatherer.samples()


def labels_in_slp(path: Path) -> tuple[str, ...] | None:
    """Names of what is labelled in a .slp file; None if it is none."""
    labels = _open(path, path.name, [], lazy=True)
    return None if labels is None else _node_names(labels)


def _open(path: Path, name: str, faults: list[str], *, lazy: bool = False) -> "Labels | None":
    if not path.is_file():
        faults.append(f"{name}: there is no such file, expected a .slp of SLEAP")
        return None
    try:
        return open_slp(path, "train", lazy=lazy)
    except TrackFileError as error:
        faults.append(f"{name}: {error}")
        return None


def _node_names(labels: "Labels") -> tuple[str, ...]:
    names = [name for skeleton in labels.skeletons for name in skeleton.node_names]
    return tuple(dict.fromkeys(names))


class _Part:
    """The labelled frames of one video of one file.

    Args:
        path: The .slp file.
        name: How faults call it.
        video: The video.
        labels: Names of what is labelled.
        frames: Labelled frame by number.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        video: "Video",
        labels: tuple[str, ...],
        frames: Mapping[int, "LabeledFrame"],
    ) -> None:
        self.name = name
        self.labels = labels
        self.frames = frames
        self._path = path
        self._video = video

    def read(self, gatherer: Gatherer, labels: LabelMap, channels: int, faults: list[str]) -> None:
        """Add every frame to what is gathered."""
        for number, key, image in self._images(gatherer, channels, faults):
            frame = self.frames[number]
            points = [self._points(instance) for instance in _instances(frame)]
            known = [animal for animal in points if np.isfinite(animal).any()]
            array = np.array(known, np.float32).reshape(len(known), len(self.labels), 2)
            gatherer.add(Found(f"{self.name} frame {number}", key, image, labels, array))

    def _points(self, instance: "Instance") -> NDArray[np.float32]:
        points = np.full((len(self.labels), 2), np.nan, np.float32)
        numbers = [self.labels.index(name) for name in instance.skeleton.node_names]
        points[numbers] = instance.numpy()[:, :2]
        return points

    def _images(
        self, gatherer: Gatherer, channels: int, faults: list[str]
    ) -> Iterator[tuple[int, str, NDArray[np.uint8]]]:
        """Number, key and image of each frame that there is."""
        stored = self._video.filename
        if isinstance(stored, list):
            yield from self._image_files(stored, gatherer, faults)
        elif self._video.backend_metadata.get("has_embedded_images"):
            yield from self._embedded(gatherer, channels, faults)
        else:
            yield from self._video_frames(stored, gatherer, channels, faults)

    def _image_files(
        self, stored: Sequence[str], gatherer: Gatherer, faults: list[str]
    ) -> Iterator[tuple[int, str, NDArray[np.uint8]]]:
        for number in self.frames:
            where = f"{self.name} frame {number}"
            if number >= len(stored):
                faults.append(f"{where}: there are only {len(stored)} images")
                continue
            path = self._beside(stored[number])
            image = gatherer.image(path, where)
            if image is not None:
                yield number, key_of(path), image

    def _embedded(
        self, gatherer: Gatherer, channels: int, faults: list[str]
    ) -> Iterator[tuple[int, str, NDArray[np.uint8]]]:
        original = self._video.source_video
        stem = _stem(original.filename if original is not None else self._path.name)
        self._video.open(filename=self._path.as_posix())
        try:
            for number in self.frames:
                image = with_channels(np.asarray(self._video[number], np.uint8), channels)
                check_memory(self.name, gatherer.expected, image.nbytes)
                yield number, f"{stem}/{number:06d}", image
        except BROKEN_SLP as error:
            faults.append(f"{self.name}: its embedded images cannot be read ({error})")
        finally:
            self._video.close()

    def _video_frames(
        self, stored: str, gatherer: Gatherer, channels: int, faults: list[str]
    ) -> Iterator[tuple[int, str, NDArray[np.uint8]]]:
        path = self._beside(stored)
        if not path.is_file():
            faults.append(f"{self.name}: its video {stored} is missing, also beside it")
            return
        try:
            images, n_frames = read_frames(path, list(self.frames), channels, gatherer.expected)
        except DeviceError as error:
            faults.append(f"{self.name}: {error}")
            return
        for number in self.frames:
            if number in images:
                yield number, f"{path.stem}/{number:06d}", images[number]
            else:
                faults.append(f"{self.name} frame {number}: {path.name} has only {n_frames} frames")

    def _beside(self, stored: str) -> Path:
        """Where a file is that the .slp speaks of: there, or else beside the .slp."""
        there = self._path.parent / stored
        return there if there.is_file() else self._path.parent / re.split(r"[/\\]", stored)[-1]


def _parts(path: Path, labels: "Labels", source: SleapSource, name: str) -> Iterator[_Part]:
    names = _node_names(labels)
    for video in labels.videos:
        frames = [frame for frame in labels.labeled_frames if frame.video is video]
        shown = {
            int(frame.frame_idx): frame
            for frame in sorted(frames, key=lambda frame: int(frame.frame_idx))
            if frame.instances or frame.is_negative
        }
        chosen = {number: shown[number] for number in list(shown)[:: source.every]}
        if chosen:
            yield _Part(path, name, video, names, chosen)


def _instances(frame: "LabeledFrame") -> "list[Instance]":
    return list(frame.user_instances or frame.predicted_instances)


def _stem(stored: str | list[str]) -> str:
    first = stored[0] if isinstance(stored, list) else stored
    return Path(re.split(r"[/\\]", first)[-1]).stem
