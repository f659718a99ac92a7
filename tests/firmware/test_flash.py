import os
import sys
from dataclasses import dataclass

import pytest
from serial.tools.list_ports import comports

from tracker.actuators.firmware.flash import BOARDS, flash
from tracker.errors import DeviceError, DeviceNotFound


@dataclass(frozen=True)
class PortInfo:
    device: str
    vid: int | None


UNO = PortInfo("COM3", 0x2341)
COPY = PortInfo("/dev/ttyUSB0", 0x1A86)
MODEM = PortInfo("COM1", None)

FAKE = """#!{python}
import sys, pathlib
pathlib.Path({record!r}).write_text("\\n".join(sys.argv[1:]))
hexes = [a.split(":", 2)[2].rsplit(":", 1)[0] for a in sys.argv if a.startswith("flash:")]
print(pathlib.Path(hexes[0]).read_text()[:9])
print("avrdude done.", file=sys.stderr)
sys.exit({code})
"""


@pytest.fixture
def avrdude(tmp_path, monkeypatch):
    """Puts an avrdude on the PATH that only records what it was asked."""
    if sys.platform == "win32":
        pytest.skip("the stand-in for avrdude is a script with #!")
    record = tmp_path / "asked.txt"

    def install(code=0):
        program = tmp_path / "avrdude"
        program.write_text(FAKE.format(python=sys.executable, record=str(record), code=code))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        return record

    return install


def options(record):
    asked = record.read_text().splitlines()
    return dict(zip(asked[:8:2], asked[1:8:2], strict=True)), asked[8:]


def test_the_board_is_written_and_read_back(avrdude):
    record = avrdude()
    done = flash("COM7")
    named, rest = options(record)
    assert named == {"-p": "atmega328p", "-c": "arduino", "-P": "COM7", "-b": "115200"}
    assert rest[:2] == ["-D", "-U"]  # no chip erase: the boot loader cannot do it
    assert rest[2].startswith("flash:w:")
    assert rest[2].endswith("stimulus_box.hex:i")
    assert "-V" not in rest  # that would leave out reading back
    assert done.port == "COM7"


def test_avrdude_gets_the_firmware_of_this_version(avrdude):
    avrdude()
    assert flash("COM7").output.startswith(":10000000")  # Intel HEX: 16 bytes for address 0


def test_a_check_writes_nothing(avrdude):
    record = avrdude()
    flash("COM7", only_check=True)
    assert options(record)[1][2].startswith("flash:v:")


def test_an_old_boot_loader_has_its_own_speed(avrdude):
    record = avrdude()
    flash("COM7", baud=57_600)
    assert options(record)[0]["-b"] == "57600"


def test_a_dry_run_only_says_what_it_would_do(avrdude):
    record = avrdude()
    done = flash("COM7", dry_run=True)
    assert done.command[:2] == ("avrdude", "-p")
    assert done.output == ""
    assert not record.exists()


def test_a_dry_run_needs_no_avrdude(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert flash("COM7", dry_run=True).command[0] == "avrdude"


def test_without_avrdude_it_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeviceError, match="apt install avrdude"):
        flash("COM7")


def test_what_avrdude_says_when_it_fails_is_handed_on(avrdude):
    avrdude(code=1)
    with pytest.raises(DeviceError, match=r"(?s)COM7.*57600.*avrdude done"):
        flash("COM7")


@pytest.mark.parametrize("board", [UNO, COPY], ids=["an Uno", "a copy"])
def test_the_only_board_is_found(board):
    done = flash(dry_run=True, list_ports=lambda: [MODEM, board])
    assert done.port == board.device


def test_of_two_boards_none_is_chosen():
    with pytest.raises(DeviceNotFound, match="COM3, /dev/ttyUSB0"):
        flash(dry_run=True, list_ports=lambda: [UNO, MODEM, COPY])


def test_without_a_board_it_says_what_is_there():
    with pytest.raises(DeviceNotFound, match="there: COM1"):
        flash(dry_run=True, list_ports=lambda: [MODEM])


def test_the_ports_of_this_machine_are_asked():
    here = comports()
    if [port for port in here if port.vid in BOARDS]:
        pytest.skip("a board is plugged in here")
    with pytest.raises(DeviceNotFound, match=", ".join(port.device for port in here) or "none"):
        flash(dry_run=True)
