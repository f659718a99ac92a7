"""A stock Arduino with the sketch StandardFirmata, switched pin by pin over its serial port.

Only four messages of the Firmata protocol 2 are needed: pin mode, digital port, analog value, and
the version, which is asked for again and again to see whether the board still answers. They are
written here because pyfirmata2 spins for five seconds when it opens a port, shares the port with
whoever else wants it, and may wait for ever in a write.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Literal

import serial
from pydantic import Field

from tracker.actuators.exclusive_port import open_exclusive
from tracker.actuators.software_timed import SoftwareTimed
from tracker.clock import Clock
from tracker.errors import ConfigError, DeviceLost, DeviceNotFound
from tracker.settings import Settings
from tracker.stimuli import LineLimits

DIGITAL, ANALOG, PIN_MODE, VERSION = 0x90, 0xE0, 0xF4, 0xF9
OUTPUT, PWM = 1, 3
"""Bytes of the protocol: messages, and modes of a pin."""

FULL = 255
"""Analog value of level 1: StandardFirmata's PWM has 8 bits."""

MOST_PINS = 70
FIRST_PIN, MOST_PWM = 2, 15
"""Pins 0 and 1 are the serial port's own; the analog message can name pins up to 15."""

PATIENCE_S = 6.0
"""Longest wait for the first answer: a board restarts when its port is opened."""

ASK_S = 0.25
"""How often it is asked for its version, at first and later."""

SILENT_NS = 1_000_000_000
"""A board that has left a question unanswered for so long is lost."""


class FirmataSettings(Settings):
    """An Arduino with StandardFirmata, timed by the program; lines are pins: "2", "13"."""

    kind: Literal["firmata"] = "firmata"
    port: str = Field(min_length=1, description="serial port, e.g. COM3 or /dev/ttyACM0")
    baud: int = Field(57_600, ge=300, le=4_000_000, description="bits per second of the sketch")
    pwm: tuple[int, ...] = Field(
        (),
        description="pins that hold levels by pulse-width modulation: on an Uno 3, 5, 6, 9 to 11",
    )


def firmata(
    settings: FirmataSettings, lines: Mapping[str, LineLimits], clock: Clock
) -> SoftwareTimed:
    """Return the actuator, closed.

    Args:
        settings: Which port.
        lines: Numbers of pins.
        clock: The session clock.

    Raises:
        ConfigError: If a line is no pin that can be switched, or modulated if it is to be.
    """
    for line in lines:
        if not re.fullmatch(r"[1-9]\d?", line) or not FIRST_PIN <= int(line) < MOST_PINS:
            raise ConfigError(f"Firmata has no line {line!r}: name a pin from {FIRST_PIN} on")
        if int(line) in settings.pwm and int(line) > MOST_PWM:
            raise ConfigError(f"Firmata cannot modulate pin {line}: only pins up to {MOST_PWM}")
    return SoftwareTimed(lambda: FirmataDevice(settings, tuple(lines), clock), lines, clock)


class FirmataDevice:
    """A board that answers, every pin low; keeps `tracker.actuators.software_timed.Device`.

    Raises:
        DeviceNotFound: If the port is not there, another program has it, or nothing answers.
        DeviceLost: If it cannot be written to.
    """

    def __init__(self, settings: FirmataSettings, lines: tuple[str, ...], clock: Clock) -> None:
        pins = [int(line) for line in lines]
        self.name = f"Firmata {settings.port}"
        self.modulated = frozenset(str(pin) for pin in settings.pwm)
        self._pins = pins
        self._clock = clock
        self._high: set[int] = set()  # of the pins that are switched
        self._heard = b""
        self._asked_ns = clock.now_ns()
        self._unanswered_ns: int | None = None  # since when
        # An Uno restarts when DTR rises; one that has just been plugged in might not have.
        self._port = open_exclusive(settings.port, settings.baud, dtr=True)
        try:
            self._greet()
            for pin in pins:
                self.write(str(pin), 0.0)  # before it becomes an output
                self._send(PIN_MODE, pin, PWM if str(pin) in self.modulated else OUTPUT)
                self.write(str(pin), 0.0)
        except (DeviceLost, DeviceNotFound):
            self.close()
            raise

    def write(self, line: str, level: float) -> None:
        """Set a pin: modulated to a level, or high or low together with its port of eight."""
        pin = int(line)
        if line in self.modulated:
            value = round(level * FULL)
            self._send(ANALOG | pin, value % 128, value >> 7)
            return
        if level > 0:
            self._high.add(pin)
        else:
            self._high.discard(pin)
        eight = pin // 8
        mask = sum(1 << each % 8 for each in self._high if each // 8 == eight)
        self._send(DIGITAL | eight, mask % 128, mask >> 7)

    def look(self) -> None:
        """Ask for its version now and then, and see whether it answers."""
        now_ns = self._clock.now_ns()
        if self._answers():
            self._unanswered_ns = None
        elif self._unanswered_ns is not None and now_ns - self._unanswered_ns > SILENT_NS:
            raise DeviceLost(
                f"no answer for {(now_ns - self._unanswered_ns) / 1e9:.1f} s: check its cable, "
                f"power and sketch"
            )
        if now_ns - self._asked_ns >= ASK_S * 1e9:
            self._asked_ns = now_ns
            self._unanswered_ns = now_ns if self._unanswered_ns is None else self._unanswered_ns
            self._send(VERSION)

    def close(self) -> None:
        """Let go of the port."""
        with suppress(OSError):
            self._port.close()

    def _greet(self) -> None:
        """Ask for its version until it says it."""
        end_ns = self._clock.now_ns() + round(PATIENCE_S * 1e9)
        due_ns = 0
        while not self._answers():
            now_ns = self._clock.now_ns()
            if now_ns >= end_ns:
                raise DeviceNotFound(
                    f"{self.name}: nothing answers there. Is it the right port and baud rate, and "
                    f"is StandardFirmata on the board? (Arduino IDE, Examples, Firmata)"
                )
            if now_ns >= due_ns:
                due_ns = now_ns + round(ASK_S * 1e9)
                self._send(VERSION)
            self._clock.wait_until(now_ns + 5_000_000, 0.01)

    def _answers(self) -> bool:
        """Return whether its version has come since the last call; all else is thrown away."""
        try:
            self._heard += self._port.read(self._port.in_waiting)
        except (OSError, TypeError) as failure:  # TypeError: pyserial, if it was closed meanwhile
            raise DeviceLost(f"it is gone: was it unplugged? ({failure})") from failure
        found = re.findall(rb"\xf9[\x00-\x7f][\x00-\x7f]", self._heard)
        self._heard = self._heard[-2:]  # may be the beginning of one
        if found:
            self._heard = b""
        return bool(found)

    def _send(self, *message: int) -> None:
        try:
            self._port.write(bytes(message))
        except serial.SerialTimeoutException as failure:
            raise DeviceLost(f"it takes nothing any more ({failure})") from failure
        except OSError as failure:
            raise DeviceLost(f"was it unplugged? ({failure})") from failure
