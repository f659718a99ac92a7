"""Everything `tracker` raises on purpose.

TrackerError
├── ConfigError            the experiment file is wrong; nothing was started
│   ├── UnknownName        it names something that does not exist
│   └── ExpressionError    a rule that is text does not say something that can be known
├── ModelError             the network file cannot be used, or gave nonsense
├── MissingExtra           an optional part is not installed
├── MissingDriver          a device's own driver is not installed
├── DeviceError            a camera or an actuator failed
│   ├── DeviceNotFound     it was not there when we opened it
│   ├── DeviceLost         it was there, and stopped answering
│   └── CameraMoved        it was moved, and the experiment says to stop then
├── EndOfStream            a source has no more frames
├── WireError              a socket or a message
│   ├── AddressInUse       another program is bound there already
│   └── BadMessage         what arrived is not what docs/wire.md says
├── RecordingError         a session folder cannot be written or read
│   └── DiskFull           there is no room left
├── ExportError            a session cannot be written in another format
├── AlignmentError         pulses of another recording do not fit those of a session
├── TrackFileError         a file of tracks or labels of another program cannot be used
├── AnnotationError        a file of annotations of behaviour cannot be used
├── CalibrationError       no lens can be made of these pictures, or its file cannot be used
├── RegistrationError      two views of an arena cannot be brought together
├── TrainingError          a recipe or its data cannot be used
└── SessionError           a worker failed, or did not stop in time
"""

from collections.abc import Iterable
from difflib import get_close_matches


class TrackerError(Exception):
    """Base class of every error raised on purpose."""


class ConfigError(TrackerError):
    """The experiment file is wrong; nothing was started."""


class UnknownName(ConfigError):
    """The experiment file names something that does not exist.

    Args:
        where: Where the name stands, e.g. "behaviour 'freezing'".
        what: Kind of thing, e.g. "feature".
        name: The name that was found.
        known: The names that exist, in the order to list them.
    """

    def __init__(self, where: str, what: str, name: str, known: Iterable[str]) -> None:
        names = list(known)
        hint = close_to(name, names)
        exist = f"There is: {', '.join(names)}" if names else f"There is no {what} at all"
        super().__init__(f"{where}: unknown {what} {name!r}{hint} {exist}")


class ExpressionError(ConfigError, ValueError):
    """A rule that is text cannot be used; the message points at the place.

    Args:
        message: What was found and what was expected.
        text: The whole rule.
        start: First wrong character, from 0.
        end: The character after the last wrong one.
    """

    def __init__(self, message: str, text: str, start: int, end: int) -> None:
        line_start = text.rfind("\n", 0, start) + 1
        line = text[line_start:].partition("\n")[0]
        column = start - line_start
        carets = "^" * max(1, min(end - start, len(line) - column))
        super().__init__(f"{message}\n    {line}\n    {' ' * column}{carets}")
        self.message, self.text, self.start, self.end = message, text, start, end

    def of(self, where: str) -> "ExpressionError":
        """Return the same error, that also says which rule it is."""
        return ExpressionError(f"{where}: {self.message}", self.text, self.start, self.end)


def close_to(name: str, known: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" if one of the known names is close to this one, or "."."""
    close = get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else "."


class ModelError(TrackerError):
    """The network file cannot be used, or gave nonsense."""


class MissingExtra(TrackerError):
    """An optional part is not installed.

    Args:
        extra: Name of the extra, as in `pip install behaviour-tracker[extra]`.
        what: What it is needed for, e.g. "training".
    """

    def __init__(self, extra: str, what: str) -> None:
        super().__init__(f"{what} needs: pip install 'behaviour-tracker[{extra}]'")


class MissingDriver(TrackerError):
    """The driver of a device, which is no Python package, is not installed.

    Args:
        what: What it is needed for, e.g. "a camera of kind genicam".
        how: How to install it.
    """

    def __init__(self, what: str, how: str) -> None:
        super().__init__(f"{what} needs its driver: {how}")


class DeviceError(TrackerError):
    """A camera or an actuator failed."""


class DeviceNotFound(DeviceError):
    """A device was not there when we opened it."""


class DeviceLost(DeviceError):
    """A device that had opened stopped answering."""


class CameraMoved(DeviceError):
    """A camera was moved while a session ran that has to stop then."""


class EndOfStream(TrackerError):
    """A source has no more frames."""


class WireError(TrackerError):
    """A socket or a message is not right."""


class AddressInUse(WireError):
    """Another program is bound to the address already."""


class BadMessage(WireError):
    """What arrived is not what docs/wire.md says."""


class RecordingError(TrackerError):
    """A session folder cannot be written or read."""


class DiskFull(RecordingError):
    """There is no room left on the disk of the session folder."""


class ExportError(TrackerError):
    """A session cannot be written in another format."""


class AlignmentError(TrackerError):
    """Pulses of another recording cannot be read, or do not fit those of a session."""


class TrackFileError(TrackerError):
    """A file of tracks or labels of another program cannot be used."""


class AnnotationError(TrackerError):
    """A file of annotations of behaviour cannot be used.

    Args:
        path: The file.
        problems: Everything that is wrong with it, one sentence each.
    """

    def __init__(self, path: object, problems: Iterable[str]) -> None:
        listed = list(problems)
        if len(listed) == 1:
            super().__init__(f"{path}: {listed[0]}")
            return
        shown = "\n".join(f"  {each}" for each in listed[:_MOST_SHOWN])
        more = len(listed) - _MOST_SHOWN
        rest = f"\n  and {more} more" if more > 0 else ""
        super().__init__(f"{path} cannot be used:\n{shown}{rest}")


_MOST_SHOWN = 20


class CalibrationError(TrackerError):
    """No lens can be made of these pictures, or a calibration file cannot be used."""


class RegistrationError(TrackerError):
    """Two views of an arena cannot be brought together, or one of them cannot be used."""


class TrainingError(TrackerError):
    """A recipe or its data cannot be used."""


class TrainingStopped(TrainingError):
    """A training was asked to stop before its end, and left a checkpoint to go on from."""


class SessionError(TrackerError):
    """A worker failed, or did not stop in time."""
