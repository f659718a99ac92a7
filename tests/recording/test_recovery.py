"""Session folders as a crash leaves them, and what `tracker recover` makes of them."""

import hashlib
import json
import os
import platform
import shutil
import time
from contextlib import suppress

import numpy as np
import pytest
from session_folders import (
    EPISODE,
    MS,
    ONSET,
    change_session,
    cut,
    files_of,
    flip_a_bit,
    frame,
    image,
    opened,
    recorded,
    result,
    row,
    session_of,
)

from tracker.errors import RecordingError
from tracker.recording import Recording
from tracker.recovery import recover
from tracker.session_folder.lock import WriterLock
from tracker.testing.manual_clock import ManualClock
from tracker.types import Fate

SECOND = 1000 * MS


class Crash:
    """A session at 100 frames/s that never ends: `folder` is what the disk holds of it."""

    def __init__(self, tmp_path, n_frames, **settings):
        self.clock = ManualClock(now_ns=5 * SECOND)
        running = opened(tmp_path / "running", self.clock, **settings)
        running.log("info", "begun")
        for i in range(n_frames):
            place = running.write_frame(frame(i))
            running.write_result(result(i, *([ONSET] if i == 8 else [])))
            fate = Fate.RECORDED if place else Fate.NOT_WANTED
            running.write_ledger([row(i, recording=fate, video=place)])
        self.clock.advance(SECOND)
        running.tick()
        self.folder = tmp_path / "crashed"
        shutil.copytree(tmp_path / "running", self.folder)
        running.close("completed", {})
        self.whole = tmp_path / "running"


def digests(folder):
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.is_file()
    }


def recordings(folder):
    return Recording(folder).ledger["recording"].to_pylist()


class TestAFolderThatACrashLeft:
    def test_it_is_closed_and_adds_up(self, tmp_path):
        crash = Crash(tmp_path, 100)
        done = recover(crash.folder)
        assert done.closed_now
        session = session_of(crash.folder)
        assert (session["state"], session["end_reason"]) == ("closed", "recovered")
        recording = Recording(crash.folder)
        totals = recording.totals()
        assert session["totals"] == totals == done.totals
        assert (totals["captured"], totals["processed"], totals["unexplained"]) == (100, 100, 0)
        assert totals["recorded"] + totals["not_recorded"]["lost_in_crash"] == 100
        assert session["video_frames"] == totals["recorded"] == recording.n_video_frames()
        assert session["closed_ns"] == 5 * SECOND  # the log's line; frames came before it

    def test_frames_that_are_there_can_be_read_and_the_others_are_named_lost(self, tmp_path):
        crash = Crash(tmp_path, 100)
        done = recover(crash.folder)
        frames = list(Recording(crash.folder).frames())
        n = len(frames)
        assert 70 <= n < 100  # a quarter of a second of frames was in the encoder and the muxer
        for read in frames:
            np.testing.assert_array_equal(read.image, image(read.index))
        assert recordings(crash.folder) == ["recorded"] * n + ["lost_in_crash"] * (100 - n)
        assert f"{100 - n} frames at the end of the video are lost (lost_in_crash)" in done.lost
        with pytest.raises(RecordingError, match="frame 99 is not in the video"):
            Recording(crash.folder).image(99)

    def test_every_file_is_finished(self, tmp_path):
        crash = Crash(tmp_path, 100)
        assert not any(
            state.finished for state in recover(crash.folder).files if "json" not in state.name
        )
        change_session(crash.folder, state="running")
        assert all(state.finished for state in recover(crash.folder).files)

    def test_what_marks_a_running_session_is_gone(self, tmp_path):
        crash = Crash(tmp_path, 20)
        assert {"reserve.tmp", "writing.lock"} <= files_of(crash.folder)
        recover(crash.folder)
        assert files_of(crash.folder) == files_of(crash.whole) | {"frames.arrow.original"}

    def test_the_ledger_as_the_program_wrote_it_is_kept(self, tmp_path):
        crash = Crash(tmp_path, 100)
        before = (crash.folder / "frames.arrow").read_bytes()
        recover(crash.folder)
        assert (crash.folder / "frames.arrow.original").read_bytes() == before

    def test_rows_of_the_ledger_are_made_again_from_observations(self, tmp_path):
        crash = Crash(tmp_path, 100)
        whole = Recording(crash.folder).ledger.num_rows
        shorter = Recording(recorded(tmp_path / "shorter", 60)).folder / "frames.arrow"
        shutil.copy(shorter, crash.folder / "frames.arrow")
        done = recover(crash.folder)
        assert whole == done.totals["captured"] == done.totals["processed"] == 100
        assert "40 rows of the ledger were made again from the observations" in done.lost
        frames = list(Recording(crash.folder).frames())
        assert len(frames) == done.totals["recorded"] > 70
        for read in frames:
            np.testing.assert_array_equal(read.image, image(read.index))
        again = Recording(crash.folder).ledger.to_pylist()[65]
        assert (again["index"], again["captured_ns"], again["network_ns"]) == (65, 650 * MS, 7)
        assert (again["fate"], again["recording"]) == ("processed", "recorded")
        assert again["received_ns"] is again["decided_ns"] is None

    def test_frames_of_which_nothing_is_left_have_a_row_that_says_so(self, tmp_path):
        running = opened(tmp_path / "running", codec="none")
        for i in (0, 1, 4):
            running.write_result(result(i))
        running.write_ledger([row(0, recording=Fate.NOT_WANTED)])
        running.close("completed", {})
        change_session(tmp_path / "running", state="running")
        recover(tmp_path / "running")
        rows = Recording(tmp_path / "running").ledger.to_pylist()
        assert [(r["index"], r["fate"], r["recording"]) for r in rows] == [
            (0, "processed", "not_wanted"),
            (1, "processed", "not_wanted"),
            (2, "lost_in_crash", "not_wanted"),
            (3, "lost_in_crash", "not_wanted"),
            (4, "processed", "not_wanted"),
        ]

    def test_half_a_line_is_cut_off_and_counted(self, tmp_path):
        crash = Crash(tmp_path, 20)
        with (crash.folder / "episodes.jsonl").open("ab") as file:
            file.write(b'{"schema": 1, "ses')
        done = recover(crash.folder)
        assert "episodes.jsonl: its last 18 bytes were no whole row and are gone" in done.lost
        assert len(Recording(crash.folder).events) == 1

    def test_an_episode_that_was_going_on_stays_open(self, tmp_path):
        crash = Crash(tmp_path, 20)
        recover(crash.folder)
        assert Recording(crash.folder).open_onsets == (ONSET,)

    def test_losses_are_problems_of_the_recording(self, tmp_path):
        crash = Crash(tmp_path, 40)
        done = recover(crash.folder)
        assert Recording(crash.folder).problems == done.lost
        assert done.lost[0].startswith("the program died or lost its power")

    @pytest.mark.parametrize("codec", ["h264", "none"])
    def test_every_codec(self, tmp_path, codec):
        crash = Crash(tmp_path, 100, codec=codec)
        done = recover(crash.folder)
        recording = Recording(crash.folder)
        frames = list(recording.frames()) if codec == "h264" else []
        assert len(frames) == done.totals["recorded"] == session_of(crash.folder)["video_frames"]
        assert done.totals["captured"] == 100

    def test_segments_but_the_last_are_left_as_they_are(self, tmp_path):
        crash = Crash(tmp_path, 100, segment_minutes=0.4 / 60)
        before = digests(crash.folder)
        recover(crash.folder)
        after = digests(crash.folder)
        unchanged = {name for name in before if after.get(name) == before[name]}
        assert {"video_000.mkv", "video_001.mkv", "experiment.yaml"} <= unchanged
        frames = list(Recording(crash.folder).frames())
        assert 80 <= len(frames) <= 100
        for read in frames:
            np.testing.assert_array_equal(read.image, image(read.index))


class TestCare:
    def test_twice_does_no_harm(self, tmp_path):
        crash = Crash(tmp_path, 30)
        recover(crash.folder)
        before = digests(crash.folder)
        again = recover(crash.folder)
        assert again.was_closed
        assert not again.closed_now
        assert digests(crash.folder) == before

    def test_a_recovery_that_was_cut_off_itself_is_done_again(self, tmp_path):
        crash = Crash(tmp_path, 100)
        other = tmp_path / "other"
        shutil.copytree(crash.folder, other)
        recover(crash.folder)
        shutil.copy(crash.folder / "frames.arrow", other / "frames.arrow")
        (other / "video.mkv.recovered").write_bytes(b"half a copy")
        recover(other)
        assert Recording(other).ledger == Recording(crash.folder).ledger
        assert "video.mkv.recovered" not in files_of(other)
        assert len(list(Recording(other).frames())) == len(list(Recording(crash.folder).frames()))

    def test_a_dry_run_says_the_same_and_changes_nothing(self, tmp_path):
        crash = Crash(tmp_path, 100)
        before = digests(crash.folder)
        dry = recover(crash.folder, dry_run=True)
        assert digests(crash.folder) == before
        real = recover(crash.folder)
        assert (dry.totals, dry.lost, dry.files) == (real.totals, real.lost, real.files)
        assert (dry.closed_now, real.closed_now) == (False, True)

    def test_a_session_that_ended_well_is_left_alone(self, tmp_path):
        folder = recorded(tmp_path / "s", 5)
        before = digests(folder)
        assert recover(folder).was_closed
        assert digests(folder) == before

    @pytest.mark.parametrize("dry_run", [False, True], ids=["for_real", "dry_run"])
    def test_a_folder_that_is_being_written_is_refused(self, tmp_path, dry_run):
        running = opened(tmp_path / "s")
        running.write_frame(frame(0))
        with pytest.raises(RecordingError, match=f"is being written by process {os.getpid()} on"):
            recover(tmp_path / "s", dry_run=dry_run)
        running.write_frame(frame(1))
        running.write_ledger([row(0), row(1)])
        running.close("completed", {})
        assert len(list(Recording(tmp_path / "s").frames())) == 2

    def test_a_folder_that_another_computer_wrote_just_now_is_refused(self, tmp_path):
        crash = Crash(tmp_path, 5)
        (crash.folder / "writing.lock").write_text(json.dumps({"pid": 7, "host": "rig2"}))
        with pytest.raises(RecordingError, match=r"process 7 on rig2, another computer"):
            recover(crash.folder)
        long_ago = time.time() - 60
        for path in crash.folder.iterdir():
            os.utime(path, (long_ago, long_ago))
        assert recover(crash.folder).closed_now

    def test_a_video_that_was_moved_away_is_not_called_lost(self, tmp_path):
        crash = Crash(tmp_path, 20)
        (crash.folder / "video.mkv").rename(tmp_path / "elsewhere.mkv")
        before = digests(crash.folder)
        with pytest.raises(RecordingError, match=r"video\.mkv of .* is missing, .* put it back"):
            recover(crash.folder)
        assert "writing.lock" in before
        assert digests(crash.folder) == {k: v for k, v in before.items() if k != "writing.lock"}

    def test_damage_in_the_middle_of_a_file_is_refused_and_nothing_is_thrown_away(self, tmp_path):
        crash = Crash(tmp_path, 20)
        flip_a_bit(crash.folder / "session.json", 0)
        with pytest.raises(RecordingError, match=r"session\.json in .* is damaged"):
            recover(crash.folder)

    def test_a_table_without_columns_stays_under_another_name(self, tmp_path):
        crash = Crash(tmp_path, 20)
        path = crash.folder / "observations.arrow"
        path.write_bytes(path.read_bytes()[:100])
        recover(crash.folder)
        assert (crash.folder / "observations.arrow.damaged").stat().st_size == 100
        recording = Recording(crash.folder)
        assert recording.observations.num_rows == 0
        assert list(recording.features) == ["speed_cm_s"]

    def test_a_folder_in_which_nothing_was_begun_yet(self, tmp_path):
        crash = Crash(tmp_path, 0, codec="none")
        for name in ("frames.arrow", "observations.arrow", "episodes.jsonl", "log.jsonl"):
            (crash.folder / name).unlink()
        done = recover(crash.folder)
        assert done.totals["captured"] == 0
        assert "frames.arrow was missing: the program died before it was begun" in done.lost
        assert Recording(crash.folder).problems == done.lost

    def test_no_session_folder_is_refused(self, tmp_path):
        with pytest.raises(RecordingError, match="is no session folder"):
            recover(tmp_path)


class TestTruncation:
    """Each file cut at every place: the folder opens, or is refused with a sentence of ours."""

    @pytest.mark.parametrize(
        ("name", "step"),
        [
            pytest.param("frames.arrow", 97, id="ledger"),
            pytest.param("observations.arrow", 151, id="observations"),
            pytest.param("episodes.jsonl", 23, id="episodes"),
            pytest.param("log.jsonl", 3, id="log"),
            pytest.param("session.json", 7, id="session"),
            pytest.param("video.mkv", 331, id="video"),
            pytest.param("experiment.yaml", 1, id="experiment"),
        ],
    )
    def test_a_file_cut_anywhere(self, tmp_path, name, step):
        running = opened(tmp_path / "s")
        for i in range(15):
            place = running.write_frame(frame(i))
            running.write_result(result(i, *([ONSET, EPISODE] if i == 8 else [])))
            running.write_ledger([row(i, video=place)])
        running.log("info", "one")
        running.close("completed", {})
        folder = tmp_path / "s"
        change_session(folder, state="running")
        whole = {path.name: path.read_bytes() for path in folder.iterdir()}
        for length in range(0, len(whole[name]), step):
            shutil.rmtree(folder)
            folder.mkdir()
            for other, content in whole.items():
                (folder / other).write_bytes(content[:length] if other == name else content)
            self.opens_or_is_refused(folder, may_be_refused=name == "session.json")

    @staticmethod
    def opens_or_is_refused(folder, *, may_be_refused):
        def read():
            recording = Recording(folder)
            _ = recording.problems, recording.xy, recording.features
            n = 0
            for read in recording.frames():
                np.testing.assert_array_equal(read.image, image(read.index))
                n += 1
            return recording, n

        with suppress(RecordingError):
            read()
        try:
            recover(folder)
        except RecordingError:
            assert may_be_refused
            return
        recording, n = read()
        assert recording.session["totals"] == recording.totals()
        assert n == recording.totals()["recorded"] <= recording.session["video_frames"]


class TestTheLock:
    def test_it_goes_away_with_its_holder(self, tmp_path):
        first = WriterLock(tmp_path)
        with pytest.raises(RecordingError, match="is being written"):
            WriterLock(tmp_path)
        first.release()
        assert files_of(tmp_path) == set()
        WriterLock(tmp_path).release()

    def test_it_says_who_has_it(self, tmp_path):
        lock = WriterLock(tmp_path)
        who = json.loads((tmp_path / "writing.lock").read_text())
        lock.release()
        assert who == {"pid": os.getpid(), "host": platform.node()}

    def test_a_session_that_could_not_begin_leaves_no_lock(self, tmp_path):
        running = opened(tmp_path / "first")
        running.close("completed", {})
        cut(tmp_path / "first" / "frames.arrow", 1)
        with pytest.raises(RecordingError):
            opened(tmp_path / "s", provenance={"x": object()})
        assert not (tmp_path / "s").exists()
