"""Orders over ZeroMQ to a real subscriber on this computer."""

import re
import threading
from pathlib import Path

import msgspec
import pytest
from order_receiver import Receiver, free_address

from tracker.actuators.zmq_out import OrderMessage, ZmqOut, ZmqSettings
from tracker.clock import SystemClock
from tracker.errors import ConfigError, DeviceError, DeviceLost, DeviceNotFound
from tracker.keys import load_client_keys, make_keys
from tracker.stimuli import Action, LineLimits, Order, PulseTrain
from tracker.testing.manual_clock import ManualClock

MS = 1_000_000
PULSE = PulseTrain(5_000, 5_000)
TRAIN = PulseTrain(5_000, 20_000, 10, delay_us=3_000, level=0.5, ramp_us=7_000)
LINES = {"light": LineLimits(100_000, 0), "pump": LineLimits(100_000, 0)}
PAGE = (Path(__file__).parents[2] / "docs" / "actuators.md").read_text(encoding="utf-8")


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def make(receiver):
    made = []

    def one(clock=None, lines=LINES, **about):
        settings = ZmqSettings(**({"address": receiver.address} | about))
        made.append(ZmqOut(settings, lines, clock or ManualClock()))
        return made[-1]

    yield one
    for actuator in made:
        actuator.close()


@pytest.fixture
def opened(make):
    actuator = make()
    actuator.open()
    return actuator


# What is sent


def test_an_order_is_its_topic_and_one_json_object(make, receiver):
    actuator = make(ManualClock(now_ns=2, anchor_utc_ns=1_700_000_000_000_000_000))
    actuator.open()
    actuator.apply(Order("light", Action.TRAIN, TRAIN, "wake/3"))
    assert receiver.parts() == [
        b"order/light",
        b'{"schema":1,"seq":0,"line":"light","stimulus_id":"wake/3","action":"train","level":0.5,'
        b'"width_us":5000,"period_us":20000,"n_pulses":10,"delay_us":3000,"ramp_us":7000,'
        b'"sent_ns":2,"sent_utc_ns":1700000000000000002}',
    ]


def test_a_level_is_one_pulse_at_once(opened, receiver):
    opened.apply(Order("light", Action.LEVEL, TRAIN, "dim/1"))
    order = receiver.next()
    assert (order.action, order.level, order.n_pulses) == ("level", 0.5, 1)
    assert (order.width_us, order.period_us, order.delay_us, order.ramp_us) == (5000, 5000, 0, 0)


def test_a_stop_has_no_pulses(opened, receiver):
    opened.apply(Order("light", Action.STOP, None, "wake/4"))
    order = receiver.next()
    assert (order.action, order.stimulus_id) == ("stop", "wake/4")
    assert (order.level, order.width_us, order.n_pulses) == (0.0, 0, 0)


def test_each_topic_counts_its_messages(opened, receiver):
    for line in ("light", "light", "pump", "light"):
        opened.apply(Order(line, Action.LEVEL, PULSE, "a/1"))
    got = [receiver.next() for _ in range(4)]
    assert [(each.line, each.seq) for each in got] == [
        ("light", 0),
        ("light", 1),
        ("pump", 0),
        ("light", 2),
    ]


def test_keep_alives_are_sent_while_the_loop_is_alive(make, receiver):
    clock = ManualClock()
    actuator = make(clock, alive_every_ms=50)
    actuator.open()
    for _ in range(4):
        actuator.tend(alive=True)
        clock.advance(25 * MS)
    got = [receiver.next(), receiver.next()]
    assert [(each.seq, each.sent_ns) for each in got] == [(0, 0), (1, 50 * MS)]
    clock.advance(500 * MS)
    actuator.tend(alive=False)
    assert receiver.is_silent()


def test_a_loop_that_is_not_alive_stops_what_goes_on(opened, receiver):
    opened.apply(Order("light", Action.TRAIN, TRAIN, "a/1"))
    opened.tend(alive=False)
    opened.tend(alive=False)
    got = [receiver.next(), receiver.next()]
    assert [(each.line, each.action) for each in got] == [("light", "train"), ("light", "stop")]
    assert receiver.is_silent()


def test_bonsai_reads_an_order_by_the_pattern_in_the_docs(opened, receiver):
    """Its `Parse` makes a regular expression of the pattern, each specifier being (.*)."""
    pattern = PAGE.split("Pattern: `")[1].split("`")[0]
    assert pattern.count("%") <= 8  # no more fit into a tuple
    opened.apply(Order("light", Action.TRAIN, TRAIN, "wake/3"))
    opened.apply(Order("light", Action.STOP, None, "wake/4"))
    found = [
        re.search(re.sub("%[sfi]", "(.*)", pattern), receiver.parts()[1].decode(), re.DOTALL)
        for _ in range(2)
    ]
    assert [each.groups() for each in found] == [
        ("wake/3", "train", "0.5", "5000", "20000", "10", "3000"),
        ("wake/4", "stop", "0.0", "0", "0", "0", "0"),
    ]


def test_the_docs_show_an_order(opened, receiver):
    shown = PAGE.split("```json\n")[1].split("```")[0]
    assert msgspec.json.decode(shown, type=OrderMessage, strict=True)
    assert list(msgspec.json.decode(shown)) == [
        each.name for each in msgspec.structs.fields(OrderMessage)
    ]


# Limits


def test_a_pulse_that_is_too_long_is_refused_and_not_sent(opened, receiver):
    with pytest.raises(DeviceError, match="a/1: on for 101 ms"):
        opened.apply(Order("light", Action.TRAIN, PulseTrain(101_000, 101_000), "a/1"))
    assert receiver.is_silent()


# Somebody has to be there


def test_without_a_receiver_it_cannot_be_opened(make):
    with pytest.raises(
        DeviceNotFound, match=r"nobody has subscribed to order/light within 0\.05 s"
    ):
        make(address=free_address(), patience_s=0.05).open()


def test_a_receiver_of_another_line_is_not_enough():
    receiver = Receiver("order/light")
    settings = ZmqSettings(address=receiver.address, patience_s=0.3)
    with pytest.raises(DeviceNotFound, match="order/pump"):
        ZmqOut(settings, LINES, ManualClock()).open()
    receiver.close()


def test_one_receiver_of_each_line_is_enough(make, receiver):
    receiver.stop()
    receiver._topics = ("order/light", "order/pump")
    receiver.start()
    make().open()


def test_a_receiver_that_comes_while_it_is_being_opened_is_waited_for(make, receiver):
    receiver.stop()
    actuator = make(patience_s=10)
    opening = threading.Thread(target=actuator.open)
    opening.start()
    receiver.start()
    opening.join(10)
    assert actuator.info.lines == ("light", "pump")


def wait_until_lost(use):
    """The end of a connection takes a moment to be known."""
    for _ in range(500):
        use()
    pytest.fail("nobody noticed")


def test_a_receiver_that_is_gone_is_noticed_without_an_order(opened, receiver):
    opened.tend(alive=True)
    receiver.stop()
    with pytest.raises(DeviceLost, match="nobody listens to order/light"):
        wait_until_lost(lambda: opened.tend(alive=True))


def test_an_order_that_nobody_would_hear_fails(opened, receiver):
    receiver.stop()
    wire = opened._wire
    while opened._unheard(wire) is None:
        wire.socket.poll(10)
    with pytest.raises(DeviceLost, match="nobody listens to order/light"):
        opened.apply(Order("light", Action.TRAIN, PULSE, "a/1"))
    for use in (
        lambda: opened.apply(Order("light", Action.TRAIN, PULSE, "a/2")),
        lambda: opened.tend(alive=True),
    ):
        with pytest.raises(DeviceLost, match="any more: open it again"):
            use()


def test_an_address_that_is_taken_is_not_opened(make, receiver):
    make().open()
    with pytest.raises(DeviceNotFound, match="in use"):
        make().open()


# Who may listen


def test_an_address_that_others_can_reach_needs_keys():
    with pytest.raises(ConfigError, match="needs keys"):
        ZmqOut(ZmqSettings(address="tcp://0.0.0.0:5558"), LINES, ManualClock())


def test_what_is_no_address_is_an_error():
    with pytest.raises(ValueError, match="is no address"):
        ZmqSettings(address="localhost:5558")


def test_with_keys_only_who_is_on_the_list_gets_orders(tmp_path):
    make_keys(tmp_path)
    keys = load_client_keys(tmp_path / "server.key", tmp_path / "client.key_secret")
    receiver = Receiver(keys=keys)
    settings = ZmqSettings(address=receiver.address, keys=tmp_path)
    actuator = ZmqOut(settings, LINES, ManualClock())
    actuator.open()
    actuator.apply(Order("light", Action.TRAIN, PULSE, "a/1"))
    assert receiver.next().stimulus_id == "a/1"
    actuator.close()
    receiver.close()


def test_with_keys_who_is_not_on_the_list_is_nobody(make, tmp_path):
    make_keys(tmp_path)
    with pytest.raises(DeviceNotFound, match="nobody has subscribed"):
        make(keys=tmp_path, patience_s=0.3).open()  # the receiver has none


# Safe


def test_making_it_safe_stops_every_line_from_any_thread(opened, receiver):
    opened.apply(Order("light", Action.TRAIN, TRAIN, "a/1"))
    other = threading.Thread(target=opened.make_safe)
    other.start()
    other.join(5)
    got = [receiver.next() for _ in range(3)]
    assert [(each.line, each.action, each.stimulus_id) for each in got[1:]] == [
        ("light", "stop", ""),
        ("pump", "stop", ""),
    ]
    with pytest.raises(DeviceError, match="made safe: open it again"):
        opened.apply(Order("light", Action.TRAIN, TRAIN, "a/2"))
    opened.apply(Order("light", Action.STOP, None, "a/3"))
    opened.tend(alive=True)
    assert receiver.is_silent()


def test_closing_stops_every_line(opened, receiver):
    opened.close()
    assert [receiver.next().action for _ in range(2)] == ["stop", "stop"]


def test_a_receipt_says_when_it_was_handed_over_and_nothing_is_confirmed(make, receiver):
    clock = SystemClock()
    actuator = make(clock)
    actuator.open()
    before_ns = clock.now_ns()
    receipt = actuator.apply(Order("light", Action.TRAIN, PULSE, "a/1"))
    assert before_ns <= receipt.acknowledged_ns - receipt.uncertainty_ns
    assert receipt.acknowledged_ns <= clock.now_ns()
    assert not receipt.confirmed
    assert not actuator.info.acknowledges
    assert actuator.info.dead_man_s is None
