from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError
from session_folders import (
    EPISODE,
    MS,
    ONSET,
    SHAPE,
    files_of,
    frame,
    image,
    lines_of,
    opened,
    recorder,
    result,
    row,
    rows_on_disk,
    session_of,
)

from tracker.errors import DiskFull, RecordingError
from tracker.session_folder.settings import RecorderSettings
from tracker.types import Frame

SECOND = 1000 * MS


@pytest.fixture
def running(folder, clock):
    running = opened(folder, clock)
    yield running
    running.close("stopped", {})


class TestOpening:
    def test_every_file_is_there_from_the_start(self, running, folder):
        assert files_of(folder) == {
            "experiment.yaml",
            "session.json",
            "video.mkv",
            "frames.arrow",
            "observations.arrow",
            "episodes.jsonl",
            "log.jsonl",
            "reserve.tmp",
            "writing.lock",
        }

    def test_without_a_codec_there_is_no_video(self, folder):
        running = opened(folder, codec="none")
        running.write_frame(frame(0))
        running.close("completed", {})
        assert "video.mkv" not in files_of(folder)

    def test_folders_above_are_made(self, folder):
        opened(folder / "deeper", codec="none").close("completed", {})
        assert session_of(folder / "deeper")["state"] == "closed"

    def test_the_experiment_is_kept_behind_a_line_that_says_whose_it_is(self, running, folder):
        assert (folder / "experiment.yaml").read_bytes() == (
            b"# session: s1, schema: 1\nsubject: mouse\n"
        )

    def test_the_session_file_says_what_runs(self, running, folder):
        session = session_of(folder)
        assert session["state"] == "running"
        assert session["schema"] == 1
        assert session["session_id"] == "s1"
        assert session["camera"] == {
            "name": "test camera",
            "shape": [24, 32],
            "fps": 100.0,
            "live": True,
            "n_frames": None,
            "settings": {"gain_db": 6.0},
        }
        assert session["skeleton"] == {"keypoints": ["nose", "tail_base"], "edges": [[0, 1]]}
        assert session["features"] == ["speed_cm_s"]
        assert session["behaviours"] == ["freezing", "locomotion"]

    def test_the_session_file_anchors_the_clock_to_utc(self, running, folder):
        session = session_of(folder)
        assert session["anchor_utc_ns"] == 1_700_000_000_000_000_000
        assert session["opened_ns"] == 5 * SECOND
        assert session["started_utc"] == "2023-11-14T22:13:25.000+00:00"

    def test_the_hash_of_the_experiment_is_kept(self, running, folder):
        session = session_of(folder)
        # printf '# session: s1, schema: 1\nsubject: mouse\n' | sha256sum
        assert session["experiment_sha256"] == (
            "2928d82c721ed30a5330a5bd069f4c3620162c111faef53b6991c3adf13d95d7"
        )
        # printf 'subject: mouse\n' | sha256sum
        assert session["provenance"]["config_sha256"] == (
            "ef60e6d7907f0bd2d0a097de21158a9b63216a1147740f6a51eead53c7605fbf"
        )

    def test_provenance_may_hold_paths_and_numpy_numbers(self, folder, tmp_path):
        provenance = {"file": tmp_path, "threads": np.int64(2), "nan": float("nan")}
        opened(folder, provenance=provenance).close("completed", {})
        kept = session_of(folder)["provenance"]
        assert (kept["file"], kept["threads"], kept["nan"]) == (str(tmp_path), 2, None)

    def test_an_existing_folder_is_left_alone(self, folder):
        folder.mkdir()
        (folder / "precious.txt").write_text("data")
        with pytest.raises(RecordingError, match="exists already, and nothing is overwritten"):
            recorder(folder).open()
        assert files_of(folder) == {"precious.txt"}

    def test_a_file_in_the_way_is_an_error(self, folder):
        folder.write_text("not a folder")
        with pytest.raises(RecordingError, match="2026-01-31_mouse"):
            recorder(folder / "inside").open()

    @pytest.mark.parametrize(
        ("options", "error", "message"),
        [
            pytest.param(
                {"min_free_mb": 10_000_000},
                DiskFull,
                r"MB are free in .* asks for 10000000 MB \(min_free_mb\)",
                id="too_little_room",
            ),
            pytest.param(
                {"provenance": {"x": object()}},
                RecordingError,
                "cannot be recorded as JSON",
                id="facts_that_are_no_json",
            ),
            pytest.param(
                {"codec": "h264", "shape": (24, 33, 3)},
                RecordingError,
                "even sizes, and the camera gives 33x24",
                id="odd_size_in_colour",
            ),
        ],
    )
    def test_what_cannot_work_is_refused_before_anything_is_made(
        self, folder, options, error, message
    ):
        with pytest.raises(error, match=message):
            recorder(folder, **options).open()
        assert not folder.exists()

    @pytest.mark.parametrize(
        "call",
        [
            pytest.param(lambda r: r.write_frame(frame(0)), id="frame"),
            pytest.param(lambda r: r.write_result(result(0)), id="result"),
            pytest.param(lambda r: r.write_ledger([row(0)]), id="ledger"),
            pytest.param(lambda r: r.log("info", "hello"), id="log"),
            pytest.param(lambda r: r.tick(), id="tick"),
        ],
    )
    def test_nothing_can_be_written_unless_it_is_open(self, folder, call):
        closed = recorder(folder)
        with pytest.raises(RecordingError, match="is not open"):
            call(closed)
        closed.open()
        closed.close("completed", {})
        with pytest.raises(RecordingError, match="is not open"):
            call(closed)


class TestWriting:
    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            pytest.param(
                Frame(1, 10 * MS, 0, image(1, (24, 33))),
                r"frame 1 is uint8 \(24, 33\), but the camera promised uint8 \(24, 32\)",
                id="another_size",
            ),
            pytest.param(
                Frame(1, 10 * MS, 0, image(1, (24, 32, 3))), r"\(24, 32, 3\)", id="colour"
            ),
            pytest.param(
                Frame(1, 10 * MS, 0, np.zeros(SHAPE, np.uint16)), "is uint16", id="16_bits"
            ),
            pytest.param(
                Frame(1, 0, 0, image(1)),
                r"captured at 0 ns, not later than the frame before it \(0 ns\)",
                id="same_time",
            ),
        ],
    )
    def test_a_frame_that_breaks_the_cameras_promise_is_an_error(self, running, wrong, message):
        running.write_frame(frame(0))
        with pytest.raises(RecordingError, match=message):
            running.write_frame(wrong)

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            pytest.param(
                result(0, xy=np.zeros((1, 3, 2), np.float32)),
                "3 keypoints, but the recording was begun with 2: nose, tail_base",
                id="keypoints",
            ),
            pytest.param(
                replace(result(0), features={}),
                r"features are \[\], but the recording was begun with \['speed_cm_s'\]",
                id="a_feature_is_missing",
            ),
            pytest.param(
                replace(result(0), features={"speed_cm_s": 1.0, "x_cm": 2.0}),
                r"\['speed_cm_s', 'x_cm'\]",
                id="a_feature_too_many",
            ),
            pytest.param(
                replace(result(0), scores={"freezing": 1.0, "rearing": 0.0}),
                r"scores are \['freezing', 'rearing'\]",
                id="another_behaviour",
            ),
        ],
    )
    def test_a_result_that_was_not_announced_is_an_error(self, running, wrong, message):
        with pytest.raises(RecordingError, match=message):
            running.write_result(wrong)

    @pytest.mark.parametrize(
        ("waited_ms", "rows"),
        [
            pytest.param(399, 0, id="just_before"),
            pytest.param(400, 3, id="in_time"),
        ],
    )
    @pytest.mark.parametrize("name", ["frames.arrow", "observations.arrow"])
    def test_a_tick_hands_rows_on_after_0_4_s(self, running, folder, clock, name, waited_ms, rows):
        running.write_ledger([row(i) for i in range(3)])
        for i in range(3):
            running.write_result(result(i))
        clock.advance(waited_ms * MS)
        running.tick()
        assert rows_on_disk(folder, name) == rows

    def test_the_next_0_4_s_count_from_the_last_flush(self, running, folder, clock):
        clock.advance(500 * MS)
        running.tick()
        running.write_ledger([row(0)])
        clock.advance(399 * MS)
        running.tick()
        assert rows_on_disk(folder, "frames.arrow") == 0
        clock.advance(MS)
        running.tick()
        assert rows_on_disk(folder, "frames.arrow") == 1

    def test_everything_is_forced_onto_the_disk_once_a_second(self, running, clock):
        clock.advance(1000 * MS)
        running.tick()
        running._files.log.close()  # whoever syncs it now will fail
        clock.advance(999 * MS)
        running.tick()
        clock.advance(400 * MS)
        with pytest.raises(ValueError, match="closed file"):
            running.tick()

    def test_many_rows_do_not_wait_for_a_tick(self, running, folder):
        running.write_ledger([row(i) for i in range(520)])
        assert rows_on_disk(folder, "frames.arrow") == 512

    def test_events_are_on_disk_at_once(self, running, folder):
        running.write_result(result(8, ONSET))
        running.write_result(result(13, EPISODE))
        new, end = lines_of(folder, "episodes.jsonl")
        config = session_of(folder)["provenance"]["config_sha256"]
        expected = {
            "schema": 1,
            "session_id": "s1",
            "state": "new",
            "episode_id": "freezing/mouse/1",
            "behaviour": "freezing",
            "subject": "mouse",
            "onset_index": 3,
            "onset_ns": 30_000_000,
            "confirmed_index": 8,
            "confirmed_ns": 80_000_000,
            "end_index": None,
            "end_ns": None,
            "ended_by_session": None,
            "model_sha256": "m0del",
            "config_sha256": config,
        }
        assert new == expected
        assert end == expected | {
            "state": "end",
            "end_index": 12,
            "end_ns": 120_000_000,
            "ended_by_session": False,
        }

    def test_the_hash_of_the_config_is_taken_from_the_provenance(self, folder):
        running = opened(folder, provenance={"config_sha256": "c0nfig"})
        running.write_result(result(8, ONSET))
        running.close("completed", {})
        (line,) = lines_of(folder, "episodes.jsonl")
        assert (line["config_sha256"], line["model_sha256"]) == ("c0nfig", None)

    def test_a_log_line_is_on_disk_at_once(self, running, folder):
        running.log("warning", "slow disk", waited_ms=np.float64(12.5))
        assert lines_of(folder, "log.jsonl") == [
            {
                "schema": 1,
                "session_id": "s1",
                "logged_ns": 5 * SECOND,
                "level": "warning",
                "message": "slow disk",
                "facts": {"waited_ms": 12.5},
            }
        ]

    def test_frames_leave_memory_while_the_session_runs(self, running, folder):
        for i in range(40):  # 0.4 s at 100 frames a second
            running.write_frame(frame(i))
        n_bytes_of_30_noisy_frames = 30 * SHAPE[0] * SHAPE[1]
        assert (folder / "video.mkv").stat().st_size > 0.9 * n_bytes_of_30_noisy_frames

    def test_frames_of_a_slow_camera_leave_memory_too(self, running, folder):
        for i in range(8):  # 5 frames a second: a keyframe comes every 2 s only
            running.write_frame(frame(i, i * 200 * MS))
        n_bytes_of_5_noisy_frames = 5 * SHAPE[0] * SHAPE[1]
        assert (folder / "video.mkv").stat().st_size > 0.9 * n_bytes_of_5_noisy_frames


class TestSettings:
    @pytest.mark.parametrize(
        "wrong",
        [
            pytest.param({"codec": "mjpeg"}, id="codec"),
            pytest.param({"crf": 52}, id="crf"),
            pytest.param({"on_overload": "ignore"}, id="overload"),
            pytest.param({"min_free_mb": -1}, id="room"),
            pytest.param({"codecs": "ffv1"}, id="misspelt"),
        ],
    )
    def test_wrong_settings_are_refused(self, wrong):
        with pytest.raises(ValidationError, match=next(iter(wrong))):
            RecorderSettings(**wrong)
