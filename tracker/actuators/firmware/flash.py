"""Writes the firmware to an Arduino Uno, with avrdude."""

import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Protocol

from serial.tools.list_ports import comports

from tracker.errors import DeviceError, DeviceNotFound

BAUD = 115_200
"""That of the Uno's boot loader; copies with an old one want 57600."""

PATIENCE_S = 120.0
"""Writing and reading back takes about 10 s."""

BOARDS = frozenset({0x2341, 0x2A03, 0x1A86, 0x0403, 0x10C4})
"""USB vendors of the Uno and the usual copies: Arduino (two), CH340, FTDI, CP210x."""


class SerialPortInfo(Protocol):
    """What pyserial says of a serial port, as far as it is used here."""

    device: str
    vid: int | None


@dataclass(frozen=True, slots=True)
class Flashed:
    """What was done.

    Attributes:
        port: Serial port of the board.
        command: The command line of avrdude, one entry per argument.
        output: What avrdude said; "" if it was not run.
    """

    port: str
    command: tuple[str, ...]
    output: str = ""


def flash(
    port: str | None = None,
    *,
    dry_run: bool = False,
    only_check: bool = False,
    baud: int = BAUD,
    list_ports: Callable[[], Iterable[SerialPortInfo]] = comports,
) -> Flashed:
    """Write the firmware to a board and read it back; the board must not be in use.

    Args:
        port: Its serial port, e.g. "COM3"; None: the only Uno, or copy of one, that is plugged in.
        dry_run: Only say what would be done.
        only_check: Write nothing; compare what is on the board with this version's firmware.
        baud: Of its boot loader.
        list_ports: Says what there is to choose from.

    Raises:
        DeviceNotFound: If no port was given, and not exactly one board is plugged in.
        DeviceError: If avrdude is not installed, or says that it failed.
    """
    chosen = port or _only_board(list(list_ports()))
    with resources.as_file(resources.files(__package__) / "stimulus_box.hex") as firmware:
        command = _command(chosen, firmware, baud, only_check=only_check)
        if dry_run:
            return Flashed(chosen, command)
        return Flashed(chosen, command, _run(command))


def _command(port: str, firmware: Path, baud: int, *, only_check: bool) -> tuple[str, ...]:
    # After "w" avrdude reads back and compares by itself; "v" compares only.
    todo = f"flash:{'v' if only_check else 'w'}:{firmware}:i"
    options = ("-p", "atmega328p", "-c", "arduino", "-P", port, "-b", str(baud), "-D", "-U", todo)
    return ("avrdude", *options)


def _run(command: tuple[str, ...]) -> str:
    program = shutil.which(command[0])
    if program is None:
        raise DeviceError(
            "avrdude, which writes to the board, is not on the PATH: install it (Debian, Ubuntu: "
            "apt install avrdude; macOS: brew install avrdude; Windows: winget install "
            "AVRDudes.AVRDUDE), or use the one that comes with the Arduino IDE"
        )
    try:
        done = subprocess.run(  # noqa: S603 - no shell; the port comes from the user's own command line
            [program, *command[1:]],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired as failure:
        raise DeviceError(
            f"avrdude was not finished after {PATIENCE_S:.0f} s: unplug the board, plug it in "
            f"again and try once more"
        ) from failure
    if done.returncode != 0:
        said = "\n".join(done.stdout.strip().splitlines()[-6:])
        raise DeviceError(
            f"avrdude failed ({done.returncode}) on {command[6]}. Is it the right port, does no "
            f"other program use it, and is it an Uno? A copy with an old boot loader wants 57600 "
            f"baud. It said:\n{said}"
        )
    return done.stdout


def _only_board(ports: list[SerialPortInfo]) -> str:
    boards = [each for each in ports if each.vid in BOARDS]
    if len(boards) == 1:
        return boards[0].device
    if boards:
        named = ", ".join(each.device for each in boards)
        raise DeviceNotFound(
            f"several boards are plugged in: {named}. Say which one is meant by its port"
        )
    others = ", ".join(each.device for each in ports) or "none"
    raise DeviceNotFound(
        f"no Arduino Uno, and no copy of one, is plugged in. Serial ports that are there: "
        f"{others}. Plug it in, or give its port"
    )
