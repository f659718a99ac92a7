"""Frames and episodes for tests of controllers, in ms, and controllers out of plain settings."""

import numpy as np
from pydantic import TypeAdapter

from tracker.controllers.make import ControllerSettings, make_controller
from tracker.controllers.yoke import RecordedYoke
from tracker.stimuli import PulseTrain
from tracker.types import Episode, FrameResult, Observation, Onset, StageTimes

MS = 1_000_000  # ns
FEATURES = ("speed_cm_s", "fastest_keypoint_cm_s", "in_left")
BEHAVIOURS = {
    "freezing": ("fastest_keypoint_cm_s",),
    "running": ("speed_cm_s",),
    "left_port": ("in_left",),
}
OUTPUTS = ("light", "valve")
TRAIN = {"width_ms": 10, "frequency_hz": 20, "duration_ms": 500}
PULSES = PulseTrain(width_us=10_000, period_us=50_000, n_pulses=10)
NOBODY = np.zeros((0, 2, 2), np.float32), np.zeros((0, 2), np.float32)
SETTINGS = TypeAdapter(ControllerSettings)


def settings_of(**given):
    return SETTINGS.validate_python(given)


def made(name="wake", *, handed="a seed", other=None, **given):
    """A controller out of settings as they stand in a file.

    `handed` is the seed that is handed to it, `other` the other animal's stimuli: (ms, train).
    """
    source = None if other is None else RecordedYoke([(ms * MS, train) for ms, train in other])
    return make_controller(
        name,
        settings_of(**given),
        behaviours=BEHAVIOURS,
        features=FEATURES,
        outputs=OUTPUTS,
        seed=handed,
        yoke=source,
    )


def frame(ms, *events, index=None, **features):
    """What was made of the frame that was exposed until `ms`; one frame per ms."""
    values = dict.fromkeys(FEATURES, 0.5) | features
    observation = Observation(ms if index is None else index, ms * MS, *NOBODY)
    return FrameResult(observation, values, {}, events, StageTimes(0, 0, 0, 0, 0))


def onset(n, first_ms, known_ms=None, behaviour="freezing"):
    """Episode n has begun, known on the frame at `known_ms`; None: at once."""
    known_ms = first_ms if known_ms is None else known_ms
    episode_id = f"{behaviour}/mouse/{n}"
    at = first_ms, first_ms * MS, known_ms, known_ms * MS
    return Onset(episode_id, behaviour, "mouse", *at)


def ended(begun, last_ms, *, by_session=False):
    return Episode(begun, last_ms, last_ms * MS, ended_by_session=by_session)


def asked(controller, frames):
    """All commands, as (frame's ms, action)."""
    return [(command.frame_index, str(command.action)) for command in all_of(controller, frames)]


def all_of(controller, frames):
    return [command for each in frames for command in controller.update(each)]


def bouts(n, every_ms=100, long_ms=50, behaviour="freezing"):
    """One frame at the onset and one at the end of each of n bouts."""
    for i in range(1, n + 1):
        begun = onset(i, i * every_ms, behaviour=behaviour)
        yield frame(i * every_ms, begun)
        yield frame(i * every_ms + long_ms, ended(begun, i * every_ms + long_ms))
