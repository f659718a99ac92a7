import pytest
from session_folders import (
    MS,
    files_of,
    frame,
    opened,
    recorded,
    recorder,
    row,
    rows_on_disk,
    session_of,
)

from tracker.errors import RecordingError
from tracker.session_folder.tables import read_table

SECOND = 1000 * MS


class TestClosing:
    def test_the_session_file_says_how_it_ended(self, folder, clock):
        running = opened(folder, clock)
        running.write_frame(frame(0))
        clock.advance(SECOND)
        running.close("stopped", {"captured": 3, "lost": {"superseded": 2}})
        session = session_of(folder)
        assert session["state"] == "closed"
        assert session["end_reason"] == "stopped"
        assert session["closed_ns"] == 6 * SECOND
        assert session["video_frames"] == 1
        assert session["totals"] == {"captured": 3, "lost": {"superseded": 2}}
        assert session["recording_errors"] == []

    def test_what_was_said_at_the_start_stays(self, folder):
        running = opened(folder)
        before = session_of(folder)
        running.close("completed", {})
        after = session_of(folder)
        assert {key: after[key] for key in before} == before | {"state": "closed"}

    def test_the_reserve_and_drafts_are_gone(self, folder):
        recorded(folder, 2)
        assert files_of(folder) == {
            "experiment.yaml",
            "session.json",
            "video.mkv",
            "frames.arrow",
            "observations.arrow",
            "episodes.jsonl",
            "log.jsonl",
        }

    def test_rows_that_waited_are_written(self, folder):
        recorded(folder, 5)
        table, finished = read_table(folder / "observations.arrow")
        assert (table.num_rows, finished) == (5, True)

    def test_closing_twice_is_harmless(self, folder):
        running = opened(folder)
        running.close("completed", {})
        running.close("failed", {})
        assert session_of(folder)["end_reason"] == "completed"

    def test_closing_what_never_opened_makes_nothing(self, folder):
        recorder(folder).close("failed", {})
        assert not folder.exists()

    def test_a_failure_is_raised_after_everything_else_was_finished(self, folder):
        running = opened(folder)
        running.write_ledger([row(0)])
        (folder / "session.tmp").mkdir()  # in the way of the last session.json
        with pytest.raises(RecordingError, match=r"cannot write session\.json"):
            running.close("completed", {})
        assert rows_on_disk(folder, "frames.arrow") == 1
        assert session_of(folder)["state"] == "running"

    def test_a_file_that_fails_is_named_in_the_session_file(self, folder):
        running = opened(folder)
        (folder / "reserve.tmp").unlink()
        (folder / "reserve.tmp").mkdir()  # cannot be removed as a file
        running.write_ledger([row(0)])
        with pytest.raises(RecordingError, match=r"reserve\.tmp"):
            running.close("completed", {})
        session = session_of(folder)
        assert session["state"] == "closed"
        assert len(session["recording_errors"]) == 1
        assert "reserve.tmp" in session["recording_errors"][0]
        assert rows_on_disk(folder, "frames.arrow") == 1
