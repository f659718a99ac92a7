"""Asks a camera for what the config says, and compares what it does."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tracker.cameras.machine_vision.driver import Features, Value
from tracker.cameras.machine_vision.pixels import cheapest
from tracker.cameras.machine_vision.settings import MachineVisionSettings
from tracker.errors import DeviceError

EXPOSURE = ("ExposureTime", "ExposureTimeAbs")
GAIN = ("Gain", "GainAbs", "GainRaw")
RATE = ("AcquisitionFrameRate", "AcquisitionFrameRateAbs")
RESULTING = (
    "ResultingFrameRate",
    "BslResultingAcquisitionFrameRate",
    "AcquisitionResultingFrameRate",
    "ResultingFrameRateAbs",
)
FRAME_START = "FrameStart"
PTP = ("PtpEnable", "GevIEEE1588")
"""Names of one thing, newest first: GenICam's SFNC, makers' own, and GigE Vision's first."""

RATE_SLACK, EXPOSURE_SLACK, GAIN_SLACK = 0.01, 0.01, 0.02
"""Parts of what was asked for by which the camera may round."""

KEPT = {
    "pixel_format": ("PixelFormat",),
    "width_px": ("Width",),
    "height_px": ("Height",),
    "offset_x_px": ("OffsetX",),
    "offset_y_px": ("OffsetY",),
    "exposure_us": EXPOSURE,
    "exposure_auto": ("ExposureAuto",),
    "gain": GAIN,
    "gain_auto": ("GainAuto",),
    "fps": RATE,
    "resulting_fps": RESULTING,
    "trigger_mode": ("TriggerMode",),
    "trigger_source": ("TriggerSource",),
    "trigger_activation": ("TriggerActivation",),
    "temperature_c": ("DeviceTemperature",),
    "firmware": ("DeviceFirmwareVersion", "DeviceVersion"),
}
"""What is read back, by the name in session.json, and the features that say it."""


class Wish(NamedTuple):
    """One thing asked for: its name in the config, feature, value, and how it may be rounded."""

    name: str
    feature: str
    value: Value
    slack: float = 0.0


def apply(features: Features, settings: MachineVisionSettings) -> None:
    """Ask for everything in the config, then compare.

    Raises:
        DeviceError: If the camera cannot be asked, or does something else; both values are in
            the message.
    """
    wishes: list[Wish] = []
    for wish in _wishes(features, settings):
        features.set(wish.feature, wish.value)
        wishes.append(wish)
    for wish in wishes:  # only now: one setting may have moved another
        _compare(wish, features.get(wish.feature))
    rate = first_of(features, RESULTING)
    if settings.fps is not None and settings.runs_by_itself and rate is not None:
        _compare(Wish("fps", rate, settings.fps, RATE_SLACK), features.get(rate))
    exposed_ns = exposure_ns(features)
    if settings.fps is not None and exposed_ns is not None and exposed_ns * settings.fps > 1e9:
        raise DeviceError(
            f"fps {settings.fps:g} was asked for, but the camera exposes each frame for "
            f"{exposed_ns / 1000:g} us: set exposure_us to less than {1e6 / settings.fps:g}"
        )


def first_of(features: Features, names: Sequence[str]) -> str | None:
    """Return the first of these features that the camera has."""
    return next((name for name in names if features.has(name)), None)


def read_back(features: Features) -> dict[str, Value]:
    """Return what the camera says of its settings, by our names."""
    found = {}
    for name, candidates in KEPT.items():
        feature = first_of(features, candidates)
        if feature is not None:
            found[name] = features.get(feature)
    return found


def rate_of(features: Features, settings: MachineVisionSettings) -> float:
    """Return the frames per second that are to be expected; NaN if nobody knows."""
    if not settings.runs_by_itself:
        return settings.fps if settings.fps is not None else math.nan
    feature = first_of(features, (*RESULTING, *RATE))
    return float(features.get(feature)) if feature is not None else math.nan


def exposure_ns(features: Features) -> int | None:
    """Return how long the sensor is exposed, None where it says nothing or changes it itself."""
    feature = first_of(features, EXPOSURE)
    automatic = features.has("ExposureAuto") and features.get("ExposureAuto") != "Off"
    by_width = features.has("ExposureMode") and features.get("ExposureMode") != "Timed"
    if feature is None or automatic or by_width:
        return None
    return round(float(features.get(feature)) * 1000)


def _wishes(features: Features, settings: MachineVisionSettings) -> Iterator[Wish]:
    """In an order in which cameras take them: a region is made small before it is moved."""
    for feature, value in settings.features.items():
        yield Wish(f"features.{feature}", feature, value, EXPOSURE_SLACK)
    yield from _picture(features, settings)
    yield from _light(features, settings)
    yield from _trigger(features, settings)
    if settings.ptp:
        yield Wish("ptp", _needed(features, PTP, "ptp"), value=True)


def _picture(features: Features, settings: MachineVisionSettings) -> Iterator[Wish]:
    chosen = settings.pixel_format
    if chosen is None:
        offered = features.choices("PixelFormat")
        chosen = cheapest(offered, colour=settings.colour)
        if chosen is None:
            raise DeviceError(
                f"the camera offers the pixel formats {', '.join(offered)}: none gives "
                f"{'colour' if settings.colour else 'grey'} pictures"
            )
    yield Wish("pixel_format", "PixelFormat", chosen)
    sizes = (settings.width, settings.height)
    offsets = (settings.offset_x, settings.offset_y)
    for size, feature in zip(sizes, ("OffsetX", "OffsetY"), strict=True):
        if size is not None and features.has(feature):
            features.set(feature, 0)  # or a larger region would not fit
    for name, feature, wish in (
        *zip(("width", "height"), ("Width", "Height"), sizes, strict=True),
        *zip(("offset_x", "offset_y"), ("OffsetX", "OffsetY"), offsets, strict=True),
    ):
        if wish is not None:
            yield Wish(name, feature, wish)


def _light(features: Features, settings: MachineVisionSettings) -> Iterator[Wish]:
    if settings.exposure_us is not None:
        yield from _off(features, "ExposureAuto")
        feature = _needed(features, EXPOSURE, "exposure_us")
        yield Wish("exposure_us", feature, settings.exposure_us, EXPOSURE_SLACK)
    if settings.gain is not None:
        yield from _off(features, "GainAuto")
        feature = _needed(features, GAIN, "gain")
        value = round(settings.gain) if feature == "GainRaw" else settings.gain
        yield Wish("gain", feature, value, GAIN_SLACK)


def _trigger(features: Features, settings: MachineVisionSettings) -> Iterator[Wish]:
    trigger = settings.trigger
    _switch_triggers_off(features)
    if trigger is None:
        if settings.fps is not None:
            if features.has("AcquisitionFrameRateEnable"):
                yield Wish("fps", "AcquisitionFrameRateEnable", value=True)
            yield Wish("fps", _needed(features, RATE, "fps"), settings.fps, RATE_SLACK)
        return
    if features.has("TriggerSelector"):
        yield Wish("trigger.selector", "TriggerSelector", trigger.selector)
    yield Wish("trigger.source", "TriggerSource", trigger.source)
    if not trigger.by_software:
        yield Wish("trigger.activation", "TriggerActivation", trigger.activation)
    yield Wish("trigger", "TriggerMode", "On")


def _switch_triggers_off(features: Features) -> None:
    """Whatever the camera was set to wait for: a trigger that was forgotten stops it."""
    selectors = features.choices("TriggerSelector") if features.has("TriggerSelector") else ()
    for selector in (*(each for each in selectors if each != FRAME_START), FRAME_START):
        if selectors:
            features.set("TriggerSelector", selector)
        if features.has("TriggerMode") and features.get("TriggerMode") != "Off":
            features.set("TriggerMode", "Off")


def _off(features: Features, feature: str) -> Iterator[Wish]:
    if features.has(feature):
        yield Wish(feature, feature, "Off")


def _needed(features: Features, names: Sequence[str], setting: str) -> str:
    feature = first_of(features, names)
    if feature is None:
        raise DeviceError(
            f"{setting} is set, but the camera has no feature {' or '.join(names)}: leave "
            f"{setting} out"
        )
    return feature


def _compare(wish: Wish, got: Value) -> None:
    if isinstance(wish.value, (bool, str)) or isinstance(got, (bool, str)):
        is_met = got == wish.value
    else:
        is_met = abs(got - wish.value) <= wish.slack * abs(wish.value)
    if not is_met:
        raise DeviceError(
            f"{wish.name} {_said(wish.value)} was asked for, the camera does {_said(got)} "
            f"({wish.feature}): ask for that, or leave {wish.name} out"
        )


def _said(value: Value) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
