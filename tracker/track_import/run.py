"""A file of tracks, its video and an experiment → a session, by the ordinary way."""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tracker.build import build_session
from tracker.cameras.video_file import count_frames
from tracker.clock import SystemClock
from tracker.config import Experiment, load
from tracker.errors import ConfigError, TrackFileError
from tracker.observers.base import Observer
from tracker.observers.lamps import LampObserver
from tracker.observers.tracks import Tracks, TracksObserver
from tracker.session import Session
from tracker.session_folder.video_encoder import Codec
from tracker.track_import.read import read_tracks

LOOK_EVERY_S = 0.1
"""How often progress is told."""


@dataclass(frozen=True, slots=True)
class Import:
    """What is to become a session.

    Attributes:
        tracks: A file of DeepLabCut or SLEAP.
        config: An experiment, or the name of a shipped one.
        video: The video that the tracks were found in; None: it is not there any more.
        fps: Frames per second of a video that is not there; with a video its own times count.
        individual: Name of the one that features and rules are about; None: the first.
        min_confidence: From which confidence a keypoint counts as found; None: as its program does.
        changes: Settings to replace, e.g. "session.subject=m12".
    """

    tracks: Path
    config: Path
    video: Path | None = None
    fps: float | None = None
    individual: str | None = None
    min_confidence: float | None = None
    changes: Sequence[str] = ()


class ImportRun:
    """A session out of tracks, made and not started.

    Nothing is stimulated, published or asked for: of the experiment count the arena, the features,
    the behaviours and what is recorded.

    Args:
        wanted: What is to become a session.
        out: Folder in which session folders are made.

    Raises:
        TrackFileError: If the tracks cannot be used, or do not fit the video.
        ConfigError: If the experiment names a keypoint or a feature that is not there.
        DeviceError: If the video cannot be read.
        MissingExtra: If a library of the extra `export` is not installed.
    """

    def __init__(self, wanted: Import, out: Path) -> None:
        if (wanted.video is None) == (wanted.fps is None):
            raise ConfigError(
                "give the video that the tracks were found in (--video), or, if it is not there "
                "any more, its frames per second (--fps): one of the two"
            )
        tracks = read_tracks(wanted.tracks, wanted.video)
        self.n_frames = len(tracks) if wanted.video is None else count_frames(wanted.video)
        """Frames that the session will have."""
        if len(tracks) > self.n_frames:
            raise TrackFileError(
                f"{wanted.tracks} has {len(tracks)} rows, but {wanted.video} only "
                f"{self.n_frames} frames: is it the video that they were found in?"
            )
        self.notes = list(tracks.notes)
        """What a person has to know, one sentence each; also in the session's log."""
        if len(tracks) < self.n_frames:
            self.notes.append(
                f"the tracks end after {len(tracks)} of {self.n_frames} frames: nothing is known "
                f"of the rest"
            )
        self.experiment = experiment_for(wanted, tracks)
        """As it is run: the given one, without outputs, and with the video or its frames."""
        observer = observer_for(wanted, tracks, self.experiment)
        self.session, self.folder = build_session(self.experiment, out, SystemClock(), observer)

    def run(self, progress: Callable[[int, int], None] = lambda _done, _of: None) -> None:
        """Run to the end; Ctrl-C ends it early, in order, with what there is.

        Args:
            progress: Told how many frames are done, of how many.

        Raises:
            SessionError: If a part of it failed.
            TrackerError: If it could not begin.
        """
        session: Session = self.session
        session.start()
        try:
            for note in self.notes:
                session.note("warning", note)
            while not session.wait(LOOK_EVERY_S):
                progress(session.status.totals.processed, self.n_frames)
        except KeyboardInterrupt:
            session.stop()
        finally:
            session.finish()


def import_tracks(
    wanted: Import,
    out: Path,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Path:
    """Make a session out of tracks and return its folder; raises as `ImportRun`."""
    made = ImportRun(wanted, out)
    made.run(progress)
    return made.folder


def experiment_for(wanted: Import, tracks: Tracks) -> Experiment:
    """Return the experiment as it is run: without outputs, and with the video or its frames.

    Raises:
        ConfigError: If it cannot be used.
    """
    camera: dict[str, Any]
    changes = []
    if wanted.video is not None:
        colour = bool(getattr(load(wanted.config, wanted.changes).rig.camera, "colour", False))
        camera = {"kind": "video_file", "path": str(wanted.video), "colour": colour}
        camera |= {"fast": True, "from_zero": True}
    else:
        width, height = (np.nanmax(tracks.xy, axis=(0, 1, 2)).astype(int) + 1).tolist()
        camera = {"kind": "tracks_only", "n_frames": len(tracks), "fps": wanted.fps}
        camera |= {"width_px": max(1, width), "height_px": max(1, height)}
        changes.append(f"outputs.recording.codec={Codec.NONE}")
    if tracks.tracked:
        names = _animals(tracks)
        animals = [names[k] for k in _order(wanted, tracks)] if len(names) > 1 else []
        changes.append(f"tracking={json.dumps({'animals': animals, 'given': True})}")
    changes += [
        f"rig.camera={json.dumps(camera)}",
        "stimulation=null",
        "outputs.publisher=null",
        "outputs.control=null",
    ]
    return load(wanted.config, [*wanted.changes, *changes])


def _order(wanted: Import, tracks: Tracks) -> list[int]:
    """Numbers of the individuals, the one that rules are about first."""
    names = tracks.individuals
    if wanted.individual is not None and wanted.individual not in names:
        raise TrackFileError(
            f"{tracks.path}: there is no individual {wanted.individual!r}; it has "
            f"{', '.join(names)}"
        )
    first = names.index(wanted.individual) if wanted.individual else 0
    return [first, *(k for k in range(len(names)) if k != first)]


def _animals(tracks: Tracks) -> list[str]:
    """Names of the individuals as settings take them: letters, digits and _, all different."""
    names: list[str] = []
    for each in tracks.individuals:
        name = re.sub(r"\W", "_", each, flags=re.ASCII)
        name = name if name[:1].isalpha() else f"animal_{name}"
        names.append(name if name not in names else f"{name}_{len(names)}")
    return names


def observer_for(wanted: Import, tracks: Tracks, experiment: Experiment) -> Observer:
    """Return what sees what the file of tracks says.

    Raises:
        TrackFileError: If it does not have the individual that is wanted.
        ConfigError: If the experiment looks at lamps and there is no video.
    """
    names: list[str] = []
    if tracks.tracked:
        several = len(tracks.individuals) > 1
        names = _animals(tracks) if several else [experiment.session.subject]
    least = wanted.min_confidence
    observer: Observer = TracksObserver(
        tracks,
        _order(wanted, tracks)[0],
        tracks.usual_confidence if least is None else least,
        names,
        {"video": _video_facts(wanted.video), "fps": wanted.fps},
    )
    if not experiment.rig.lamps:
        return observer
    if wanted.video is None:
        raise ConfigError("rig.lamps looks at pictures, and there is no video: leave it out")
    return LampObserver(observer, experiment.rig.lamps)


def _video_facts(video: Path | None) -> dict[str, str] | None:
    """What the provenance says of the video: it may not be recorded anew."""
    if video is None:
        return None
    with video.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return {"path": str(video.resolve()), "sha256": sha256}
