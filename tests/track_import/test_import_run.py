"""A file of tracks with its video becomes a session, by the ordinary way."""

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest
from track_files import dlc_rows, positions, write_csv, write_slp
from videos import grey_level, write_video

from tracker.build import build_pipeline
from tracker.config import load
from tracker.errors import ConfigError, DeviceError, TrackFileError, UnknownName
from tracker.recording import Recording
from tracker.replay import Source, verify
from tracker.testing.manual_clock import ManualClock
from tracker.track_import import Import, ImportRun, import_tracks

N = 50
CONFIG = """
rig:
  camera: {kind: opencv, device: 0}
  arena: {px_per_cm: 10.0}
behaviours:
  right:
    rule: {kind: threshold, feature: x_cm, above: 3.0, softness: 0.1}
    episode: {enter: 0.7, leave: 0.5, min_duration_s: 0.02, max_gap_s: 0.02}
outputs:
  recording: {min_free_mb: 0}
"""
MISSING = "features: {front: left_ear}\n"
OUTPUTS = """
stimulation:
  armed: true
  actuators: {box: {kind: stimulus_box, port: /dev/nowhere}}
  outputs: {light: {actuator: box, line: "0"}}
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "experiment.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


@pytest.fixture
def video(tmp_path):
    """50 frames 40 ms apart, but the last 20 come 400 ms late."""
    pts = [40 * k + (400 if k >= 30 else 0) for k in range(N)]
    return write_video(tmp_path / "mouse.mkv", pts, size=(48, 96))


@pytest.fixture
def tracks(tmp_path):
    """It walks from x = 10 to x = 59, one px a frame: right of 30 px from frame 21 on."""
    return write_csv(tmp_path / "mouseDLC.csv", dlc_rows(positions(N)))


def test_positions_become_observations_features_and_episodes(config, video, tracks, tmp_path):
    folder = import_tracks(Import(tracks, config, video), tmp_path / "out")
    recording = Recording(folder)
    assert recording.complete
    np.testing.assert_array_equal(recording.xy, positions(N))
    np.testing.assert_allclose(recording.features["x_cm"], (10 + np.arange(N)) / 10, rtol=1e-6)
    # The pause of the video before frame 30 is longer than a bout may have gaps.
    bouts = [(each.onset.onset_index, each.end_index) for each in recording.episodes]
    assert bouts == [(21, 29), (30, 49)]
    assert {each.onset.behaviour for each in recording.episodes} == {"right"}


def test_times_are_those_of_the_video(config, video, tracks, tmp_path):
    recording = Recording(import_tracks(Import(tracks, config, video), tmp_path / "out"))
    expected = [40 * k + (400 if k >= 30 else 0) for k in range(N)]
    assert (recording.captured_ns // 1_000_000).tolist() == expected


def test_every_frame_is_in_the_ledger_and_in_the_video(config, video, tracks, tmp_path):
    recording = Recording(import_tracks(Import(tracks, config, video), tmp_path / "out"))
    totals = recording.totals()
    assert (totals["captured"], totals["processed"], totals["recorded"]) == (N, N, N)
    assert totals["unexplained"] == 0
    assert recording.image(7)[0, 0] == grey_level(7)


def test_provenance_names_the_file_and_the_video_with_their_hashes(config, video, tracks, tmp_path):
    recording = Recording(import_tracks(Import(tracks, config, video), tmp_path / "out"))
    model = recording.session["provenance"]["model"]
    assert model["observer"] == "tracks"
    assert model["file"] == str(tracks)
    assert model["sha256"] == hashlib.sha256(tracks.read_bytes()).hexdigest()
    assert recording.session["provenance"]["model_sha256"] == model["sha256"]
    assert model["video"]["sha256"] == hashlib.sha256(video.read_bytes()).hexdigest()


def test_a_video_may_be_linked_and_not_recorded_anew(config, video, tracks, tmp_path):
    changes = ["outputs.recording.codec=none", "session.subject=m7"]
    wanted = Import(tracks, config, video, changes=changes)
    folder = import_tracks(wanted, tmp_path / "out")
    assert folder.name.endswith("_m7")
    recording = Recording(folder)
    assert not recording.has_video
    assert recording.session["provenance"]["model"]["video"]["path"] == str(video)


def test_it_decides_the_same_again(config, video, tracks, tmp_path):
    recording = Recording(import_tracks(Import(tracks, config, video), tmp_path / "out"))
    assert verify(recording, Source.OBSERVATIONS, lambda _done, _of: None).identical


def test_progress_is_told_up_to_all_frames(config, tracks, tmp_path):
    told = []
    import_tracks(
        Import(tracks, config, fps=50), tmp_path / "out", lambda done, of: told.append((done, of))
    )
    assert all(0 <= done <= of == N for done, of in told)


class TestWithoutVideo:
    def test_times_follow_from_the_rate(self, config, tracks, tmp_path):
        recording = Recording(import_tracks(Import(tracks, config, fps=50), tmp_path / "out"))
        assert (recording.captured_ns / 1e6).tolist() == [20.0 * k for k in range(N)]
        assert recording.totals()["processed"] == N

    def test_nothing_is_recorded_and_nothing_is_missing(self, config, tracks, tmp_path):
        recording = Recording(import_tracks(Import(tracks, config, fps=50), tmp_path / "out"))
        assert not recording.has_video
        assert recording.complete
        assert recording.session["camera"]["name"] == "tracks without a video"

    def test_the_picture_is_as_large_as_the_positions_need(self, config, tracks, tmp_path):
        recording = Recording(import_tracks(Import(tracks, config, fps=50), tmp_path / "out"))
        assert recording.session["camera"]["shape"] == [9, 60]  # y up to 8, x up to 59

    def test_lamps_cannot_be_looked_at(self, config, tracks, tmp_path):
        wanted = Import(tracks, config, fps=50, changes=["rig.lamps={led: {x_px: 5, y_px: 5}}"])
        with pytest.raises(ConfigError, match="there is no video"):
            ImportRun(wanted, tmp_path / "out")


def test_lamps_are_looked_at_in_the_video(config, video, tracks, tmp_path):
    changes = ["rig.lamps={led: {x_px: 5, y_px: 5}}"]
    folder = import_tracks(Import(tracks, config, video, changes=changes), tmp_path / "out")
    lamp = Recording(folder).features["lamp_led"]
    assert lamp.tolist() == [grey_level(k) for k in range(N)]


def test_another_individual_may_be_the_one_that_rules_are_about(config, tmp_path):
    rows = dlc_rows(positions(N, individuals=2), individuals=("ada", "bob"))
    tracks = write_csv(tmp_path / "two.csv", rows)
    folder = import_tracks(Import(tracks, config, fps=50, individual="bob"), tmp_path / "out")
    recording = Recording(folder)
    assert recording.features["x_cm"][0] == pytest.approx(3.0)  # bob begins at 30 px
    assert recording.session["provenance"]["model"]["individuals"] == ["bob", "ada"]
    assert recording.observations["identity"][0].as_py() == ["bob", "ada"]
    assert verify(recording, Source.OBSERVATIONS, lambda _done, _of: None).identical


def test_animals_stay_who_they_are_in_the_file_also_where_they_cross(config, tmp_path):
    xy = positions(N, individuals=2)
    xy[:, 1, :, 0] = xy[::-1, 0, :, 0]  # bob walks the same way back
    rows = dlc_rows(xy, individuals=("ada", "bob"))
    tracks = write_csv(tmp_path / "two.csv", rows)
    recording = Recording(import_tracks(Import(tracks, config, fps=50), tmp_path / "out"))
    np.testing.assert_array_equal(recording.xy, xy)


def test_names_that_settings_do_not_take_are_changed(config, tmp_path):
    rows = dlc_rows(positions(N, individuals=2), individuals=("mouse 1", "2"))
    tracks = write_csv(tmp_path / "two.csv", rows)
    recording = Recording(import_tracks(Import(tracks, config, fps=50), tmp_path / "out"))
    assert recording.observations["identity"][0].as_py() == ["mouse_1", "animal_2"]


def test_a_single_animal_is_the_subject(config, tracks, tmp_path):
    wanted = Import(tracks, config, fps=50, changes=["session.subject=m7"])
    recording = Recording(import_tracks(wanted, tmp_path / "out"))
    assert recording.observations["identity"][0].as_py() == ["m7"]


def test_instances_on_no_tracks_are_followed_as_the_experiment_says(config, tmp_path):
    xy = positions(N, individuals=2)
    frames = {f: [(xy[f, k if f % 2 else 1 - k], True) for k in (0, 1)] for f in range(N)}
    path = write_slp(tmp_path / "a.slp", frames, nodes=("nose", "tail_base"))
    wanted = Import(path, config, fps=50, min_confidence=0, changes=["tracking.animals=[ada, bob]"])
    recording = Recording(import_tracks(wanted, tmp_path / "out"))
    assert recording.observations["identity"][5].as_py() == ["ada", "bob"]
    np.testing.assert_array_equal(recording.xy, xy)


def test_keypoints_below_the_confidence_asked_for_are_not_found(config, tmp_path):
    likelihood = np.full((N, 1, 2), 0.9)
    likelihood[4] = 0.3
    tracks = write_csv(tmp_path / "a.csv", dlc_rows(positions(N), likelihood))
    usual = Recording(import_tracks(Import(tracks, config, fps=50), tmp_path / "usual"))
    assert np.isnan(usual.xy[4]).all()
    wanted = Import(tracks, config, fps=50, min_confidence=0.2)
    assert np.isfinite(Recording(import_tracks(wanted, tmp_path / "low")).xy[4]).all()


def test_tracks_that_end_early_are_noted_in_the_log(config, video, tmp_path):
    tracks = write_csv(tmp_path / "short.csv", dlc_rows(positions(40)))
    recording = Recording(import_tracks(Import(tracks, config, video), tmp_path / "out"))
    assert np.isnan(recording.xy[40:]).all()
    warnings = [line.message for line in recording.log if line.level == "warning"]
    assert warnings == ["the tracks end after 40 of 50 frames: nothing is known of the rest"]


def test_outputs_of_the_experiment_are_left_out(config, tracks, tmp_path):
    config.write_text(CONFIG + OUTPUTS, encoding="utf-8")
    recording = Recording(import_tracks(Import(tracks, config, fps=50), tmp_path / "out"))
    assert not recording.has_stimuli


def test_a_network_does_not_say_who_is_who(config):
    experiment = load(config, ["tracking.given=true"])
    with pytest.raises(ConfigError, match=r"tracking\.given: a network does not say who is who"):
        build_pipeline(experiment, ManualClock())


class TestRefused:
    def refuse(self, error, match, wanted, tmp_path):
        with pytest.raises(error, match=match):
            import_tracks(wanted, tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_more_rows_than_frames(self, config, video, tmp_path):
        tracks = write_csv(tmp_path / "long.csv", dlc_rows(positions(N + 1)))
        wanted = Import(tracks, config, video)
        self.refuse(TrackFileError, "has 51 rows, but .* only 50 frames", wanted, tmp_path)

    def test_a_keypoint_that_a_setting_needs_and_the_tracks_lack(self, config, tracks, tmp_path):
        config.write_text(CONFIG + MISSING, encoding="utf-8")
        wanted = Import(tracks, config, fps=50)
        self.refuse(UnknownName, "unknown keypoint 'left_ear'.*nose, tail_base", wanted, tmp_path)

    def test_a_rule_over_a_feature_that_one_keypoint_does_not_give(self, config, tmp_path):
        rows = dlc_rows(positions(N, keypoints=1), keypoints=("nose",))
        tracks = write_csv(tmp_path / "nose.csv", rows)
        rule = (
            "behaviours.right.rule={kind: threshold, feature: heading_deg, above: 0, softness: 1}"
        )
        wanted = Import(tracks, config, fps=50, changes=[rule])
        self.refuse(UnknownName, "unknown feature 'heading_deg'", wanted, tmp_path)

    def test_positions_of_another_video(self, config, video, tmp_path):
        tracks = write_csv(tmp_path / "a.csv", dlc_rows(positions(N) * 10))
        wanted = Import(tracks, config, video)
        self.refuse(TrackFileError, "is it the video that they were found in", wanted, tmp_path)

    def test_neither_a_video_nor_a_rate(self, config, tracks, tmp_path):
        self.refuse(ConfigError, "one of the two", Import(tracks, config), tmp_path)

    def test_a_video_and_a_rate(self, config, video, tracks, tmp_path):
        wanted = Import(tracks, config, video, fps=50)
        self.refuse(ConfigError, "one of the two", wanted, tmp_path)

    def test_an_individual_that_is_not_there(self, config, tracks, tmp_path):
        wanted = Import(tracks, config, fps=50, individual="bob")
        self.refuse(TrackFileError, "no individual 'bob'; it has individual_0", wanted, tmp_path)

    def test_a_video_that_is_none(self, config, tracks, tmp_path):
        wanted = Import(tracks, config, tracks)
        self.refuse(DeviceError, "mouseDLC.csv", wanted, tmp_path)

    def test_a_rate_that_is_too_low_for_the_speeds(self, config, tracks, tmp_path):
        wanted = Import(tracks, config, fps=2)
        self.refuse(ConfigError, "frames", wanted, tmp_path)


@pytest.mark.slow
def test_the_command_makes_a_session_and_says_what_was_found(config, video, tracks, tmp_path):
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tracker", "import", str(tracks)),
            *("--video", str(video), "--config", str(config)),
            *("--out", str(tmp_path / "out"), "--json"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["episodes"] == {"right": 2}
    assert said["frames"]["processed"] == N
    (folder,) = (tmp_path / "out").iterdir()
    assert (folder / "report.html").is_file()
