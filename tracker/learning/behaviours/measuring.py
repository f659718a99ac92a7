"""Files of tracks and annotations → what a classifier gets, by the pipeline that runs live."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracker.annotations.read import read_annotations
from tracker.behaviours.steps import Steps
from tracker.build import build_camera, build_pipeline
from tracker.build_classifiers import with_animals
from tracker.clock import SystemClock
from tracker.errors import EndOfStream, TrainingError
from tracker.learning.behaviours.recipe import BehaviourRecipe, Sessions
from tracker.runtimes.classifier_card import Measured
from tracker.track_import.read import read_tracks
from tracker.track_import.run import Import, experiment_for, observer_for
from tracker.types import Frame

TRAIN, VALIDATE, HOLD_OUT = "train", "validate", "hold out"

UNKNOWN = -1
"""Class of a frame that nobody has told anything about."""


@dataclass(frozen=True, slots=True, eq=False)
class Session:
    """One session, step by step.

    Attributes:
        name: Set and stem.
        part: `TRAIN`, `VALIDATE` or `HOLD_OUT`.
        inputs: float32, (steps, inputs), NaN where not known.
        labels: int64, (steps,), class of the frame with which each step ends; `UNKNOWN`.
        frames: int64, (steps,), those frames; the answer of a step holds until the next one.
        truth: int64, (frames,), class of every frame; `UNKNOWN`.
    """

    name: str
    part: str
    inputs: NDArray[np.float32]
    labels: NDArray[np.int64]
    frames: NDArray[np.int64]
    truth: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class About:
    """What all sessions share.

    Attributes:
        units: Of each input, in their order.
        keypoints: Of the skeleton.
        measured: How features were measured.
        sha256: Of the names and bytes of all files.
    """

    units: tuple[str, ...]
    keypoints: tuple[str, ...]
    measured: Measured
    sha256: str


def measure(
    recipe: BehaviourRecipe,
    folder: Path,
    data: Path,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> tuple[list[Session], About]:
    """Measure all sessions of a recipe.

    Args:
        recipe: Which, and what of them.
        folder: Of the recipe.
        data: Folder of the data sets.
        progress: Told how many sessions are done, and of how many.

    Raises:
        TrainingError: If files are missing or do not fit together.
        TrackFileError: If tracks cannot be read.
        AnnotationError: If annotations cannot be read.
        ConfigError: If there is no such feature, or the experiment cannot be used.
    """
    files = [(each, *pair) for each in recipe.sessions for pair in find_files(each, data)]
    digest = hashlib.sha256()
    sessions: list[Session] = []
    about: About | None = None
    for number, (source, tracks, truth) in enumerate(files):
        progress(number, len(files))
        found, here = _session(recipe, folder, source, tracks, truth)
        for path in (tracks, truth):
            digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
        if about is not None and about != here:
            raise TrainingError(
                f"{tracks} has the keypoints {', '.join(here.keypoints)} in {', '.join(here.units)}"
                f", and those before it {', '.join(about.keypoints)} in {', '.join(about.units)}"
            )
        about = here
        sessions.append(found)
    progress(len(files), len(files))
    if about is None or not any(each.part == TRAIN for each in sessions):
        raise TrainingError("every session is held out or chosen for validation: none is left")
    return sessions, About(about.units, about.keypoints, about.measured, digest.hexdigest())


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


def in_session(text: str, animals: Sequence[str]) -> str:
    """Return an input with the session's animals in place of a, b, ..."""
    return with_animals(text, dict(zip("abcdefghij", animals, strict=False)))


def _session(
    recipe: BehaviourRecipe, folder: Path, source: Sessions, path: Path, truth: Path
) -> tuple[Session, About]:
    tracks = read_tracks(path)
    config = folder / recipe.experiment
    wanted = Import(
        path,
        config if config.is_file() else Path(recipe.experiment),
        fps=source.fps,
        min_confidence=source.min_confidence,
        changes=["features.recorded=[]"],
    )
    experiment = experiment_for(wanted, tracks)
    observer = observer_for(wanted, tracks, experiment)
    texts = [in_session(each, experiment.tracking.known_names) for each in recipe.inputs]
    clock = SystemClock()
    pipeline = build_pipeline(experiment, clock, observer, only=texts)
    names = pipeline.feature_names
    if len(names) != len(texts):
        raise TrainingError(f"two of the inputs are the same feature; there are {', '.join(names)}")
    steps = Steps(names, recipe.step_s)
    rows: list[NDArray[np.float32]] = []
    ends: list[int] = []
    camera = build_camera(experiment.rig.camera, clock)
    camera.open()
    while True:
        try:
            frame = camera.read(1.0)
        except EndOfStream:
            break
        if isinstance(frame, Frame):
            for row in steps.take(pipeline.step(frame).features, frame.captured_ns) or ():
                rows.append(row)
                ends.append(frame.index)
    camera.close()
    features, known = experiment.features, observer.skeleton.keypoints
    about = About(
        units=tuple(pipeline.units[name] for name in names),
        keypoints=known,
        measured=Measured(
            window_s=features.window_s,
            centre=features.centre or known,
            rear=features.rear or known[-1],
            front=features.front or known[0],
        ),
        sha256="",
    )
    told = labels_of(recipe, source, truth, len(tracks))
    frames = np.array(ends, np.int64)
    stem = stem_of(path)
    part = VALIDATE if stem in source.validate_on else TRAIN
    return (
        Session(
            name=f"{source.name} {stem}",
            part=HOLD_OUT if stem in source.hold_out else part,
            inputs=np.stack(rows),
            labels=told[frames],
            frames=frames,
            truth=told,
        ),
        about,
    )


def labels_of(
    recipe: BehaviourRecipe, source: Sessions, path: Path, n_frames: int
) -> NDArray[np.int64]:
    """Return the class of every frame, as a person saw it.

    Raises:
        TrainingError: If a bout is of no class where there is no rest, or overlaps another.
        AnnotationError: If the file cannot be read.
    """
    truth = read_annotations(path, source.fps, recipe.classes)
    rest = UNKNOWN if recipe.rest is None else recipe.classes.index(recipe.rest)
    labels = np.full(n_frames, rest, np.int64)
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


def units_by_input(recipe: BehaviourRecipe, about: About) -> Mapping[str, str]:
    """Return the unit of each input."""
    return dict(zip(recipe.inputs, about.units, strict=True))
