"""A session folder that is taken away, locked or full in mid-run; clocks and counts that lie."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from rigs import Rig
from session_folders import files_of, frame, opened, recorded, row
from videos import write_video

from tracker.build import build_session
from tracker.cameras.synthetic import SyntheticCamera, SyntheticCameraSettings
from tracker.cameras.video_file import VideoFileCamera, VideoFileSettings
from tracker.clock import SystemClock
from tracker.config import load
from tracker.errors import DeviceLost, RecordingError, SessionError
from tracker.recording import Recording
from tracker.session_state import EndReason
from tracker.testing.manual_clock import ManualClock
from tracker.testing.scripted_camera import ScriptedCamera

SECOND = 1_000_000_000


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "session"


def live_rig(folder, **settings):
    clock = SystemClock()
    camera = SyntheticCamera(SyntheticCameraSettings(width=64, height=48, fps=100), clock)
    return Rig(folder, camera, clock=clock, drop_frames=True, **settings)


def run_until(session, so):
    for _ in range(2000):
        if so() or session.wait(0.01):
            break
    assert so()


@pytest.mark.skipif(os.name == "nt", reason="Windows does not let go of open files")
def test_a_folder_that_is_taken_away_ends_the_session_within_seconds(folder):
    rig = live_rig(folder)
    rig.session.start()
    run_until(rig.session, lambda: rig.ledger.totals.recorded > 30)
    shutil.rmtree(folder)
    assert rig.session.wait(20)
    with pytest.raises(SessionError, match=r"recorder: .*session was removed or moved while"):
        rig.session.finish()
    assert rig.session.end_reason is EndReason.FAILED
    assert not folder.exists()


@pytest.mark.skipif(os.name == "nt", reason="permissions are POSIX's")
def test_a_folder_that_becomes_read_only_keeps_what_was_recorded(folder):
    """Files that are open can be written on; the last session.json cannot, and that is said."""
    rig = live_rig(folder)
    rig.session.start()
    run_until(rig.session, lambda: rig.ledger.totals.recorded > 30)
    with read_only(folder):
        run_until(rig.session, lambda: rig.ledger.totals.recorded > 60)
        rig.session.stop()
        with pytest.raises(SessionError, match=r"reserve\.tmp|session\.json"):
            rig.session.finish()
    recording = Recording(folder)
    assert recording.session["state"] == "running"
    rows = recording.ledger.to_pylist()
    in_video = [row["index"] for row in rows if row["recording"] == "recorded"]
    assert [read.index for read in recording.frames()] == in_video
    assert recording.totals() == rig.ledger.totals.as_dict()


class read_only:  # noqa: N801 - reads as what it does
    """A folder that nobody, not even root, may change: immutable where the system can do that."""

    def __init__(self, folder):
        self._folder = folder
        self._immutable = False

    def __enter__(self):
        self._folder.chmod(0o555)
        if os.access(self._folder, os.W_OK):  # root may
            if not self._chattr("+i"):
                self._folder.chmod(0o755)
                pytest.skip("root may write everywhere, and chattr does not work here")
            self._immutable = True

    def __exit__(self, *_):
        if self._immutable:
            self._chattr("-i")
        self._folder.chmod(0o755)

    def _chattr(self, what):
        program = shutil.which("chattr")
        return (
            program and subprocess.run([program, what, self._folder], check=False).returncode == 0
        )


def test_a_wall_clock_that_is_set_back_changes_neither_times_nor_order(folder, monkeypatch):
    rig = live_rig(folder)
    anchor_ns = rig.clock.anchor_utc_ns
    rig.session.start()
    run_until(rig.session, lambda: rig.ledger.totals.recorded > 30)
    real, real_ns = time.time, time.time_ns
    monkeypatch.setattr(time, "time", lambda: real() - 3600)
    monkeypatch.setattr(time, "time_ns", lambda: real_ns() - 3600 * SECOND)
    run_until(rig.session, lambda: rig.ledger.totals.recorded > 60)
    rig.session.stop()
    rig.session.finish()
    recording = Recording(folder)
    assert recording.complete
    assert recording.session["anchor_utc_ns"] == anchor_ns
    times = recording.ledger["captured_ns"].drop_null().to_numpy()
    assert (np.diff(times) > 0).all()
    assert times[-1] - times[0] < 60 * SECOND
    assert 0 < recording.session["closed_ns"] - recording.session["opened_ns"] < 60 * SECOND


class TestNothingIsOverwritten:
    def test_two_sessions_of_one_second_and_one_animal_have_folders_of_their_own(self, tmp_path):
        changes = ["outputs.publisher=null", "outputs.control=null", "session.subject=m1"]
        experiment = load(Path("demo"), changes)
        folders = []
        for _ in range(3):
            _, folder = build_session(experiment, tmp_path, SystemClock())
            recorded(folder, 2)
            folders.append(folder)
        assert len(set(folders)) == 3
        assert all(Recording(folder).complete for folder in folders)

    def test_a_session_into_a_folder_that_is_there_is_refused_and_changes_nothing(self, folder):
        before = {path.name: path.read_bytes() for path in recorded(folder, 3).iterdir()}
        rig = Rig(folder, ScriptedCamera([frame(0, shape=(48, 64))]))
        with pytest.raises(RecordingError, match="exists already, and nothing is overwritten"):
            rig.session.start()
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before

    def test_a_segment_that_is_there_already_is_no_place_for_another(self, folder):
        running = opened(folder, segment_minutes=0.1)
        running.write_frame(frame(0))
        (folder / "video_001.mkv").write_bytes(b"precious")
        with pytest.raises(RecordingError, match=r"cannot write video_001\.mkv"):
            running.write_frame(frame(1, 10 * SECOND))
        running.write_ledger([row(0)])
        running.close("failed", {})
        assert (folder / "video_001.mkv").read_bytes() == b"precious"
        assert "video_000.mkv" in files_of(folder)


class TestAVideoWhoseFrameCountLies:
    """The header of an AVI counts frames at a fixed place; a source that lies is found out."""

    @staticmethod
    def with_count(path, count):
        content = bytearray(path.read_bytes())
        place = content.index(b"avih") + 8 + 16  # dwTotalFrames, the fifth number of AVIMAINHEADER
        stream = content.index(b"strh") + 8 + 32  # dwLength, the ninth of AVISTREAMHEADER
        for at in (place, stream):
            content[at : at + 4] = count.to_bytes(4, "little")
        path.write_bytes(bytes(content))
        return path

    @staticmethod
    def rig(folder, path):
        camera = VideoFileCamera(VideoFileSettings(path=path, fast=True), ManualClock())
        return Rig(folder, camera)

    def test_one_that_counts_too_many_ends_the_session_after_the_last_real_frame(
        self, folder, tmp_path
    ):
        video = write_video(tmp_path / "a.avi", range(10), time_base=(1, 25))
        rig = self.rig(folder, self.with_count(video, 15))
        rig.session.start()
        assert rig.session.wait(20)
        with pytest.raises(SessionError, match="ends after 10 of the 15 frames") as failed:
            rig.session.finish()
        assert isinstance(failed.value.__cause__, DeviceLost)
        recording = Recording(folder)
        assert recording.totals()["recorded"] == 10
        assert len(list(recording.frames())) == 10

    def test_one_that_counts_too_few_is_played_to_its_real_end(self, folder, tmp_path):
        video = write_video(tmp_path / "a.avi", range(10), time_base=(1, 25))
        rig = self.rig(folder, self.with_count(video, 4))
        rig.run()
        assert Recording(folder).totals()["recorded"] == 10


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of 1.2 MB."""
    if sys.platform != "linux":
        pytest.skip("needs a file system in memory, as Linux has")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1200k", "tmpfs", disk]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("may not mount a file system")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.mark.slow
def test_a_disk_that_fills_up_in_mid_run_ends_the_session_in_order(small_disk):
    rig = live_rig(small_disk / "session")
    rig.session.start()
    assert rig.session.wait(60)
    with pytest.raises(SessionError, match="no room left"):
        rig.session.finish()
    recording = Recording(small_disk / "session")
    assert recording.session["end_reason"] == "failed"
    assert recording.session["totals"] == recording.totals() == rig.ledger.totals.as_dict()
    assert recording.totals()["unexplained"] == 0
    assert len(list(recording.frames())) > 50
