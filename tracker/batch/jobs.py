"""What is to be done for each recording, and under which name its result is found again."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tracker.batch.labels import Label
from tracker.batch.place import Look
from tracker.batch.sources import Source
from tracker.build import find_network
from tracker.cameras.video_file import VideoFileSettings
from tracker.config import Experiment, load
from tracker.errors import ConfigError, ModelError
from tracker.provenance import code_sha256

OFFLINE = (
    "model.threads=1",
    "session.ring_capacity=8",
    "outputs.recording.codec=none",
    "outputs.publisher=null",
    "outputs.control=null",
    "outputs.preview=null",
    "stimulation=null",
)
"""How a batch differs from a live run unless `--set` says otherwise: one thread per network, no
second copy of the video, no sockets. Nothing is ever stimulated."""

CAMERA = 'rig.camera={"kind": "video_file", "path": "-", "fast": true, "from_zero": true}'


@dataclass(frozen=True, slots=True)
class Job:
    """One recording, for a worker.

    Attributes:
        source: The recording.
        label: Group and animal, as far as they are known.
        out: The results folder.
        ticket: While this file is there, work goes on.
        folder: Where its session is, or will be.
        experiment: What to run; None for a session folder, which is only summarised.
        look: The video's hash and size; None for a session folder.
        settings_sha256: Of all settings but the paths of video and network and the animal's name.
        model_sha256: The network that is meant; None if no network is to look.
        code_sha256: The program that is meant.
    """

    source: Source
    label: Label
    out: Path
    ticket: Path
    folder: Path
    experiment: Experiment | None = None
    look: Look | None = None
    settings_sha256: str | None = None
    model_sha256: str | None = None
    code_sha256: str | None = None

    @property
    def drafts(self) -> Path:
        """Where the session is made."""
        return self.ticket.parent


def load_offline(config: Path, changes: Sequence[str]) -> Experiment:
    """Return an experiment as a batch runs it, but for its video.

    Args:
        config: Experiment file, or the name of a shipped one.
        changes: Settings to replace, as of `--set`.

    Raises:
        ConfigError: If it cannot be used, or is none for a batch.
        ModelError: If there is no such network.
    """
    if any(change.startswith("session.subject=") for change in changes):
        raise ConfigError("--set session.subject: each recording has its own: see --groups")
    experiment = load(config, [CAMERA, *OFFLINE, *changes])
    camera = experiment.rig.camera
    if not (isinstance(camera, VideoFileSettings) and camera.fast and camera.from_zero):
        raise ConfigError(
            "--set rig.camera...: a batch reads video files, as fast as they go, from time zero"
        )
    if camera.loop or experiment.stimulation is not None:
        raise ConfigError(
            "--set: a batch neither plays videos in a loop nor stimulates: leave rig.camera.loop "
            "and stimulation alone"
        )
    if experiment.observer is not None:
        return experiment  # no network looks, and none need be there
    network = find_network(experiment.model.network)
    if not network.is_file():
        raise ModelError(f"model.network: {network} is not there")
    model = experiment.model.model_copy(update={"network": _name_anywhere(network, experiment)})
    return experiment.model_copy(update={"model": model})


def _name_anywhere(network: Path, experiment: Experiment) -> str:
    """A shipped network's name, or a path that does not depend on the folder one is in."""
    name = experiment.model.network
    return str(network.resolve()) if Path(name).suffix == ".onnx" else name


def make_jobs(
    sources: Sequence[Source],
    labels: Mapping[str, Label],
    looks: Mapping[str, Look],
    experiment: Experiment | None,
    out: Path,
    ticket: Path,
) -> list[Job]:
    """Return one job per recording.

    Args:
        sources: The recordings.
        labels: By name; recordings without one have none.
        looks: At every video, by name.
        experiment: From `load_offline`; None if there are only session folders.
        out: The results folder.
        ticket: While this file is there, work goes on.

    Raises:
        ConfigError: If two recordings are the same one: an animal would count twice.
    """
    _refuse_twins(looks)
    jobs = []
    if experiment is not None:
        model = _network_sha256(experiment)
        code, settings = code_sha256(), _settings_sha256(experiment)
    for source in sources:
        label = labels.get(source.name, Label())
        if source.is_session or experiment is None:
            jobs.append(Job(source, label, out, ticket, source.path))
            continue
        look = looks[source.name]
        own = _experiment_of(source, label, experiment)
        key = _key(look.sha256, own.session.subject, settings, model or "", code)
        folder = out / f"{_plain(source.stem)}-{key[:12]}"
        jobs.append(Job(source, label, out, ticket, folder, own, look, settings, model, code))
    return jobs


def _network_sha256(experiment: Experiment) -> str | None:
    """The hash of the network file; None if no network looks."""
    if experiment.observer is not None:
        return None
    return hashlib.sha256(find_network(experiment.model.network).read_bytes()).hexdigest()


def _experiment_of(source: Source, label: Label, experiment: Experiment) -> Experiment:
    """The experiment with this recording as its camera, and its animal as the subject."""
    camera = experiment.rig.camera.model_copy(update={"path": source.path})
    subject = label.subject or _plain(source.stem)
    return experiment.model_copy(
        update={
            "rig": experiment.rig.model_copy(update={"camera": camera}),
            "session": experiment.session.model_copy(update={"subject": subject}),
        }
    )


def _settings_sha256(experiment: Experiment) -> str:
    content = experiment.model_dump(mode="json")  # no video yet
    del content["session"]["subject"]  # each recording has its own
    del content["model"]["network"]  # a path: its hash stands beside
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _key(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _plain(stem: str) -> str:
    """A name that is good for a folder and for `session.subject`."""
    return re.sub(r"[^\w.-]+", "_", stem)


def _refuse_twins(looks: Mapping[str, Look]) -> None:
    first: dict[str, str] = {}
    for name, look in looks.items():
        if look.sha256 in first:
            raise ConfigError(
                f"{first[look.sha256]} and {name} are the same recording, byte for byte: its "
                f"animal would count twice; leave one of them out"
            )
        first[look.sha256] = name
