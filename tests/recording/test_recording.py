import numpy as np
import pytest
from session_folders import (
    EPISODE,
    MS,
    ONSET,
    SKELETON,
    flip_a_bit,
    opened,
    recorded,
    result,
    row,
)

from tracker.errors import RecordingError
from tracker.recording import Recording
from tracker.types import Episode, Fate, InVideo, Onset

NAN = float("nan")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "2026-01-31_mouse"


class TestTables:
    def test_a_ledger_row_comes_back_as_it_was(self, folder):
        running = opened(folder)
        running.write_ledger([row(0, video=InVideo(2, 30, 40)), row(1, fate=Fate.LOST_BY_SENSOR)])
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
            "segment": 2,
            "crop_x_px": 30,
            "crop_y_px": 40,
            "device_tick": None,
        }
        assert lost["captured_ns"] is lost["segment"] is lost["crop_x_px"] is None
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

    def test_novelty_and_abstention_are_kept(self, folder):
        running = opened(folder)
        running.write_result(result(0, novelty=1.5, abstained=True))
        running.write_result(result(1))
        running.close("completed", {})
        table = Recording(folder).observations
        np.testing.assert_array_equal(table["novelty"].to_numpy(), [1.5, np.nan])
        assert table["abstained"].to_pylist() == [True, False]

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
