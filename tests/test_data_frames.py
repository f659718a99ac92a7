import numpy as np
import pandas as pd
import pytest
from session_folders import EPISODE, MS, ONSET, opened, recorded, result, row

from tracker.recording import Recording
from tracker.stimuli import Action, Arm, Delivery, PulseTrain, Refusal, StimulusCommand, StimulusRow
from tracker.types import Fate, Onset

NAN = float("nan")
ANCHOR = pd.Timestamp(1_700_000_000_000_000_000, tz="UTC")  # that of a `ManualClock`


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "2026-01-31_mouse"


@pytest.fixture
def with_losses(folder):
    """Frames 0 to 4 of 100 frames/s: 1 was superseded, 2 never arrived."""
    running = opened(folder, codec="none")
    for i in (0, 3, 4):
        running.write_result(result(i, measures={"area_px2": 2.0 * i}, class_scores={"rest": 0.5}))
    fates = {1: Fate.SUPERSEDED, 2: Fate.LOST_BY_SENSOR}
    not_wanted = {"recording": Fate.NOT_WANTED}
    rows = [row(i, fate=fates.get(i, Fate.PROCESSED), **not_wanted) for i in range(5)]
    running.write_ledger(rows)
    running.close("completed", {})
    return folder


class TestObservations:
    def test_one_row_per_processed_frame(self, with_losses):
        frame = Recording(with_losses).observations_frame()
        assert frame.index.tolist() == [0, 3, 4]
        assert frame["time_s"].tolist() == [0.0, 0.03, 0.04]
        assert frame["utc"].tolist() == [ANCHOR + pd.Timedelta(ms, "ms") for ms in (0, 30, 40)]
        assert frame["nose_x_px"].tolist() == [0, 3, 4]
        assert frame["tail_base_y_px"].tolist() == [0.5, 3.5, 4.5]
        assert frame["nose_confidence"].tolist() == [0.75] * 3
        assert frame["speed_cm_s"].tolist() == [0, 0.75, 1]
        assert frame["score/freezing"].tolist() == [0.25] * 3
        assert frame["score/locomotion"].isna().all()
        assert frame["area_px2"].tolist() == [0, 6, 8]
        assert frame["class/rest"].tolist() == [0.5] * 3
        assert frame["abstained"].tolist() == [False] * 3

    def test_one_row_per_frame_slot_on_request(self, with_losses):
        frame = Recording(with_losses).observations_frame(every_slot=True)
        assert frame.index.tolist() == [0, 1, 2, 3, 4]
        assert frame["fate"].tolist() == [
            "processed",
            "superseded",
            "lost_by_sensor",
            "processed",
            "processed",
        ]
        np.testing.assert_array_equal(frame["nose_x_px"], [0, NAN, NAN, 3, 4])
        np.testing.assert_array_equal(frame["time_s"], [0, 0.01, NAN, 0.03, 0.04])
        assert frame["utc"].isna().tolist() == [False, False, True, False, False]
        assert frame["abstained"].isna().tolist() == [False, True, True, False, False]

    def test_several_individuals_have_columns_of_their_own(self, folder):
        running = opened(folder, codec="none")
        running.write_result(result(0, individuals=2))
        running.write_result(result(1))
        running.close("completed", {})
        frame = Recording(folder).observations_frame()
        np.testing.assert_array_equal(frame["individual_0_nose_x_px"], [0, 1])
        np.testing.assert_array_equal(frame["individual_1_nose_x_px"], [0, NAN])

    def test_of_a_session_in_which_nothing_was_seen(self, folder):
        frame = Recording(recorded(folder, 0)).observations_frame()
        assert len(frame) == 0
        assert "nose_x_px" in frame

    def test_of_a_part(self, with_losses):
        part = Recording(with_losses).part(0.01, 0.03)
        assert part.observations_frame().index.tolist() == [3]
        assert part.observations_frame(every_slot=True).index.tolist() == [1, 2, 3]

    def test_times_are_exact_to_the_nanosecond(self, folder):
        running = opened(folder, codec="none")
        times = [1, 86_400_000_000_123_457]
        not_wanted = {"recording": Fate.NOT_WANTED}
        running.write_ledger([row(i, captured_ns=t, **not_wanted) for i, t in enumerate(times)])
        running.close("completed", {})
        frame = Recording(folder).ledger_frame()
        assert frame["captured_ns"].tolist() == times
        assert [each.value - ANCHOR.value for each in frame["utc"]] == times


class TestLedger:
    def test_every_frame_has_its_row(self, with_losses):
        frame = Recording(with_losses).ledger_frame()
        assert frame.index.tolist() == [0, 1, 2, 3, 4]
        assert frame["received_ns"].isna().tolist() == [False, False, True, False, False]
        assert frame.loc[3, "decided_ns"] == 34 * MS
        assert frame.loc[2, "fate"] == "lost_by_sensor"


class TestDataSet:
    def test_positions_along_time_individual_keypoint_space(self, with_losses):
        data = Recording(with_losses).to_xarray()
        assert data["position"].dims == ("time", "individual", "keypoint", "space")
        assert data["time"].values.tolist() == [0.0, 0.03, 0.04]
        assert data["index"].values.tolist() == [0, 3, 4]
        at = data["position"].sel(time=0.03, individual=0, keypoint="nose", space="y")
        assert float(at) == 3.5
        assert data["speed_cm_s"].values.tolist() == [0, 0.75, 1]
        assert data["utc"].values[1] == np.datetime64("2023-11-14T22:13:20.030")

    def test_lost_frames_have_a_slot_and_a_likely_time_on_request(self, with_losses):
        data = Recording(with_losses).to_xarray(every_slot=True)
        np.testing.assert_allclose(data["time"], [0, 0.01, 0.02, 0.03, 0.04], rtol=0, atol=1e-12)
        np.testing.assert_array_equal(
            data["position"].sel(keypoint="nose", space="x")[:, 0], [0, NAN, NAN, 3, 4]
        )
        np.testing.assert_array_equal(data["score/freezing"], [0.25, NAN, NAN, 0.25, 0.25])

    def test_lost_frames_at_both_ends_go_on_at_the_mean_rate(self, folder):
        running = opened(folder, codec="none")
        lost = {"fate": Fate.LOST_BY_SENSOR, "recording": Fate.LOST_BY_SENSOR}
        running.write_ledger([row(0, **lost), row(1), row(2), row(3, **lost)])
        running.close("completed", {})
        data = Recording(folder).to_xarray(every_slot=True)
        np.testing.assert_allclose(data["time"], [-0.01, 0, 0.01, 0.02], rtol=0, atol=1e-12)


class TestEpisodes:
    def test_one_row_per_episode_with_seconds_and_utc(self, folder):
        open_onset = Onset("freezing/mouse/2", "freezing", "mouse", 40, 400 * MS, 45, 450 * MS)
        running = opened(folder, codec="none")
        running.write_result(result(8, ONSET, EPISODE, open_onset))
        captured = 10 * MS, 20 * MS
        rows = [row(i, captured_ns=at, recording=Fate.NOT_WANTED) for i, at in enumerate(captured)]
        running.write_ledger(rows)
        running.close("failed", {})
        frame = Recording(folder).episodes_frame()
        assert frame.index.tolist() == ["freezing/mouse/1", "freezing/mouse/2"]
        np.testing.assert_allclose(frame["onset_s"], [0.02, 0.39])
        np.testing.assert_allclose(frame["confirmed_s"], [0.07, 0.44])
        np.testing.assert_allclose(frame["end_s"], [0.11, NAN])
        np.testing.assert_allclose(frame["duration_s"], [0.1, NAN])
        assert frame["utc"].iloc[0] == ANCHOR + pd.Timedelta(30, "ms")
        assert frame["end_index"].isna().tolist() == [False, True]
        assert frame["ended_by_session"].isna().tolist() == [False, True]

    def test_none_is_a_frame_with_columns(self, folder):
        frame = Recording(recorded(folder, 2)).episodes_frame()
        assert len(frame) == 0
        assert "onset_s" in frame


class TestStimuli:
    def test_one_row_per_command_with_its_train_and_values(self, folder):
        train = PulseTrain(10_000, 50_000, 3)
        command = StimulusCommand(
            "wake/1",
            "wake",
            "light",
            Action.TRAIN,
            train,
            Arm.REAL,
            "freezing/mouse/1",
            {"speed_cm_s": 0.5},
            3,
            30 * MS,
        )
        by_hand = StimulusCommand("manual/1", "manual", "light", Action.STOP, None, trigger="Ada")
        running = opened(folder, codec="none", blinded=frozenset())
        delivered = {"commanded_ns": 31 * MS, "acknowledged_ns": 33 * MS, "confirmed": True}
        running.write_stimulus(StimulusRow(command, Delivery.DELIVERED, **delivered))
        refused = Delivery.REFUSED, Refusal.NOT_ARMED, "nobody has armed"
        running.write_stimulus(StimulusRow(by_hand, *refused))
        running.write_ledger([row(0, recording=Fate.NOT_WANTED)])
        running.close("completed", {})
        frame = Recording(folder).stimuli_frame()
        assert frame.index.tolist() == ["wake/1", "manual/1"]
        first, second = frame.iloc[0], frame.iloc[1]
        assert (first["captured_s"], first["acknowledged_s"]) == (0.03, 0.033)
        assert first["utc"] == ANCHOR + pd.Timedelta(33, "ms")
        assert (first["train_width_us"], first["train_n_pulses"]) == (10_000, 3)
        assert first["value/speed_cm_s"] == 0.5
        assert (first["action"], first["arm"], first["delivery"]) == ("train", "real", "delivered")
        assert second["refusal"] == "not_armed"
        assert pd.isna(second["frame_index"])
        assert pd.isna(second["train_width_us"])

    def test_a_session_without_outputs_has_none(self, folder):
        frame = Recording(recorded(folder, 2)).stimuli_frame()
        assert len(frame) == 0
        assert "delivery" in frame
