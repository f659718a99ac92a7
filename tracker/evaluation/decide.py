"""A file of tracks through the very same pipeline as live, frame by frame."""

import math
from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracker.build import build_camera, build_pipeline
from tracker.cameras.base import frames_of
from tracker.cameras.tracks_only import TracksOnlySettings
from tracker.clock import SystemClock
from tracker.config import Experiment, load
from tracker.errors import ConfigError
from tracker.session_parts import refuse_rate
from tracker.track_import.read import read_tracks
from tracker.track_import.run import Import, experiment_for, observer_for
from tracker.types import Episode, FrameResult

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Decided:
    """What the pipeline said of a file of tracks.

    Attributes:
        experiment: As it was run.
        tracks: The file.
        tracks_sha256: Of its bytes.
        n_frames: How many frames there were.
        fps: Frames per second.
        captured_ns: Capture time of each frame (ns).
        episodes: In the order of their ends.
        scores: By behaviour, one per frame, NaN where it abstained.
        missing: By behaviour, in how many frames each feature was not known when it abstained.
        notes: What a person has to know of the file.
    """

    experiment: Experiment
    tracks: Path
    tracks_sha256: str
    n_frames: int
    fps: float
    captured_ns: NDArray[np.int64]
    episodes: tuple[Episode, ...]
    scores: dict[str, NDArray[np.float64]]
    missing: dict[str, dict[str, int]]
    notes: tuple[str, ...]


def decide(wanted: Import, progress: Progress = lambda _done, _of: None) -> Decided:
    """Run the pipeline over tracks; the same tracks and settings give the same episodes.

    Args:
        wanted: Which tracks, and by which experiment; without frames per second those of its
            camera are taken if that is `tracks_only`.
        progress: Told how many frames are done, and of how many.

    Raises:
        TrackFileError: If the tracks cannot be used.
        ConfigError: If the experiment names something that is not there.
        MissingExtra: If a library of the extra `export` is not installed.
    """
    if wanted.video is None and wanted.fps is None:
        wanted = replace(wanted, fps=_fps_of(wanted))
    tracks = read_tracks(wanted.tracks, wanted.video)
    experiment = experiment_for(wanted, tracks)
    clock = SystemClock()
    pipeline = build_pipeline(experiment, clock, observer_for(wanted, tracks, experiment))
    camera = build_camera(experiment.rig.camera, clock)
    collector = _Collector(pipeline.rules, lambda: pipeline.why_unknown)
    camera.open()
    try:
        refuse_rate(camera.info, pipeline.min_fps, pipeline.fps_by_behaviour)
        fps, n_frames = camera.info.fps, camera.info.n_frames or len(tracks)
        for frame in frames_of(camera):
            collector.take(pipeline.step(frame))
            if collector.n % 256 == 0:
                progress(collector.n, n_frames)
    finally:
        camera.close()
    return Decided(
        experiment=experiment,
        tracks=wanted.tracks,
        tracks_sha256=tracks.sha256,
        n_frames=collector.n,
        fps=fps,
        captured_ns=np.array(collector.captured_ns, np.int64),
        episodes=(*collector.episodes, *pipeline.finish()),
        scores={name: np.array(each) for name, each in collector.scores.items()},
        missing={name: dict(each) for name, each in collector.missing.items()},
        notes=tracks.notes,
    )


def _fps_of(wanted: Import) -> float:
    camera = load(wanted.config, wanted.changes).rig.camera
    if isinstance(camera, TracksOnlySettings):
        return camera.fps
    raise ConfigError(
        "how many frames per second the tracks have is not known: say it (--fps), give their video "
        "(--video), or set rig.camera to kind tracks_only"
    )


class _Collector:
    """Keeps what is said of each frame."""

    def __init__(
        self, rules: Mapping[str, Sequence[str]], why: Callable[[], Mapping[str, str]]
    ) -> None:
        self._rules, self._why = rules, why
        self.captured_ns = array("q")
        self.episodes: list[Episode] = []
        self.scores = {name: array("d") for name in rules}
        self.missing: dict[str, Counter[str]] = {name: Counter() for name in rules}

    @property
    def n(self) -> int:
        return len(self.captured_ns)

    def take(self, result: FrameResult) -> None:
        self.captured_ns.append(result.observation.captured_ns)
        self.episodes += [event for event in result.events if isinstance(event, Episode)]
        for name, score in result.scores.items():
            self.scores[name].append(score)
            if math.isnan(score):
                self._note_missing(name, result)

    def _note_missing(self, name: str, result: FrameResult) -> None:
        why = self._why().get(name)
        if why:
            self.missing[name][why] += 1
            return
        unknown = [each for each in self._rules[name] if math.isnan(result.features[each])]
        self.missing[name].update(unknown or ["its inputs"])
