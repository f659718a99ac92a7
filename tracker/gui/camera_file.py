"""Settings of the camera in an experiment file: only those that the camera really has."""

import math
from pathlib import Path

from tracker.control.description import CameraOption
from tracker.errors import ConfigError
from tracker.experiment_file import ExperimentFile, part_of_rig

Value = bool | int | float | str


def range_of(option: CameraOption) -> str:
    """Return in words what a setting can be; "" if that is not known."""
    if option.choices:
        return ", ".join(option.choices)
    least, most = option.least, option.most
    if math.isnan(least) and math.isnan(most):
        return ""
    if math.isnan(most):
        return f"from {least:g}"
    return f"to {most:g}" if math.isnan(least) else f"{least:g} to {most:g}"


def value_of(option: CameraOption, written: str) -> Value:
    """Return what a person has written as a value of a setting.

    Raises:
        ConfigError: If the camera cannot be set to that.
    """
    if option.choices:
        if written not in option.choices:
            raise _wrong(option, written)
        return written if isinstance(option.value, str) else written == "true"
    try:
        value = float(written.replace(",", "."))
    except ValueError:
        raise _wrong(option, written) from None
    if not math.isfinite(value) or value < option.least or value > option.most:
        raise _wrong(option, written)
    if option.whole and value != round(value):
        raise ConfigError(f"{option.name} is {written}: expected a whole number")
    return round(value) if option.whole else value


def write_option(path: Path, kind: str, option: CameraOption, value: Value) -> None:
    """Write a setting of the camera into an experiment file; everything else stays as it is.

    Args:
        path: Of the file.
        kind: Of the session's camera.
        option: What is set.
        value: As `value_of` returned it.

    Raises:
        ConfigError: If the file has another camera, or cannot be written.
    """
    file = ExperimentFile.read(path)
    camera = part_of_rig(file.content, "camera", path)
    if camera.get("kind") != kind:
        raise ConfigError(
            f"the camera of this session is {kind}, and that of {path} is "
            f"{camera.get('kind')}: nothing was written"
        )
    camera[option.name] = value
    file.replace(path)


def _wrong(option: CameraOption, written: str) -> ConfigError:
    can_be = range_of(option)
    expected = f"this camera can do {can_be}" if can_be else "expected a number"
    return ConfigError(f"{option.name} is {written}: {expected}")
