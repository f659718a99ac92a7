"""CSV and Parquet, read by pandas and PyArrow."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from exported import IN_VIDEO, LOST, PROCESSED, TIMES_S, xy

from tracker.export.tabular import csv_names, parquet_names, write_csv, write_parquet


@pytest.fixture
def frames(view, write):
    return pd.read_csv(write(write_csv, view) / "s_m12_frames.csv")


def test_every_file_was_announced(view, write):
    assert sorted(path.name for path in write(write_csv, view).iterdir()) == sorted(csv_names(view))
    assert csv_names(view) == [
        f"s_m12_{name}.csv" for name in ("frames", "episodes", "stimuli", "edges", "losses", "log")
    ]


def test_a_row_per_slot_with_time_and_fate(frames):
    assert frames["index"].tolist() == list(range(10))
    np.testing.assert_allclose(frames["time_s"], TIMES_S, atol=1e-9)
    assert frames["fate"][LOST] == "lost_on_link"
    assert frames["time_known"].tolist() == [slot != LOST for slot in range(10)]


def test_utc_is_exact_to_the_nanosecond(frames):
    assert frames["utc"][0] == "2023-11-14 22:13:25.123456789Z"
    assert frames["utc"][1] == "2023-11-14 22:13:25.134456789Z"


def test_positions_are_as_observed_and_empty_where_lost(frames):
    x = frames["pose/m12/nose/x_px"]
    assert x.isna().tolist() == [slot not in PROCESSED for slot in range(10)]
    assert x[PROCESSED].tolist() == [float(xy(slot)[0, 0, 0]) for slot in PROCESSED]


def test_what_is_not_known_is_an_empty_cell(view, write):
    text = (write(write_csv, view) / "s_m12_frames.csv").read_text(encoding="utf-8")
    assert "nan" not in text.casefold()


def test_a_frame_that_is_not_in_the_video_has_no_number_in_it(frames):
    assert frames["video_frame"].isna().tolist() == [slot not in IN_VIDEO for slot in range(10)]


def test_the_file_of_the_video_is_named(frames):
    assert frames["video_file"][0] == "video.mkv"
    assert frames["video_file"].isna()[LOST]
    assert frames["video_file_frame"][4] == 3


def test_features_and_scores_have_their_columns(frames):
    assert frames["feature/speed_cm_s"][9] == 2.25
    assert frames["score/freezing"][8] == 0.5


def test_a_table_of_each_thing_that_happened(view, write):
    folder = write(write_csv, view)
    episodes = pd.read_csv(folder / "s_m12_episodes.csv")
    np.testing.assert_allclose(episodes["duration_s"], [0.029 + 0.011, 0.02 + 0.011], atol=1e-9)
    stimuli = pd.read_csv(folder / "s_m12_stimuli.csv")
    assert stimuli["arm"].tolist() == ["real", "sham", "real"]
    assert np.isnan(stimuli["acknowledged_s"][1])


def test_parquet_holds_the_same_with_types_and_notes(view, write):
    folder = write(write_parquet, view)
    assert sorted(path.name for path in folder.iterdir()) == sorted(parquet_names(view))
    table = pq.read_table(folder / "s_m12_frames.parquet")
    assert str(table.schema.field("utc").type) == "timestamp[ns, tz=UTC]"
    assert str(table.schema.field("pose/m12/nose/x_px").type) == "float"
    np.testing.assert_array_equal(table["pose/m12/nose/x_px"].to_numpy(), view.xy[:, 0, 0, 0])
    assert table.schema.metadata[b"tracker.session"] == b"s1"
    assert table.schema.metadata[b"tracker.zero_utc_ns"] == b"1700000005123456789"


def test_two_animals_have_their_own_columns(view_of_two, write):
    table = pq.read_table(write(write_parquet, view_of_two) / "s_two_frames.parquet")
    assert table["pose/ada/nose/x_px"][0].as_py() == 0.25
    assert table["pose/bob/nose/x_px"][0].as_py() == 10.25
