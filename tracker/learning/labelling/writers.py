"""Frames and a network's guesses as a project of DeepLabCut or SLEAP, to be corrected there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tracker.errors import TrainingError
from tracker.label_files import H5_KEY
from tracker.types import Skeleton

CONFIG = "config.yaml"
"""What makes a folder a project of DeepLabCut."""


USUAL: Mapping[str, Any] = {
    "start": 0,
    "stop": 1,
    "numframes2pick": 20,
    "skeleton_color": "black",
    "pcutoff": 0.6,
    "dotsize": 12,
    "alphavalue": 0.7,
    "colormap": "jet",
    "TrainingFraction": [0.95],
    "iteration": 0,
    "default_net_type": "resnet_50",
    "snapshotindex": -1,
    "batch_size": 8,
    "cropping": False,
    "x1": 0,
    "x2": 640,
    "y1": 277,
    "y2": 624,
    "corner2move2": [50, 50],
    "move2corner": True,
}
"""What DeepLabCut's `create_new_project` (deeplabcut/create_project/new.py) always writes."""


class LabelFormat(StrEnum):
    """For which program the frames are written."""

    DEEPLABCUT = "deeplabcut"
    SLEAP = "sleap"


@dataclass(frozen=True, slots=True, eq=False)
class Guess:
    """A frame, and where the network thinks that the animals are.

    Attributes:
        index: Number of the frame in the video, from 0.
        image: uint8, (height, width) or (height, width, 3) RGB.
        xy: float32, (animals, keypoints, 2), px; NaN where nothing is to be suggested.
        confidence: float32, (animals, keypoints), 0 to 1.
    """

    index: int
    image: NDArray[np.uint8]
    xy: NDArray[np.float32]
    confidence: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Subject:
    """What the frames are of.

    Attributes:
        video: Where they come from.
        n_frames: Of the video.
        skeleton: Keypoints, in the order of the guesses.
        max_individuals: 1: DeepLabCut's columns for a single animal.
    """

    video: Path
    n_frames: int
    skeleton: Skeleton
    max_individuals: int


def scorer_of(project: Path, subject: Subject, wanted: str | None) -> str:
    """Return who is to stand in the table: that of the DeepLabCut project, if it is one.

    Args:
        project: Folder that may hold a `config.yaml`.
        subject: Its keypoints must be the project's.
        wanted: What was asked for; None: the project's own, or "network".

    Raises:
        TrainingError: If the project cannot be read, or has other body parts or another scorer.
    """
    path = project / CONFIG
    if not path.is_file():
        return wanted or "network"
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (OSError, YAMLError) as error:
        raise TrainingError(f"{path} cannot be read as a DeepLabCut project: {error}") from error
    content = content if isinstance(content, dict) else {}
    several = subject.max_individuals > 1
    parts = content.get("multianimalbodyparts" if several else "bodyparts")
    if parts != list(subject.skeleton.keypoints):
        raise TrainingError(
            f"{path} has the body parts {parts}, the network the keypoints "
            f"{list(subject.skeleton.keypoints)}: write into another folder"
        )
    scorer = str(content.get("scorer") or "network")
    if wanted not in (None, scorer):
        raise TrainingError(
            f"the scorer of {path} is {scorer!r}, not {wanted!r}: leave it out, or write into "
            f"another folder"
        )
    return scorer


def write_deeplabcut(guesses: Sequence[Guess], subject: Subject, folder: Path, scorer: str) -> Path:
    """Write images, `CollectedData_<scorer>.csv` and `.h5` as DeepLabCut does.

    Args:
        guesses: In the order of the video.
        subject: What they are of.
        folder: Of the session; is there and empty. Rows name it by its last two parts.
        scorer: Who labels.

    Returns:
        The CSV file.
    """
    import pandas as pd

    digits = max(5, len(str(max(0, subject.n_frames - 1))))
    names = [f"img{guess.index:0{digits}d}.png" for guess in guesses]
    for name, guess in zip(names, guesses, strict=True):
        _write_png(folder / name, guess.image)
    levels, columns = _columns(subject, scorer)
    n_animals, n_keypoints = subject.max_individuals, len(subject.skeleton.keypoints)
    values = np.full((len(guesses), n_animals, n_keypoints, 2), np.nan)
    for row, guess in zip(values, guesses, strict=True):
        row[: len(guess.xy)] = guess.xy
    frame = pd.DataFrame(
        values.reshape(len(guesses), -1).round(3),
        index=pd.MultiIndex.from_tuples(
            [("labeled-data", subject.video.stem, name) for name in names]
        ),
        columns=pd.MultiIndex.from_tuples(columns, names=levels),
    )
    table = folder / f"CollectedData_{scorer}.csv"
    frame.to_csv(table)
    frame.to_hdf(table.with_suffix(".h5"), key=H5_KEY, mode="w")
    return table


def write_project(subject: Subject, shape: tuple[int, ...], project: Path, scorer: str) -> None:
    """Write a `config.yaml`, so that DeepLabCut opens the folder, unless there is one.

    Args:
        subject: What is labelled.
        shape: Height and width of the images (px), and more.
        project: The folder.
        scorer: Who labels.
    """
    path = project / CONFIG
    if path.exists():
        return
    keypoints = list(subject.skeleton.keypoints)
    edges = [[keypoints[a], keypoints[b]] for a, b in subject.skeleton.edges]
    several = subject.max_individuals > 1
    today = datetime.now(UTC)
    parts: Mapping[str, Any] = {"bodyparts": keypoints}
    if several:
        parts = {
            "individuals": _individuals(subject),
            "uniquebodyparts": [],
            "multianimalbodyparts": keypoints,
            "bodyparts": "MULTI!",
        }
    content: dict[str, Any] = {
        "Task": subject.video.stem,
        "scorer": scorer,
        "date": f"{today:%b}{today.day}",
        "multianimalproject": several,
        "identity": False if several else None,
        "project_path": str(project.absolute()),
        "video_sets": {str(subject.video.absolute()): {"crop": f"0, {shape[1]}, 0, {shape[0]}"}},
        **parts,
        "skeleton": edges,
        "default_augmenter": "multi-animal-imgaug" if several else "default",
        **USUAL,
    }
    with path.open("w", encoding="utf-8") as file:
        YAML().dump(content, file)


def write_sleap(guesses: Sequence[Guess], subject: Subject, folder: Path) -> Path:
    """Write a SLEAP project with predicted instances and the frames inside it.

    The frames are also among SLEAP's suggestions, those without an instance too.

    Args:
        guesses: In the order of the video.
        subject: What they are of.
        folder: Is there and empty.

    Returns:
        The `.pkg.slp`.

    Raises:
        TrainingError: If SLEAP's library cannot read the video.
    """
    import sleap_io

    path = folder / f"{subject.video.stem}.pkg.slp"
    keypoints = list(subject.skeleton.keypoints)
    skeleton = sleap_io.Skeleton(
        keypoints, edges=[(keypoints[a], keypoints[b]) for a, b in subject.skeleton.edges]
    )
    grey = guesses[0].image.ndim == 2
    try:
        video = sleap_io.Video.from_filename(subject.video.as_posix(), grayscale=grey)
        labels = sleap_io.Labels(
            [
                sleap_io.LabeledFrame(
                    video=video,
                    frame_idx=guess.index,
                    instances=[
                        sleap_io.PredictedInstance.from_numpy(
                            xy.astype(np.float64),
                            skeleton=skeleton,
                            point_scores=confidence.astype(np.float64),
                            score=float(confidence.mean()),
                        )
                        for xy, confidence in zip(guess.xy, guess.confidence, strict=True)
                        if np.isfinite(xy).any()
                    ],
                )
                for guess in guesses
            ],
            videos=[video],
            skeletons=[skeleton],
            suggestions=[sleap_io.SuggestionFrame(video, guess.index) for guess in guesses],
        )
        labels.save(path.as_posix(), embed="all", verbose=False)
        video.close()
    except (OSError, ValueError, IndexError) as error:
        raise TrainingError(f"sleap-io cannot read {subject.video}: {error}") from error
    return path


def _individuals(subject: Subject) -> list[str]:
    return [f"individual{number + 1}" for number in range(subject.max_individuals)]


def _columns(subject: Subject, scorer: str) -> tuple[list[str], list[tuple[str, ...]]]:
    """Names of the header rows, and what stands in them above each column."""
    if subject.max_individuals == 1:
        found = [(scorer, part, axis) for part in subject.skeleton.keypoints for axis in "xy"]
        return ["scorer", "bodyparts", "coords"], [tuple(column) for column in found]
    return ["scorer", "individuals", "bodyparts", "coords"], [
        (scorer, individual, part, axis)
        for individual in _individuals(subject)
        for part in subject.skeleton.keypoints
        for axis in "xy"
    ]


def _write_png(path: Path, image: NDArray[np.uint8]) -> None:
    """Write a grey or RGB image; OpenCV's own writing fails silently and knows no umlauts."""
    picture = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    written, data = cv2.imencode(".png", picture)
    if not written:
        raise TrainingError(f"{path} could not be written as PNG")
    path.write_bytes(data.tobytes())
