"""OSC messages to a real receiver on this computer."""

import socket
import sys
import threading

import pytest
from pythonosc.osc_message import OscMessage

from tracker.actuators.osc import OscSettings, osc
from tracker.clock import SystemClock
from tracker.errors import DeviceLost, DeviceNotFound, MissingExtra
from tracker.stimuli import Action, LineLimits, Order, PulseTrain
from tracker.testing.manual_clock import ManualClock

MS = 1_000_000
LINES = {"light": LineLimits(1_000_000, 0), "sound": LineLimits(1_000_000, 0)}
PULSE = PulseTrain(5_000, 5_000)


@pytest.fixture
def receiver():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiving:
        receiving.bind(("127.0.0.1", 0))
        receiving.settimeout(5)
        yield receiving


@pytest.fixture
def make(receiver):
    made = []

    def one(clock=None, **about):
        port = about.pop("port", receiver.getsockname()[1])
        made.append(osc(OscSettings(port=port, **about), LINES, clock or ManualClock()))
        return made[-1]

    yield one
    for actuator in made:
        actuator.close()


def heard(receiver, n):
    """The next messages: address and arguments."""
    messages = [OscMessage(receiver.recv(1024)) for _ in range(n)]
    return [(message.address, *message.params) for message in messages]


def unread(receiver):
    receiver.setblocking(False)
    with pytest.raises(BlockingIOError):
        receiver.recv(1024)
    receiver.settimeout(5)
    return False


def test_opening_it_sends_every_line_low(make, receiver):
    make().open()
    assert heard(receiver, 4) == [("/light", 0.0), ("/sound", 0.0)] * 2
    assert not unread(receiver)


def test_an_edge_is_a_message_with_the_level(make, receiver):
    actuator = make()
    actuator.open()
    heard(receiver, 4)
    actuator.apply(Order("light", Action.TRAIN, PULSE, "a/1"))
    actuator.apply(Order("sound", Action.LEVEL, PulseTrain(50_000, 50_000, level=0.25), "a/2"))
    actuator.tend(alive=True)
    assert heard(receiver, 3) == [("/light", 1.0), ("/sound", 0.25), ("/light", 0.0)]


def test_the_argument_is_one_32_bit_float(make, receiver):
    make().open()
    assert receiver.recv(1024) == b"/light\0\0,f\0\0\0\0\0\0"


def test_the_address_may_be_chosen(make, receiver):
    make(address="/rig2/{line}/level").open()
    assert heard(receiver, 1) == [("/rig2/light/level", 0.0)]


@pytest.mark.parametrize("address", ["light", "/light", "/{line} ", "/{line}/*", "/{other}{line}"])
def test_an_address_that_is_none_is_an_error(address):
    with pytest.raises(ValueError, match="address"):
        OscSettings(address=address)


def test_levels_are_sent_again_while_the_loop_is_alive(make, receiver):
    clock = ManualClock()
    actuator = make(clock, repeat_ms=100)
    actuator.open()
    actuator.apply(Order("light", Action.LEVEL, PulseTrain(500_000, 500_000, level=0.5), "a/1"))
    heard(receiver, 5)
    clock.advance(99 * MS)
    actuator.tend(alive=True)
    assert not unread(receiver)
    clock.advance(1 * MS)
    actuator.tend(alive=True)
    assert heard(receiver, 2) == [("/light", 0.5), ("/sound", 0.0)]
    actuator.tend(alive=True)
    assert not unread(receiver)


def test_a_loop_that_is_not_alive_sends_low_and_then_nothing(make, receiver):
    clock = ManualClock()
    actuator = make(clock)
    actuator.open()
    actuator.apply(Order("light", Action.TRAIN, PULSE, "a/1"))
    heard(receiver, 5)
    clock.advance(200 * MS)
    actuator.tend(alive=False)
    actuator.tend(alive=False)
    assert heard(receiver, 1) == [("/light", 0.0)]
    assert not unread(receiver)


def test_if_nothing_listens_there_it_cannot_be_opened(make, receiver):
    actuator = make()
    receiver.close()
    with pytest.raises(DeviceNotFound, match=r"OSC 127\.0\.0\.1:\d+: nothing listens there"):
        actuator.open()


def test_a_computer_that_does_not_exist_is_named(make):
    with pytest.raises(DeviceNotFound, match=r"no computer 'rig\.invalid'"):
        make(host="rig.invalid").open()


def test_a_receiver_that_is_gone_is_noticed_by_the_next_message(make, receiver):
    clock = ManualClock()
    actuator = make(clock, repeat_ms=100)
    actuator.open()
    receiver.close()

    def go_on():
        for _ in range(3):
            clock.advance(100 * MS)
            actuator.tend(alive=True)

    with pytest.raises(DeviceLost, match="nothing listens there"):
        go_on()


def test_it_is_noticed_without_another_message_too(make, receiver):
    actuator = make(ManualClock())
    actuator.open()
    receiver.close()
    actuator.apply(Order("light", Action.TRAIN, PulseTrain(500_000, 500_000), "a/1"))
    with pytest.raises(DeviceLost, match="nothing listens there"):
        actuator.tend(alive=True)


def test_making_it_safe_sends_every_line_low_from_any_thread(make, receiver):
    actuator = make()
    actuator.open()
    actuator.apply(Order("light", Action.TRAIN, PULSE, "a/1"))
    heard(receiver, 5)
    other = threading.Thread(target=actuator.make_safe)
    other.start()
    other.join(5)
    assert heard(receiver, 2) == [("/light", 0.0), ("/sound", 0.0)]


def test_closing_sends_every_line_low(make, receiver):
    actuator = make()
    actuator.open()
    heard(receiver, 4)
    actuator.close()
    assert heard(receiver, 2) == [("/light", 0.0), ("/sound", 0.0)]


def test_without_its_extra_it_says_what_to_install(make, monkeypatch):
    monkeypatch.setitem(sys.modules, "pythonosc.osc_message_builder", None)
    with pytest.raises(MissingExtra, match=r"behaviour-tracker\[osc\]"):
        make().open()


def test_it_says_what_it_is(make, receiver):
    actuator = make()
    actuator.open()
    assert actuator.info.name == f"OSC 127.0.0.1:{receiver.getsockname()[1]}"
    assert actuator.info.levels
    assert not actuator.info.acknowledges
    assert actuator.info.dead_man_s is None


def test_in_real_time_a_train_arrives_at_its_pace(make, receiver):
    actuator = make(SystemClock(), repeat_ms=10_000)
    actuator.open()
    heard(receiver, 4)
    over = threading.Event()

    def tend():
        while not over.is_set():
            actuator.tend(alive=True)

    tending = threading.Thread(target=tend)
    tending.start()
    actuator.apply(Order("light", Action.TRAIN, PulseTrain(5_000, 10_000, 3), "a/1"))
    got = heard(receiver, 6)
    over.set()
    tending.join(5)
    assert got == [("/light", 1.0), ("/light", 0.0)] * 3
