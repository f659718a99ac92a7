"""A board with StandardFirmata at a pseudo-terminal."""

import threading
from types import SimpleNamespace

import pytest
import serial
from firmata_board import OUTPUT, PWM, FirmataBoard
from pseudo_terminal import PseudoTerminal

from tracker.actuators.firmata import FirmataSettings, firmata
from tracker.clock import SystemClock
from tracker.errors import ConfigError, DeviceLost, DeviceNotFound
from tracker.stimuli import Action, LineLimits, Order, PulseTrain
from tracker.testing.manual_clock import ManualClock

MS = 1_000_000
FREE = LineLimits(1_000_000, 0)
PULSE = PulseTrain(5_000, 5_000)
HALF = PulseTrain(50_000, 50_000, level=0.5)


@pytest.fixture
def board():
    with FirmataBoard() as made:
        yield made


@pytest.fixture
def make(board):
    made = []

    def one(*lines, clock=None, port=None, pwm=(9,)):
        settings = FirmataSettings(port=port or board.port, pwm=pwm)
        limits = dict.fromkeys(lines or ("9", "12", "13"), FREE)
        made.append(firmata(settings, limits, clock or SystemClock()))
        return made[-1]

    yield one
    for actuator in made:
        actuator.close()


@pytest.fixture
def opened(make):
    actuator = make()
    actuator.open()
    return actuator


def test_opening_it_makes_outputs_of_the_pins_and_none_goes_high(opened, board):
    opened.apply(Order("13", Action.STOP, None, "a/1"))
    opened.apply(Order("13", Action.TRAIN, PULSE, "a/2"))
    board.wait_for([(13, 1)])
    assert board.modes == {9: PWM, 12: OUTPUT, 13: OUTPUT}


def test_pins_of_one_port_are_switched_alone(opened, board):
    opened.apply(Order("13", Action.TRAIN, PULSE, "a/1"))
    opened.apply(Order("12", Action.TRAIN, PULSE, "a/2"))
    opened.apply(Order("13", Action.STOP, None, "a/3"))
    board.wait_for([(13, 1), (12, 1), (13, 0)])


def test_pins_of_other_ports_are_not_touched(make, board):
    actuator = make("5", "13")
    actuator.open()
    actuator.apply(Order("5", Action.TRAIN, PULSE, "a/1"))
    actuator.apply(Order("13", Action.TRAIN, PULSE, "a/2"))
    actuator.apply(Order("5", Action.STOP, None, "a/3"))
    board.wait_for([(5, 1), (13, 1), (5, 0)])


def test_the_last_pin_of_a_port_can_be_switched(make, board):
    actuator = make("7")
    actuator.open()
    actuator.apply(Order("7", Action.TRAIN, PULSE, "a/1"))
    board.wait_for([(7, 1)])


def test_a_modulated_pin_gets_the_level(opened, board):
    opened.apply(Order("9", Action.LEVEL, HALF, "a/1"))
    opened.apply(Order("9", Action.STOP, None, "a/2"))
    board.wait_for([(9, 128 / 255), (9, 0)])


def test_a_pin_that_is_switched_takes_half_as_on(opened, board):
    opened.apply(Order("12", Action.LEVEL, HALF, "a/1"))
    board.wait_for([(12, 1)])


def test_a_train_is_played_pulse_by_pulse(opened, board):
    over = threading.Event()

    def tend():
        while not over.is_set():
            opened.tend(alive=True)

    tending = threading.Thread(target=tend)
    tending.start()
    opened.apply(Order("13", Action.TRAIN, PulseTrain(5_000, 10_000, 3), "a/1"))
    board.wait_for([(13, 1), (13, 0)] * 3)
    over.set()
    tending.join(5)


def test_making_it_safe_brings_every_pin_low_from_any_thread(opened, board):
    opened.apply(Order("9", Action.LEVEL, HALF, "a/1"))
    opened.apply(Order("13", Action.LEVEL, HALF, "a/2"))
    other = threading.Thread(target=opened.make_safe)
    other.start()
    other.join(5)
    board.wait_for([(9, 128 / 255), (13, 1), (9, 0), (13, 0)])


def test_closing_brings_every_pin_low(opened, board):
    opened.apply(Order("13", Action.LEVEL, HALF, "a/1"))
    opened.close()
    board.wait_for([(13, 1), (13, 0)])


def test_levels_are_said_to_be_held_only_if_every_line_can(make):
    one, both = make("9"), make("9", "13")
    one.open()
    assert one.info.levels
    one.close()
    both.open()
    assert not both.info.levels


def test_the_messages_are_those_of_pyfirmata2():
    """The library's own pins write to a port that keeps what it gets."""
    pyfirmata2 = pytest.importorskip("pyfirmata2.pyfirmata2")
    kept = []
    library = SimpleNamespace(sp=SimpleNamespace(write=lambda data: kept.append(bytes(data))))
    port = pyfirmata2.Port(library, 1)
    pwm, switched = port.pins[1], port.pins[5]  # pins 9 and 13
    pwm.PWM_CAPABLE = True
    pwm.mode, switched.mode = pyfirmata2.PWM, pyfirmata2.OUTPUT
    pwm.write(0.5)
    switched.write(1)
    with PseudoTerminal() as terminal:
        settings = FirmataSettings(port=terminal.name, pwm=(9,))
        actuator = firmata(settings, {"9": FREE, "13": FREE}, SystemClock())
        opening = threading.Thread(target=actuator.open)
        opening.start()
        asked = terminal.receive(1)
        terminal.send(b"\xf9\x02\x05")
        opening.join(5)
        rest = terminal.receive(18)
        actuator.apply(Order("9", Action.LEVEL, HALF, "a/1"))
        actuator.apply(Order("13", Action.LEVEL, HALF, "a/2"))
        edges = terminal.receive(6)
        actuator.close()
    assert asked == b"\xf9"
    assert kept == [rest[3:6], rest[12:15], edges[:3], edges[3:]]


# There, not there, gone


def test_a_board_that_restarts_when_it_is_opened_is_waited_for(make, board):
    board.deaf_to = 2
    make().open()


def test_something_that_does_not_answer_is_no_board(make):
    with PseudoTerminal() as silent:
        silent.send(b"Grbl 1.1\r\n")
        with pytest.raises(DeviceNotFound, match=r"nothing answers there.* StandardFirmata"):
            make(port=silent.name, clock=ManualClock()).open()


def test_a_port_that_is_not_there_says_which_there_are(make):
    with pytest.raises(DeviceNotFound, match=r"/dev/ttyNONE cannot be opened: .* ports here: "):
        make(port="/dev/ttyNONE").open()


def test_a_port_that_another_program_has_is_not_opened(make, board):
    with (
        serial.Serial(board.port, exclusive=True),
        pytest.raises(DeviceNotFound, match="another program has it"),
    ):
        make().open()


def test_a_board_that_does_not_answer_any_more_is_lost(board):
    clock = ManualClock()
    actuator = firmata(FirmataSettings(port=board.port), {"13": FREE}, SystemClock())
    actuator.open()
    device, _ = actuator._opened()
    device._clock, device._asked_ns = clock, 0
    board.answers = False
    clock.advance(250 * MS)
    device.look()
    clock.advance(1000 * MS)
    device.look()
    clock.advance(1 * MS)
    with pytest.raises(DeviceLost, match=r"no answer for 1\.0 s"):
        device.look()
    actuator.close()


def wait_for_bytes(device, n):
    while device._port.in_waiting < n:
        pass


def test_a_board_that_answers_each_time_is_not_lost(board):
    clock = ManualClock()
    actuator = firmata(FirmataSettings(port=board.port), {"13": FREE}, SystemClock())
    actuator.open()
    device, _ = actuator._opened()
    device._clock, device._asked_ns = clock, 0
    for _ in range(3):
        clock.advance(900 * MS)
        device.look()
        wait_for_bytes(device, 3)
        device.look()
    clock.advance(200 * MS)
    device.look()
    actuator.close()


def test_an_answer_may_come_in_pieces(make):
    with PseudoTerminal() as terminal:
        actuator = firmata(FirmataSettings(port=terminal.name), {"13": FREE}, SystemClock())
        opening = threading.Thread(target=actuator.open)
        opening.start()
        terminal.receive(1)
        terminal.send(b"\xf9\x02\x05")
        opening.join(5)
        device, _ = actuator._opened()
        terminal.send(b"\x00\xf9\x02")
        wait_for_bytes(device, 3)
        assert not device._answers()
        terminal.send(b"\x05")
        wait_for_bytes(device, 1)
        assert device._answers()
        actuator.close()


def test_a_pause_of_the_loop_is_no_silence_of_the_board(board):
    actuator = firmata(FirmataSettings(port=board.port), {"13": FREE}, SystemClock())
    actuator.open()
    device, _ = actuator._opened()
    clock = ManualClock()
    device._clock, device._asked_ns = clock, 0
    clock.advance(5000 * MS)
    device.look()
    actuator.close()


def test_a_cable_that_is_pulled_is_noticed_without_an_order(opened, board):
    opened.tend(alive=True)
    board.unplug()
    with pytest.raises(DeviceLost, match=rf"Firmata {board.port}: it is gone"):
        opened.tend(alive=True)


@pytest.mark.parametrize(
    ("line", "pwm", "match"),
    [
        pytest.param("0", (), "no line '0': name a pin from 2 on", id="serial port's own"),
        pytest.param("1", (), "no line '1'", id="the other one"),
        pytest.param("d13", (), "no line 'd13'", id="no number"),
        pytest.param("70", (), "no line '70'", id="too far"),
        pytest.param("16", (16,), "cannot modulate pin 16", id="no analog message"),
    ],
)
def test_a_line_that_cannot_be_is_a_wrong_experiment(line, pwm, match):
    with pytest.raises(ConfigError, match=match):
        firmata(FirmataSettings(port="COM3", pwm=pwm), {line: FREE}, ManualClock())
