"""Lines of a serial port: bytes over a pseudo-terminal, DTR and RTS over pyserial's own loop."""

import threading

import pytest
import serial
from pseudo_terminal import PseudoTerminal
from pydantic import ValidationError

from tracker.actuators.serial_ttl import SerialDevice, SerialSettings, serial_ttl
from tracker.clock import SystemClock
from tracker.errors import ConfigError, DeviceError, DeviceLost, DeviceNotFound
from tracker.stimuli import Action, LineLimits, Order, PulseTrain
from tracker.testing.manual_clock import ManualClock

PULSE = PulseTrain(5_000, 5_000)
FREE = LineLimits(1_000_000, 0)
CODES = {"light": {"on": "41", "off": "61"}, "pump": {"on": "ff 01 01", "off": "ff 01 00"}}


@pytest.fixture
def terminal():
    with PseudoTerminal() as made:
        yield made


@pytest.fixture
def make(terminal):
    made = []

    def one(*lines, clock=None, **about):
        about = {"port": terminal.name, "codes": CODES} | about
        limits = dict.fromkeys(lines or CODES, FREE)
        made.append(serial_ttl(SerialSettings(**about), limits, clock or ManualClock()))
        return made[-1]

    yield one
    for actuator in made:
        actuator.close()


# Bytes


def test_opening_it_writes_every_line_low(make, terminal):
    make().open()
    assert terminal.receive(4) == b"a\xff\x01\x00"
    assert terminal.is_silent()


def test_an_edge_writes_its_code(make, terminal):
    actuator = make()
    actuator.open()
    terminal.receive(4)
    actuator.apply(Order("pump", Action.TRAIN, PULSE, "a/1"))
    assert terminal.receive(3) == b"\xff\x01\x01"
    actuator.tend(alive=True)
    assert terminal.receive(3) == b"\xff\x01\x00"


def test_codes_of_lines_that_are_not_used_are_never_written(make, terminal):
    actuator = make("light")
    actuator.open()
    actuator.close()
    assert terminal.receive(2) == b"aa"


def test_making_it_safe_writes_every_line_low_from_any_thread(make, terminal):
    actuator = make()
    actuator.open()
    actuator.apply(Order("light", Action.TRAIN, PULSE, "a/1"))
    terminal.receive(5)
    other = threading.Thread(target=actuator.make_safe)
    other.start()
    other.join(5)
    assert terminal.receive(4) == b"a\xff\x01\x00"


def test_what_the_device_says_is_thrown_away(make, terminal):
    actuator = make()
    actuator.open()
    port = actuator._opened()[0]._port
    terminal.send(b"ok\r\n" * 100)
    while port.in_waiting < 400:
        pass
    actuator.tend(alive=True)
    assert port.in_waiting == 0


@pytest.mark.parametrize(
    "code",
    [
        pytest.param({"on": "4", "off": "61"}, id="half a byte"),
        pytest.param({"on": "", "off": "61"}, id="nothing"),
        pytest.param({"on": "0x41", "off": "61"}, id="prefix"),
        pytest.param({"on": "41"}, id="no way back"),
    ],
)
def test_a_code_that_is_none_is_an_error(code):
    with pytest.raises(ValidationError, match="codes"):
        SerialSettings(port="COM3", codes={"light": code})


def test_in_real_time_a_train_arrives_edge_by_edge(make, terminal):
    actuator = make("light", clock=SystemClock())
    actuator.open()
    over = threading.Event()

    def tend():
        while not over.is_set():
            actuator.tend(alive=True)

    tending = threading.Thread(target=tend)
    tending.start()
    actuator.apply(Order("light", Action.TRAIN, PulseTrain(3_000, 6_000, 4), "a/1"))
    got = terminal.receive(9)
    over.set()
    tending.join(5)
    assert got == b"a" + b"Aa" * 4


def test_a_board_that_restarts_may_settle_before_it_is_written_to(make, terminal):
    clock = ManualClock()
    make(clock=clock, settle_s=2).open()
    assert clock.now_ns() == 2_000_000_000
    assert terminal.receive(4)


# DTR and RTS: pyserial's loop shows DTR at DSR and RTS at CTS


def test_dtr_and_rts_are_lines_of_their_own(make):
    actuator = make("dtr", "rts", port="loop://", codes={})
    actuator.open()
    port = actuator._opened()[0]._port
    assert (port.dsr, port.cts) == (False, False)
    actuator.apply(Order("dtr", Action.TRAIN, PULSE, "a/1"))
    assert (port.dsr, port.cts) == (True, False)
    actuator.apply(Order("rts", Action.TRAIN, PULSE, "a/2"))
    assert (port.dsr, port.cts) == (True, True)
    actuator.tend(alive=True)
    assert (port.dsr, port.cts) == (False, False)


def test_closing_lowers_them(make):
    actuator = make("dtr", "rts", port="loop://", codes={})
    actuator.open()
    port = actuator._opened()[0]._port
    actuator.apply(Order("dtr", Action.TRAIN, PULSE, "a/1"))
    actuator.close()
    assert not port.is_open
    assert not port.dtr


def test_they_are_low_even_if_they_are_no_lines(make):
    actuator = make("light", port="loop://")
    actuator.open()
    port = actuator._opened()[0]._port
    assert (port.dsr, port.cts) == (False, False)


def test_a_port_without_these_lines_is_refused_and_let_go(make):
    why = "line dtr cannot be set: this port has no such line"
    with pytest.raises(DeviceError, match=why) as refused:
        make("dtr").open()
    make("light").open()
    assert refused.value is not None  # which holds on to the port that was refused


def test_a_code_cannot_have_the_name_of_a_line_of_the_port():
    with pytest.raises(ValidationError, match=r"codes\.rts: that is a line of the port itself"):
        SerialSettings(port="COM3", codes={"rts": {"on": "01", "off": "00"}})


def test_a_line_that_is_nowhere_is_a_wrong_experiment(make):
    with pytest.raises(ConfigError, match="no line '0'; it has dtr, rts, light, pump"):
        make("0")


# There, not there, gone


def test_a_port_that_is_not_there_says_which_there_are(make):
    with pytest.raises(DeviceNotFound, match=r"/dev/ttyNONE cannot be opened: .* ports here: "):
        make(port="/dev/ttyNONE").open()


def test_a_port_that_another_program_has_is_not_opened(make, terminal):
    with (
        serial.Serial(terminal.name, exclusive=True),
        pytest.raises(DeviceNotFound, match="another program has it"),
    ):
        make().open()


def test_once_it_is_closed_others_may_have_it(make):
    first = make()
    first.open()
    first.close()
    make().open()


def test_a_cable_that_is_pulled_is_noticed_without_an_order(make, terminal):
    actuator = make()
    actuator.open()
    actuator.tend(alive=True)
    terminal.unplug()
    with pytest.raises(DeviceLost, match=rf"serial port {terminal.name}: it is gone"):
        actuator.tend(alive=True)


def test_an_order_to_a_cable_that_is_pulled_fails(make, terminal):
    actuator = make()
    actuator.open()
    terminal.unplug()
    with pytest.raises(DeviceLost, match="line light cannot be set: was it unplugged"):
        actuator.apply(Order("light", Action.TRAIN, PULSE, "a/1"))
    actuator.make_safe()
    actuator.close()


def test_a_device_that_takes_nothing_any_more_is_lost(terminal):
    settings = SerialSettings(port=terminal.name, codes={"light": {"on": "41", "off": "61" * 16}})
    device = SerialDevice(settings, ("light",), ManualClock())

    def write_for_ever():
        while True:  # nobody reads, and the terminal's buffer has an end
            device.write("light", 0.0)

    with pytest.raises(DeviceLost, match="it takes nothing any more"):
        write_for_ever()
    device.close()
