"""NWB files: read back number by number, validated by pynwb, inspected by nwbinspector."""

import re
import shutil

import numpy as np
import pytest
from exported import IN_VIDEO, PROCESSED, TIMES_S, session
from nwbinspector import Importance, inspect_nwbfile, load_config
from pynwb import NWBHDF5IO, validate

from tracker.export import nwb
from tracker.export.session_view import Rows, view_of
from tracker.recording import Recording
from tracker.types import Skeleton


@pytest.fixture(scope="module")
def path(folder, tmp_path_factory):
    home = tmp_path_factory.mktemp("nwb")
    nwb.write(view_of(Recording(folder)), home, home, lambda _done, _of: None)
    return home / "s_m12.nwb"


@pytest.fixture(scope="module")
def file(path):
    with NWBHDF5IO(path, "r") as io:
        yield io.read()


@pytest.fixture
def behaviour(file):
    return file.processing["behavior"]


def test_positions_and_confidence_are_exact(behaviour, view):
    pose = behaviour["PoseEstimation"]
    for n, name in enumerate(("nose", "tail_base")):
        series = pose[name]
        np.testing.assert_array_equal(series.data[:], view.xy[:, 0, n])
        np.testing.assert_array_equal(series.confidence[:], view.confidence[:, 0, n])
        assert series.data[:].dtype == np.float32
        np.testing.assert_array_equal(series.timestamps[:], view.time_s)
        assert series.unit == "pixels"


def test_every_slot_has_its_true_time(behaviour):
    np.testing.assert_allclose(
        behaviour["PoseEstimation"]["nose"].timestamps[:], TIMES_S, atol=1e-12
    )


def test_skeleton_camera_and_video_are_linked_to_the_pose(file, behaviour):
    pose = behaviour["PoseEstimation"]
    assert pose.skeleton.nodes[:].tolist() == ["nose", "tail_base"]
    assert pose.skeleton.edges[:].tolist() == [[0, 1]]
    assert pose.device is file.devices["camera"]
    assert pose.source_video is file.acquisition["video"]
    assert (pose.scorer, pose.source_software) == ("mouse_top_view_2", "behaviour-tracker")


def test_features_and_scores_have_units_and_the_same_times(behaviour, view):
    speed = behaviour["features"]["speed_cm_s"]
    assert speed.unit == "cm/s"
    np.testing.assert_array_equal(speed.data[:], view.columns["feature/speed_cm_s"])
    np.testing.assert_array_equal(speed.timestamps[:], view.time_s)
    np.testing.assert_array_equal(
        behaviour["scores"]["freezing"].data[:], view.columns["score/freezing"]
    )
    assert behaviour["measures"]["pupil_px"].unit == "px"
    assert set(behaviour["frames"].time_series) == {"novelty", "abstained"}


def test_episodes_are_events_with_durations(file):
    table = file.events["episodes"].to_dataframe()
    np.testing.assert_allclose(table["timestamp"], [TIMES_S[1], TIMES_S[7]], atol=1e-9)
    np.testing.assert_allclose(table["duration"], [0.029 + 0.011, 0.02 + 0.011], atol=1e-9)
    assert table["behaviour"].tolist() == ["freezing"] * 2
    assert table["ended_by_session"].tolist() == [False, True]


def test_stimuli_losses_edges_and_log_are_events(file):
    stimuli = file.events["stimuli"].to_dataframe()
    assert stimuli["arm"].tolist() == ["real", "sham", "real"]
    assert np.isnan(stimuli["acknowledged_s"][1])
    losses = file.events["losses"].to_dataframe()
    assert losses["cause"].tolist() == ["lost_on_link"] * 2 + ["superseded", "ring_overrun"]
    assert file.events["edges"].to_dataframe()["stimulus_id"].tolist() == ["wake/1"]
    assert "door opened" in file.events["log"].to_dataframe()["message"].tolist()


def test_the_video_lies_beside_the_file_with_a_time_for_each_of_its_frames(file, path, folder):
    video = file.acquisition["video"]
    (way,) = video.external_file
    assert (path.parent / way).resolve() == (folder / "video.mkv").resolve()
    np.testing.assert_allclose(video.timestamps[:], [TIMES_S[k] for k in IN_VIDEO], atol=1e-12)
    assert video.dimension[:].tolist() == [32, 24]


def test_who_when_and_with_what(file):
    assert file.session_start_time.isoformat() == "2023-11-14T22:13:25.123456+00:00"
    assert list(file.experimenter) == ["Doe, Jane"]
    assert file.notes == "a test"
    assert '"model_sha256": "m0del"' in file.source_script
    subject = file.subject
    assert (subject.subject_id, subject.species, subject.sex) == ("m12", "Mus musculus", "F")
    assert subject.age == "P90D"


def test_pynwb_finds_nothing_wrong(path):
    assert validate(path=str(path)) == []


def findings(path, config=None):
    found = inspect_nwbfile(nwbfile_path=str(path), config=config)
    return [f"{each.importance.name}: {each.message}" for each in found if _matters(each)]


def _matters(message):
    return message.importance in (
        Importance.ERROR,
        Importance.PYNWB_VALIDATION,
        Importance.CRITICAL,
        Importance.BEST_PRACTICE_VIOLATION,
    )


@pytest.mark.slow
def test_nwbinspector_finds_nothing_that_violates_best_practice(path):
    assert findings(path) == []
    assert findings(path, load_config("dandi")) == []


@pytest.mark.slow
def test_an_animal_of_whom_nothing_is_known_is_said_to_be_unknown_in_the_allowed_way(tmp_path):
    view = view_of(Recording(session(tmp_path / "s", experiment="session: {}")))
    nwb.write(view, tmp_path, tmp_path, lambda _d, _o: None)
    with NWBHDF5IO(tmp_path / "s.nwb", "r") as io:
        subject = io.read().subject
        assert subject.sex == "U"
        assert subject.age == "P0D/"
        assert re.fullmatch(r"http://purl.obolibrary.org/obo/NCBITaxon_\d+", subject.species)
    assert findings(tmp_path / "s.nwb", load_config("dandi")) == []


@pytest.mark.slow
def test_several_animals_have_a_pose_each(view_of_two, tmp_path):
    nwb.write(view_of_two, tmp_path, tmp_path, lambda _d, _o: None)
    with NWBHDF5IO(tmp_path / "s_two.nwb", "r") as io:
        file = io.read()
        behaviour = file.processing["behavior"]
        bob = behaviour["PoseEstimation_bob"]["nose"]
        np.testing.assert_array_equal(bob.data[:], view_of_two.xy[:, 1, 0])
        np.testing.assert_array_equal(bob.timestamps[:], view_of_two.time_s)
        assert "video" not in file.acquisition
    assert validate(path=str(tmp_path / "s_two.nwb")) == []
    assert findings(tmp_path / "s_two.nwb") == []


def test_names_with_slashes_are_changed(tmp_path):
    skeleton = Skeleton(("nose/left", "tail:base"))
    view = view_of(Recording(session(tmp_path / "s", skeleton=skeleton, codec="none")))
    nwb.write(view, tmp_path, tmp_path, lambda _d, _o: None)
    with NWBHDF5IO(tmp_path / "s.nwb", "r") as io:
        pose = io.read().processing["behavior"]["PoseEstimation"]
        assert set(pose.pose_estimation_series) == {"nose_left", "tail_base"}
        assert pose.skeleton.nodes[:].tolist() == ["nose/left", "tail:base"]


def test_a_folder_that_was_cut_off_is_noted(tmp_path):
    view = view_of(Recording(session(tmp_path / "s", codec="none", closed=False)))
    nwb.write(view, tmp_path, tmp_path, lambda _d, _o: None)
    with NWBHDF5IO(tmp_path / "s.nwb", "r") as io:
        notes = io.read().notes
    assert notes.startswith("a test\nthe session was not closed")


def test_a_blinded_file_has_no_arm_anywhere(tmp_path):
    folder = session(tmp_path / "s", blinded=frozenset({"wake"}), codec="none")
    nwb.write(view_of(Recording(folder)), tmp_path, tmp_path, lambda _d, _o: None)
    with NWBHDF5IO(tmp_path / "s.nwb", "r") as io:
        file = io.read()
        assert set(file.events["stimuli"].to_dataframe()["arm"]) == {"hidden"}
        assert "edges" not in file.events
        assert "5eed" not in file.source_script


def test_a_video_in_several_files_is_one_series(tmp_path):
    folder = session(tmp_path / "s", segment_minutes=0.05 / 60)
    nwb.write(view_of(Recording(folder)), tmp_path, tmp_path, lambda _d, _o: None)
    with NWBHDF5IO(tmp_path / "s.nwb", "r") as io:
        video = io.read().acquisition["video"]
        assert video.external_file[:].tolist() == ["s/video_000.mkv", "s/video_001.mkv"]
        assert list(video.starting_frame) == [0, 4]
        assert len(video.timestamps) == 8
    assert findings(tmp_path / "s.nwb") == []


def test_a_cropped_video_has_its_own_size(tmp_path):
    crop = {"kind": "region", "x_px": 2, "y_px": 3, "width_px": 20, "height_px": 16}
    folder = session(tmp_path / "s", crop=crop)
    nwb.write(view_of(Recording(folder)), tmp_path, tmp_path, lambda _d, _o: None)
    with NWBHDF5IO(tmp_path / "s.nwb", "r") as io:
        file = io.read()
        assert file.acquisition["video"].dimension[:].tolist() == [20, 16]
        assert "the video is cropped" in file.notes


def test_only_processed_frames_on_request(folder, tmp_path):
    nwb.write(view_of(Recording(folder), Rows.PROCESSED), tmp_path, tmp_path, lambda _d, _o: None)
    with NWBHDF5IO(tmp_path / "s_m12.nwb", "r") as io:
        nose = io.read().processing["behavior"]["PoseEstimation"]["nose"]
        np.testing.assert_allclose(nose.timestamps[:], [TIMES_S[k] for k in PROCESSED], atol=1e-12)


def test_the_file_still_finds_its_video_when_the_session_moves(folder, tmp_path):
    moved = tmp_path / "first" / "s_m12"
    shutil.copytree(folder, moved)
    home = moved / "export"
    home.mkdir()
    nwb.write(view_of(Recording(moved)), home, home, lambda _d, _o: None)
    there = tmp_path / "second"
    shutil.move(moved, there)
    assert findings(there / "export" / "s_m12.nwb") == []
