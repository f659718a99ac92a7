"""Experiment of one camera or several -> the session that runs it."""

import os
from collections.abc import Mapping
from pathlib import Path

from tracker.arena import ArenaSettings
from tracker.build import build_observer, build_session, free_folder
from tracker.calibration.stand import Stand, read_stand
from tracker.cameras.make import CameraSettings
from tracker.cameras.scene import SceneCameraSettings, scene_stand
from tracker.clock import Clock
from tracker.config import Experiment
from tracker.errors import ConfigError
from tracker.features import FeatureSettings
from tracker.multiview.feed import SetsFeed
from tracker.multiview.told import TellingObserver
from tracker.session import Session
from tracker.side_camera import SideCamera


def build_any(experiment: Experiment, out: Path, clock: Clock) -> tuple[Session, Path]:
    """Return the session of an experiment, and the folder of its first camera.

    With one camera it is `build_session`. With several, every camera has a session of its own, in a
    folder named after it, side by side; the first one's starts and ends the others.

    Args:
        experiment: Checked settings.
        out: Folder in which session folders are made.
        clock: The session clock, of all cameras.

    Raises:
        ConfigError: If a rule names a feature or a zone that is not there, or cameras that
            are to be triangulated do not stand anywhere.
        CalibrationError: If the file of where cameras stand cannot be used.
        ModelError: If the network file cannot be used.
    """
    rig = experiment.rig
    if not rig.more_cameras:
        return build_session(experiment, out, clock)
    experiment = _without_graphs(experiment)
    cameras: dict[str, CameraSettings] = {rig.name: rig.camera, **rig.more_cameras}
    stand = _stand(rig.views, cameras)
    folder = free_folder(out, experiment.session.subject)
    observer = build_observer(experiment, clock)
    sets = SetsFeed(
        folder,
        tuple(cameras),
        observer.skeleton,
        rig.sets,
        fps=_rate(rig.camera),
        stand=stand,
        clock=clock,
        session_id=f"{folder.name}-{os.urandom(3).hex()}",
    )
    sides = []
    for name, camera in rig.more_cameras.items():
        side = _of_side(experiment, camera)
        seen_by = TellingObserver(build_observer(side, clock), sets.tell(name))
        session, _ = build_session(side, out, clock, seen_by, folder=folder / name)
        sides.append(SideCamera(name, session))
    first = TellingObserver(observer, sets.tell(rig.name))
    session, inside = build_session(
        experiment, out, clock, first, folder=folder / rig.name, feeds=(*sides, sets)
    )
    if session.parts.publisher is not None:
        sets.publish = session.parts.publisher.offer_points
    return session, inside


def _without_graphs(experiment: Experiment) -> Experiment:
    """While one camera's thread records a CUDA graph, no other thread may use the GPU."""
    model = experiment.model.model_copy(update={"cuda_graph": False})
    return experiment.model_copy(update={"model": model})


def _stand(path: Path | None, cameras: Mapping[str, CameraSettings]) -> Stand | None:
    if path is not None:
        stand = read_stand(path)
        if unknown := [name for name in cameras if name not in stand.cameras]:
            raise ConfigError(
                f"rig.views: {path} does not know camera {unknown[0]!r}; it knows "
                f"{', '.join(stand.cameras)}: name cameras as they were calibrated"
            )
        return stand
    scenes = {name: s.place for name, s in cameras.items() if isinstance(s, SceneCameraSettings)}
    if len(scenes) < len(cameras):
        return None
    known = scene_stand()
    return known.model_copy(
        update={"cameras": {name: known.cameras[place] for name, place in scenes.items()}}
    )


def _rate(camera: CameraSettings) -> float:
    """Frames per second as asked for; where nothing was, that of a slow camera."""
    fps: float | None = getattr(camera, "fps", None)
    return fps or 25.0


def _of_side(experiment: Experiment, camera: CameraSettings) -> Experiment:
    """What a further camera does of an experiment: it observes and records, in px.

    Scale, lens, zones and lamps are places in the first camera's picture.
    """
    rig, outputs = experiment.rig, experiment.outputs
    alone: dict[str, object] = {
        "camera": camera,
        "more_cameras": {},
        "views": None,
        "clocks": {},
        "lamps": {},
        "registration": None,
        "arena": ArenaSettings(px_per_cm=None),
    }
    recording = outputs.recording.model_copy(update={"around_episodes": None, "by_hand": False})
    quiet = {"publisher": None, "control": None, "preview": None, "recording": recording}
    return experiment.model_copy(
        update={
            "rig": rig.model_copy(update=alone),
            "behaviours": {},
            "features": experiment.features.model_copy(update={"files": FeatureSettings().files}),
            "stimulation": None,
            "session": experiment.session.model_copy(update={"duration_s": None}),
            "outputs": outputs.model_copy(update=quiet),
        }
    )
