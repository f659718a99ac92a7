"""Where a stimulus box is connected: a serial port, opened so that nobody else has it."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Protocol

import serial
from serial.tools import list_ports

from tracker.actuators.exclusive_port import open_exclusive
from tracker.actuators.stimulus_box.protocol import BAUD
from tracker.errors import DeviceNotFound

READ_S = 0.005
"""Longest wait for a byte; the first one ends it."""

UNOS = frozenset({(0x2341, 0x0001), (0x2341, 0x0043), (0x2341, 0x0243), (0x2A03, 0x0043)})
"""USB vendor and product of the Arduino Uno."""

COPIES = frozenset({(0x1A86, 0x7523), (0x0403, 0x6001), (0x10C4, 0xEA60)})
"""The same of the chips on its copies: CH340, FT232R, CP2102; other devices have them as well."""


class Port(Protocol):
    """What the stimulus box needs of a connection. Errors are `OSError`."""

    def read_some(self) -> bytes:
        """Return what is there; if nothing is, what comes within `READ_S`."""

    def write(self, data: bytes) -> None:
        """Send all of it, at the same time as another thread reads."""

    def close(self) -> None:
        """Let go of it."""


class FoundPort(Protocol):
    """What pyserial knows of a port of this computer."""

    device: str
    vid: int | None
    pid: int | None


class SerialPort:
    """A serial port as a `Port`.

    Args:
        opened: By pyserial, with a timeout of `READ_S`.
    """

    def __init__(self, opened: serial.SerialBase) -> None:
        self._serial = opened

    def read_some(self) -> bytes:
        """Return what is there; if nothing is, what comes within `READ_S`."""
        try:
            first = self._serial.read(1)
            waiting = self._serial.in_waiting if first else 0
            return bytes(first + self._serial.read(waiting)) if waiting else bytes(first)
        except TypeError as failure:  # pyserial, if another thread has closed it
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
        name: Its name, a URL of pyserial, or "auto" for the only Arduino there is.

    Raises:
        DeviceNotFound: If it is not there, or another program has it.
    """
    chosen = the_only_board(list_ports.comports()) if name == "auto" else name
    opened = open_exclusive(chosen, BAUD, dtr=True, read_s=READ_S)
    if hasattr(opened, "set_low_latency_mode"):  # else an FT232R keeps each answer for 16 ms
        with suppress(OSError, ValueError):  # other chips do not know it, nor need it
            opened.set_low_latency_mode(True)
    return SerialPort(opened)


def the_only_board(ports: Iterable[FoundPort]) -> str:
    """Return the port of the only Arduino Uno, or if there is none, of the only likely copy.

    Raises:
        DeviceNotFound: If there is none, or more than one.
    """
    found = list(ports)
    unos = [port.device for port in found if (port.vid, port.pid) in UNOS]
    boards = unos or [port.device for port in found if (port.vid, port.pid) in COPIES]
    if len(boards) == 1:
        return boards[0]
    if boards:
        raise DeviceNotFound(
            f"port: auto found {len(boards)} boards, at {', '.join(boards)}: name the port of the "
            f"stimulus box"
        )
    known = ", ".join(port.device for port in found) or "none"
    raise DeviceNotFound(
        f"port: auto found no Arduino Uno: plug it in, or name its port. Serial ports here: {known}"
    )
