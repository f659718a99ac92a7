"""Experiment → objects: a parts list, the only place that names every class."""

import math
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import assert_never

from tracker.build_loop import Bench
from tracker.build_watches import (
    build_catalogue,
    build_features,
    build_watches,
    masks_wanted,
    refuse_unknown_classes,
)
from tracker.camera_watch import CameraWatch
from tracker.cameras.base import Camera
from tracker.cameras.make import CameraSettings, make_camera
from tracker.cameras.synthetic import (
    SYNTHETIC_SKELETON,
    SyntheticCameraSettings,
    positions_of,
)
from tracker.clock import Clock
from tracker.clocks.feed import ClockFeed
from tracker.clocks.make import make_clock
from tracker.config import Experiment, ObserverSettings, OnFault, shipped
from tracker.control.description import BehaviourFacts, Facts
from tracker.control.server import ControlServer
from tracker.errors import ConfigError, ModelError
from tracker.filming import Filming
from tracker.ledger import Ledger
from tracker.observers import stand_in
from tracker.observers.appearance import AppearanceObserver
from tracker.observers.background import Background, BackgroundSettings
from tracker.observers.base import Observer
from tracker.observers.blob import Blob, BlobSettings
from tracker.observers.lamps import LampObserver, lamp_measure
from tracker.observers.mask_measures import MaskMeasuresObserver
from tracker.observers.network import NetworkObserver
from tracker.observers.region_growing import RegionGrowing, RegionGrowingSettings
from tracker.observers.shape import Method, ShapeObserver
from tracker.observers.threshold import Threshold, ThresholdSettings
from tracker.pipeline import Pipeline
from tracker.preview import Preview
from tracker.provenance import provenance
from tracker.publisher import Publisher
from tracker.recorder import Recorder
from tracker.runtimes.onnx import OnnxRuntime
from tracker.session import Session
from tracker.session_folder.settings import Overload
from tracker.session_folder.video_encoder import Codec
from tracker.session_handler import SessionHandler
from tracker.session_parts import Feed, Parts
from tracker.smoothing import Smoother
from tracker.tracking import Tracker
from tracker.types import CameraInfo


def build_session(
    experiment: Experiment,
    out: Path,
    clock: Clock,
    observer: Observer | None = None,
    *,
    folder: Path | None = None,
    feeds: Sequence[Feed] = (),
) -> tuple[Session, Path]:
    """Return a session of this experiment, and the folder that it will write.

    Nothing is opened yet but the network file.

    Args:
        experiment: Checked settings.
        out: Folder in which session folders are made.
        clock: The session clock.
        observer: What sees the animal, in place of the experiment's network.
        folder: Of the session; None: a new one in `out`.
        feeds: What is followed besides.

    Raises:
        ConfigError: If a rule names a feature or a zone that is not there.
        ModelError: If the network file cannot be used.
    """
    pipeline = build_pipeline(experiment, clock, observer)
    rig, stimulation = experiment.rig, experiment.stimulation
    bench = Bench(experiment, stimulation, clock) if stimulation else None
    controllers = bench.controllers(pipeline.rules, pipeline.feature_names) if bench else []
    folder = folder or free_folder(out, experiment.session.subject)
    session_id = f"{folder.name}-{os.urandom(3).hex()}"
    outputs, watch = experiment.outputs, experiment.rig.registration
    video = outputs.recording.codec is not Codec.NONE
    ledger = Ledger(video=video, publishing=outputs.publisher is not None)
    model_sha256 = pipeline.observer.facts.get("sha256") or ""
    history = outputs.control.make_history() if outputs.control else None
    publisher = None
    if outputs.publisher is not None:
        publisher = Publisher(
            outputs.publisher,
            session_id=session_id,
            camera=experiment.rig.camera.kind,
            clock=clock,
            model_sha256=model_sha256,
            config_sha256=experiment.sha256,
            on_published=ledger.note_published,
            on_sent=history.note if history else None,
        )

    def recorder(info: CameraInfo) -> Recorder:
        return Recorder(
            folder,
            outputs.recording,
            session_id=session_id,
            camera=info,
            skeleton=pipeline.observer.skeleton,
            features=pipeline.feature_names,
            behaviours=pipeline.behaviours,
            experiment_yaml=experiment.as_yaml(),
            provenance=provenance(experiment, pipeline.observer.facts)  # after the warm-up
            | ({"stimulation": session.loop.facts} if session.loop else {}),
            clock=clock,
            blinded=session.loop.blinded if session.loop else None,
            confirm_s=experiment.confirm_s,
            sealed={each.name: dict(each.sealed) for each in controllers if each.sealed},
        )

    parts = Parts(
        camera=build_camera(rig.camera, clock, bench),
        pipeline=pipeline,
        recorder=recorder,
        publisher=publisher,
        ledger=ledger,
        clock=clock,
        video=video,
        drop_frames=outputs.recording.on_overload is Overload.DROP,
        loop=(lambda *tell: bench.loop(controllers, *tell)) if bench else None,
        feeds=(
            *feeds,
            *(bench.feeds if bench else ()),
            *(ClockFeed(name, make_clock(each, clock), clock) for name, each in rig.clocks.items()),
        ),
        filming=Filming() if outputs.recording.by_hand else None,
        camera_watch=None if watch is None else CameraWatch(watch, clock),
        armed=stimulation is not None and stimulation.armed,
        preview=_preview(experiment, session_id, clock),
        end_on_fault=stimulation is not None and stimulation.on_fault is OnFault.END,
    )
    session = Session(parts, experiment.session)
    if outputs.control is not None:
        handler = SessionHandler(session, facts_of(experiment, folder))
        session.attach(
            ControlServer(
                outputs.control,
                handler,
                session_id=session_id,
                clock=clock,
                history=outputs.control.make_history() if history is None else history,
            )
        )
    return session, folder


def _preview(experiment: Experiment, session_id: str, clock: Clock) -> Preview | None:
    """Pictures for views, who learn where from the control socket."""
    settings, control = experiment.outputs.preview, experiment.outputs.control
    if settings is None or control is None:
        return None
    camera = experiment.rig.camera.kind
    return Preview(settings, session_id=session_id, camera=camera, clock=clock)


def facts_of(experiment: Experiment, folder: Path) -> Facts:
    """Return what a view may know of a session before it starts."""
    about, stimulation = experiment.session, experiment.stimulation
    controllers = stimulation.controllers if stimulation else {}
    return Facts(
        subject=about.subject,
        experimenter=about.experimenter,
        protocol=about.protocol,
        notes=about.notes,
        duration_s=about.duration_s,
        folder=str(folder),
        camera=experiment.rig.camera.kind,
        arena=experiment.rig.arena.floor or "",
        px_per_cm=experiment.rig.arena.image_px_per_cm or math.nan,
        zones={
            name: zone.model_dump(mode="json", exclude={"hysteresis_cm"})
            for name, zone in experiment.rig.arena.zones_px.items()
        },
        behaviours={
            name: BehaviourFacts(
                enter=watched.episode.enter,
                leave=watched.episode.leave,
                min_duration_s=watched.episode.min_duration_s,
                max_gap_s=watched.episode.max_gap_s,
            )
            for name, watched in experiment.behaviours.items()
        },
        triggers={
            name: str(getattr(settings, "behaviour", "")) for name, settings in controllers.items()
        },
        outputs=tuple(stimulation.outputs) if stimulation else (),
        network=experiment.seen_by,
    )


def build_camera(settings: CameraSettings, clock: Clock, bench: Bench | None = None) -> Camera:
    """Return the camera of these settings, not opened.

    Args:
        settings: Of any kind.
        clock: The session clock.
        bench: Whose light a synthetic mouse sees.
    """
    light = None
    if bench and isinstance(settings, SyntheticCameraSettings) and settings.paced:
        light = bench.light_of(settings.light)
    return make_camera(settings, clock, light)


def build_pipeline(
    experiment: Experiment,
    clock: Clock,
    observer: Observer | None = None,
    only: Sequence[str] | None = None,
) -> Pipeline:
    """Return the pipeline of this experiment, its network loaded.

    Args:
        experiment: Checked settings.
        clock: Stamps the stages.
        observer: What sees the animal, in place of the experiment's network and lamps.
        only: Features to measure, and no behaviours; None: what the experiment says.

    Raises:
        ConfigError: If a rule names a feature or a zone that is not there, or if identities are
            said to be given and a network is to look.
        ModelError: If the network file cannot be used.
    """
    tracking = experiment.tracking
    if observer is None:
        if tracking.given:
            raise ConfigError(
                "tracking.given: a network does not say who is who; it is for `tracker import`"
            )
        observer = build_observer(experiment, clock)
    names, tracker = tracking.names(experiment.session.subject), None
    if not tracking.given:
        tracker = Tracker(names, observer.skeleton, tracking)
    smoother = Smoother(experiment.smoothing, len(names), observer.skeleton)
    catalogue = build_catalogue(experiment, observer.skeleton)
    features = build_features(experiment, observer.skeleton, catalogue, only)
    lamps = [lamp_measure(name) for name in experiment.rig.lamps]
    delays = smoother.delays(features.group_delay_s, but=lamps)
    watches = (
        build_watches(experiment, features.names, delays, catalogue, observer.skeleton)
        if only is None
        else []
    )
    return Pipeline(observer, features, watches, clock, tracker, smoother, delays)


def build_observer(experiment: Experiment, clock: Clock) -> Observer:
    """Return what sees the animal in this experiment: its network, and its lamps if it has any.

    Raises:
        ConfigError: If a rule looks at masks that the network does not make.
        ModelError: If the network file cannot be used.
    """
    observer, has_masks, classes = _bare_observer(experiment, clock)
    refuse_unknown_classes(experiment, observer.skeleton, classes)
    tracking = experiment.tracking
    if tracking.appearance and len(tracking.names(experiment.session.subject)) > 1:
        observer = AppearanceObserver(observer)
    masks = masks_wanted(experiment, observer.skeleton)
    if masks:
        observer = MaskMeasuresObserver(observer, masks, has_masks=has_masks)
    lamps = experiment.rig.lamps
    return LampObserver(observer, lamps) if lamps else observer


def _bare_observer(experiment: Experiment, clock: Clock) -> tuple[Observer, bool, tuple[str, ...]]:
    """Return what finds keypoints, whether it makes masks, and the classes that it tells."""
    if experiment.observer is not None:
        return without_network(experiment.observer), True, ()
    if experiment.model.network == stand_in.NAME:
        return _stand_in(experiment), False, ()
    runtime = OnnxRuntime(find_network(experiment.model.network), experiment.model)
    if not runtime.card.keypoints:
        raise ModelError(
            f"{experiment.model.network} finds no keypoints, which features are measured from: "
            f"choose a network that does"
        )
    has_masks = bool(runtime.card.mask_classes or runtime.card.individual_masks)
    return NetworkObserver(runtime, clock, experiment.model), has_masks, runtime.card.classes


def without_network(settings: ObserverSettings) -> ShapeObserver:
    """Return what sees animals without a network. Raises `ConfigError` where a file is missing."""
    method: Method
    match settings:
        case ThresholdSettings():
            method = Threshold(settings)
        case BackgroundSettings():
            method = Background(settings)
        case RegionGrowingSettings():
            method = RegionGrowing(settings)
        case BlobSettings():
            method = Blob(settings)
        case _:
            assert_never(settings)
    return ShapeObserver(method, settings, settings.kind)


def _stand_in(experiment: Experiment) -> Observer:
    camera = experiment.rig.camera
    if not isinstance(camera, SyntheticCameraSettings) or camera.light is not None:
        raise ConfigError(
            f"model.network {stand_in.NAME} knows what synthetic mice do, and only where no light "
            f"wakes them: expected rig.camera.kind synthetic and rig.camera.light null"
        )
    return stand_in.StandInObserver(SYNTHETIC_SKELETON, positions_of(camera), camera.seed)


def find_network(name: str) -> Path:
    """Return the file of a network that is shipped, or that a path names.

    Raises:
        ModelError: If there is none; it lists the shipped ones.
    """
    file = shipped("models") / name / "network.onnx"
    if file.is_file():
        return file
    if Path(name).suffix == ".onnx":
        return Path(name)  # the runtime says what is wrong with it, if anything is
    names = sorted(folder.parent.name for folder in shipped("models").glob("*/network.onnx"))
    raise ModelError(
        f"model.network is {name!r}: neither a shipped network ({', '.join(names)}) "
        f"nor a path to an .onnx file"
    )


def free_folder(out: Path, subject: str) -> Path:
    """Return `<start>_<subject>`, with a number behind it if that is taken."""
    stem = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}_{subject}"
    folder, n = out / stem, 1
    while folder.exists():
        n += 1
        folder = out / f"{stem}_{n}"
    return folder
