import json
import shutil
from pathlib import Path

import av
import numpy as np
import pytest
from session_folders import (
    EPISODE,
    MS,
    ONSET,
    SKELETON,
    frame,
    image,
    opened,
    recorded,
    result,
    row,
)

from tracker.errors import RecordingError
from tracker.recording import Recording
from tracker.types import Episode, Fate, Onset

NAN = float("nan")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "2026-01-31_mouse"


def cut(path, n_bytes):
    """Take bytes off the end of a file, as a crash does."""
    path.write_bytes(path.read_bytes()[:-n_bytes])


def flip_a_bit(path, place):
    damaged = bytearray(path.read_bytes())
    damaged[place] ^= 0x10
    path.write_bytes(bytes(damaged))


def change_session(folder, **changes):
    path = folder / "session.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


class TestTables:
    def test_a_ledger_row_comes_back_as_it_was(self, folder):
        running = opened(folder)
        running.write_ledger([row(0), row(1, fate=Fate.LOST_BY_SENSOR)])
        running.close("completed", {})
        seen, lost = Recording(folder).ledger.to_pylist()
        assert seen == {
            "index": 0,
            "captured_ns": 0,
            "received_ns": MS,
            "started_ns": 2 * MS,
            "observed_ns": 3 * MS,
            "decided_ns": 4 * MS,
            "published_ns": None,
            "network_ns": 7,
            "fate": "processed",
            "recording": "recorded",
        }
        assert lost["captured_ns"] is None
        assert (lost["index"], lost["fate"], lost["recording"]) == (
            1,
            "lost_by_sensor",
            "lost_by_sensor",
        )

    def test_positions_come_back_with_missing_ones_missing(self, folder):
        running = opened(folder)
        running.write_result(result(0, xy=np.array([[[1.5, 2.5], [NAN, NAN]]], np.float32)))
        running.write_result(result(1))
        running.close("completed", {})
        recording = Recording(folder)
        assert recording.xy.dtype == np.float32
        np.testing.assert_array_equal(
            recording.xy, [[[[1.5, 2.5], [NAN, NAN]]], [[[1, 1.5], [1, 1.5]]]]
        )
        np.testing.assert_array_equal(recording.confidence, np.full((2, 1, 2), 0.75))

    def test_frames_with_fewer_individuals_are_filled_with_missing(self, folder):
        running = opened(folder)
        for i, individuals in enumerate([1, 0, 2]):
            running.write_result(result(i, individuals=individuals))
        running.close("completed", {})
        recording = Recording(folder)
        assert recording.xy.shape == (3, 2, 2, 2)
        np.testing.assert_array_equal(recording.xy[:, :, 0, 0], [[0, NAN], [NAN, NAN], [2, 2]])
        np.testing.assert_array_equal(
            recording.confidence[:, :, 1], [[0.75, NAN], [NAN, NAN], [0.75, 0.75]]
        )

    def test_indices_and_times_of_observations(self, folder):
        running = opened(folder)
        for i in (0, 3, 4):
            running.write_result(result(i))
        running.close("completed", {})
        recording = Recording(folder)
        np.testing.assert_array_equal(recording.frame_indices, [0, 3, 4])
        np.testing.assert_array_equal(recording.captured_ns, [0, 30 * MS, 40 * MS])

    def test_features_and_scores_by_name(self, folder):
        recording = Recording(recorded(folder, 3))
        assert list(recording.features) == ["speed_cm_s"]
        np.testing.assert_array_equal(recording.features["speed_cm_s"], [0, 0.25, 0.5])
        assert list(recording.scores) == ["freezing", "locomotion"]
        np.testing.assert_array_equal(recording.scores["freezing"], [0.25, 0.25, 0.25])
        np.testing.assert_array_equal(recording.scores["locomotion"], [NAN, NAN, NAN])

    def test_class_scores_and_measures_are_kept(self, folder):
        running = opened(folder)
        running.write_result(result(0, class_scores={"rest": 0.25}, measures={"area_px": 12.0}))
        running.write_result(result(1))
        running.close("completed", {})
        table = Recording(folder).observations
        assert table["class_scores"].to_pylist() == [[("rest", 0.25)], []]
        assert table["measures"].to_pylist() == [[("area_px", 12.0)], []]

    def test_a_session_without_any_frame_can_be_read(self, folder):
        recording = Recording(recorded(folder, 0))
        assert recording.xy.shape == (0, 0, 2, 2)
        assert recording.features["speed_cm_s"].shape == (0,)
        assert recording.complete

    def test_totals_are_sums_over_the_rows(self, folder):
        running = opened(folder)
        running.write_ledger(
            [
                row(0),
                row(1, fate=Fate.LOST_BY_SENSOR),
                row(2, fate=Fate.SUPERSEDED),
                row(3, recording=Fate.RING_OVERRUN),
                row(4, fate=Fate.UNKNOWN, recording=Fate.UNKNOWN),
            ]
        )
        running.close("completed", {})
        assert Recording(folder).totals() == {
            "captured": 5,
            "processed": 2,
            "recorded": 2,
            "lost": {"lost_by_sensor": 1, "superseded": 1, "unknown": 1},
            "not_recorded": {"lost_by_sensor": 1, "ring_overrun": 1, "unknown": 1},
            "unexplained": 1,
        }


class TestEvents:
    def test_they_come_back_as_the_pipeline_said_them(self, folder):
        by_session = Episode(ONSET, 20, 200 * MS, ended_by_session=True)
        running = opened(folder)
        running.write_result(result(8, ONSET, EPISODE))
        running.write_result(result(20, by_session))
        running.close("completed", {})
        recording = Recording(folder)
        assert recording.events == (ONSET, EPISODE, by_session)
        assert recording.episodes == (EPISODE, by_session)

    def test_an_onset_without_an_end_is_open(self, folder):
        second = Onset("freezing/mouse/2", "freezing", "mouse", 40, 400 * MS, 45, 450 * MS)
        running = opened(folder)
        running.write_result(result(13, ONSET, EPISODE, second))
        running.close("failed", {})
        assert Recording(folder).open_onsets == (second,)

    def test_an_end_that_is_not_stated_is_an_error(self, folder):
        running = opened(folder)
        running.write_result(result(8, ONSET))
        running.close("completed", {})
        path = folder / "episodes.jsonl"
        path.write_text(path.read_text().replace('"new"', '"end"'))
        with pytest.raises(RecordingError, match="freezing/mouse/1 has ended, but its end"):
            _ = Recording(folder).events

    def test_log_lines_come_back(self, folder):
        running = opened(folder)
        running.log("info", "begun", by="button")
        running.close("completed", {})
        (line,) = Recording(folder).log
        assert (line.level, line.message, line.facts) == ("info", "begun", {"by": "button"})

    def test_the_skeleton_comes_back(self, folder):
        assert Recording(recorded(folder, 0)).skeleton == SKELETON


class TestVideo:
    @pytest.mark.parametrize(
        "shape",
        [
            pytest.param((24, 32), id="grey"),
            pytest.param((33, 47), id="grey_of_odd_size"),
            pytest.param((24, 32, 3), id="colour"),
            pytest.param((33, 47, 3), id="colour_of_odd_size"),
        ],
    )
    def test_ffv1_keeps_every_pixel(self, folder, shape):
        recording = Recording(recorded(folder, 25, shape=shape))
        frames = list(recording.frames())
        assert len(frames) == 25
        for i, read in enumerate(frames):
            np.testing.assert_array_equal(read.image, image(i, shape))

    def test_ffv1_keeps_every_pixel_of_a_real_video(self, folder, shared_data):
        video = shared_data / "mouse_open_field_dlc" / "videos" / "m3v1mp4.mp4"
        with av.open(str(video)) as source:
            real = [
                picture.to_ndarray(format="gray")
                for _, picture in zip(range(12), source.decode(video=0), strict=False)
            ]
        shape = real[0].shape
        running = opened(folder, shape=shape)
        for i, pixels in enumerate(real):
            blank = frame(i, shape=shape)
            running.write_frame(type(blank)(i, blank.captured_ns, blank.received_ns, pixels))
        running.write_ledger([row(i) for i in range(12)])
        running.close("completed", {})
        for read, pixels in zip(Recording(folder).frames(), real, strict=True):
            np.testing.assert_array_equal(read.image, pixels)

    @pytest.mark.parametrize(
        "shape", [pytest.param((48, 64), id="grey"), pytest.param((48, 64, 3), id="colour")]
    )
    def test_h264_keeps_the_picture_roughly(self, folder, shape):
        ramp = np.broadcast_to(np.arange(64, dtype=np.uint8) * 4, (48, 64))
        pixels = ramp if len(shape) == 2 else np.repeat(ramp[..., None], 3, axis=2)
        running = opened(folder, codec="h264", shape=shape)
        blank = frame(0, shape=shape)
        for i in range(10):
            running.write_frame(type(blank)(i, i * 10 * MS, 0, pixels))
        running.write_ledger([row(i) for i in range(10)])
        running.close("completed", {})
        frames = list(Recording(folder).frames())
        assert len(frames) == 10
        for read in frames:
            assert np.abs(read.image.astype(int) - pixels).max() <= 8

    def test_frames_carry_index_and_times_of_the_camera(self, folder):
        read = list(Recording(recorded(folder, 3)).frames())[2]
        assert (read.index, read.captured_ns, read.received_ns) == (2, 20 * MS, 21 * MS)

    def test_presentation_times_are_capture_times_to_the_millisecond(self, folder):
        running = opened(folder)
        for i, captured_ns in enumerate([7_000_000, 17_400_000, 18_600_000, 40_000_000]):
            running.write_frame(frame(i, captured_ns))
        running.close("completed", {})
        with av.open(str(folder / "video.mkv")) as video:
            assert [picture.pts for picture in video.decode(video=0)] == [0, 10, 12, 33]

    def test_times_that_vary_are_read_back_exactly(self, folder):
        times = [5, 17_000_003, 33_499_999, 33_500_700, 250_000_001]
        running = opened(folder)
        for i, captured_ns in enumerate(times):
            running.write_frame(frame(i, captured_ns))
        running.write_ledger([row(i, captured_ns=t) for i, t in enumerate(times)])
        running.close("completed", {})
        assert [read.captured_ns for read in Recording(folder).frames()] == times

    @pytest.mark.parametrize("index", [0, 1, 9, 10, 24], ids=lambda index: f"frame_{index}")
    def test_one_image_by_the_cameras_count(self, folder, index):
        recording = Recording(recorded(folder, 25))
        np.testing.assert_array_equal(recording.image(index), image(index))

    def test_two_frames_within_a_millisecond_are_told_apart(self, folder):
        times = [i * 300_000 for i in range(30)]  # 3 333 frames a second
        running = opened(folder)
        for i, captured_ns in enumerate(times):
            running.write_frame(frame(i, captured_ns))
        running.write_ledger([row(i, captured_ns=t) for i, t in enumerate(times)])
        running.close("completed", {})
        recording = Recording(folder)
        for i in (0, 1, 13, 21, 29):
            np.testing.assert_array_equal(recording.image(i), image(i))

    def test_frames_left_out_of_the_video_do_not_shift_the_others(self, folder):
        running = opened(folder)
        for i in (0, 1, 4, 5):
            running.write_frame(frame(i))
        left_out = {2: Fate.RING_OVERRUN, 3: Fate.DISK_FULL}
        running.write_ledger([row(i, recording=left_out.get(i, Fate.RECORDED)) for i in range(6)])
        running.close("completed", {})
        recording = Recording(folder)
        assert [read.index for read in recording.frames()] == [0, 1, 4, 5]
        np.testing.assert_array_equal(recording.image(4), image(4))
        with pytest.raises(RecordingError, match=r"frame 3 is not in the video"):
            recording.image(3)
        with pytest.raises(RecordingError, match=r"frame 6 is not in the video"):
            recording.image(6)

    def test_frames_in_the_file_can_be_counted(self, folder):
        assert Recording(recorded(folder, 13)).n_video_frames() == 13

    def test_a_session_without_video_says_so(self, folder):
        recording = Recording(recorded(folder, 2, codec="none"))
        assert recording.complete
        assert not recording.has_video
        with pytest.raises(RecordingError, match="there is no video"):
            recording.image(0)

    def test_a_video_that_is_missing_is_a_problem(self, folder):
        (recorded(folder, 2) / "video.mkv").unlink()
        assert Recording(folder).problems == ("video.mkv is missing",)

    def test_a_damaged_picture_is_an_error_not_a_picture(self, folder):
        video = recorded(folder, 25) / "video.mkv"
        flip_a_bit(video, video.stat().st_size // 2)
        with pytest.raises(RecordingError, match="the checksum of a frame near"):
            list(Recording(folder).frames())

    def test_a_damaged_picture_is_an_error_each_time(self, folder):
        video = recorded(folder, 5) / "video.mkv"
        flip_a_bit(video, video.stat().st_size // 2)
        recording = Recording(folder)
        for _ in range(2):
            with pytest.raises(RecordingError, match="checksum"):
                list(recording.frames())

    def test_another_sessions_video_is_an_error(self, folder, tmp_path):
        other = opened(tmp_path / "other")
        for i in range(3):
            other.write_frame(frame(i, i * 11 * MS))
        other.close("completed", {})
        shutil.copy(tmp_path / "other" / "video.mkv", recorded(folder, 3) / "video.mkv")
        with pytest.raises(RecordingError, match=r"frame 1 .* 11 ms, but the ledger says 10 ms"):
            list(Recording(folder).frames())

    def test_frames_missing_from_a_closed_session_are_an_error(self, folder):
        running = opened(folder)
        running.write_frame(frame(0))
        running.write_ledger([row(0), row(1)])
        running.close("completed", {})
        recording = Recording(folder)
        with pytest.raises(RecordingError, match="holds 1 frames, but the ledger says 2"):
            list(recording.frames())
        with pytest.raises(RecordingError, match="holds 1 frames, but the ledger says 2"):
            recording.image(1)

    def test_a_file_that_is_no_video_is_an_error(self, folder):
        (recorded(folder, 2) / "video.mkv").write_bytes(b"no video" * 100)
        with pytest.raises(RecordingError, match=r"cannot read video\.mkv"):
            list(Recording(folder).frames())


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
        for length in range(schema_end, len(whole)):
            path.write_bytes(whole[:length])
            recording = Recording(folder)
            lengths.add(recording.ledger.num_rows)
            assert not recording.complete
        assert lengths == {0, 4}

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


def test_the_documented_way_of_reading_without_our_code_works(folder):
    running = opened(folder)
    for i in (0, 1, 3):
        running.write_frame(frame(i))
        running.write_result(result(i, individuals=2))
    running.write_result(result(4, ONSET, EPISODE))
    running.write_ledger([row(i, fate=Fate.LOST_BY_SENSOR) if i == 2 else row(i) for i in range(4)])
    running.close("completed", {})
    cut(folder / "frames.arrow", 8)

    page = Path(__file__).parents[1] / "docs" / "session_folder.md"
    code = page.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    read = {"folder": folder}
    exec(compile(code, str(page), "exec"), read)

    assert read["session"]["session_id"] == "s1"
    assert [positions.shape for positions in read["xy"]] == [(2, 2, 2)] * 3 + [(1, 2, 2)]
    assert [line["state"] for line in read["episodes"]] == ["new", "end"]
    assert list(read["pictures"]) == [0, 1, 3]
    np.testing.assert_array_equal(read["pictures"][3], image(3))


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        pytest.param("frames.arrow", "ledger", id="frames"),
        pytest.param("observations.arrow", "observations", id="observations"),
    ],
)
def test_every_column_is_documented(folder, name, columns):
    page = (Path(__file__).parents[1] / "docs" / "session_folder.md").read_text(encoding="utf-8")
    section = page.split(f"## {name}")[1].split("\n## ")[0]
    table = getattr(Recording(recorded(folder, 1)), columns)
    stems = {column.split("/")[0] for column in table.column_names}
    missing = [stem for stem in stems if f"`{stem}`" not in section and f"`{stem}/<" not in section]
    assert missing == []


@pytest.mark.parametrize("fate", list(Fate))
def test_every_fate_is_documented(fate):
    page = (Path(__file__).parents[1] / "docs" / "session_folder.md").read_text(encoding="utf-8")
    assert f"| `{fate}` |" in page


class TestBadFolders:
    @pytest.mark.parametrize(
        ("content", "message"),
        [
            pytest.param(None, r"no session folder: session\.json cannot be read", id="missing"),
            pytest.param("{", r"session\.json in .* is damaged", id="half"),
            pytest.param("[]", r"session\.json in .* is damaged", id="no_object"),
            pytest.param(
                '{"schema": 2}', "has schema 2, this version reads 1", id="from_the_future"
            ),
            pytest.param("{}", "has schema None", id="no_schema"),
        ],
    )
    def test_a_folder_without_a_good_session_file_is_an_error(self, folder, content, message):
        folder.mkdir()
        if content is not None:
            (folder / "session.json").write_text(content)
        with pytest.raises(RecordingError, match=message):
            Recording(folder)

    def test_no_folder_at_all_is_an_error(self, folder):
        with pytest.raises(RecordingError, match="is no session folder"):
            Recording(folder)

    @pytest.mark.parametrize("name", ["frames.arrow", "observations.arrow"])
    def test_a_missing_table_is_an_error(self, folder, name):
        (recorded(folder, 2) / name).unlink()
        with pytest.raises(RecordingError, match=f"{name} is missing"):
            _ = Recording(folder).problems

    @pytest.mark.parametrize("name", ["frames.arrow", "observations.arrow"])
    def test_a_table_that_is_none_is_an_error(self, folder, name):
        (recorded(folder, 2) / name).write_bytes(b"no table at all, only text")
        with pytest.raises(RecordingError, match=f"{name} in .* is no Arrow IPC stream"):
            _ = Recording(folder).problems

    @pytest.mark.parametrize("name", ["episodes.jsonl", "log.jsonl"])
    def test_a_missing_list_is_an_error(self, folder, name):
        (recorded(folder, 2) / name).unlink()
        with pytest.raises(RecordingError, match=f"cannot read {name}"):
            _ = Recording(folder).problems

    @pytest.mark.parametrize("name", ["episodes.jsonl", "log.jsonl"])
    def test_a_line_damaged_in_the_middle_is_an_error(self, folder, name):
        running = opened(folder)
        running.write_result(result(13, ONSET, EPISODE))
        running.log("info", "one")
        running.log("info", "two")
        running.close("completed", {})
        flip_a_bit(folder / name, 0)
        with pytest.raises(RecordingError, match=f"line 1 of {name} in .* is damaged"):
            _ = Recording(folder).problems

    def test_reading_writes_nothing_into_the_folder(self, folder):
        recorded(folder, 3)
        before = {path: path.read_bytes() for path in folder.iterdir()}
        recording = Recording(folder)
        assert recording.complete
        list(recording.frames())
        assert {path: path.read_bytes() for path in folder.iterdir()} == before
