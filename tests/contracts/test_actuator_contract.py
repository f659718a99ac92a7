"""What every actuator promises; one line per actuator."""

import os
import socket
import threading
import time
from contextlib import suppress
from functools import cached_property

import lsl_here  # noqa: F401 - before anything touches LSL
import pytest
from box_in_simavr import BoxInSimavr
from firmata_board import FirmataBoard
from nidaqmx_stand_in import StandIn
from order_receiver import Listener
from sound_card import Card

from tracker.actuators.firmata import FirmataSettings, firmata
from tracker.actuators.lsl import LslMarks, LslSettings
from tracker.actuators.nidaq import NidaqSettings, nidaq
from tracker.actuators.null import NullActuator, NullActuatorSettings
from tracker.actuators.osc import OscSettings, osc
from tracker.actuators.serial_ttl import SerialSettings, serial_ttl
from tracker.actuators.sound import SoundOut, SoundSettings
from tracker.actuators.stimulus_box import StimulusBox, StimulusBoxSettings
from tracker.actuators.zmq_out import ZmqOut, ZmqSettings
from tracker.clock import SystemClock
from tracker.errors import DeviceError
from tracker.stimuli import Action, LineLimits, Order, PulseTrain
from tracker.testing.recording_actuator import RecordingActuator

# Names that all of them have: the stimulus box lines 0 to 3, an Arduino pins from 2 on.
LINES = {"2": LineLimits(200_000, 0), "3": LineLimits(200_000, 0)}
PULSE = PulseTrain(20_000, 20_000)
LONG = PulseTrain(150_000, 150_000)

CODES = {"2": {"on": "41", "off": "61"}, "3": {"on": "42", "off": "62"}}
TONES = {line: {"kind": "tone", "hz": 1000} for line in LINES}


class Peers:
    """What is at the other end of some of them, made once it is needed."""

    @cached_property
    def osc(self):
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        receiver.bind(("127.0.0.1", 0))
        return receiver

    @cached_property
    def zmq(self):
        return Listener()

    @cached_property
    def board(self):
        return FirmataBoard()

    @cached_property
    def box(self):
        return BoxInSimavr()

    def close(self):
        for peer in vars(self).values():
            peer.close()


PEERS = Peers()
NI = StandIn()
NI.lines |= LINES.keys()

MAKERS = {
    "nothing": lambda clock: NullActuator(NullActuatorSettings(), LINES, clock),
    "stimulus box, simulated": lambda clock: StimulusBox(
        StimulusBoxSettings(port="simulated"), LINES, clock
    ),
    "stimulus box, in simavr": lambda clock: StimulusBox(
        StimulusBoxSettings(port=PEERS.box.port), LINES, clock
    ),
    "serial port": lambda clock: serial_ttl(
        SerialSettings(port=os.ttyname(os.openpty()[1]), codes=CODES), LINES, clock
    ),
    "zmq": lambda clock: ZmqOut(ZmqSettings(address=PEERS.zmq.address), LINES, clock),
    "lsl": lambda clock: LslMarks(LslSettings(name="contract"), LINES, clock),
    "osc": lambda clock: osc(OscSettings(port=PEERS.osc.getsockname()[1]), LINES, clock),
    "firmata": lambda clock: firmata(FirmataSettings(port=PEERS.board.port), LINES, clock),
    "sound": lambda clock: SoundOut(SoundSettings(sounds=TONES), LINES, clock, Card().open),
    "nidaqmx": lambda clock: nidaq(NidaqSettings(), LINES, clock, lambda: NI),
    "recording": lambda clock: RecordingActuator(LINES, clock),
}


def teardown_module():
    PEERS.close()


@pytest.fixture(params=MAKERS.values(), ids=MAKERS.keys())
def make(request):
    made = []

    def one():
        actuator = request.param(SystemClock())
        made.append(actuator)
        return actuator

    yield one
    for actuator in made:
        actuator.close()


@pytest.fixture
def actuator(make):
    opened = make()
    opened.open()
    return opened


@pytest.mark.parametrize(
    "use",
    [
        pytest.param(lambda each: each.info, id="info"),
        pytest.param(lambda each: each.apply(Order("2", Action.TRAIN, PULSE, "a/1")), id="apply"),
        pytest.param(lambda each: each.tend(alive=True), id="tend"),
    ],
)
def test_before_open_and_after_close_it_cannot_be_used(make, use):
    each = make()
    with pytest.raises(DeviceError, match="closed"):
        use(each)
    each.open()
    each.close()
    with pytest.raises(DeviceError, match="closed"):
        use(each)


def test_it_says_what_it_is(actuator):
    info = actuator.info
    assert info.name
    assert info.lines == tuple(LINES)
    assert info.dead_man_s is None or info.dead_man_s >= 0


def test_opening_twice_does_no_harm(actuator):
    actuator.open()
    assert actuator.info.lines == tuple(LINES)


@pytest.mark.parametrize(
    ("action", "train"),
    [
        pytest.param(Action.TRAIN, PULSE, id="train"),
        pytest.param(Action.LEVEL, PULSE, id="level"),
        pytest.param(Action.STOP, None, id="stop"),
    ],
)
def test_an_order_has_a_receipt_within_fifty_milliseconds(actuator, action, train):
    actuator.tend(alive=True)
    began = time.perf_counter()
    receipt = actuator.apply(Order("2", action, train, "a/1"))
    assert time.perf_counter() - began < 0.05
    assert receipt.acknowledged_ns >= 0
    assert receipt.uncertainty_ns >= 0
    assert receipt.confirmed == actuator.info.acknowledges


def test_an_order_does_not_wait_for_the_train_to_end(actuator):
    actuator.tend(alive=True)
    began = time.perf_counter()
    actuator.apply(Order("2", Action.TRAIN, LONG, "a/1"))
    assert time.perf_counter() - began < 0.1


def test_an_order_takes_the_place_of_what_the_line_does(actuator):
    actuator.tend(alive=True)
    actuator.apply(Order("2", Action.LEVEL, PULSE, "a/1"))
    actuator.apply(Order("2", Action.LEVEL, PULSE, "a/2"))
    actuator.apply(Order("2", Action.STOP, None, "a/3"))


def test_two_lines_are_two_lines(actuator):
    actuator.tend(alive=True)
    actuator.apply(Order("2", Action.TRAIN, PULSE, "a/1"))
    actuator.apply(Order("3", Action.TRAIN, PULSE, "b/1"))


def test_tending_takes_twenty_milliseconds_at_most(actuator):
    for _ in range(5):
        began = time.perf_counter()
        actuator.tend(alive=True)
        assert time.perf_counter() - began < 0.05  # with room for a busy machine


def test_it_can_be_tended_and_told_at_the_same_time(actuator):
    over, failures = threading.Event(), []

    def tend():
        try:
            while not over.is_set():
                actuator.tend(alive=True)
        except DeviceError as failure:
            failures.append(failure)

    tending = threading.Thread(target=tend)
    tending.start()
    for n in range(50):
        actuator.apply(Order("2", Action.LEVEL, PULSE, f"a/{n}"))
    over.set()
    tending.join(5)
    assert failures == []
    assert not tending.is_alive()


def test_making_it_safe_never_fails(make):
    each = make()
    each.make_safe()
    each.open()
    each.tend(alive=True)
    each.apply(Order("2", Action.TRAIN, LONG, "a/1"))
    each.make_safe()
    each.make_safe()
    each.close()
    each.make_safe()


def test_any_thread_can_make_it_safe_while_it_is_used(actuator):
    over, left = threading.Event(), []

    def use(once):
        while not over.is_set():
            with suppress(DeviceError):  # it was made safe
                once()
        left.append(once)

    def apply():
        actuator.apply(Order("2", Action.LEVEL, PULSE, "a/1"))

    threads = [
        threading.Thread(target=use, args=[lambda: actuator.tend(alive=True)]),
        threading.Thread(target=use, args=[apply]),
    ]
    for thread in threads:
        thread.start()
    for _ in range(20):
        actuator.make_safe()
        over.wait(0.001)
    over.set()
    for thread in threads:
        thread.join(5)
    assert len(left) == 2  # neither failed, nor hangs


def test_closing_twice_does_no_harm(make):
    each = make()
    each.close()
    each.open()
    each.close()
    each.close()


def test_what_was_made_safe_works_again_once_it_is_opened_anew(make):
    each = make()
    each.open()
    each.make_safe()
    each.close()
    each.open()
    each.tend(alive=True)
    each.apply(Order("2", Action.TRAIN, PULSE, "a/1"))
