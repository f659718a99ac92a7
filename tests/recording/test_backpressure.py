"""An encoder or a disk that is too slow: seen within a second, counted with its cause.

The stand-ins do at the edge of the recorder what a slow disk or encoder does: its thread waits.
"""

import math
import threading
import time

import numpy as np
import pytest
from rigs import Rig
from test_closed_loop import Scripted

from tracker.cameras.synthetic import SyntheticCamera, SyntheticCameraSettings
from tracker.clock import SystemClock
from tracker.closed_loop import ClosedLoop, Output
from tracker.dose_store import DoseStore
from tracker.errors import SessionError
from tracker.interlocks import Interlocks
from tracker.limits import Limits
from tracker.recorder import Recorder
from tracker.recording import Recording
from tracker.session_folder.work import Busy, Work
from tracker.session_state import EndReason
from tracker.stimuli import Action, Delivery, PulseTrain
from tracker.subscriber import Subscriber
from tracker.testing.recording_actuator import RecordingActuator
from tracker.types import Fate

pytestmark = pytest.mark.alone

FPS = 100
GATES = {Busy.DISK: Fate.DISK_TOO_SLOW, Busy.ENCODER: Fate.ENCODER_TOO_SLOW}


def slow_recorder(busy, from_frame):
    """A class of recorders that stand still at one frame until `go` is set."""

    class Slow(Recorder):
        stands, go = threading.Event(), threading.Event()

        def write_frame(self, frame):
            if frame.index == from_frame:
                with self.work.of(busy):
                    self.stands.set()
                    assert self.go.wait(20)
            return super().write_frame(frame)

    return Slow


def live_rig(folder, make_recorder, **settings):
    """A small live camera of 100 frames/s; the ring holds 0.2 s of it."""
    clock = SystemClock()
    camera = SyntheticCamera(SyntheticCameraSettings(width=64, height=48, fps=FPS), clock)
    settings = {"ring_capacity": 20, "drop_frames": True} | settings
    return Rig(folder, camera, clock=clock, make_recorder=make_recorder, **settings)


def wait_until(session, so):
    """Wait for something to become true of a session that runs."""
    for _ in range(2000):
        if so() or session.wait(0.01):
            break
    assert so()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "session"


@pytest.mark.parametrize("busy", list(Busy))
def test_what_is_too_slow_is_said_within_a_second_and_counted_with_its_cause(folder, busy):
    slow = slow_recorder(busy, from_frame=30)
    rig = live_rig(folder, slow, publisher="tcp://127.0.0.1:0")
    rig.session.start()
    with Subscriber(rig.publisher.address, ["log/", "status/"]) as subscriber:
        try:
            assert slow.stands.wait(10)
            began = time.monotonic()
            wait_until(rig.session, lambda: rig.session.status.recorder.late)
            assert time.monotonic() - began < 1
            assert rig.session.status.recorder.waits_for == busy
            heard = []
            while {"log", "status"} - {kind for kind, _ in heard}:
                received = subscriber.receive(5)
                assert received is not None
                message = received.message
                kind = received.topic.partition("/")[0]
                if kind == "log" or message.recorder_late:
                    heard.append((kind, message))
            said = dict(heard)
            assert "the recorder is late" in said["log"].text
            assert said["status"].recorder_waits_for == busy
            captured = 60  # far more than the ring holds are overwritten meanwhile
            wait_until(rig.session, lambda: rig.session.status.ring_fill >= 1)
            assert not rig.session.wait(captured / FPS)
        finally:
            slow.go.set()
    wait_until(rig.session, lambda: rig.ledger.totals.recorded > 60)
    rig.session.stop()
    rig.session.finish()

    totals = Recording(folder).totals()
    assert totals == rig.ledger.totals.as_dict()
    lost = totals["not_recorded"]
    assert lost[GATES[busy]] >= 40
    assert set(lost) <= {GATES[busy], "lost_on_link", "session_ended"}
    assert totals["unexplained"] == 0
    (line,) = [line for line in Recording(folder).log if line.level == "warning"]
    assert line.facts["waits_for"] == busy
    assert line.facts["stands_still_s"] >= 0.1


@pytest.mark.parametrize("busy", list(Busy))
def test_a_session_whose_video_must_be_complete_ends_within_a_second(folder, busy):
    slow = slow_recorder(busy, from_frame=30)
    rig = live_rig(folder, slow, drop_frames=False)
    rig.session.start()
    try:
        assert slow.stands.wait(10)
        assert rig.session.wait(1.0 + 20 / FPS)  # the ring is full after 0.2 s
    finally:
        slow.go.set()
    with pytest.raises(SessionError, match=rf"missing from the video: the .*{busy} is too slow"):
        rig.session.finish()
    assert rig.session.end_reason is EndReason.FAILED
    assert Recording(folder).totals() == rig.ledger.totals.as_dict()


def test_the_closed_loop_does_not_wait_for_the_disk(folder, tmp_path):
    """Stimuli of the frames from 200 on are delivered while the recorder stands at frame 100."""
    asked = {i: [(Action.TRAIN, PulseTrain(1000, 1000, 1), None)] for i in range(0, 400, 10)}
    slow = slow_recorder(Busy.DISK, from_frame=100)

    def loop(clock, *tell):
        limits = Limits(
            refractory_s=0, duty_cycle=1, dose_s_per_minute=60, deadline_ms=500, dose_s_per_day=None
        )
        doses = DoseStore(tmp_path / "doses.sqlite")
        gate = Interlocks({"light": limits}, doses, subject="m", anchor_utc_ns=clock.anchor_utc_ns)
        actuator = RecordingActuator({}, clock)
        told = dict(zip(("on_edge", "on_fault"), tell, strict=True))
        return ClosedLoop(
            [Scripted(asked)], {"light": Output("box", "0")}, {"box": actuator}, gate, clock,
            stall_s=1, **told,
        )  # fmt: skip

    rig = live_rig(folder, slow, loop=loop)
    rig.session.start()
    rig.session.loop.arm("a person").result(5)
    assert slow.stands.wait(10)
    wait_until(rig.session, lambda: rig.session._ring.next_turn > 380)
    slow.go.set()
    wait_until(rig.session, lambda: rig.ledger.totals.captured > 390)
    rig.session.stop()
    rig.session.finish()

    recording = Recording(folder)
    n = {f"wake/{k + 1}": index for k, index in enumerate(asked)}
    stimuli = {n[row.command.stimulus_id]: row for row in recording.stimuli}
    during = [row for index, row in stimuli.items() if 120 <= index < 370]
    assert len(during) >= 20
    assert {row.delivery for row in during} == {Delivery.DELIVERED}
    rows = recording.ledger.to_pylist()
    before = latencies(row for row in rows if row["index"] < 95)
    meanwhile = latencies(row for row in rows if 120 <= row["index"] < 370)
    assert np.median(meanwhile) < 3 * np.median(before) + 0.005
    assert max(meanwhile) < 0.5  # of the 2.8 s for which the recorder stands still
    lost = recording.totals()["not_recorded"]["disk_too_slow"]
    assert lost >= 200  # so the recorder did stand still all the while


def latencies(rows):
    """Received → decided (s)."""
    return [(r["decided_ns"] - r["received_ns"]) / 1e9 for r in rows if r["decided_ns"]]


def test_a_recorder_that_keeps_up_is_never_called_late(folder):
    rig = live_rig(folder, Recorder, duration_s=1.0)
    rig.run()
    assert not rig.session.status.recorder.late
    assert [line for line in Recording(folder).log if line.level == "warning"] == []


class TestWork:
    def test_what_is_nested_counts_as_its_own(self):
        work, gate = Work(), threading.Event()
        before = work.so_far()
        with work.of(Busy.ENCODER):
            with work.of(Busy.DISK):
                gate.wait(0.1)
            assert work.waits_for[0] is Busy.ENCODER
        assert work.cause(before) is Busy.DISK
        assert work.waits_for == (None, 0.0)

    def test_nobody_is_the_cause_if_most_of_the_time_is_spent_elsewhere(self):
        work, gate = Work(), threading.Event()
        before = work.so_far()
        gate.wait(0.1)
        with work.of(Busy.DISK):
            gate.wait(0.01)
        assert work.cause(before) is None

    def test_it_says_how_long_something_takes_already(self):
        work, gate = Work(), threading.Event()
        before = work.so_far()
        with work.of(Busy.DISK):
            gate.wait(0.05)
            busy, seconds = work.waits_for
            assert work.cause(before) is Busy.DISK
        assert busy is Busy.DISK
        assert seconds >= 0.05


def test_a_session_tells_the_hours_left_while_it_runs(folder):
    rig = live_rig(folder, Recorder)
    rig.session.start()
    wait_until(rig.session, lambda: not math.isnan(rig.session.status.load.disk_left_h))
    assert 0 < rig.session.wire_status.disk_left_h < math.inf
    rig.session.stop()
    rig.session.finish()
