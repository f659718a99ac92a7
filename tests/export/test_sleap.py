"""SLEAP's two files, read by sleap-io and h5py."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import sleap_io
from exported import NO_TAIL, PROCESSED, TIMES_S, confidence, session, xy

from tracker.export import sleap
from tracker.export.session_view import Rows, view_of
from tracker.recording import Recording


def slp(folder, view):
    return sleap_io.load_file(str(folder / sleap.names(view)[0]), open_videos=False)


def analysis(folder, view):
    return h5py.File(folder / sleap.names(view)[1])


def test_every_processed_frame_has_an_instance_at_its_number(view, write):
    labels = slp(write(sleap.write, view), view)
    assert [int(frame.frame_idx) for frame in labels.labeled_frames] == PROCESSED
    for frame in labels.labeled_frames:
        slot = int(frame.frame_idx)
        (instance,) = frame.instances
        np.testing.assert_array_equal(instance.numpy(), xy(slot)[0])
        seen = np.isfinite(xy(slot)[0]).all(axis=1)
        scores = confidence(slot)[0]
        np.testing.assert_array_equal(instance.points["score"][seen], scores[seen])
        assert instance.track.name == "m12"


def test_the_skeleton_is_there_with_its_edges(view, write):
    skeleton = slp(write(sleap.write, view), view).skeletons[0]
    assert skeleton.node_names == ["nose", "tail_base"]
    assert skeleton.edge_names == [("nose", "tail_base")]


def test_the_video_is_found_from_where_the_file_lies(folder, tmp_path):
    view = view_of(Recording(folder))
    home = folder / "export"
    sleap.write(view, tmp_path, home, lambda _done, _of: None)
    name = slp(tmp_path, view).videos[0].filename
    assert (home / name).resolve() == (folder / "video.mkv").resolve()


def test_two_animals_are_two_tracks(view_of_two, write):
    labels = slp(write(sleap.write, view_of_two), view_of_two)
    assert [track.name for track in labels.tracks] == ["ada", "bob"]
    assert all(len(frame.instances) == 2 for frame in labels.labeled_frames)


def test_the_analysis_file_has_a_column_for_every_slot(view, write):
    with analysis(write(sleap.write, view), view) as file:
        assert file["tracks"].shape == (1, 2, 2, 10)  # tracks, xy, nodes, frames
        assert json.loads(file["tracks"].attrs["dims"]) == ["track", "xy", "node", "frame"]
        tracks = file["tracks"][()].T  # frames, nodes, xy, tracks: SLEAP's order in memory
        np.testing.assert_array_equal(tracks[..., 0], view.xy[:, 0])
        np.testing.assert_array_equal(file["point_scores"][()], view.confidence.transpose(1, 2, 0))
        assert file["track_occupancy"][()].ravel().tolist() == [
            int(slot in PROCESSED) for slot in range(10)
        ]
        assert file["node_names"][()].tolist() == [b"nose", b"tail_base"]
        assert file["edge_inds"][()].tolist() == [[0, 1]]
        np.testing.assert_allclose(file["time_s"][()], TIMES_S, atol=1e-12)


def test_an_instance_score_is_the_mean_of_its_keypoints(view, write):
    with analysis(write(sleap.write, view), view) as file:
        scores = file["instance_scores"][()][0]
    assert scores[NO_TAIL] == pytest.approx((0.83 + 0.125) / 2)
    assert np.isnan(scores[3])


def test_sleap_io_reads_the_analysis_file(view_of_two, write):
    path = write(sleap.write, view_of_two) / sleap.names(view_of_two)[1]
    labels = sleap_io.load_file(str(path))
    found = labels.numpy()
    assert labels.tracks[1].name == "bob"
    np.testing.assert_array_equal(found[4, 1], xy(4, 2)[1])


def test_provenance_and_notes_travel(tmp_path, write):
    view = view_of(Recording(session(tmp_path / "s", codec="none", closed=False)))
    folder = write(sleap.write, view)
    assert "the session was not closed" in slp(folder, view).provenance["notes"]
    with analysis(folder, view) as file:
        assert "the session was not closed" in json.loads(file["provenance"][()])["notes"]


def test_frame_numbers_may_be_those_of_the_video(folder, write):
    view = view_of(Recording(folder), Rows.VIDEO)
    labels = slp(write(sleap.write, view), view)
    fourth = labels.labeled_frames[3]
    assert int(fourth.frame_idx) == 3
    np.testing.assert_array_equal(fourth.instances[0].numpy(), xy(4)[0])


def test_frames_of_a_video_in_several_files_are_numbered_in_each(tmp_path, write):
    folder = session(tmp_path / "s", segment_minutes=0.05 / 60)
    view = view_of(Recording(folder), Rows.VIDEO)
    labels = slp(write(sleap.write, view), view)
    assert [Path(video.filename).name for video in labels.videos] == [
        "video_000.mkv",
        "video_001.mkv",
    ]
    numbers = [(labels.videos.index(f.video), int(f.frame_idx)) for f in labels.labeled_frames]
    # Slot 5, the first of the second file, was not processed.
    assert numbers == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (1, 3)]
