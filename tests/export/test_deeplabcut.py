"""DeepLabCut's tables, read as DeepLabCut does and by the readers of sleap-io and of our own."""

import numpy as np
import pandas as pd
import pytest
import sleap_io
import tables
from exported import PROCESSED, confidence, session, xy

from tracker.export.deeplabcut import names, write
from tracker.export.session_view import Rows, view_of
from tracker.recording import Recording
from tracker.track_import import read_tracks

SCORER = "DLC_tracker_mouse_top_view_2"


@pytest.fixture
def h5(view, write):
    return write(write_dlc, view) / names(view)[0]


write_dlc = write


def test_files_are_named_by_video_and_scorer(view):
    assert names(view) == [f"s_m12{SCORER}.h5", f"s_m12{SCORER}.csv"]


def test_the_table_is_laid_out_as_deeplabcut_does(h5):
    frame = pd.read_hdf(h5, "df_with_missing")
    assert frame.columns.names == ["scorer", "bodyparts", "coords"]
    assert frame.columns.tolist() == [
        (SCORER, part, coord)
        for part in ("nose", "tail_base")
        for coord in ("x", "y", "likelihood")
    ]
    assert frame.index.tolist() == list(range(10))
    assert set(frame.dtypes) == {np.dtype(np.float64)}


def test_a_frame_that_was_not_processed_is_nan_and_the_others_are_exact(h5):
    frame = pd.read_hdf(h5)
    for slot in range(10):
        nose = frame[SCORER, "nose"].loc[slot].tolist()
        if slot in PROCESSED:
            assert nose == [*xy(slot)[0, 0].tolist(), float(confidence(slot)[0, 0])]
        else:
            assert np.isnan(nose).all()


def test_csv_and_h5_hold_the_same(h5):
    csv = pd.read_csv(h5.with_suffix(".csv"), header=[0, 1, 2], index_col=0)
    pd.testing.assert_frame_equal(csv, pd.read_hdf(h5), check_names=False, check_index_type=False)


def test_several_animals_have_the_level_individuals(view_of_two, write):
    folder = write(write_dlc, view_of_two)
    frame = pd.read_hdf(folder / names(view_of_two)[0])
    assert frame.columns.names == ["scorer", "individuals", "bodyparts", "coords"]
    assert frame[SCORER, "bob", "nose", "x"][4] == 14.25


def test_sleap_io_reads_the_csv(view, write):
    labels = sleap_io.load_file(str(write(write_dlc, view) / names(view)[1]), format="dlc")
    assert labels.skeletons[0].node_names == ["nose", "tail_base"]


@pytest.mark.parametrize("ending", [0, 1], ids=["h5", "csv"])
def test_our_own_import_gets_the_same_back(view, write, ending):
    tracks = read_tracks(write(write_dlc, view) / names(view)[ending])
    np.testing.assert_array_equal(tracks.xy, view.xy)
    np.testing.assert_array_equal(tracks.confidence, view.confidence)


def test_notes_and_session_stand_in_the_h5(tmp_path, write):
    view = view_of(Recording(session(tmp_path / "s", closed=False, codec="none")))
    with tables.open_file(str(write(write_dlc, view) / names(view)[0])) as file:
        assert "the session was not closed" in file.get_node_attr("/", "tracker_notes")
        assert file.get_node_attr("/", "tracker_session") == "s1"


def test_rows_of_the_video_are_numbered_as_there(folder, write):
    view = view_of(Recording(folder), Rows.VIDEO)
    frame = pd.read_hdf(write(write_dlc, view) / names(view)[0])
    assert frame.index.tolist() == list(range(8))
    assert frame[SCORER, "nose", "x"][3] == 4.25  # frame 3 of the video is slot 4
