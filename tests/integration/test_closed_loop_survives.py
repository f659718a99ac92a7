"""Whatever dies during a pulse: the line goes low, and the folder says what happened.

The firmware runs in simavr, and its pins are measured by its cycles. What is held against the
dead-man is the device's own time of the last keep-alive that it heard.
"""

import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from firmware.simavr_box import LiveBox
from integration.loop_host import LoopRig
from integration.serial_proxy import SerialProxy

from tracker.dose_store import DoseStore
from tracker.errors import DeviceError, DeviceNotFound, DiskFull, SessionError
from tracker.recorder import Recorder
from tracker.recording import Recording
from tracker.stimuli import Delivery, Refusal

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="needs pseudo-terminals and signals"),
]

DEAD_MAN_US = 100_000
PULSE_MS = 10_000


@pytest.fixture
def box(built_box, tmp_path):
    with LiveBox(built_box, tmp_path / "box") as live:
        yield live


@pytest.fixture
def cable(box):
    with SerialProxy(str(box.port)) as proxy:
        yield proxy


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "session"


def line(box):
    return [each for each in box.pins() if each.line == 0]


def low_after_alive_us(box, cable):
    """From the last keep-alive that the box heard to the fall of its line (device's time)."""
    box.wait_for(lambda: len(cable.edges) >= 2)
    rise, fall = line(box)
    return (fall.us - rise.us) - (cable.last_alive_us - cable.edges[0].device_us)


def written(folder, name, text):
    path = folder / name
    return path.is_file() and text in path.read_text(encoding="utf-8").rpartition("\n")[0]


@contextmanager
def program(folder, port):
    """The session in a process of its own; its line is high."""
    running = subprocess.Popen(
        [sys.executable, "-m", "integration.loop_host", str(folder), str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[1],
    )
    try:
        assert running.stdout.readline() == "on\n"
        yield running
    finally:
        running.kill()
        running.communicate()


@contextmanager
def session(rig, end_reason="stopped"):
    """Runs, armed, in this process."""
    rig.session.start()
    try:
        rig.arm()
        yield rig
    finally:
        rig.session.stop()
        try:
            rig.session.finish()
        except SessionError:
            if end_reason != "failed":
                raise
    assert rig.session.end_reason == end_reason


def test_a_program_that_is_killed_during_a_pulse(box, cable, folder):
    with program(folder, cable.port) as running:
        box.wait_for(lambda: box.high(0))
        box.wait_for(lambda: written(folder, "stimuli.jsonl", "delivered"))
        running.kill()
        assert low_after_alive_us(box, cable) <= DEAD_MAN_US + 1000
    recording = Recording(folder)
    assert recording.problems[0].startswith("the session was not closed")
    (row,) = recording.stimuli
    assert row.delivery is Delivery.DELIVERED
    with DoseStore(folder.parent / "session_doses.sqlite") as doses:
        assert doses.had_ns("m", "light", time.time_ns()) == PULSE_MS * 1_000_000


def test_a_program_that_is_stopped_for_two_seconds_during_a_pulse(box, cable, folder):
    with program(folder, cable.port) as running:
        box.wait_for(lambda: box.high(0))
        running.send_signal(signal.SIGSTOP)
        go_on = time.monotonic() + 2
        assert low_after_alive_us(box, cable) <= DEAD_MAN_US + 1000
        box.wait_for(lambda: time.monotonic() > go_on)
        running.send_signal(signal.SIGCONT)
        box.wait_for(lambda: written(folder, "log.jsonl", "the outputs were disarmed"))
        out, _ = running.communicate("end\n", timeout=20)
        assert out == "stopped\n"
    assert len(line(box)) == 2  # it did not come back by itself
    recording = Recording(folder)
    assert recording.complete
    assert len(recording.stimuli) == 1


@pytest.mark.parametrize(
    ("what", "said"),
    [
        pytest.param(lambda rig: rig.model_fails.set(), "GPU fell off the bus", id="network"),
        pytest.param(lambda rig: rig.camera.unplugged.set(), "was unplugged", id="camera"),
    ],
)
def test_something_else_fails_during_a_pulse(box, cable, folder, what, said):
    rig = LoopRig(folder, cable.port)
    rig.session.start()
    rig.arm()
    assert rig.pulse(PULSE_MS).delivery is Delivery.DELIVERED
    box.wait_for(lambda: box.high(0))
    what(rig)
    assert rig.session.wait(5)
    assert low_after_alive_us(box, cable) <= DEAD_MAN_US + 1000
    with pytest.raises(SessionError, match=said):
        rig.session.finish()
    recording = Recording(folder)
    assert recording.complete
    assert recording.session["end_reason"] == "failed"
    assert len(recording.stimuli) == 1
    assert len(recording.frame_indices) == rig.ledger.totals.processed > 0


def test_a_full_disk_during_a_pulse(box, cable, folder):
    full = threading.Event()

    class FullDisk(Recorder):
        def write_result(self, result):
            if full.is_set():
                raise DiskFull("no room left for observations.arrow")
            super().write_result(result)

    rig = LoopRig(folder, cable.port, make_recorder=FullDisk)
    with session(rig, end_reason="failed"):
        assert rig.pulse(PULSE_MS).delivery is Delivery.DELIVERED
        box.wait_for(lambda: box.high(0))
        box.wait_for(lambda: written(folder, "stimuli.jsonl", "delivered"))
        full.set()
        assert rig.session.wait(5)
        assert low_after_alive_us(box, cable) <= DEAD_MAN_US + 1000
    recording = Recording(folder)
    assert recording.session["end_reason"] == "failed"
    assert len(recording.stimuli) == 1
    assert len(recording.frame_indices) > 0


def test_a_box_that_is_unplugged_during_a_pulse_and_plugged_in_again(box, folder):
    with session(LoopRig(folder, box.port)) as rig:
        assert rig.pulse(2000).delivery is Delivery.DELIVERED
        box.wait_for(lambda: box.high(0))
        box.stop()
        box.wait_for(lambda: rig.session.loop.status.armed_by is None)
        processed = rig.ledger.totals.processed
        assert rig.pulse(50).refusal is Refusal.NOT_ARMED
        box.wait_for(lambda: rig.ledger.totals.processed > processed + 10)
        with pytest.raises(DeviceError):
            rig.arm()
        box.start()
        rig.arm()
        assert line(box) == []
        box.wait_for(lambda: rig.session.loop.status.outputs["light"].ready_in_s == 0, 15)
        assert rig.pulse(50).delivery is Delivery.DELIVERED
        box.wait_for(lambda: len(line(box)) == 2)
        rise, fall = line(box)
        assert fall.us - rise.us == pytest.approx(50_000, abs=100)
    recording = Recording(folder)
    assert recording.complete
    came_of_it = [row.delivery for row in recording.stimuli]
    assert came_of_it == [Delivery.DELIVERED, Delivery.REFUSED, Delivery.DELIVERED]
    assert any("the outputs were disarmed: box: " in each.message for each in recording.log)


def test_a_cable_that_flips_bits_makes_no_edge_that_was_not_asked_for(box, cable, folder):
    width_ms = 5
    with session(LoopRig(folder, cable.port)) as rig:
        for _ in range(6):
            cable.share = 0.0
            rig.arm()
            assert rig.pulse(width_ms).delivery is Delivery.DELIVERED
            cable.share = 0.01
            for _ in range(3):
                box.wait_for(lambda: rig.session.loop.status.outputs["light"].ready_in_s == 0)
                rig.pulse(width_ms)
            box.wait_for(lambda: not rig.session.loop.status.armed_by)
        box.wait_for(lambda: not box.high(0))
        processed = rig.ledger.totals.processed
        box.wait_for(lambda: rig.ledger.totals.processed > processed)
    assert cable.n_flipped > 10
    changes = line(box)
    assert 6 <= len(changes) // 2 <= cable.n_orders
    assert {each.line for each in box.pins() if each.line < 4} == {0}
    for rise, fall in zip(changes[::2], changes[1::2], strict=True):
        assert rise.high
        assert fall.us - rise.us <= width_ms * 1000 + 100
    recording = Recording(folder)
    assert recording.complete
    assert len(recording.stimuli) == 24
    assert any("the outputs were disarmed: box: " in each.message for each in recording.log)


def test_two_programs_that_want_the_same_box(box, folder, tmp_path):
    with session(LoopRig(folder, box.port)) as rig:
        other = LoopRig(tmp_path / "other", box.port)
        with pytest.raises(DeviceNotFound, match="another program has it"):
            other.session.start()
        assert not (tmp_path / "other").exists()
        assert rig.session.loop.status.armed_by == "a person"
        assert rig.pulse(20).delivery is Delivery.DELIVERED
        box.wait_for(lambda: len(line(box)) == 2)
    assert Recording(folder).complete
