"""Settings of a method that sees without a network, tried on real frames and written back."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from tracker.build import build_camera, without_network
from tracker.cameras.make import CameraSettings
from tracker.clock import SystemClock
from tracker.config import ObserverSettings, load
from tracker.errors import ConfigError, EndOfStream
from tracker.experiment_file import ExperimentFile
from tracker.observers.background import Background
from tracker.observers.shape import grey_of
from tracker.observers.steps import Step, steps_of
from tracker.types import Frame, Observation

N_BEFORE = 30
"""Frames that the method sees before the one that is shown: for head and tail, and seeds."""

N_SAMPLES = 25
"""Frames whose median is the empty arena, at most; half of it at least."""


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """Frames of a camera.

    Attributes:
        before: The last ones before the one that is shown, in their order.
        frame: The one that is shown.
        empty: uint8, (height, width): median of frames that were spread over all that were read.
        n_samples: So many.
    """

    before: tuple[Frame, ...]
    frame: Frame
    empty: NDArray[np.uint8]
    n_samples: int


@dataclass(frozen=True, slots=True)
class Knob:
    """A setting that can be turned.

    Attributes:
        name: Of the setting.
        value: As it is; None: no limit.
        description: What it does, with its unit.
        lowest: Of a number; `choices` and booleans have none.
        highest: The same.
        is_whole: Whether it is a whole number.
        choices: Words; none: a number or a boolean.
    """

    name: str
    value: Any
    description: str
    lowest: float = 0.0
    highest: float = 1.0
    is_whole: bool = False
    choices: tuple[str, ...] = ()


def gather(
    camera: CameraSettings, n: int, wanted: int | None, tick: Callable[[int], bool]
) -> Material:
    """Read frames from a camera.

    Args:
        camera: What gives them.
        n: How many are read at least, if there are so many.
        wanted: Index of the frame to show; None: the last one that is read.
        tick: Told how many were read; says whether to go on.

    Raises:
        ConfigError: If the frame is not there.
        DeviceError: If the camera cannot be used.
    """
    source = build_camera(camera, SystemClock())
    source.open()
    kept: list[Frame] = []
    samples: list[NDArray[np.uint8]] = []
    every, read = 1, 0
    shown: tuple[Frame, ...] = ()
    try:
        while (read < n or not (wanted is None or shown)) and tick(read):
            got = source.read(1.0)
            if not isinstance(got, Frame):
                continue
            frame = Frame(got.index, got.captured_ns, got.received_ns, got.image.copy())
            kept = [*kept[-N_BEFORE:], frame]
            if read % every == 0:
                samples.append(grey_of(frame.image))
            if len(samples) >= 2 * N_SAMPLES:
                samples, every = samples[::2], 2 * every
            read += 1
            if frame.index == wanted:
                shown = tuple(kept)
    except EndOfStream:
        pass
    finally:
        source.close()
    if not kept or (wanted is not None and not shown):
        raise ConfigError(
            f"frame {wanted or 0} is not there: {read} frames were read, so choose 0 to "
            f"{max(read - 1, 0)}"
        )
    *before, last = shown or kept
    chosen = samples[:: math.ceil(len(samples) / N_SAMPLES)]
    return Material(tuple(before), last, _median(chosen), len(chosen))


def try_out(settings: ObserverSettings, material: Material) -> tuple[list[Step], Observation]:
    """Return each step of a method on the frame, and what is seen in it.

    `background` without a picture of the empty arena begins with the median of the frames.

    Raises:
        ConfigError: If the settings do not fit the camera's picture.
    """
    observer = without_network(settings)
    if isinstance(observer.method, Background) and settings.model_dump().get("empty") is None:
        observer.method.begin_with(material.empty)
    observer.warm_up(material.frame.image.shape)
    for each in material.before:
        observer.observe(each)
    return steps_of(observer, material.frame)


def knobs_of(settings: ObserverSettings) -> list[Knob]:
    """Return what can be turned: all but places, files, and the kind."""
    described = type(settings).model_json_schema()
    knobs = []
    for name, about in described["properties"].items():
        value = getattr(settings, name)
        kinds = [about, *about.get("anyOf", ())]
        ref = next((each["$ref"] for each in kinds if "$ref" in each), None)
        words = about.get("description", "")
        if ref is not None and "enum" in (choice := described["$defs"][ref.rpartition("/")[2]]):
            knobs.append(Knob(name, str(value), words, choices=tuple(choice["enum"])))
        elif any(each.get("type") == "boolean" for each in kinds):
            knobs.append(Knob(name, value, words))
        elif number := next(
            (each for each in kinds if each.get("type") in ("integer", "number")), None
        ):
            knobs.append(_number(name, value, words, number))
    return knobs


def turned(settings: ObserverSettings, values: Mapping[str, Any]) -> ObserverSettings:
    """Return settings with other values.

    Raises:
        ConfigError: If they cannot be.
    """
    try:
        return type(settings).model_validate({**settings.model_dump(), **values})
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, each['loc']))} {each['msg']}".strip() for each in error.errors()
        )
        raise ConfigError(wrong) from None


def write_back(path: Path, settings: ObserverSettings) -> list[str]:
    """Write what differs into the observer section of an experiment file; return its names.

    Raises:
        ConfigError: If the file cannot be changed, or would not hold an experiment afterwards.
    """
    if not path.is_file():
        raise ConfigError(f"{path} is no file to write to: copy a shipped experiment first")
    before = load(path).observer
    known = {} if before is None else before.model_dump(mode="json")
    now = settings.model_dump(mode="json")
    changed = {name: value for name, value in now.items() if known.get(name, value) != value}
    if known.get("kind") != settings.kind:
        changed = {"kind": settings.kind} | settings.model_dump(mode="json", exclude_defaults=True)
    if not changed:
        return []
    file = ExperimentFile.read(path)
    section = file.section("observer")
    if known.get("kind") != settings.kind:
        section.clear()
    file.set(section, changed)
    file.replace(path)
    return list(changed)


def _number(name: str, value: Any, words: str, about: Mapping[str, Any]) -> Knob:
    """A number's knob, over its own bounds, or where these are wide, around its value."""
    lowest = float(about.get("minimum", about.get("exclusiveMinimum", 0)))
    highest = float(about.get("maximum", about.get("exclusiveMaximum", math.inf)))
    usual = 4 * max(float(value or 0), 25.0 if about["type"] == "integer" else 5.0)
    if name.endswith("px2"):
        usual = max(usual, 20_000.0)
    wide = highest - lowest > 300
    return Knob(
        name,
        value,
        words,
        lowest,
        min(highest, usual) if wide else highest,
        about["type"] == "integer",
    )


def _median(samples: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    stacked = np.stack(samples)
    middle = len(samples) // 2
    stacked.partition(middle, axis=0)
    return np.asarray(stacked[middle], np.uint8)
