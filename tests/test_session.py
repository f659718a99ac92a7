import gc
import sys
import threading

import pytest
from rigs import MS, Rig, at, frame

from tracker.cameras.synthetic import SyntheticCamera, SyntheticCameraSettings
from tracker.clock import SystemClock
from tracker.closed_loop import ClosedLoop
from tracker.dose_store import DoseStore
from tracker.errors import (
    AddressInUse,
    ConfigError,
    DeviceError,
    DeviceLost,
    DeviceNotFound,
    ModelError,
    RecordingError,
    SessionError,
)
from tracker.interlocks import Interlocks
from tracker.recorder import Recorder
from tracker.recording import Recording
from tracker.session_folder.video_encoder import Codec
from tracker.session_state import EndReason, State
from tracker.stages import MAX_RESULTS_WAITING
from tracker.subscriber import Subscriber
from tracker.testing.manual_clock import ManualClock
from tracker.testing.scripted_camera import ScriptedCamera
from tracker.types import Fate, Gap


def frames(n):
    return [frame(i) for i in range(n)]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "session"


def test_a_source_that_can_wait_loses_nothing(folder):
    rig = Rig(folder, ScriptedCamera(frames(300)), ring_capacity=4)
    rig.run()
    totals = rig.ledger.totals
    assert (totals.captured, totals.processed, totals.recorded) == (300, 300, 300)
    assert (totals.lost, totals.unexplained) == ({}, 0)


@pytest.mark.parametrize(
    ("codec", "missing"), [(Codec.FFV1, {"lost_on_link": 2}), (Codec.NONE, {})]
)
def test_a_session_without_a_video_misses_nothing_in_it(folder, codec, missing):
    gap = Gap(3, 4, Fate.LOST_ON_LINK, 4 * MS)
    told = [frame(i) for i in range(3)] + [gap] + [frame(i) for i in range(5, 9)]
    rig = Rig(folder, ScriptedCamera(told), codec=codec)
    rig.run()
    assert rig.session.wire_status.not_recorded == missing


def test_the_end_of_the_source_completes_the_session(folder):
    rig = Rig(folder, ScriptedCamera(frames(5)))
    rig.run()
    assert rig.session.end_reason is EndReason.COMPLETED
    assert rig.session.status.state is State.IDLE
    assert Recording(folder).session["end_reason"] == "completed"


def test_the_folder_holds_every_frame_observation_and_episode(folder):
    rig = Rig(folder, ScriptedCamera(frames(50)), script=lambda i: at(40.0 if i > 9 else 1.0))
    rig.run()
    recording = Recording(folder)
    assert recording.complete
    assert recording.frame_indices.tolist() == list(range(50))
    (episode,) = recording.episodes
    assert (episode.onset.onset_index, episode.end_index) == (10, 49)
    assert episode.ended_by_session


def test_the_totals_in_the_folder_are_those_of_its_rows(folder):
    script = [*frames(3), Gap(3, 5, Fate.LOST_ON_LINK, 0), *(frame(i) for i in range(6, 9))]
    rig = Rig(folder, ScriptedCamera(script))
    rig.run()
    recording = Recording(folder)
    assert recording.totals() == recording.session["totals"] == rig.ledger.totals.as_dict()
    assert recording.totals()["lost"] == {"lost_on_link": 3}


def test_a_jump_that_the_camera_does_not_explain_is_unexplained(folder):
    rig = Rig(folder, ScriptedCamera([frame(0), frame(4)]))
    rig.run()
    assert (rig.ledger.totals.captured, rig.ledger.totals.unexplained) == (5, 3)


def test_a_planned_time_is_counted_in_captured_time(folder):
    rig = Rig(folder, ScriptedCamera(frames(1000)), duration_s=0.5)
    rig.run()
    assert rig.ledger.totals.captured == 50
    assert rig.session.end_reason is EndReason.COMPLETED


def test_without_video_everything_else_is_recorded(folder):
    rig = Rig(folder, ScriptedCamera(frames(20)), codec=Codec.NONE)
    rig.run()
    assert len(Recording(folder).frame_indices) == 20
    assert rig.ledger.totals.not_recorded == {Fate.NOT_WANTED: 20}


def test_a_person_can_stop_it_and_everything_captured_is_on_disk(folder):
    clock = SystemClock()
    camera = SyntheticCamera(SyntheticCameraSettings(width=64, height=48, fps=200), clock)
    rig = Rig(folder, camera, clock=clock)
    rig.session.start()
    while rig.session.status.totals.processed < 20:
        assert not rig.session.wait(0.01)
    rig.session.stop()
    assert rig.session.wait(0)
    rig.session.finish()
    assert rig.session.end_reason is EndReason.STOPPED
    recording = Recording(folder)
    assert recording.complete
    assert recording.totals()["captured"] == rig.ledger.totals.captured
    assert rig.ledger.totals.unexplained == 0


def test_a_live_source_is_read_newest_first_and_what_is_skipped_was_superseded(folder):
    busy, film_over = threading.Event(), threading.Event()
    seen = []

    def slow(index):
        seen.append(index)
        if index == 0:
            busy.set()
            assert film_over.wait(10)
        return at(1.0)

    first, *others = frames(30)
    rig = Rig(
        folder,
        ScriptedCamera([first, lambda: busy.wait(10), *others, film_over.set], live=True),
        script=slow,
    )
    rig.run()
    assert seen == [0, 29]
    assert rig.ledger.totals.lost == {Fate.SUPERSEDED: 28}
    assert rig.ledger.totals.recorded == 30


@pytest.mark.parametrize(
    ("script", "observe", "expected"),
    [
        pytest.param(
            [*frames(10), DeviceLost("cable pulled at frame 10")],
            None,
            "camera: cable pulled at frame 10",
            id="camera_unplugged",
        ),
        pytest.param(
            frames(50), ModelError("the network gave NaN"), "pipeline: .*NaN", id="network"
        ),
    ],
)
def test_a_part_that_fails_ends_the_session_and_is_named(folder, script, observe, expected):
    def see(index):
        if observe is not None and index == 9:
            raise observe
        return at(1.0)

    rig = Rig(folder, ScriptedCamera(script), script=see)
    rig.session.start()
    assert rig.session.wait(10)
    with pytest.raises(SessionError, match=expected):
        rig.session.finish()
    assert rig.session.end_reason is EndReason.FAILED
    recording = Recording(folder)
    assert recording.session["end_reason"] == "failed"
    assert len(recording.frame_indices) >= 9
    assert recording.totals()["unexplained"] == 0


def test_a_camera_that_falls_silent_is_lost(folder):
    clock = ManualClock()
    script = [frame(0), None, lambda: clock.advance(5_100 * MS), None, frame(1)]
    rig = Rig(folder, ScriptedCamera(script, live=True), clock=clock, camera_timeout_s=5)
    rig.session.start()
    assert rig.session.wait(10)
    with pytest.raises(SessionError, match=r"sent nothing for 5\.1 s \(last frame 0\)"):
        rig.session.finish()
    assert rig.ledger.totals.captured == 1


class FailingRecorder(Recorder):
    """A recorder whose disk breaks at frame 5."""

    def write_frame(self, frame):
        if frame.index == 5:
            raise RecordingError("cannot write video.mkv: broken")
        super().write_frame(frame)


def test_a_recorder_that_fails_ends_the_session_and_the_rest_stays_whole(folder):
    rig = Rig(folder, ScriptedCamera(frames(500)), make_recorder=FailingRecorder)
    rig.session.start()
    assert rig.session.wait(10)
    with pytest.raises(SessionError, match=r"recorder: cannot write video\.mkv"):
        rig.session.finish()
    recording = Recording(folder)
    assert recording.session["end_reason"] == "failed"
    assert recording.totals()["recorded"] == 5
    assert [frame.index for frame in recording.frames()] == list(range(5))


def test_a_video_that_falls_behind_is_an_error_unless_frames_may_be_dropped(folder, tmp_path):
    class Stalls(Recorder):
        """A recorder that waits at frame 0 until the whole film has gone by."""

        def write_frame(self, frame):
            if frame.index == 0:
                passed.wait(10)
            super().write_frame(frame)

    passed = threading.Event()
    camera = ScriptedCamera([*frames(40), passed.set], live=True)
    rig = Rig(folder, camera, make_recorder=Stalls, ring_capacity=8)
    rig.session.start()
    assert rig.session.wait(10)
    with pytest.raises(SessionError, match=r"missing from the video.*on_overload: drop"):
        rig.session.finish()

    passed.clear()
    camera = ScriptedCamera([*frames(40), passed.set], live=True)
    other = Rig(tmp_path / "drops", camera, make_recorder=Stalls, ring_capacity=8, drop_frames=True)
    other.run()
    totals = other.ledger.totals
    assert sum(totals.not_recorded.values()) == 40 - totals.recorded
    late = {Fate.RING_OVERRUN, Fate.ENCODER_TOO_SLOW, Fate.DISK_TOO_SLOW}  # as busy as it is here
    assert set(totals.not_recorded) <= late
    assert totals.recorded >= 8
    assert totals.unexplained == 0


class FailingController:
    """Cannot say what follows from frame 7."""

    name, outputs, facts, sealed = "broken", (), {}, {}

    def update(self, result):
        if result.observation.frame_index == 7:
            raise DeviceError("frame 7 is too much")
        return ()


def test_what_was_decided_on_a_frame_is_written_also_if_something_fails_after_it(folder, tmp_path):
    def loop(clock, *tell):
        doses = DoseStore(tmp_path / "doses.sqlite")
        interlocks = Interlocks({}, doses, subject="mouse", anchor_utc_ns=clock.anchor_utc_ns)
        told = dict(zip(("on_edge", "on_fault"), tell, strict=True))
        return ClosedLoop([FailingController()], {}, {}, interlocks, clock, stall_s=10, **told)

    rig = Rig(folder, ScriptedCamera(frames(500)), loop=loop)
    rig.session.start()
    assert rig.session.wait(10)
    with pytest.raises(SessionError, match="frame 7 is too much"):
        rig.session.finish()
    recording = Recording(folder)
    processed = [row["index"] for row in recording.ledger.to_pylist() if row["fate"] == "processed"]
    assert recording.frame_indices.tolist() == processed == list(range(8))


def test_a_recorder_that_stands_still_ends_the_session_and_no_decision_is_lost(folder):
    class StandsStill(Recorder):
        """A recorder that waits at the first result until the session has to end."""

        def write_result(self, result):
            ending.wait(20)
            super().write_result(result)

    ending = threading.Event()
    camera = ScriptedCamera(frames(MAX_RESULTS_WAITING + 500))
    rig = Rig(folder, camera, make_recorder=StandsStill, codec=Codec.NONE)
    rig.session.start()
    assert rig.session.wait(20)
    ending.set()
    with pytest.raises(SessionError, match="4096 results wait to be written"):
        rig.session.finish()
    recording = Recording(folder)
    assert len(recording.frame_indices) == recording.totals()["processed"] > MAX_RESULTS_WAITING


class AbsentCamera:
    """A camera that is not there."""

    def open(self):
        raise DeviceNotFound("no camera 0 here")

    def close(self):
        """Nothing to close."""


def test_a_camera_that_is_not_there_is_refused_and_leaves_no_folder(folder):
    rig = Rig(folder, AbsentCamera(), publisher="tcp://127.0.0.1:0")
    with pytest.raises(DeviceNotFound):
        rig.session.start()
    assert not folder.exists()
    assert rig.session.status.state is State.IDLE


def test_a_camera_too_slow_for_the_features_is_refused(folder):
    rig = Rig(folder, ScriptedCamera(frames(5), fps=10))
    with pytest.raises(ConfigError, match=r"gives 10 frames/s.* at least 13\.3 .*window_s"):
        rig.session.start()
    assert not folder.exists()


def test_two_sessions_on_one_port_are_refused_before_anything_starts(folder, tmp_path):
    first = Rig(folder, ScriptedCamera(frames(1)), publisher="tcp://127.0.0.1:0")
    first.publisher.bind()
    second = Rig(tmp_path / "second", ScriptedCamera(frames(1)), publisher=first.publisher.address)
    with pytest.raises(AddressInUse):
        second.session.start()
    assert not (tmp_path / "second").exists()
    first.publisher.close("stopped")


def test_a_session_runs_once(folder):
    rig = Rig(folder, ScriptedCamera(frames(2)))
    rig.run()
    with pytest.raises(SessionError, match="runs once"):
        rig.session.start()


def test_finishing_twice_is_harmless(folder):
    rig = Rig(folder, ScriptedCamera(frames(2)))
    rig.run()
    rig.session.finish()
    assert rig.session.end_reason is EndReason.COMPLETED


def test_the_interpreter_is_left_as_it_was_found(folder):
    before = sys.getswitchinterval(), gc.get_freeze_count()
    Rig(folder, ScriptedCamera(frames(2))).run()
    assert (sys.getswitchinterval(), gc.get_freeze_count()) == before


def test_every_frame_is_published_and_stamped(folder):
    rig = Rig(folder, ScriptedCamera(frames(100)), publisher="tcp://127.0.0.1:0")
    rig.run()
    published = Recording(folder).ledger["published_ns"].to_pylist()
    assert None not in published
    assert published == sorted(published)


def test_a_listener_hears_the_episode_and_the_goodbye(folder):
    clock = SystemClock()
    camera = SyntheticCamera(SyntheticCameraSettings(width=64, height=48, fps=100), clock)
    rig = Rig(
        folder,
        camera,
        script=lambda i: at(40.0 if i > 30 else 1.0),
        publisher="tcp://127.0.0.1:0",
        clock=clock,
    )
    rig.session.start()
    states, goodbye = [], None
    with Subscriber(rig.publisher.address, ["episode/", "status/"]) as subscriber:
        while goodbye is None:
            received = subscriber.receive(5)
            assert received is not None
            if received.topic == "episode/top":
                states.append(str(received.message.state))
                rig.session.stop()
                if states == ["new"]:
                    rig.session.finish()
            else:
                goodbye = received.message.goodbye
    assert states[0] == "new"
    assert states[-1] == "end"
    assert goodbye == "stopped"


def test_status_follows_the_session(folder):
    clock = SystemClock()
    camera = SyntheticCamera(SyntheticCameraSettings(width=64, height=48, fps=100), clock)
    rig = Rig(folder, camera, script=lambda i: at(40.0), clock=clock)
    assert rig.session.status.state is State.IDLE
    rig.session.start()
    while not rig.session.status.going_on:
        assert not rig.session.wait(0.01)
    status = rig.session.status
    assert status.state is State.RUNNING
    assert status.going_on == ("right",)
    assert 0 <= status.ring_fill <= 1
    rig.session.stop()
    rig.session.finish()
    assert rig.session.status.state is State.IDLE
    assert rig.session.status.totals.captured > 0
