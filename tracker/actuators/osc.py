"""Levels of lines as OSC messages over UDP, e.g. for Bonsai or Max: `/light 1.0`, `/light 0.0`.

Each level is sent when it changes, and again every `repeat_ms`: a lost message is put right, and a
receiver that hears nothing any more knows that it has to go low.
"""

import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal

from pydantic import Field

from tracker.actuators.software_timed import SoftwareTimed
from tracker.clock import Clock
from tracker.errors import DeviceLost, DeviceNotFound, MissingExtra
from tracker.settings import Settings
from tracker.stimuli import LineLimits


class OscSettings(Settings):
    """OSC over UDP, timed by the program; any names of lines."""

    kind: Literal["osc"] = "osc"
    host: str = Field("127.0.0.1", min_length=1, description="computer that listens")
    port: int = Field(9000, ge=1, le=65_535, description="UDP port at which it listens")
    address: str = Field(
        "/{line}",
        pattern=r"^/[^ #*,?\[\]{}]*\{line\}[^ #*,?\[\]{}]*$",
        description="OSC address of a line; {line} stands for its name",
    )
    repeat_ms: int = Field(
        100, ge=20, le=10_000, description="ms after which every level is sent again"
    )


def osc(settings: OscSettings, lines: Mapping[str, LineLimits], clock: Clock) -> SoftwareTimed:
    """Return the actuator, closed.

    Args:
        settings: Where to.
        lines: Any names; they become part of the addresses.
        clock: The session clock.
    """
    return SoftwareTimed(lambda: OscDevice(settings, tuple(lines), clock), lines, clock)


class OscDevice:
    """A receiver that was told that every line is low; keeps `software_timed.Device`.

    Raises:
        MissingExtra: If python-osc is not installed.
        DeviceNotFound: If there is no such computer, or this one and nothing listens at the port.
    """

    def __init__(self, settings: OscSettings, lines: tuple[str, ...], clock: Clock) -> None:
        self.name = f"OSC {settings.host}:{settings.port}"
        self.modulated = frozenset(lines)
        self._addresses = {line: settings.address.format(line=line) for line in lines}
        self._message = _message_builder()
        self._clock = clock
        self._repeat_ns = settings.repeat_ms * 1_000_000
        self._repeated_ns = clock.now_ns()
        self._levels = dict.fromkeys(lines, 0.0)
        self._socket = _connect(settings.host, settings.port)
        try:
            for _ in range(2):  # what became of the first message is told to the second one
                self._send_all()
        except DeviceLost as failure:
            self.close()
            raise DeviceNotFound(f"{self.name}: {failure}") from failure

    def write(self, line: str, level: float) -> None:
        """Send a level."""
        self._levels[line] = level
        message = self._message(self._addresses[line])
        message.add_arg(level, "f")
        try:
            self._socket.send(message.build().dgram)
        except ConnectionError as failure:
            raise _nobody(failure) from failure
        except OSError as failure:
            raise DeviceLost(f"nothing can be sent there ({failure})") from failure

    def look(self) -> None:
        """Notice what became of earlier messages, and send every level again if that is due."""
        try:
            self._socket.recv(65_535)  # Windows tells it here, others at the next message
        except BlockingIOError:
            pass
        except OSError as failure:
            raise _nobody(failure) from failure
        now_ns = self._clock.now_ns()
        if now_ns - self._repeated_ns >= self._repeat_ns:
            self._repeated_ns = now_ns
            self._send_all()

    def close(self) -> None:
        """Send nothing any more."""
        with suppress(OSError):
            self._socket.close()

    def _send_all(self) -> None:
        for line, level in self._levels.items():
            self.write(line, level)


def _nobody(failure: OSError) -> DeviceLost:
    return DeviceLost(
        f"nothing listens there: start the receiver first, and check its port ({failure})"
    )


def _message_builder() -> Any:
    try:
        from pythonosc.osc_message_builder import OscMessageBuilder
    except ImportError as failure:
        raise MissingExtra("osc", "an actuator of kind osc") from failure
    return OscMessageBuilder


def _connect(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except OSError as failure:
        raise DeviceNotFound(f"OSC: there is no computer {host!r} ({failure})") from failure
    family, kind, protocol, _, address = found[0]
    connected = socket.socket(family, kind, protocol)
    try:
        connected.settimeout(0)
        connected.connect(address)
    except OSError as failure:
        connected.close()
        raise DeviceNotFound(f"OSC: {host}:{port} cannot be reached ({failure})") from failure
    return connected
