"""One YAML file per experiment: rig, model, behaviours, outputs; checked before anything starts."""

import difflib
import hashlib
import io
import json
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from tracker.actuators.firmata import FirmataSettings
from tracker.actuators.lsl import LslSettings
from tracker.actuators.nidaq import NidaqSettings
from tracker.actuators.null import NullActuatorSettings
from tracker.actuators.osc import OscSettings
from tracker.actuators.serial_ttl import SerialSettings
from tracker.actuators.sound import SoundSettings
from tracker.actuators.stimulus_box import StimulusBoxSettings
from tracker.actuators.zmq_out import ZmqSettings
from tracker.arena import ArenaSettings
from tracker.calibration.stand import CameraName
from tracker.cameras.make import CameraSettings
from tracker.clocks.make import ClockName, ClockSettings
from tracker.control.server import ControlSettings
from tracker.controllers.make import ControllerSettings
from tracker.errors import ConfigError, ExpressionError
from tracker.ethogram import Watched, catalogue_of, problems_of
from tracker.features import FeatureSettings
from tracker.limits import Limits
from tracker.multiview.settings import SetsSettings
from tracker.observers.background import BackgroundSettings
from tracker.observers.blob import BlobSettings
from tracker.observers.lamps import LampName, LampSettings, lamp_measure
from tracker.observers.network import NetworkObserverSettings
from tracker.observers.region_growing import RegionGrowingSettings
from tracker.observers.threshold import ThresholdSettings
from tracker.preview import PreviewSettings
from tracker.publisher import PublisherSettings
from tracker.registration.settings import RegistrationSettings
from tracker.runtimes.base import RuntimeSettings
from tracker.session_folder.settings import RecorderSettings
from tracker.session_parts import SessionSettings
from tracker.settings import Settings
from tracker.smoothing import SmoothingSettings
from tracker.tracking import TrackingSettings

ActuatorSettings = Annotated[
    NullActuatorSettings
    | StimulusBoxSettings
    | SerialSettings
    | FirmataSettings
    | NidaqSettings
    | OscSettings
    | ZmqSettings
    | LslSettings
    | SoundSettings,
    Field(discriminator="kind"),
]


ObserverSettings = Annotated[
    ThresholdSettings | BackgroundSettings | RegionGrowingSettings | BlobSettings,
    Field(discriminator="kind"),
]


class Rig(Settings):
    """What the animal is in, and what looks at it."""

    camera: CameraSettings
    name: CameraName = Field("main", description="of the camera, where there are several")
    more_cameras: Mapping[CameraName, CameraSettings] = Field(
        default_factory=dict,
        description="further cameras, which observe and record: a session of their own each",
    )
    views: Path | None = Field(
        None,
        description="where the cameras stand, by tracker calibrate-views; null: no points in 3-D",
    )
    sets: SetsSettings = SetsSettings()
    arena: ArenaSettings
    clocks: Mapping[ClockName, ClockSettings] = Field(
        default_factory=dict,
        description="clocks of other systems that are followed while the session runs, by name",
    )
    registration: RegistrationSettings | None = Field(
        None, description="watches whether the camera was moved; null: nobody does"
    )
    lamps: Mapping[LampName, LampSettings] = Field(
        default_factory=dict,
        description="places in the picture whose brightness is the feature lamp_<name>",
    )

    @model_validator(mode="after")
    def _cameras_have_their_own_names(self) -> "Rig":
        if self.name in self.more_cameras:
            raise ValueError(f"more_cameras: {self.name!r} is the name of rig.camera (rig.name)")
        return self


class Model(RuntimeSettings, NetworkObserverSettings):
    """The network, on what it runs, and how it looks at frames."""

    network: str = Field(
        "mouse_top_view",
        min_length=1,
        description="a shipped network's name, or a path to an .onnx",
    )


class Outputs(Settings):
    """What leaves the loop, and who may ask for something."""

    recording: RecorderSettings = RecorderSettings()
    publisher: PublisherSettings | None = Field(
        PublisherSettings(), description="null: nothing is published"
    )
    control: ControlSettings | None = Field(
        ControlSettings(), description="null: nobody can ask for anything while it runs"
    )
    preview: PreviewSettings | None = Field(
        PreviewSettings(), description="null: no pictures for live views"
    )


class OutputSettings(Settings):
    """Something that can be done to the animal, and how much of it."""

    actuator: str = Field(description="name of one of the actuators")
    line: str = Field("0", description="the actuator's own name for the line")
    limits: Limits = Limits()


class OnFault(StrEnum):
    """What a fault of an actuator does to the session. Outputs are safe either way."""

    DISARM = "disarm"
    """Nothing is delivered until a person arms again; everything else goes on."""

    END = "end"
    """The session ends."""


class Stimulation(Settings):
    """What may be done to the animal, by what, and when."""

    armed: bool = Field(
        default=False, description="armed from the start: for a bench, not with an animal"
    )
    stall_ms: float = Field(
        250, ge=20, le=10_000, description="the loop counts as dead if its last frame is older"
    )
    on_fault: OnFault = OnFault.DISARM
    doses: Path | None = Field(
        None, description="file that keeps each animal's doses; null: in the user's data folder"
    )
    actuators: Mapping[str, ActuatorSettings] = Field(min_length=1)
    outputs: Mapping[str, OutputSettings] = Field(min_length=1)
    controllers: Mapping[str, ControllerSettings] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _lines_are_there(self) -> "Stimulation":
        taken: dict[tuple[str, str], str] = {}
        for name, output in self.outputs.items():
            if output.actuator not in self.actuators:
                known = ", ".join(self.actuators)
                raise ValueError(
                    f"output {name}: no actuator {output.actuator!r}; there is {known}"
                )
            line = output.actuator, output.line
            if line in taken:
                raise ValueError(
                    f"outputs {taken[line]} and {name} are both line {output.line} of "
                    f"{output.actuator}: one line, one output, or limits would not add up"
                )
            taken[line] = name
        return self


class Experiment(Settings):
    """Everything that a run depends on."""

    rig: Rig
    model: Model = Model()
    observer: ObserverSettings | None = Field(
        None, description="what sees the animals without a network; null: the network of `model`"
    )
    tracking: TrackingSettings = TrackingSettings()
    smoothing: SmoothingSettings = SmoothingSettings()
    features: FeatureSettings = FeatureSettings()
    behaviours: Mapping[str, Watched] = Field(
        description="what is decided, by name; empty: it only observes and records"
    )
    stimulation: Stimulation | None = Field(None, description="null: nothing is ever stimulated")
    outputs: Outputs = Outputs()
    session: SessionSettings = SessionSettings()

    @model_validator(mode="after")
    def _light_is_an_output(self) -> "Experiment":
        light = getattr(self.rig.camera, "light", None)
        known = self.stimulation.outputs if self.stimulation else {}
        if light is not None and light not in known:
            raise ValueError(
                f"rig.camera.light is {light!r}, which is no output; there is "
                f"{', '.join(known) or 'none'}"
            )
        return self

    @model_validator(mode="after")
    def _recorded_behaviours_are_there(self) -> "Experiment":
        around = self.outputs.recording.around_episodes
        for name in around.behaviours if around else ():
            if name not in self.behaviours:
                raise ValueError(
                    f"outputs.recording.around_episodes names {name!r}, which is no behaviour; "
                    f"there is {', '.join(self.behaviours)}"
                )
        return self

    @property
    def seen_by(self) -> str:
        """The network as it is named, or the kind of what sees without one."""
        return self.model.network if self.observer is None else self.observer.kind

    @property
    def confirm_s(self) -> float:
        """Longest time from an onset around which video is wanted to its confirmation."""
        around = self.outputs.recording.around_episodes
        names = (around.behaviours if around else ()) or tuple(self.behaviours)
        return max((self.behaviours[name].episode.min_duration_s for name in names), default=0.0)

    @property
    def sha256(self) -> str:
        """Hash of all resolved settings; the same settings give the same hash."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def as_yaml(self) -> str:
        """All resolved settings, defaults included, as a file that `load` takes."""
        text = io.StringIO()
        YAML().dump(self.model_dump(mode="json"), text)
        return text.getvalue()


def shipped(folder: str) -> Path:
    """Return the folder of the shipped `models` or `configs`, in a wheel or in a checkout."""
    package = Path(__file__).parent
    inside = package / folder
    return inside if inside.is_dir() else package.parent / folder


def schema() -> str:
    """Return the JSON schema of an experiment file, for editors."""
    return json.dumps(Experiment.model_json_schema(), indent=2) + "\n"


def load(path: Path, overrides: Sequence[str] = ()) -> Experiment:
    """Return the experiment that a YAML file describes.

    Args:
        path: The file; a bare name is also looked for among the shipped configs.
        overrides: Settings to replace, e.g. "rig.camera.fps=60"; the value is YAML.

    Raises:
        ConfigError: Naming the file, the line, what was found and what was expected.
    """
    if not path.is_file() and (shipped("configs") / f"{path}.yaml").is_file():
        path = shipped("configs") / f"{path}.yaml"
    content = _read(path)
    for override in overrides:
        _override(content, override)
    try:
        experiment = Experiment.model_validate(content)
    except ValidationError as error:
        problems = [_describe(problem, content) for problem in error.errors()]
    else:
        problems = _wrong_rules(experiment, content)
    if problems:
        raise ConfigError(f"{path} cannot be used:\n" + "\n".join(problems))
    return experiment


def _wrong_rules(experiment: Experiment, content: CommentedMap) -> list[str]:
    """What is wrong with rules that are text, as far as it can be told without the network."""
    if experiment.features.files:
        return []  # a user's program runs when a session is made, not when its file is read
    lamps = [lamp_measure(name) for name in experiment.rig.lamps]
    animals = experiment.tracking.known_names
    catalogue = catalogue_of(
        experiment.features, experiment.rig.arena, None, lamps, animals=animals
    )
    wrong = problems_of(experiment.behaviours, catalogue)
    return [
        _at(("behaviours", name, "rule"), content) + str(error) for name, error in wrong.items()
    ]


def _read(path: Path) -> CommentedMap:
    try:
        content = YAML().load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        names = sorted(file.stem for file in shipped("configs").glob("*.yaml"))
        raise ConfigError(f"{path} is not there; shipped configs are {', '.join(names)}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from None
    except MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"{path}{line} is not YAML: {error.problem}") from None
    except YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {error}") from None
    if not isinstance(content, CommentedMap):
        raise ConfigError(f"{path} holds {type(content).__name__}, expected settings with names")
    return content


def _override(content: MutableMapping[str, Any], override: str) -> None:
    dotted, equals, text = override.partition("=")
    if not equals or not dotted:
        raise ConfigError(f"--set {override}: expected name=value, e.g. rig.camera.fps=60")
    *parents, name = dotted.split(".")
    place: Any = content
    for parent in parents:
        place = place.setdefault(parent, CommentedMap())
        if not isinstance(place, MutableMapping):
            raise ConfigError(f"--set {override}: {parent} is a value, it has no {name} in it")
    try:
        place[name] = YAML(typ="safe").load(text)
    except YAMLError:
        raise ConfigError(f"--set {override}: {text!r} is not a YAML value") from None


def _describe(problem: Any, content: CommentedMap) -> str:
    """One line: where in the file, what was found, what was expected."""
    where = _at(problem["loc"], content)
    failure = problem.get("ctx", {}).get("error")
    if isinstance(failure, ExpressionError):
        return f"{where}{failure}"
    if problem["type"] == "extra_forbidden":
        return f"{where}there is no such setting{_did_you_mean(str(problem['loc'][-1]))}"
    if problem["type"] == "missing":
        return f"{where}is missing"
    found = "" if isinstance(problem["input"], Mapping) else f", found {problem['input']!r}"
    return f"{where}{problem['msg']}{found}"


def _at(loc: Sequence[str | int], content: CommentedMap) -> str:
    path, line = _locate(loc, content)
    return f"  line {line}, {path}: " if line else f"  {path}: "


def _locate(loc: Sequence[str | int], content: CommentedMap) -> tuple[str, int | None]:
    """Return the dotted name and the line (from 1) of a problem.

    Pydantic's place also names the chosen kind of a camera or rule, which is no key of
    the file: it is left out.
    """
    names: list[str] = []
    line: int | None = None
    here: Any = content
    for part in loc:
        is_last = part is loc[-1]
        if names[-1:] == ["rule"] and part in ("text", "parts"):
            continue
        if isinstance(here, CommentedMap) and part in here:
            place = here.lc.data.get(part) if here.lc.data else None
            line = place[0] + 1 if place else line
            here = here[part]
        elif isinstance(here, list) and isinstance(part, int) and part < len(here):
            here = here[part]
        elif not is_last:
            continue
        names.append(str(part))
    return ".".join(names), line


def _did_you_mean(name: str) -> str:
    close = difflib.get_close_matches(name, set(_setting_names(Experiment.model_json_schema())), 1)
    return f"; did you mean {close[0]}?" if close else ""


def _setting_names(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        yield from schema.get("properties", {})
        for part in schema.values():
            yield from _setting_names(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _setting_names(part)
