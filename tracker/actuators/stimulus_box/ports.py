"""Where a stimulus box is connected: a serial port, opened so that nobody else has it."""

from typing import Protocol

import serial
from serial.tools import list_ports

from tracker.actuators.stimulus_box.protocol import BAUD
from tracker.errors import DeviceNotFound

WRITE_S = 0.05
"""Longest wait for a write: the port's buffer is empty but for a cable that is gone."""

BOARDS = frozenset({0x2341, 0x2A03, 0x1A86, 0x0403})
"""USB vendors of the Uno and its usual copies: Arduino, Arduino.org, WCH (CH340), FTDI."""


class Port(Protocol):
    """What the stimulus box needs of a connection. Errors are `OSError`."""

    def read_some(self, wait_s: float) -> bytes:
        """Return what is there; if nothing is, what comes within `wait_s`."""

    def write(self, data: bytes) -> None:
        """Send all of it."""

    def close(self) -> None:
        """Let go of it."""


class SerialPort:
    """A serial port as a `Port`.

    Args:
        opened: By pyserial.
    """

    def __init__(self, opened: serial.SerialBase) -> None:
        self._serial = opened

    def read_some(self, wait_s: float) -> bytes:
        """Return what is there; if nothing is, what comes within `wait_s`."""
        try:
            if self._serial.timeout != wait_s:
                self._serial.timeout = wait_s
            first = self._serial.read(1)
            waiting = self._serial.in_waiting if first else 0
            return bytes(first + self._serial.read(waiting)) if waiting else bytes(first)
        except TypeError as failure:  # pyserial, closed by another thread
            raise OSError(str(failure)) from failure

    def write(self, data: bytes) -> None:
        """Send all of it."""
        self._serial.write(data)

    def close(self) -> None:
        """Let go of it."""
        self._serial.close()


def open_port(name: str) -> Port:
    """Open a serial port for this program alone.

    Args:
        name: Its name, a URL of pyserial, or "auto".

    Raises:
        DeviceNotFound: If it is not there, or another program has it.
    """
    chosen = _only_board() if name == "auto" else name
    try:
        opened = serial.serial_for_url(
            chosen, baudrate=BAUD, timeout=0.01, write_timeout=WRITE_S, do_not_open=True
        )
        if hasattr(opened, "exclusive"):
            opened.exclusive = True  # Windows does so by itself
        opened.open()
    except (OSError, ValueError) as failure:
        known = ", ".join(port.device for port in list_ports.comports()) or "none"
        raise DeviceNotFound(
            f"the stimulus box at {chosen} cannot be opened: {failure}. Is it plugged in, and does "
            f"no other program use it? Serial ports here: {known}"
        ) from failure
    return SerialPort(opened)


def _only_board() -> str:
    boards = [port.device for port in list_ports.comports() if port.vid in BOARDS]
    if len(boards) == 1:
        return str(boards[0])
    found = ", ".join(boards) or "none"
    raise DeviceNotFound(
        f"port: auto needs exactly one Arduino at a USB port, found {found}: plug it in, or name "
        f"its port"
    )
