import numpy as np
import pytest
from session_folders import (
    EPISODE,
    MS,
    ONSET,
    change_session,
    cut,
    flip_a_bit,
    image,
    opened,
    recorded,
    result,
    row,
)

from tracker.recording import Recording


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "2026-01-31_mouse"


class TestCutOff:
    @pytest.mark.parametrize("name", ["frames.arrow", "observations.arrow"])
    @pytest.mark.parametrize(
        ("n_bytes", "rows"),
        [
            pytest.param(8, 6, id="only_the_end_mark"),
            pytest.param(12, 3, id="in_the_last_batch"),
        ],
    )
    def test_a_table_is_read_up_to_its_last_whole_batch(self, folder, name, n_bytes, rows):
        running = opened(folder)
        for first in (0, 3):  # two batches of three rows
            for i in range(first, first + 3):
                running.write_result(result(i))
            running.write_ledger([row(i) for i in range(first, first + 3)])
            running._clock.advance(400 * MS)
            running.tick()
        running.close("completed", {})
        cut(folder / name, n_bytes)
        recording = Recording(folder)
        table = recording.ledger if name == "frames.arrow" else recording.observations
        assert table["index"].to_pylist() == list(range(rows))
        assert recording.problems == (f"{name} was cut off: read up to its last whole row",)

    def test_a_table_cut_anywhere_gives_whole_batches(self, folder):
        path = recorded(folder, 4) / "frames.arrow"
        whole = path.read_bytes()
        schema_end = whole.index(b"\xff\xff\xff\xff", 8)
        lengths = set()
        for length in range(schema_end, len(whole), 3):
            path.write_bytes(whole[:length])
            recording = Recording(folder)
            lengths.add(recording.ledger.num_rows)
            assert not recording.complete
        assert lengths == {0, 4}

    def test_a_batch_damaged_in_the_middle_is_told(self, folder):
        path = recorded(folder, 4) / "frames.arrow"
        start_of_batch = path.read_bytes().index(b"\xff\xff\xff\xff", 8)
        flip_a_bit(path, start_of_batch + 6)  # in its length
        recording = Recording(folder)
        assert recording.ledger.num_rows == 0
        assert recording.problems == ("frames.arrow was cut off: read up to its last whole row",)

    @pytest.mark.parametrize("name", ["episodes.jsonl", "log.jsonl"])
    @pytest.mark.parametrize("n_bytes", [1, 20], ids=["only_the_newline", "half_a_line"])
    def test_half_a_line_is_left_out(self, folder, name, n_bytes):
        running = opened(folder)
        running.write_result(result(13, ONSET, EPISODE))
        running.log("info", "one")
        running.log("info", "two")
        running.close("completed", {})
        cut(folder / name, n_bytes)
        recording = Recording(folder)
        assert recording.problems == (f"{name} was cut off: read up to its last whole row",)
        assert len(recording.events if name == "episodes.jsonl" else recording.log) == 1

    def test_a_video_cut_anywhere_gives_the_right_frames_up_to_there(self, folder):
        path = recorded(folder, 25) / "video.mkv"
        change_session(folder, state="running")
        whole = path.read_bytes()
        numbers = set()
        for length in range(len(whole) // 2, len(whole), 499):
            path.write_bytes(whole[:length])
            frames = list(Recording(folder).frames())
            numbers.add(len(frames))
            for i, read in enumerate(frames):
                np.testing.assert_array_equal(read.image, image(i))
        assert min(numbers) < 14
        assert max(numbers) >= 24

    @pytest.mark.parametrize(
        "name", ["frames.arrow", "observations.arrow", "episodes.jsonl", "log.jsonl"]
    )
    def test_zeros_that_a_power_cut_left_are_no_rows(self, folder, name):
        running = opened(folder)
        running.write_result(result(0, ONSET))
        running.write_ledger([row(0)])
        running.log("info", "one")
        running.close("completed", {})
        if name.endswith(".arrow"):
            cut(folder / name, 8)
        with (folder / name).open("ab") as file:
            file.write(bytes(4096))
        recording = Recording(folder)
        assert recording.problems == (f"{name} was cut off: read up to its last whole row",)
        assert [recording.ledger.num_rows, recording.observations.num_rows] == [1, 1]
        assert [len(recording.events), len(recording.log)] == [1, 1]

    def test_zeros_at_the_end_of_a_video_are_no_frames(self, folder):
        path = recorded(folder, 12) / "video.mkv"
        change_session(folder, state="running")
        with path.open("ab") as file:
            file.write(bytes(4096))
        assert [read.index for read in Recording(folder).frames()] == list(range(12))

    def test_a_session_that_was_not_closed_says_so(self, folder):
        recorded(folder, 2)
        change_session(folder, state="running")
        recording = Recording(folder)
        assert not recording.complete
        assert recording.problems == (
            "the session was not closed: the program died or lost its power",
        )

    def test_a_closed_session_has_no_problems(self, folder):
        recording = Recording(recorded(folder, 2))
        assert recording.problems == ()
        assert recording.complete

    def test_what_went_wrong_while_recording_is_a_problem(self, folder):
        recorded(folder, 2)
        change_session(folder, recording_errors=["no room left for video.mkv"])
        assert Recording(folder).problems == ("no room left for video.mkv",)
