"""Which frames of a video to label next, with the network's guesses: `label_more`."""

import csv
import importlib.util
import math
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import av.error
import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tracker.cameras.base import frames_of
from tracker.cameras.video_file import VideoFileCamera, VideoFileSettings
from tracker.clock import SystemClock
from tracker.errors import DeviceError, MissingExtra, TrainingError
from tracker.learning.data.images import read_frames
from tracker.learning.labelling.doubts import Doubts, Glimpse, Sign, doubts_of
from tracker.learning.labelling.picking import Pick, pick_frames
from tracker.learning.labelling.writers import (
    Guess,
    LabelFormat,
    Subject,
    scorer_of,
    write_deeplabcut,
    write_project,
    write_sleap,
)
from tracker.observers.network import NetworkObserver, NetworkObserverSettings
from tracker.runtimes.base import RuntimeSettings
from tracker.runtimes.onnx import OnnxRuntime
from tracker.types import Frame, Observation

MOST_LOOKED_AT = 3000
"""Frames that are shown to the network if nobody says which: half a minute on one core."""

THUMBNAIL_PX = 24
"""Height and width of what frames are compared by."""

USABLE = "usable"
"""Class that says whether a frame can be used at all."""


@dataclass(frozen=True, slots=True)
class FramesToLabel:
    """What `label_more` wrote.

    Attributes:
        folder: With the images, or the .slp, and `frames.csv`.
        labels: The table or the .slp.
        frames: Numbers of the frames in the video, in its order.
        reasons: How many frames were chosen for which sign; None: at random.
        n_looked_at: Frames that the network was shown.
    """

    folder: Path
    labels: Path
    frames: tuple[int, ...]
    reasons: Mapping[Sign | None, int]
    n_looked_at: int


def label_more(  # noqa: PLR0913 - one setting each
    video: Path,
    network: Path,
    out: Path,
    *,
    n: int = 40,
    label_format: LabelFormat = LabelFormat.DEEPLABCUT,
    every: int | None = None,
    scorer: str | None = None,
    seed: int = 0,
    settings: RuntimeSettings | None = None,
    quiet: bool = False,
) -> FramesToLabel:
    """Choose the frames of a video that the network is least sure of, and write them to label.

    `doubts` says what makes a frame unsure, `picking` how the chosen ones differ. Images are as
    the network sees them, grey for one that sees grey. Guesses below `min_confidence` are left out.

    DeepLabCut: `<out>/labeled-data/<video>/` with images and `CollectedData_<scorer>.csv` and
    `.h5`, and `<out>/config.yaml` if there is none; an older project has to know the video
    (`deeplabcut.add_new_videos`). SLEAP: `<out>/<video>/<video>.pkg.slp` with the frames inside.
    Beside them `frames.csv` says why each frame was chosen.

    Args:
        video: The video file.
        network: The network file; it must find keypoints.
        out: Folder of the project, new or an older one.
        n: How many frames; all that were looked at if there are fewer.
        label_format: For whom.
        every: The network sees every so many frames; None: at most `MOST_LOOKED_AT` in all.
        scorer: Who labels; None: that of the project in `out`, or "network". DeepLabCut only.
        seed: Of the frames drawn at random.
        settings: On what the network runs; by default the best that works.
        quiet: No progress bar.

    Raises:
        MissingExtra: If pandas and PyTables, or sleap-io, are not installed.
        DeviceError: If the video cannot be read.
        ModelError: If the network cannot be used, or fails.
        TrainingError: If the folder is there already or cannot be written, the project in
            `out` does not fit, or the network has no keypoints.
    """
    _require(label_format)
    card = (runtime := OnnxRuntime(network, settings or RuntimeSettings())).card
    if not card.keypoints:
        raise TrainingError(f"{card.name} finds no keypoints: there is nothing to label")
    deeplabcut = label_format is LabelFormat.DEEPLABCUT
    folder = (out / "labeled-data" if deeplabcut else out) / video.stem
    if folder.exists():
        raise TrainingError(f"{folder} is there already: move it away, or choose another --out")
    subject = Subject(video, _count(video), card.skeleton, card.max_individuals)
    who = scorer_of(out, subject, scorer) if deeplabcut else None
    glimpses = _watch(subject, runtime, every, quiet=quiet)
    doubts = doubts_of(glimpses)
    picks = pick_frames(glimpses, doubts, n, gap=subject.n_frames // (4 * n), seed=seed)
    chosen = [glimpses[pick.place] for pick in picks]
    reasons = _reasons(picks, glimpses, doubts)
    labels = _write(subject, chosen, reasons, card.channels, folder, who)
    found, why = tuple(each.index for each in chosen), Counter(pick.why for pick in picks)
    return FramesToLabel(folder, labels, found, why, len(glimpses))


def _require(label_format: LabelFormat) -> None:
    deeplabcut = label_format is LabelFormat.DEEPLABCUT
    needed = ["scipy", "pandas", "tables"] if deeplabcut else ["scipy", "sleap_io"]
    if not all(importlib.util.find_spec(name) for name in needed):
        raise MissingExtra("train", f"label-more for {label_format}")


def _bar(*, quiet: bool) -> Progress:
    return Progress(
        TextColumn("watching"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=quiet,
    )


def _count(video: Path) -> int:
    """Frames of a video, counted by its packets where the header does not say."""
    with _opened(video, colour=False) as camera:
        n_frames = camera.info.n_frames
    if n_frames is None:
        try:
            with av.open(video.as_posix()) as container:
                n_frames = sum(packet.size > 0 for packet in container.demux(video=0))
        except av.error.FFmpegError as error:
            raise DeviceError(f"{video} cannot be read as a video: {error}") from error
    return n_frames


@contextmanager
def _opened(video: Path, *, colour: bool) -> Iterator[VideoFileCamera]:
    settings = VideoFileSettings(path=video, fast=True, colour=colour)
    camera = VideoFileCamera(settings, SystemClock())
    camera.open()
    try:
        yield camera
    finally:
        camera.close()


def _watch(
    subject: Subject, runtime: OnnxRuntime, every: int | None, *, quiet: bool
) -> list[Glimpse]:
    """Show the network every so many frames, as live, but that it never abstains."""
    every = every or max(1, math.ceil(subject.n_frames / MOST_LOOKED_AT))
    observer = NetworkObserver(runtime, SystemClock(), NetworkObserverSettings(abstain=False))
    glimpses: list[Glimpse] = []
    first_ns = None
    colour = runtime.card.channels == 3
    with _opened(subject.video, colour=colour) as camera, _bar(quiet=quiet) as bar:
        task = bar.add_task("", total=math.ceil(subject.n_frames / every))
        for frame in frames_of(camera, 0.0):
            first_ns = frame.captured_ns if first_ns is None else first_ns
            if frame.index % every == 0:
                seen = observer.observe(frame)
                glimpses.append(_glimpse(frame, seen, frame.captured_ns - first_ns))
                bar.advance(task)
    return glimpses


def _glimpse(frame: Frame, seen: Observation, since_first_ns: int) -> Glimpse:
    return Glimpse(
        index=frame.index,
        time_s=since_first_ns / 1e9,
        xy=seen.xy,
        confidence=seen.confidence,
        novelty=seen.novelty,
        usable=seen.class_scores.get(USABLE, math.nan),
        thumbnail=_thumbnail(frame.image),
    )


def _thumbnail(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    small = cv2.resize(image, (THUMBNAIL_PX, THUMBNAIL_PX), interpolation=cv2.INTER_AREA)
    grey = small if small.ndim == 2 else cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    return np.asarray(grey, np.uint8)


def _write(
    subject: Subject,
    chosen: Sequence[Glimpse],
    reasons: Sequence[Sequence[str]],
    channels: int,
    folder: Path,
    scorer: str | None,
) -> Path:
    """Write the folder, all of it or nothing; return its table or .slp. No scorer: SLEAP."""
    images, _ = read_frames(subject.video, [each.index for each in chosen], channels)
    guesses = [Guess(each.index, images[each.index], each.xy, each.confidence) for each in chosen]
    partial = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        with (partial / "frames.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(reasons)
        if scorer is None:
            labels = write_sleap(guesses, subject, partial)
        else:
            labels = write_deeplabcut(guesses, subject, partial, scorer)
            write_project(subject, guesses[0].image.shape, folder.parents[1], scorer)
        partial.rename(folder)
    except OSError as error:
        raise TrainingError(f"{folder} cannot be written: {error.strerror}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder / labels.name


def _reasons(picks: Sequence[Pick], glimpses: Sequence[Glimpse], doubts: Doubts) -> list[list[str]]:
    """Rows that say why each frame was chosen; a sign that the network does not give is empty."""
    rows = [["frame", "time_s", "why", "doubt", *Sign]]
    for pick in picks:
        glimpse = glimpses[pick.place]
        signs = [float(doubts.signs[sign][pick.place]) for sign in Sign]
        numbers = [float(doubts.doubt[pick.place]), *signs]
        shown = ["" if math.isnan(number) else f"{number:.3f}" for number in numbers]
        rows.append([str(glimpse.index), f"{glimpse.time_s:.3f}", pick.why or "random", *shown])
    return rows
