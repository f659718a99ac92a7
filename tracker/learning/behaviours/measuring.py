"""Files of tracks and annotations → what a classifier gets, by the pipeline that runs live."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracker.behaviours.steps import Steps
from tracker.build import build_camera, build_observer, build_pipeline
from tracker.build_classifiers import with_animals
from tracker.cameras.base import Camera, frames_of
from tracker.clock import SystemClock
from tracker.errors import TrainingError
from tracker.learning.behaviours.origins import Origin, origins_of
from tracker.learning.behaviours.recipe import BehaviourRecipe
from tracker.pipeline import Pipeline
from tracker.runtimes.classifier_card import Measured

TRAIN, VALIDATE, HOLD_OUT = "train", "validate", "hold out"


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
    wanted = [each for source in recipe.sessions for each in origins_of(source, data)]
    digest = hashlib.sha256()
    sessions: list[Session] = []
    about: About | None = None
    for number, origin in enumerate(wanted):
        progress(number, len(wanted))
        found, here, mark = _session(recipe, folder, origin)
        digest.update(mark)
        if about is not None and about != here:
            raise TrainingError(
                f"{found.name} has the keypoints {', '.join(here.keypoints)} in "
                f"{', '.join(here.units)}, and those before it {', '.join(about.keypoints)} in "
                f"{', '.join(about.units)}"
            )
        about = here
        sessions.append(found)
    progress(len(wanted), len(wanted))
    if about is None or not any(each.part == TRAIN for each in sessions):
        raise TrainingError("every session is held out or chosen for validation: none is left")
    return sessions, replace(about, sha256=digest.hexdigest())


def in_session(text: str, animals: Sequence[str]) -> str:
    """Return an input with the session's animals in place of a, b, ..."""
    return with_animals(text, dict(zip("abcdefghij", animals, strict=False)))


def _session(recipe: BehaviourRecipe, folder: Path, origin: Origin) -> tuple[Session, About, bytes]:
    config = folder / recipe.experiment
    opened = origin.open(recipe, config if config.is_file() else Path(recipe.experiment))
    experiment, source, stem = opened.experiment, origin.source, origin.stem
    texts = [in_session(each, experiment.tracking.known_names) for each in recipe.inputs]
    clock = SystemClock()
    observer = opened.observer or build_observer(experiment, clock)
    pipeline = build_pipeline(experiment, clock, observer, only=texts)
    names = pipeline.feature_names
    if len(names) != len(texts):
        raise TrainingError(f"two of the inputs are the same feature; there are {', '.join(names)}")
    rows, ends = _steps(pipeline, build_camera(experiment.rig.camera, clock), recipe.step_s)
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
    part = VALIDATE if stem in source.validate_on else TRAIN
    session = Session(
        name=f"{source.name} {stem}",
        part=HOLD_OUT if stem in source.hold_out else part,
        inputs=rows,
        labels=opened.told[ends],
        frames=ends,
        truth=opened.told,
    )
    return session, about, opened.mark


def _steps(
    pipeline: Pipeline, camera: Camera, step_s: float
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the inputs of every step (steps, inputs), and the frames with which they end."""
    steps = Steps(pipeline.feature_names, step_s)
    rows: list[NDArray[np.float32]] = []
    ends: list[int] = []
    camera.open()
    try:
        for frame in frames_of(camera):
            for row in steps.take(pipeline.step(frame).features, frame.captured_ns) or ():
                rows.append(row)
                ends.append(frame.index)
    finally:
        camera.close()
    return np.stack(rows), np.array(ends, np.int64)


def units_by_input(recipe: BehaviourRecipe, about: About) -> Mapping[str, str]:
    """Return the unit of each input."""
    return dict(zip(recipe.inputs, about.units, strict=True))
