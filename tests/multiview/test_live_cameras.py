"""Several cameras in one session: the scene, whose truth is known, and what can go wrong."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import rigs

from tracker.build_rig import build_any
from tracker.calibration.stand import write_stand
from tracker.cameras.scene import ball_cm, scene_stand
from tracker.check import Verdict, _judge_clocks, _judge_further
from tracker.clock import SystemClock
from tracker.config import load
from tracker.errors import ConfigError, DeviceLost, DeviceNotFound, SessionError
from tracker.multiview.recorded import cameras_of, is_rig, moments_of
from tracker.recording import Recording
from tracker.session_folder.tables import read_table
from tracker.side_camera import SideCamera
from tracker.testing.scripted_camera import ScriptedCamera

NAMES = ["front", "left", "back", "right"]
FPS = 15
QUIET = ("outputs.publisher=null", "outputs.control=null", "outputs.preview=null")


def experiment(*changes, seconds=3):
    cameras = [f"rig.more_cameras.{name}.fps={FPS}" for name in NAMES[1:]]
    about = (f"rig.camera.fps={FPS}", f"session.duration_s={seconds}", *QUIET, *cameras)
    return load(Path("four_cameras"), [*about, *changes])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Four cameras for 3 s; the right one loses a fifth of its frames."""
    out = tmp_path_factory.mktemp("four")
    settings = experiment(
        "rig.more_cameras.right.lose_fraction=0.2", "outputs.recording.codec=h264"
    )
    session, first = build_any(settings, out, SystemClock())
    session.run()
    assert first.name == "front"
    return first.parent


@pytest.fixture(scope="module")
def sets(folder):
    table, is_whole = read_table(folder / "sets.arrow")
    assert is_whole
    return table


def truth_cm(captured_ns):
    """Where the ball was at the trigger that a time belongs to: middle of its exposure of 1 ms."""
    triggers = np.rint((captured_ns / 1e9 - 0.0005) * FPS)
    return np.stack([ball_cm(trigger / FPS + 0.0005) for trigger in triggers])


def test_a_known_motion_comes_out_to_half_a_millimetre_at_a_metre(sets):
    xyz = np.array(sets["xyz_cm"].to_pylist(), np.float64).reshape(-1, 3, 3)[:, 1]
    known = np.isfinite(xyz).all(axis=1)
    off_mm = 10 * np.linalg.norm(xyz - truth_cm(sets["captured_ns"].to_numpy()), axis=1)[known]
    assert known.sum() > 15
    assert np.percentile(off_mm, 99) <= 0.5
    residuals = np.array(sets["residual_px"].to_pylist())[known, 1]
    assert 0 < np.median(residuals) < 0.3


def test_frames_of_a_set_were_taken_at_one_trigger(sets):
    """Whatever each camera counts, and however its clock drifts.

    Frames arrive up to 3 ms late, more if the computer is busy, and this is their first second.
    """
    times = np.array([sets[f"{name}/captured_ns"].to_pylist() for name in NAMES], np.float64)
    apart_ms = (np.nanmax(times, axis=0) - np.nanmin(times, axis=0)) / 1e6
    assert np.median(apart_ms[np.isfinite(times).all(axis=0)]) < 5.0
    assert apart_ms.max() <= 400 / FPS, "0.4 of the time between two frames"


def test_no_camera_records_a_graph_while_another_uses_the_gpu(folder):
    assert load(Path("demo")).model.cuda_graph
    for name in NAMES:
        assert not load(folder / name / "experiment.yaml").model.cuda_graph


def test_each_camera_has_a_session_of_its_own_whose_ledger_adds_up(folder):
    for name in NAMES:
        recording = Recording(folder / name)
        assert recording.complete, recording.problems
        totals = recording.totals()
        assert totals["unexplained"] == 0
        lost = sum(totals["lost"].values())
        assert totals["captured"] == totals["processed"] + lost == recording.ledger.num_rows
        assert recording.session["camera_clock"]["n_steps"] == 0


def test_every_processed_frame_of_a_further_camera_is_in_one_set(folder, sets):
    for name in NAMES[1:]:
        index = [each for each in sets[f"{name}/index"].to_pylist() if each is not None]
        assert index == Recording(folder / name).frame_indices.tolist()


def test_a_set_without_a_frame_of_one_camera_is_incomplete_and_used_all_the_same(folder, sets):
    without = [
        row
        for row in sets.to_pylist()
        if row["right/index"] is None
        and all(row[f"{name}/index"] is not None for name in NAMES[:3])
    ]
    assert without
    assert not any(row["complete"] for row in without)
    assert any(row["n_views"][1] == 3 and np.isfinite(row["xyz_cm"][3]) for row in without)
    facts = json.loads((folder / "front" / "session.json").read_text("utf-8"))["sets"]
    assert facts["cameras"] == NAMES
    assert facts["complete"] + facts["incomplete"] == sets.num_rows
    assert facts["complete"] == sum(sets["complete"].to_pylist())


def test_further_cameras_decide_nothing(folder):
    assert Recording(folder / "left").session["behaviours"] == []
    assert "speed_px_s" in Recording(folder / "left").session["features"], "its scale is not known"
    assert Recording(folder / "front").session["behaviours"] == ["flying"]


def test_pictures_of_one_moment_are_found_again(folder):
    assert is_rig(folder)
    names, moments = moments_of(folder, every=20)
    assert names == NAMES
    name, images = max(moments, key=lambda moment: len(moment[1]))
    assert name.startswith("set ")
    assert all(image.shape == (480, 640) for image in images.values())


def test_a_table_of_sets_names_its_cameras(sets):
    assert cameras_of(sets) == NAMES


def test_a_trial_says_of_each_camera_how_it_does(folder):
    """`tracker check` runs them as they are; here with what they left behind."""
    found = {each.what: each for each in _judge_further("right", Recording(folder / "right"))}
    assert set(found) == {"camera right", "clock right"}
    assert found["camera right"].verdict is Verdict.DOUBTFUL
    assert re.search(r"scene from right, 640x480.*lost on link", found["camera right"].text)
    assert "half of its frames came" in found["clock right"].text


CLOCK = {"drift_ppm": 12.4, "n_steps": 0, "late_p50_ns": 1e6, "late_max_ns": 5_000_000}
OTHER = {"uncertainty_ns": 2000, "drift_ppm": -1.0, "n_losses": 1}
SETS = {"complete": 0, "incomplete": 7, "resets": 0}
TOLD = {
    "a clock": ({"camera_clock": CLOCK | {"residual_ns": 5.0}}, "good", "+12 ppm; half of its"),
    "a clock that was seen for seconds": (
        {"camera_clock": CLOCK | {"residual_ns": None}},
        "good",
        "drift not known in so short a time",
    ),
    "a clock that stepped": (
        {"camera_clock": CLOCK | {"residual_ns": 5.0, "n_steps": 2}},
        "doubtful",
        "stepped 2 times",
    ),
    "another clock that was lost": ({"clocks": {"lsl": OTHER}}, "doubtful", "known to 2 us"),
    "no complete set": ({"sets": SETS}, "bad", "0 complete, 7 incomplete"),
    "a counter that was reset": ({"sets": SETS | {"complete": 9, "resets": 1}}, "doubtful", "1 r"),
}


@pytest.mark.parametrize(("session", "verdict", "said"), TOLD.values(), ids=TOLD.keys())
def test_a_trial_says_how_clocks_stand(session, verdict, said):
    [finding] = _judge_clocks(session)
    assert (finding.verdict.value, said in finding.text) == (verdict, True), finding


def test_a_camera_that_is_not_there_is_refused_and_nothing_is_left(tmp_path):
    settings = experiment("rig.more_cameras.left={kind: opencv, device: 77}")
    session, _ = build_any(settings, tmp_path, SystemClock())
    with pytest.raises(DeviceNotFound, match="camera 77"):
        session.start()
    assert list(tmp_path.iterdir()) == []


def test_cameras_that_stand_nowhere_are_refused(tmp_path):
    path = tmp_path / "views.yaml"
    write_stand(path, scene_stand())
    changes = (f"rig.views={path.as_posix()}", "rig.name=top")
    with pytest.raises(ConfigError, match="does not know camera 'top'; it knows back, front"):
        build_any(experiment(*changes), tmp_path, SystemClock())


def test_a_camera_cannot_have_the_first_ones_name():
    with pytest.raises(ConfigError, match=r"is the name of rig\.camera"):
        experiment("rig.more_cameras.front={kind: scene}")


def test_the_failure_of_a_further_camera_fails_the_session(tmp_path):
    """With its own error as the cause, and its own folder closed."""
    lost = ScriptedCamera([rigs.frame(0), DeviceLost("unplugged")])
    side = SideCamera("left", rigs.Rig(tmp_path / "left", lost).session)
    camera = ScriptedCamera([rigs.frame(0), *[None] * 10_000], live=True)
    rig = rigs.Rig(tmp_path / "main", camera, camera_timeout_s=60.0)
    rig.session.parts = rigs.with_feeds(rig.session.parts, [side])
    rig.session.start()
    assert rig.session.wait(20.0)
    with pytest.raises(SessionError) as raised:
        rig.session.finish()
    assert "unplugged" in str(raised.value) + str(raised.value.__cause__)
    assert Recording(tmp_path / "left").session["end_reason"] == "failed"
    assert Recording(tmp_path / "main").session["end_reason"] == "failed"


def test_a_further_camera_that_ends_is_said_and_the_session_goes_on(tmp_path):
    told = []
    few = ScriptedCamera([rigs.frame(0), rigs.frame(1)])
    side = SideCamera("left", rigs.Rig(tmp_path / "left", few).session)
    side.open(lambda level, text, **_facts: told.append((level, text)))
    while not told:
        side.step()
    side.step()
    side.close()
    assert told == [("info", "camera left has ended: completed")]
