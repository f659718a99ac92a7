"""The same box in real time, behind a serial port."""

import pytest
from firmware import frames
from firmware.frames import ACK, ALIVE, ARM, HELLO, LIMITS, PONG, START, WELCOME, train
from firmware.simavr_box import LiveBox

serial = pytest.importorskip("serial")


@pytest.fixture
def live_box(built_box, tmp_path):
    with LiveBox(built_box, tmp_path / "box") as box:
        yield box


def connect(box):
    return serial.Serial(str(box.port), 500_000, timeout=5, exclusive=True)


def ask(port, kind, body=b""):
    port.write(frames.encode(kind, 1, body))
    while received := port.read_until(b"\0"):
        frame = frames.decode(received[:-1])
        if frame is not None and frame.kind not in (frames.EDGE, frames.TRIPPED):
            return frame
    raise AssertionError(f"no answer to {kind:#x}")


def test_pyserial_can_talk_to_it(live_box):
    with connect(live_box) as port:
        assert ask(port, HELLO, b"\x01").kind == WELCOME
        assert ask(port, LIMITS, frames.limits(2, 20_000, 0)).kind == ACK
        assert ask(port, ARM).kind == ACK
        assert ask(port, START, train(2, 20_000)).kind == ACK
    live_box.wait_for(lambda: len([each for each in live_box.pins() if each.line == 2]) == 2)
    rise, fall = (each for each in live_box.pins() if each.line == 2)
    assert fall.us - rise.us == pytest.approx(20_000, abs=2)


def test_it_goes_low_when_its_host_goes_away(live_box):
    with connect(live_box) as port:
        ask(port, HELLO, b"\x01")
        ask(port, LIMITS, frames.limits(0, 1_000_000, 0))
        ask(port, ARM)
        ask(port, ALIVE)
        ask(port, START, train(0, 1_000_000))
    live_box.wait_for(lambda: len([each for each in live_box.pins() if each.line == 0]) == 2)
    rise, fall = (each for each in live_box.pins() if each.line == 0)
    assert fall.us - rise.us <= 101_000


def test_it_can_be_unplugged_and_plugged_in_again_at_the_same_port(live_box):
    path = live_box.port
    live_box.stop()
    assert not path.exists()
    live_box.start()
    with connect(live_box) as port:
        assert ask(port, ALIVE).kind == PONG


def test_it_goes_on_when_nobody_reads_what_it_says(live_box):
    with connect(live_box) as port:
        ask(port, HELLO, b"\x01")
    with connect(live_box) as port:
        for _ in range(3000):
            port.write(frames.encode(ALIVE, 1))
        port.reset_input_buffer()
        assert ask(port, ALIVE).kind == PONG


def test_inputs_can_be_driven(live_box):
    with connect(live_box) as port:
        assert ask(port, HELLO, b"\x01").kind == WELCOME
        live_box.tell("input 1 0")
        edge = frames.decode(port.read_until(b"\0")[:-1])
    assert edge is not None
    assert (edge.kind, edge.body[0], edge.body[1]) == (frames.EDGE, 17, 0)
