"""Lines of a serial port as outputs: DTR and RTS, or bytes that switch something on and off."""

import errno
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Literal

import serial
from pydantic import Field, StringConstraints, model_validator

from tracker.actuators.exclusive_port import open_exclusive
from tracker.actuators.software_timed import SoftwareTimed
from tracker.clock import Clock
from tracker.errors import ConfigError, DeviceLost
from tracker.settings import Settings
from tracker.stimuli import LineLimits

SIGNALS = ("dtr", "rts")
"""Lines that every serial port has."""

HexBytes = Annotated[
    str, StringConstraints(pattern=r"^([0-9A-Fa-f]{2} ?)+$", max_length=64, strip_whitespace=True)
]


class SerialCode(Settings):
    """What is written to switch something on and off."""

    on: HexBytes = Field(description='bytes in hexadecimal, e.g. "41" or "ff 01 01"')
    off: HexBytes = Field(description="the same; also written when the port is opened")


class SerialSettings(Settings):
    """TTL over a serial port, timed by the program: lines "dtr", "rts", and those of `codes`."""

    kind: Literal["serial"] = "serial"
    port: str = Field(min_length=1, description="serial port, e.g. COM3 or /dev/ttyUSB0")
    baud: int = Field(115_200, ge=300, le=4_000_000, description="bits per second")
    settle_s: float = Field(
        0, ge=0, le=10, description="s to wait after opening, for boards that restart then"
    )
    codes: Mapping[str, SerialCode] = Field(
        default_factory=dict, description="lines switched by bytes, by name"
    )

    @model_validator(mode="after")
    def _signals_are_no_codes(self) -> "SerialSettings":
        if taken := set(self.codes).intersection(SIGNALS):
            raise ValueError(f"codes.{min(taken)}: that is a line of the port itself")
        return self


def serial_ttl(
    settings: SerialSettings, lines: Mapping[str, LineLimits], clock: Clock
) -> SoftwareTimed:
    """Return the actuator, closed.

    Args:
        settings: Which port, and its codes.
        lines: "dtr", "rts", or names in `settings.codes`.
        clock: The session clock.

    Raises:
        ConfigError: If a line is none of these.
    """
    known = (*SIGNALS, *settings.codes)
    if unknown := sorted(set(lines) - set(known)):
        raise ConfigError(f"serial port: no line {unknown[0]!r}; it has {', '.join(known)}")
    return SoftwareTimed(lambda: SerialDevice(settings, tuple(lines), clock), lines, clock)


class SerialDevice:
    """An open port, every line low; keeps `tracker.actuators.software_timed.Device`.

    Raises:
        DeviceNotFound: If the port is not there, or another program has it.
        DeviceLost: If it cannot be written to.
    """

    def __init__(self, settings: SerialSettings, lines: tuple[str, ...], clock: Clock) -> None:
        self.name = f"serial port {settings.port}"
        self.modulated: frozenset[str] = frozenset()
        self._codes = {
            name: (bytes.fromhex(code.off), bytes.fromhex(code.on))
            for name, code in settings.codes.items()
        }
        self._port = open_exclusive(settings.port, settings.baud, dtr=False)
        clock.wait_until(clock.now_ns() + round(settings.settle_s * 1e9), settings.settle_s)
        try:
            for line in lines:
                self.write(line, 0.0)
        except DeviceLost:
            self.close()
            raise

    def write(self, line: str, level: float) -> None:
        """Set a line high or low."""
        is_on = level > 0
        try:
            if line in SIGNALS:
                setattr(self._port, line, is_on)
            else:
                self._port.write(self._codes[line][is_on])
        except serial.SerialTimeoutException as failure:
            raise DeviceLost(f"line {line}: it takes nothing any more ({failure})") from failure
        except OSError as failure:
            raise DeviceLost(f"line {line} cannot be set: {_advice(failure)}") from failure

    def look(self) -> None:
        """See whether the port is still there; what came in is thrown away."""
        try:
            if self._port.in_waiting:
                self._port.reset_input_buffer()
        except (OSError, TypeError) as failure:  # TypeError: pyserial, if it was closed meanwhile
            raise DeviceLost(f"it is gone: was it unplugged? ({failure})") from failure

    def close(self) -> None:
        """Let go of the port, which drops DTR and RTS."""
        with suppress(OSError):
            self._port.close()


def _advice(failure: OSError) -> str:
    if failure.errno == errno.ENOTTY:
        return "this port has no such line; use one of `codes`"
    return f"was it unplugged? ({failure})"
