"""The loop measured end to end on one's own rig: from light in the picture to an edge on a line.

    LED's edge ──▶ exposure ──▶ received ──▶ decided ──▶ commanded ──▶ answer's edge

One output drives an LED that the camera sees, another one answers. First some slow pulses find the
LED in the picture; then the LED is lit at random moments, and a rule on its brightness asks for the
answer, through network, interlocks and actuator as in an experiment. Both edges carry the device's
own time, so that no other clock comes in where one device has both lines.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracker.build import build_session
from tracker.clock import Clock
from tracker.config import Experiment
from tracker.errors import ConfigError, DeviceError
from tracker.latency.lamp_search import lit, where_it_brightens
from tracker.observers.lamps import LampSettings, lamp_measure
from tracker.recording import Recording
from tracker.session import Session
from tracker.session_folder.video_encoder import Codec
from tracker.stimuli import Delivery, Edge, PulseTrain, StimulusRow

LED, ANSWER, LAMP = "led_on", "answer", "latency_led"
"""Names of the behaviour, the controller and the lamp that the measurement adds."""

PILOT_PULSES, PILOT_S = 3, 0.4
"""Pulses that find the LED, and their length (s)."""

PULSE_US = 60_000
"""How long the LED is lit in each trial: more than one frame of any camera above 17 frames/s."""

PAUSE_S = (0.25, 0.4)
"""Shortest and longest time between two trials (s)."""


Report = Callable[[str, int, int], None]
"""Told what is done, and how much of it out of how much."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured.

    Attributes:
        led: Output that drives an LED in the camera's view.
        answer: Output whose edge is timed.
        trials: How many flashes.
        seed: Of their moments.
    """

    led: str
    answer: str
    trials: int = 100
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Trial:
    """One flash and its answer; ms after the LED's edge unless said otherwise.

    Attributes:
        captured: End of the exposure that first showed it.
        received: The program had that image.
        decided: The rule was through.
        commanded: The order was handed to the actuator.
        answered: The answer's edge, by the device.
    """

    captured: float
    received: float
    decided: float
    commanded: float
    answered: float


@dataclass(frozen=True, slots=True)
class Latency:
    """What came out.

    Attributes:
        trials: Flashes that were answered.
        missed: Flashes that were not.
        lamp: Where the LED was found.
        threshold: Grey value above which it counted as lit.
        same_device: Whether both edges were stamped by one clock.
        folder: Session folder of the trials.
    """

    trials: tuple[Trial, ...]
    missed: int
    lamp: LampSettings
    threshold: float
    same_device: bool
    folder: Path

    def stage_ms(self, name: str) -> NDArray[np.float64]:
        """Return one attribute of all trials (ms)."""
        return np.array([getattr(trial, name) for trial in self.trials], np.float64)


def measure_latency(
    experiment: Experiment, plan: Plan, out: Path, clock: Clock, report: Report
) -> Latency:
    """Find the LED, light it at random, and return how long each answer took.

    Args:
        experiment: Camera, network and outputs are used as they are; behaviours and controllers
            are left out, and limits are those that the measurement itself needs.
        plan: What is measured.
        out: Folder in which the two session folders are made.
        clock: The session clock.
        report: Told how far it is.

    Raises:
        ConfigError: If there are no such outputs, or they are one.
        DeviceError: If the LED is not seen by the camera, or its edges are not reported.
        TrackerError: If a session cannot be run.
    """
    _refuse_outputs(experiment, plan)
    pilot = _without_behaviours(experiment, plan, codec=Codec.FFV1)
    lamp, threshold = _find_lamp(pilot, plan.led, out, clock, report)
    chosen = _with_answer(experiment, plan, lamp, threshold)
    flashes = _moments(np.random.default_rng(plan.seed), plan.trials)
    folder = _flash(chosen, plan.led, flashes, out, clock, report)
    outputs = chosen.stimulation.outputs if chosen.stimulation else {}
    same_device = outputs[plan.led].actuator == outputs[plan.answer].actuator
    trials, n_flashes = _trials(Recording(folder), same_device=same_device)
    return Latency(trials, n_flashes - len(trials), lamp, threshold, same_device, folder)


def _refuse_outputs(experiment: Experiment, plan: Plan) -> None:
    known = experiment.stimulation.outputs if experiment.stimulation else {}
    for name in (plan.led, plan.answer):
        if name not in known:
            raise ConfigError(
                f"there is no output {name!r}: the measurement needs one that drives an LED in "
                f"the camera's view and one that answers; there is {', '.join(known) or 'none'}"
            )
    if plan.led == plan.answer:
        raise ConfigError(f"{plan.led} cannot be LED and answer at once: name two outputs")


@dataclass(frozen=True, slots=True)
class _Flash:
    pause_s: float
    train: PulseTrain


def _moments(rng: np.random.Generator, n: int) -> list[_Flash]:
    """Flashes at any phase of the camera: the device delays each by a random time."""
    return [
        _Flash(
            float(rng.uniform(*PAUSE_S)),
            PulseTrain(PULSE_US, PULSE_US, delay_us=int(rng.integers(0, 50_000))),
        )
        for _ in range(n)
    ]


def _flash(
    experiment: Experiment,
    led: str,
    flashes: Sequence[_Flash],
    out: Path,
    clock: Clock,
    report: Report,
) -> Path:
    """Run a session, light the LED, and return the session's folder."""
    session, folder = build_session(experiment, out, clock)
    session.start()
    try:
        for number, flash in enumerate(flashes):
            report("flashing", number, len(flashes))
            if session.wait(flash.pause_s):
                break
            _ask(session, led, flash.train)
        session.wait(1.0)
    finally:
        session.stop()
        session.finish()
    return folder


def _ask(session: Session, led: str, train: PulseTrain) -> None:
    if session.loop is None:
        raise ConfigError("the experiment has no outputs")
    row = session.loop.request(led, train, "latency").result(timeout=5.0)
    if row.delivery is not Delivery.DELIVERED:
        raise DeviceError(f"the LED was not lit: {row.delivery}, {row.reason}")


def _find_lamp(
    pilot: Experiment, led: str, out: Path, clock: Clock, report: Report
) -> tuple[LampSettings, float]:
    """Return where the LED is in the picture, and the grey value half way between off and on."""
    slow = PulseTrain(round(PILOT_S * 1e6), round(PILOT_S * 1e6))
    flashes = [_Flash(2 * PILOT_S, slow)] * PILOT_PULSES
    recording = Recording(_flash(pilot, led, flashes, out, clock, report))
    spans = lit([edge for edge in recording.edges if edge.stimulus_id.startswith("manual/")])
    if not spans:
        raise DeviceError(
            f"the actuator of {led} reports no edges, so that nothing can be timed: use an output "
            f"of a stimulus box"
        )
    return where_it_brightens(recording, spans)


def _without_behaviours(experiment: Experiment, plan: Plan, *, codec: Codec) -> Experiment:
    """The same rig, with limits for the measurement, recording to `codec`."""
    content = experiment.model_dump(mode="json")
    limits = {
        "longest_pulse_ms": 1000,
        "refractory_s": 0,
        "duty_cycle": 1,
        "dose_s_per_minute": 60,
        "dose_s_per_session": 3600,
        "dose_s_per_day": None,
        "deadline_ms": None,
    }
    stimulation = content["stimulation"]
    outputs = {name: stimulation["outputs"][name] for name in (plan.led, plan.answer)}
    stimulation["outputs"] = {name: {**each, "limits": limits} for name, each in outputs.items()}
    stimulation["controllers"] = {}
    stimulation["armed"] = True
    content["session"]["duration_s"] = None
    content["outputs"]["publisher"] = None
    content["outputs"]["recording"]["codec"] = str(codec)
    content["outputs"]["control"] = None
    return Experiment.model_validate(content)


def _with_answer(
    experiment: Experiment, plan: Plan, lamp: LampSettings, threshold: float
) -> Experiment:
    """The rig with a rule on the LED's brightness, and a controller that answers at once."""
    bare = _without_behaviours(experiment, plan, codec=Codec.NONE)
    content = bare.model_dump(mode="json")
    content["rig"]["lamps"] = {LAMP: lamp.model_dump(mode="json")}
    rule = {"kind": "threshold", "feature": lamp_measure(LAMP), "above": threshold, "softness": 1.0}
    steps = {"enter": 0.5, "leave": 0.5, "min_duration_s": 0, "max_gap_s": 0}
    content["behaviours"] = {LED: {"rule": rule, "episode": steps}}
    pulse = {"kind": "pulse", "behaviour": LED, "when": "onset", "output": plan.answer}
    content["stimulation"]["controllers"] = {ANSWER: {**pulse, "train": {"width_ms": 5}}}
    return Experiment.model_validate(content)


def _trials(recording: Recording, *, same_device: bool) -> tuple[tuple[Trial, ...], int]:
    """Return the answered flashes, and how many there were in all."""
    rising = [edge for edge in recording.edges if edge.rising]
    flashes = [edge for edge in rising if edge.stimulus_id.startswith("manual/")]
    answers = {edge.stimulus_id: edge for edge in reversed(rising)}  # the first of each
    rows = [row for row in recording.stimuli if row.command.controller == ANSWER]
    trials = []
    for flash, following in zip(flashes, [*flashes[1:], None], strict=True):
        until_ns = following.at_ns if following else flash.at_ns + 1_000_000_000
        row = next((row for row in rows if _follows(row, flash.at_ns, until_ns)), None)
        edge = answers.get(row.command.stimulus_id) if row else None
        if row is not None and edge is not None:
            trials.append(_trial(flash, row, edge, same_device=same_device))
    return tuple(trials), len(flashes)


def _follows(row: StimulusRow, from_ns: int, until_ns: int) -> bool:
    captured_ns = row.command.captured_ns
    return captured_ns is not None and from_ns < captured_ns <= until_ns


def _trial(flash: Edge, row: StimulusRow, edge: Edge, *, same_device: bool) -> Trial:
    def after(time_ns: int | None) -> float:
        return float("nan") if time_ns is None else (time_ns - flash.at_ns) / 1e6

    answered = (edge.device_us - flash.device_us) / 1e3 if same_device else after(edge.at_ns)
    return Trial(
        captured=after(row.command.captured_ns),
        received=after(row.received_ns),
        decided=after(row.decided_ns),
        commanded=after(row.commanded_ns),
        answered=answered,
    )
