"""The stimulation of an experiment → controllers, interlocks, actuators."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import assert_never

from tracker.actuators.base import Actuator
from tracker.actuators.firmata import FirmataSettings, firmata
from tracker.actuators.lsl import LslMarks, LslSettings
from tracker.actuators.nidaq import NidaqSettings, nidaq
from tracker.actuators.null import NullActuator, NullActuatorSettings
from tracker.actuators.osc import OscSettings, osc
from tracker.actuators.serial_ttl import SerialSettings, serial_ttl
from tracker.actuators.sound import SoundOut, SoundSettings
from tracker.actuators.stimulus_box import StimulusBox, StimulusBoxSettings
from tracker.actuators.zmq_out import ZmqOut, ZmqSettings
from tracker.clock import Clock
from tracker.closed_loop import ClosedLoop, Output
from tracker.config import ActuatorSettings, Experiment, Stimulation
from tracker.controllers.base import Controller
from tracker.controllers.level import LevelSettings
from tracker.controllers.make import make_controller, yoke_of
from tracker.controllers.yoke import (
    LiveYoke,
    RecordedYoke,
    YokeSettings,
    YokeSource,
    orders_of,
)
from tracker.dose_store import DoseStore, usual_path
from tracker.errors import ConfigError
from tracker.interlocks import Interlocks
from tracker.recording import Recording
from tracker.stimuli import Edge, LineLimits
from tracker.yoke_feed import YokeFeed

Light = Callable[[int, int], float]
"""Highest level (0 to 1) of an output between two session times (ns)."""


class Bench:
    """Everything that an experiment stimulates with, made and not opened.

    Args:
        experiment: With a stimulation.
        stimulation: That of the experiment.
        clock: The session clock.

    Raises:
        ConfigError: If something in it does not fit together.
        RecordingError: If the doses of animals cannot be kept.
    """

    def __init__(self, experiment: Experiment, stimulation: Stimulation, clock: Clock) -> None:
        self._stimulation = stimulation
        self._clock = clock
        self._subject = experiment.session.subject
        self._feeds: list[YokeFeed] = []
        levels = {
            settings.output
            for settings in stimulation.controllers.values()
            if isinstance(settings, LevelSettings)
        }
        self._actuators = {
            name: build_actuator(each, _lines_of(name, stimulation, levels), clock)
            for name, each in stimulation.actuators.items()
        }

    def light_of(self, name: str | None) -> Light | None:
        """Return what an output does, if its box is simulated; None if nobody can know."""
        if name is None:
            return None
        output = self._stimulation.outputs[name]
        actuator = self._actuators[output.actuator]
        if not isinstance(actuator, StimulusBox) or actuator.simulated is None:
            return None
        simulated, line = actuator.simulated, int(output.line)
        return lambda from_ns, to_ns: simulated.level(line, from_ns, to_ns)

    @property
    def feeds(self) -> tuple[YokeFeed, ...]:
        """What has to be followed while the session runs; known once there are controllers."""
        return tuple(self._feeds)

    def controllers(
        self,
        behaviours: Mapping[str, Sequence[str]],
        features: Sequence[str],
        seeds: Mapping[str, str] | None = None,
    ) -> list[Controller]:
        """Return the controllers.

        Args:
            behaviours: Features that the rule of each behaviour looks at.
            features: Names of all features there are.
            seeds: Of a session to repeat, by controller; None: they are made anew.

        Raises:
            ConfigError: If one names something that is not there.
        """
        return build_controllers(
            self._stimulation, behaviours, features, self._yoke_for, seeds or {}
        )

    def _yoke_for(self, name: str, yoke: YokeSettings) -> YokeSource:
        del name
        if yoke.address is None:
            return recorded_yoke(yoke)
        live = LiveYoke(yoke)
        self._feeds.append(YokeFeed(yoke.address, live))
        return live

    def loop(
        self,
        controllers: Sequence[Controller],
        on_edge: Callable[[Edge], None],
        on_fault: Callable[[str], None],
    ) -> ClosedLoop:
        """Return controllers, interlocks and actuators put together.

        Raises:
            RecordingError: If the doses of animals cannot be kept.
        """
        stimulation, clock = self._stimulation, self._clock
        outputs = stimulation.outputs
        interlocks = Interlocks(
            {name: output.limits for name, output in outputs.items()},
            DoseStore(stimulation.doses or usual_path()),
            subject=self._subject,
            anchor_utc_ns=clock.anchor_utc_ns,
        )
        return ClosedLoop(
            controllers,
            {name: Output(output.actuator, output.line) for name, output in outputs.items()},
            self._actuators,
            interlocks,
            clock,
            stall_s=stimulation.stall_ms / 1000,
            on_edge=on_edge,
            on_fault=on_fault,
        )


def build_controllers(
    stimulation: Stimulation,
    behaviours: Mapping[str, Sequence[str]],
    features: Sequence[str],
    yoke_for: Callable[[str, YokeSettings], YokeSource],
    seeds: Mapping[str, str],
) -> list[Controller]:
    """Return the controllers of an experiment, without anything that they would drive.

    Args:
        stimulation: That of the experiment.
        behaviours: Features that the rule of each behaviour looks at.
        features: Names of all features there are.
        yoke_for: Gives the other animal of a controller, by its name and settings.
        seeds: Of a session to repeat, by controller; the others are made anew.

    Raises:
        ConfigError: If one names something that is not there.
    """
    return [
        make_controller(
            name,
            settings,
            behaviours=behaviours,
            features=features,
            outputs=tuple(stimulation.outputs),
            seed=seeds.get(name),
            yoke=None if (yoke := yoke_of(settings)) is None else yoke_for(name, yoke),
        )
        for name, settings in stimulation.controllers.items()
    ]


def build_actuator(  # noqa: PLR0911 - one for each kind
    settings: ActuatorSettings, lines: Mapping[str, LineLimits], clock: Clock
) -> Actuator:
    """Return the actuator of these settings, not opened.

    Raises:
        ConfigError: If it has no such line.
    """
    match settings:
        case NullActuatorSettings():
            return NullActuator(settings, lines, clock)
        case StimulusBoxSettings():
            return StimulusBox(settings, lines, clock)
        case SerialSettings():
            return serial_ttl(settings, lines, clock)
        case FirmataSettings():
            return firmata(settings, lines, clock)
        case NidaqSettings():
            return nidaq(settings, lines, clock)
        case OscSettings():
            return osc(settings, lines, clock)
        case ZmqSettings():
            return ZmqOut(settings, lines, clock)
        case LslSettings():
            return LslMarks(settings, lines, clock)
        case SoundSettings():
            return SoundOut(settings, lines, clock)
        case _:
            assert_never(settings)


def _lines_of(actuator: str, stimulation: Stimulation, levels: set[str]) -> dict[str, LineLimits]:
    return {
        output.line: output.limits.for_device(levels=name in levels)
        for name, output in stimulation.outputs.items()
        if output.actuator == actuator
    }


def recorded_yoke(settings: YokeSettings) -> RecordedYoke:
    """Return what another animal got, from the folder of its session.

    Raises:
        ConfigError: If it got nothing that counts, or is hidden.
        RecordingError: If the folder cannot be read.
    """
    recording = Recording(Path(settings.session or ""))
    captured_ns = recording.captured_ns
    if not len(captured_ns):
        raise ConfigError(f"yoke.session {settings.session}: no frame was processed in it")
    return RecordedYoke(orders_of(recording.stimuli, int(captured_ns[0]), settings))
