"""A serial port that this program alone has, for devices that are switched over one."""

import errno

import serial
from serial.tools import list_ports

from tracker.errors import DeviceNotFound

WRITE_S = 0.04
"""Longest wait for a write; the port's buffer is empty but for a cable that is gone."""


BUSY = frozenset({errno.EAGAIN, errno.EBUSY, errno.EWOULDBLOCK})
"""What opening says if another program has the port; Windows says EACCES."""


def open_exclusive(name: str, baud: int, *, dtr: bool, read_s: float = 0.0) -> serial.SerialBase:
    """Open a serial port.

    Args:
        name: E.g. COM3 or /dev/ttyUSB0, or a URL of pyserial.
        baud: Bits per second.
        dtr: State of DTR from the start; RTS is low.
        read_s: Longest wait for what is read.

    Raises:
        DeviceNotFound: If it is not there, or another program has it.
    """
    try:
        port = serial.serial_for_url(
            name, baudrate=baud, timeout=read_s, write_timeout=WRITE_S, do_not_open=True
        )
        port.exclusive = True
        port.dtr, port.rts = dtr, False
        port.open()
    except (OSError, ValueError) as failure:
        raise DeviceNotFound(f"{name} cannot be opened: {_advice(failure)}") from failure
    return port


def _advice(failure: OSError | ValueError) -> str:
    number = getattr(failure, "errno", None)
    if number in BUSY or "PermissionError(13" in str(failure):
        return f"another program has it, or another tracker. Close that first ({failure})"
    if number == errno.EACCES:
        return f"your user may not open it; on Linux, add it to the group dialout ({failure})"
    known = ", ".join(port.device for port in list_ports.comports()) or "none"
    return f"is it plugged in? Serial ports here: {known} ({failure})"
