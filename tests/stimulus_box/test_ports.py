"""Serial ports of the stimulus box: found, taken for one program alone, and gone."""

import errno
import sys
from dataclasses import dataclass

import pytest
from pseudo_terminal import PseudoTerminal

from tracker.actuators.exclusive_port import _advice
from tracker.actuators.stimulus_box.ports import open_port, the_only_board
from tracker.errors import DeviceNotFound

has_pseudo_terminals = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has no pseudo-terminals"
)


@dataclass
class Found:
    """A port as pyserial lists it."""

    device: str
    vid: int | None = None
    pid: int | None = None


UNO = Found("/dev/ttyACM0", 0x2341, 0x0043)
OTHER_UNO = Found("/dev/ttyACM1", 0x2A03, 0x0043)
COPY = Found("COM7", 0x1A86, 0x7523)
LEONARDO = Found("COM8", 0x2341, 0x8036)
MODEM = Found("COM1")


@pytest.mark.parametrize(
    ("ports", "chosen"),
    [
        pytest.param([MODEM, UNO, LEONARDO], "/dev/ttyACM0", id="uno"),
        pytest.param([MODEM, COPY], "COM7", id="copy"),
        pytest.param([COPY, UNO], "/dev/ttyACM0", id="an_uno_before_a_copy"),
    ],
)
def test_the_only_board_is_found(ports, chosen):
    assert the_only_board(ports) == chosen


@pytest.mark.parametrize(
    ("ports", "said"),
    [
        pytest.param([], "no Arduino Uno.*Serial ports here: none", id="nothing"),
        pytest.param([MODEM, LEONARDO], "no Arduino Uno.*here: COM1, COM8", id="others"),
        pytest.param(
            [UNO, OTHER_UNO], "2 boards, at /dev/ttyACM0, /dev/ttyACM1: name the port", id="two"
        ),
    ],
)
def test_none_or_more_than_one_is_an_error_that_says_what_there_is(ports, said):
    with pytest.raises(DeviceNotFound, match=said):
        the_only_board(ports)


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        pytest.param(OSError(errno.ENOENT, "no"), "is it plugged in", id="not_there"),
        pytest.param(OSError(errno.EAGAIN, "no"), "another program has it", id="locked"),
        pytest.param(OSError(errno.EACCES, "no"), "group dialout", id="permission"),
        pytest.param(
            OSError("could not open port 'COM3': PermissionError(13, 'Access is denied.')"),
            "another program has it",
            id="windows",
        ),
        pytest.param(ValueError("invalid URL"), "is it plugged in", id="url"),
    ],
)
def test_what_to_do_depends_on_what_went_wrong(failure, said):
    assert said in _advice(failure)


@has_pseudo_terminals
def test_a_port_is_had_by_one_program_alone():
    with PseudoTerminal() as device:
        first = open_port(device.name)
        with pytest.raises(DeviceNotFound, match="another program has it"):
            open_port(device.name)
        first.close()
        open_port(device.name).close()


@has_pseudo_terminals
def test_all_that_has_come_is_read_at_once_and_nothing_is_nothing():
    with PseudoTerminal() as device:
        port = open_port(device.name)
        assert port.read_some() == b""
        device.send(b"frames\0\xff\x11\r\n")
        assert port.read_some() == b"frames\0\xff\x11\r\n"
        port.write(b"\0\x03\n\x13answer")
        assert device.receive(10) == b"\0\x03\n\x13answer"
        port.close()


@has_pseudo_terminals
@pytest.mark.parametrize("use", [lambda port: port.read_some(), lambda port: port.write(b"x")])
def test_a_port_that_was_unplugged_or_closed_is_an_os_error(use):
    device = PseudoTerminal()
    port = open_port(device.name)
    device.unplug()
    with pytest.raises(OSError, match=r"."):
        use(port)
    port.close()
    with pytest.raises(OSError, match=r"."):
        use(port)


def test_a_url_of_pyserial_is_a_port():
    port = open_port("loop://")
    port.write(b"abc")
    assert port.read_some() == b"abc"
    port.close()
