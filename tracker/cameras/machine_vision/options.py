"""Which settings a camera with a driver really has, and between which values."""

import math
from typing import Protocol, runtime_checkable

from tracker.cameras.machine_vision.driver import Features
from tracker.cameras.machine_vision.requests import EXPOSURE, GAIN, RATE, first_of
from tracker.cameras.options import CameraOption
from tracker.errors import DeviceError

ASKED = {
    "exposure_us": EXPOSURE,
    "gain": GAIN,
    "fps": RATE,
    "width": ("Width",),
    "height": ("Height",),
    "offset_x": ("OffsetX",),
    "offset_y": ("OffsetY",),
    "pixel_format": ("PixelFormat",),
}
"""Settings by their names in a config, and the features that stand for them."""


@runtime_checkable
class HasLimits(Protocol):
    """Features that say between which values they can be."""

    def limits(self, name: str) -> tuple[float, float]:
        """Return the smallest and largest value of a number, now. Raises `DeviceError`."""


def options_of_features(features: Features) -> tuple[CameraOption, ...]:
    """Return the settings that the camera has now; of one that cannot be read, nothing."""
    found = []
    for name, names in ASKED.items():
        feature = first_of(features, names)
        if feature is None:
            continue
        try:
            value = features.get(feature)
            choices = features.choices(feature) if isinstance(value, str) else ()
            least, most = _limits(features, feature) if not choices else (math.nan, math.nan)
        except DeviceError:
            continue
        found.append(CameraOption(name, value, least, most, choices, isinstance(value, int)))
    return tuple(found)


def _limits(features: Features, name: str) -> tuple[float, float]:
    return features.limits(name) if isinstance(features, HasLimits) else (math.nan, math.nan)
