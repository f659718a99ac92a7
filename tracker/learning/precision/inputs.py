"""What a network is really shown: images as the observer of the live loop hands them to it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.cameras.video_file import count_frames
from tracker.clock import SystemClock
from tracker.errors import DeviceError, TrainingError
from tracker.learning.data.images import IMAGE_ENDINGS, read_frames, read_image
from tracker.observers.network import NetworkObserver
from tracker.runtimes.base import Answer, ModelCard, Provider, Runtime
from tracker.types import Frame

VIDEO_ENDINGS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".webm")
"""How the names of video files end, in small letters."""

LEAST_IMAGES = 8
"""Images without which neither ranges of values nor a loss can be told."""

Inputs = Sequence[NDArray[np.uint8]]
"""Network inputs, uint8 (1, channels, height, width), of any sizes."""


@dataclass(frozen=True, slots=True)
class RealInputs:
    """Network inputs of two parts of a data set that share no folder, or no part of a video.

    Attributes:
        calibration: To take the ranges of values from.
        held_out: To judge by.
        n_calibration: Images that `calibration` was made of; one with a crop gives several.
        n_held_out: Images that `held_out` was made of.
    """

    calibration: Inputs
    held_out: Inputs
    n_calibration: int
    n_held_out: int


def collect_inputs(
    runtime: Runtime,
    data: Path,
    *,
    n: int = 200,
    progress: Callable[[int], None] | None = None,
) -> RealInputs:
    """Return what the live loop would show a network of these images: whole frames and crops.

    Half of the images is for calibration. Whole folders go to either half where there are
    several, and the first and second part of the images (or of the video) where there is one.

    Args:
        runtime: The network; it says where a crop lies.
        data: A video, or a folder with images (or else videos) at any depth.
        n: Images in all, evenly spread, at least 16.
        progress: Told the number of images done after each.

    Raises:
        TrainingError: If there are too few images, or the network, which looks at crops, finds
            no animal in them.
        ModelError: If the network fails.
    """
    halves = _halves(_find(data), max(1, n // 2))
    counts = [sum(len(numbers) for _, numbers in half) for half in halves]
    if min(counts) < LEAST_IMAGES:
        raise TrainingError(
            f"{data}: {counts[0]} images to calibrate by and {counts[1]} to judge by, at least "
            f"{LEAST_IMAGES} each are needed: give a folder of images, or a video"
        )
    listener = _Listener(runtime)
    observer = NetworkObserver(listener, SystemClock())
    parts: list[list[NDArray[np.uint8]]] = []
    shape: tuple[int, ...] = ()
    n_done = 0
    for half in halves:
        heard: list[NDArray[np.uint8]] = []
        listener.heard = heard
        for image in _read(half, runtime.card.channels):
            if image.shape != shape:
                shape = image.shape
                listener.heard = []
                observer.warm_up(shape)
                listener.heard = heard
            observer.reset()
            observer.observe(Frame(n_done, 0, 0, image))
            n_done += 1
            if progress is not None:
                progress(n_done)
        _refuse_without_crops(heard, runtime.card, data)
        parts.append(heard)
    return RealInputs(parts[0], parts[1], *counts)


class _Listener:
    """A network that keeps what it was shown in `heard`."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.heard: list[NDArray[np.uint8]] = []

    @property
    def card(self) -> ModelCard:
        return self._runtime.card

    @property
    def provider(self) -> Provider:
        return self._runtime.provider

    @property
    def facts(self) -> Mapping[str, Any]:
        return self._runtime.facts

    def prepare(self, input_shape: tuple[int, int]) -> None:
        self._runtime.prepare(input_shape)

    def run(self, image: NDArray[np.uint8]) -> Answer:
        self.heard.append(image.copy())  # the observer overwrites it with the next
        return self._runtime.run(image)


_File = tuple[Path, Sequence[int]]
"""An image with one number that says nothing, or a video and numbers of its frames."""


def _find(data: Path) -> list[_File]:
    """All images, or all frames of all videos, in the order of their paths."""
    if not data.exists():
        raise TrainingError(f"{data} does not exist, expected a video or a folder of images")
    files = sorted(path for path in data.rglob("*") if path.is_file()) if data.is_dir() else [data]
    images = [path for path in files if path.suffix.casefold() in IMAGE_ENDINGS]
    if images:
        return [(path, (0,)) for path in images]
    videos = [path for path in files if path.suffix.casefold() in VIDEO_ENDINGS]
    if not videos:
        raise TrainingError(f"{data}: no image and no video there")
    try:
        return [(path, range(count_frames(path))) for path in videos]
    except DeviceError as error:
        raise TrainingError(str(error)) from error


def _halves(files: list[_File], n_each: int) -> list[list[_File]]:
    """Two sets of frames that share no folder, or no video, if there are several."""
    images = len(files[0][1]) == 1
    groups: dict[Path, list[tuple[Path, int]]] = {}
    for path, numbers in files:
        group = groups.setdefault(path.parent if images else path, [])
        group += [(path, number) for number in numbers]
    if len(groups) > 1:
        members = list(groups.values())
        halves = [list(chain.from_iterable(members[first::2])) for first in (0, 1)]
    else:
        (group,) = groups.values()
        halves = [group[: len(group) // 2], group[len(group) // 2 :]]
    return [_grouped(_spread(frames, n_each)) for frames in halves]


def _spread(frames: list[tuple[Path, int]], n: int) -> list[tuple[Path, int]]:
    if len(frames) <= n:
        return frames
    return [frames[place] for place in np.linspace(0, len(frames) - 1, n).round().astype(int)]


def _grouped(frames: list[tuple[Path, int]]) -> list[_File]:
    by_file: dict[Path, list[int]] = {}
    for path, number in frames:
        by_file.setdefault(path, []).append(number)
    return list(by_file.items())


def _read(files: list[_File], channels: int) -> Iterator[NDArray[np.uint8]]:
    for path, numbers in files:
        if path.suffix.casefold() in IMAGE_ENDINGS:
            image = read_image(path, channels)
            if image is None:
                raise TrainingError(f"{path} is no image: take it out of the folder")
            yield image
        else:
            try:
                frames, _ = read_frames(path, numbers, channels)
            except DeviceError as error:
                raise TrainingError(str(error)) from error
            yield from (frames[number] for number in sorted(frames))


def _refuse_without_crops(heard: Inputs, card: ModelCard, data: Path) -> None:
    if card.crop is None:
        return
    side = card.crop.side
    if not any(image.shape[2:] == (side, side) for image in heard):
        raise TrainingError(
            f"{card.name} looks at crops of {side} x {side} px and found no animal to crop in the "
            f"images of {data}: give images of the kind that it was trained on"
        )
