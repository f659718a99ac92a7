"""Threads that share the port of a stimulus box, in interleavings that are forced."""

import threading
import time
from contextlib import contextmanager

import pytest

from tracker.actuators.stimulus_box.link import Link
from tracker.actuators.stimulus_box.protocol import (
    Ack,
    Alive,
    ArmBox,
    Decoder,
    DisarmBox,
    Pong,
    Stop,
    encode,
)
from tracker.clock import SystemClock
from tracker.errors import DeviceError, DeviceLost

PATIENCE_S = 5


class Gate:
    """A place in the code where a thread waits until a test lets it go on."""

    def __init__(self):
        self.reached = threading.Event()
        self.opened = threading.Event()

    def pass_through(self):
        self.reached.set()
        assert self.opened.wait(PATIENCE_S)


class ScriptedPort:
    """A port that answers each frame, and whose calls can be held up.

    Attributes:
        said: Read next.
        readers: Threads that have read, in order.
        written: Kinds of frames, in order.
        before_read, before_write: Called in the thread that does it.
    """

    def __init__(self):
        self.said = b""
        self.readers = []
        self.written = []
        self.is_closed = False
        self.answers = True
        self.before_read = self.before_write = lambda: None
        self._decoder = Decoder()
        self._reading = threading.Lock()

    def read_some(self):
        assert self._reading.acquire(blocking=False), "two threads read at once"
        try:
            self.before_read()
            assert not self.is_closed, "closed while it is read"
            self.readers.append(threading.current_thread().name)
            said, self.said = self.said, b""
            return said
        finally:
            self._reading.release()

    def write(self, data):
        self.before_write()
        for seq, message in self._decoder.feed(data):
            self.written.append(type(message))
            if self.answers:
                answer = Pong(5, 0, 0) if isinstance(message, Alive) else Ack(5)
                self.said += encode(seq, answer)

    def close(self):
        self.is_closed = True


@pytest.fixture
def port():
    return ScriptedPort()


@pytest.fixture
def heard():
    return []


@pytest.fixture
def link(port, heard):
    return Link(port, SystemClock(), lambda seq, message: heard.append(message))


@contextmanager
def another_thread(does, *args, **kwargs):
    """Runs it beside; fails if it fails or does not end."""
    failures = []

    def run():
        try:
            does(*args, **kwargs)
        except DeviceError as failure:
            failures.append(failure)

    thread = threading.Thread(target=run, name="other")
    thread.start()
    yield failures
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


def test_who_asks_reads_the_answer_if_nobody_else_does(link, port):
    assert link.ask(Stop(0), 3) == Ack(5)
    assert port.readers == ["MainThread"]


def test_an_answer_that_another_thread_reads_is_handed_over(link, port):
    gate = Gate()
    port.before_read = gate.pass_through
    port.before_write = gate.opened.set
    with another_thread(link.read, PATIENCE_S) as failures:
        assert gate.reached.wait(PATIENCE_S)
        assert link.ask(Stop(0), 3) == Ack(5)
    assert failures == []
    assert port.readers[0] == "other"


def test_who_waits_is_woken_as_soon_as_another_thread_has_read(link, port, heard):
    gate = Gate()
    port.before_read = gate.pass_through
    port.said = encode(3, Ack(5))
    looks = []

    def has_come():
        looks.append(None)
        if len(looks) == 2:  # the last look before it waits
            gate.opened.set()
        return bool(heard)

    with another_thread(link.read, PATIENCE_S):
        assert gate.reached.wait(PATIENCE_S)
        began = time.monotonic()
        assert link.read_until(has_come, PATIENCE_S)
        assert time.monotonic() - began < PATIENCE_S / 2
    assert port.readers == ["other"]


def test_who_asks_reads_itself_once_the_other_thread_has_stopped(link, port):
    gate = Gate()
    port.before_read = gate.pass_through
    port.answers = False

    def answer_now():
        port.before_read = lambda: None
        port.said = b""
        gate.opened.set()

    port.before_write = answer_now
    with another_thread(link.read, PATIENCE_S):
        assert gate.reached.wait(PATIENCE_S)
        with pytest.raises(DeviceLost, match="no answer within 40 ms"):
            link.ask(Stop(0), 3)
    assert port.readers[0] == "other"
    assert set(port.readers[1:]) == {"MainThread"}


def test_a_port_that_fails_fails_whoever_reads(link, port):
    gate = Gate()

    def fail():
        gate.pass_through()
        raise OSError("gone")

    port.before_read = fail
    port.before_write = gate.opened.set
    with another_thread(link.read, PATIENCE_S) as failures:
        assert gate.reached.wait(PATIENCE_S)
        with pytest.raises(DeviceLost, match="it was unplugged: gone"):
            link.ask(Stop(0), 3)
    assert [str(each) for each in failures] == ["it was unplugged: gone"]


def test_closing_waits_for_the_thread_that_reads(link, port):
    gate = Gate()
    port.before_read = gate.pass_through
    with another_thread(link.read, PATIENCE_S) as failures:
        assert gate.reached.wait(PATIENCE_S)
        with another_thread(link.close):
            assert not port.is_closed
            gate.opened.set()
    assert failures == []
    assert port.is_closed


def test_after_closing_nobody_reads(link, port):
    link.close()
    with pytest.raises(DeviceLost, match="it was closed"):
        link.read(0)


def test_going_safe_while_another_thread_arms_comes_after_it(link, port):
    gate = Gate()
    port.before_write = gate.pass_through
    with another_thread(link.send, ArmBox(), 1) as failures:
        assert gate.reached.wait(PATIENCE_S)
        with another_thread(link.disarm_for_good):
            gate.opened.set()
    assert failures == []
    assert port.written == [ArmBox, DisarmBox]


def test_after_going_safe_nobody_arms(link, port):
    link.disarm_for_good()
    with pytest.raises(DeviceError, match="made safe"):
        link.ask(ArmBox(), 1)
    assert port.written == [DisarmBox]
    assert link.ask(Stop(0), 2) == Ack(5)


def test_answers_to_keep_alives_and_to_orders_of_the_same_number_are_two(link, port, heard):
    link.send(Alive(), 7)
    assert link.ask(Stop(0), 7) == Ack(5)
    assert heard == [Pong(5, 0, 0), Ack(5)]
    assert link._asked_ns == {}  # each has had its answer
