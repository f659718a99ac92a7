"""Where sessions to learn from come from: files, or a synthetic camera, whose script is known."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from tracker.annotations.read import read_annotations
from tracker.cameras.synthetic import SyntheticCameraSettings, truths_of
from tracker.config import Experiment, load
from tracker.errors import TrainingError
from tracker.learning.behaviours.recipe import (
    AnySessions,
    BehaviourRecipe,
    Sessions,
    SyntheticSessions,
)
from tracker.observers.base import Observer
from tracker.track_import.read import read_tracks
from tracker.track_import.run import Import, experiment_for, observer_for

UNKNOWN = -1
"""Class of a frame that nobody has told anything about."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that can be measured: as it is run, by whom it is seen, what is true of it.

    Attributes:
        experiment: Its settings, with its camera.
        observer: None: what the experiment names.
        told: int64, (frames,), class of every frame.
        mark: Changes with whatever it is made of.
    """

    experiment: Experiment
    observer: Observer | None
    told: NDArray[np.int64]
    mark: bytes


@dataclass(frozen=True, slots=True)
class Files:
    """Tracks and annotations of one session."""

    source: Sessions
    tracks: Path
    truth: Path

    @property
    def stem(self) -> str:
        """What the recipe calls it."""
        return stem_of(self.tracks)

    def open(self, recipe: BehaviourRecipe, config: Path) -> Opened:
        """Read it; raises `TrackFileError`, `AnnotationError`, `ConfigError`, `TrainingError`."""
        source, tracks = self.source, read_tracks(self.tracks)
        wanted = Import(
            self.tracks,
            config,
            fps=source.fps,
            min_confidence=source.min_confidence,
            changes=["features.recorded=[]"],
        )
        experiment = experiment_for(wanted, tracks)
        mark = b"".join(
            path.name.encode() + hashlib.sha256(path.read_bytes()).digest()
            for path in (self.tracks, self.truth)
        )
        told = labels_of(recipe, source, self.truth, len(tracks))
        return Opened(experiment, observer_for(wanted, tracks, experiment), told, mark)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A seed of the synthetic camera, and what its script says."""

    source: SyntheticSessions
    stem: str

    def open(self, recipe: BehaviourRecipe, config: Path) -> Opened:
        """Ask the script; raises `TrainingError`, `ConfigError`."""
        if not isinstance(load(config).rig.camera, SyntheticCameraSettings):
            raise TrainingError(
                f"{self.source.name} is drawn, but the camera of {config} is not synthetic"
            )
        fps, n_frames = self.source.fps, max(1, round(self.source.duration_s * self.source.fps))
        experiment = load(
            config,
            [
                "features.recorded=[]",
                "rig.camera.paced=false",
                f"rig.camera.seed={self.stem}",
                f"rig.camera.fps={fps}",
                "rig.camera.duration_s=null",
                f"rig.camera.n_frames={n_frames}",
            ],
        )
        told = scripted_labels(recipe, cast("SyntheticCameraSettings", experiment.rig.camera))
        return Opened(experiment, None, told, f"{self.stem} ".encode() + told.tobytes())


Origin = Files | Drawn
"""Where a session comes from."""


def origins_of(source: AnySessions, data: Path) -> list[Origin]:
    """Return each session of a set; raises `TrainingError` as `find_files`."""
    if isinstance(source, Sessions):
        return [Files(source, *pair) for pair in find_files(source, data)]
    return [Drawn(source, seed) for seed in source.seeds]


def find_files(source: Sessions, data: Path) -> list[tuple[Path, Path]]:
    """Return the tracks and annotations of every session, by name.

    Raises:
        TrainingError: If there are none, or one that the recipe names is missing.
    """
    tracks = sorted(data.glob(source.tracks), key=lambda path: (len(path.name), path.name))
    if not tracks:
        raise TrainingError(f"{source.name}: no tracks {data / source.tracks}")
    stems = {stem_of(path): path for path in tracks}
    missing = [each for each in (*source.validate_on, *source.hold_out) if each not in stems]
    if missing:
        raise TrainingError(f"{source.name}: there is no session {', '.join(missing)}")
    pairs = []
    for stem, path in stems.items():
        truth = data / source.truth.format(stem=stem)
        if not truth.is_file():
            raise TrainingError(f"{source.name}: {path.name} has no annotations {truth}")
        pairs.append((path, truth))
    return pairs


def stem_of(path: Path) -> str:
    """Return a file's name without its endings."""
    return path.name.partition(".")[0]


def labels_of(
    recipe: BehaviourRecipe, source: Sessions, path: Path, n_frames: int
) -> NDArray[np.int64]:
    """Return the class of every frame, as a person saw it.

    Raises:
        TrainingError: If a bout is of no class where there is no rest, or overlaps another.
        AnnotationError: If the file cannot be read.
    """
    truth = read_annotations(path, source.fps, recipe.classes)
    labels = np.full(n_frames, _rest_of(recipe), np.int64)
    subjects = {bout.subject for bout in truth.bouts}
    taken = np.zeros(n_frames, bool)
    for bout in truth.bouts:
        if source.subject and source.subject in subjects and bout.subject != source.subject:
            continue
        if bout.behaviour not in recipe.classes:
            continue
        where = slice(bout.first, bout.last + 1)
        if taken[where].any():
            raise TrainingError(
                f"{path}: frames {bout.first} to {bout.last} are {bout.behaviour}, and some of "
                f"them another class as well: learn such behaviours by recipes of their own"
            )
        taken[where] = True
        labels[where] = recipe.classes.index(bout.behaviour)
    return labels


def scripted_labels(recipe: BehaviourRecipe, camera: SyntheticCameraSettings) -> NDArray[np.int64]:
    """Return the class of every frame by the camera's script, whichever mouse does it.

    Raises:
        TrainingError: If two classes are there at once.
    """
    labels = np.full(camera.total_frames or 0, _rest_of(recipe), np.int64)
    truths = truths_of(camera)
    for index in range(len(labels)):
        there = frozenset[str]().union(*(truth(index).behaviours for truth in truths))
        found = [place for place, name in enumerate(recipe.classes) if name in there]
        if len(found) > 1:
            both = " and ".join(recipe.classes[place] for place in found)
            raise TrainingError(
                f"synthetic frame {index} of seed {camera.seed} is {both}: learn such behaviours "
                f"by recipes of their own"
            )
        if found:
            labels[index] = found[0]
    return labels


def _rest_of(recipe: BehaviourRecipe) -> int:
    return UNKNOWN if recipe.rest is None else recipe.classes.index(recipe.rest)
