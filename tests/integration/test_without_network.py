"""Sessions that no network sees: run, recorded, replayed to the bit, judged and batched."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tracker.batch.jobs import load_offline, make_jobs
from tracker.build import build_observer, build_session
from tracker.cameras.synthetic import SyntheticCamera
from tracker.check import check
from tracker.cli import SeenBy, app, overrides_of
from tracker.clock import SystemClock
from tracker.config import load
from tracker.errors import ConfigError
from tracker.observers.shape import ShapeObserver
from tracker.recording import Recording
from tracker.replay import Kind, Source, Why, verify
from tracker.summary import score_truth

ALONE = ["outputs.publisher=null", "outputs.control=null", "outputs.recording.min_free_mb=0"]
SHORT = [*ALONE, "rig.camera.paced=false", "rig.camera.n_frames=500"]
CONFIG = Path("mouse_without_network")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    session, folder = build_session(
        load(CONFIG, SHORT), tmp_path_factory.mktemp("sessions"), SystemClock()
    )
    session.run()
    return folder


def test_the_shipped_config_says_what_it_shows():
    file = Path(__file__).parents[2] / "configs" / f"{CONFIG}.yaml"
    first = file.read_text(encoding="utf-8").splitlines()[0]
    assert "without a network" in first


@pytest.mark.slow
def test_it_is_right_about_the_synthetic_mouse(folder):
    experiment = load(CONFIG, SHORT)
    truth = score_truth(Recording(folder), experiment.rig.camera)
    assert truth["keypoint_error_px"] < 3
    assert truth["keypoints_found"] > 0.9
    assert truth["f1"]["locomotion"] > 0.85


@pytest.mark.slow
def test_a_replay_from_the_video_gives_the_same_bits(folder):
    verdict = verify(Recording(folder), Source.VIDEO)
    assert verdict.identical, verdict
    assert verdict.compared[Kind.OBSERVATION] == 500
    assert verdict.causes == ()


def test_the_record_says_what_saw_it(folder):
    about = Recording(folder).session["provenance"]
    assert about["model_sha256"] is None
    assert about["model"]["observer"] == "background"
    assert about["model"]["settings"]["difference"] == 60


def test_nose_and_tail_base_are_near_the_true_ones():
    experiment = load(CONFIG, SHORT)
    camera = SyntheticCamera(experiment.rig.camera, SystemClock())
    observer = build_observer(experiment, SystemClock())
    assert isinstance(observer, ShapeObserver)
    camera.open()
    errors = []
    for _ in range(500):
        each = camera.read(1.0)
        seen = observer.observe(each)
        nose, _, base = camera.truth(each.index).xy
        if np.isfinite(seen.xy[0]).all() and each.index % 5 == 0:
            errors.append(np.hypot(*(seen.xy[0, [0, 2]] - (nose, base)).T))
    camera.close()
    nose, base = np.array(errors).T
    assert len(nose) > 70
    assert np.median(nose) < 2
    assert np.median(base) < 5
    assert nose.max() < 20  # head and tail were never taken for each other


def test_a_trial_of_the_rig_names_it_in_place_of_a_network(tmp_path):
    findings = check(load(CONFIG, SHORT[:-1]), tmp_path, 0.5, SystemClock())
    (network,) = [each for each in findings if each.what == "network"]
    assert network.text.startswith("background on cpu")


def test_a_batch_needs_no_network_file():
    missing = "model.network=not_there.onnx"
    experiment = load_offline(CONFIG, [missing])
    assert experiment.observer.kind == "background"
    assert make_jobs([], {}, {}, experiment, Path("out"), Path("ticket")) == []


def test_old_experiments_are_seen_by_their_network():
    experiment = load(Path("demo"))
    assert experiment.observer is None
    assert experiment.seen_by == "mouse_top_view"


@pytest.mark.parametrize(
    ("observer", "said"),
    [
        pytest.param({"kind": "magic"}, "kind", id="unknown_kind"),
        pytest.param({"kind": "threshold", "higest": 9}, "did you mean highest", id="misspelt"),
        pytest.param({"kind": "background", "difference": 0}, "greater than", id="no_difference"),
        pytest.param({"kind": "threshold", "max_area_px2": 10}, "expected more than", id="limits"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_by_name(observer, said):
    with pytest.raises(ConfigError, match=said):
        load(Path("demo"), [f"observer={json.dumps(observer)}"])


def test_a_method_that_is_not_there_is_refused(capfd):
    with pytest.raises(SystemExit) as ended:
        app(["demo", "--observer", "magic"])
    assert ended.value.code == 2
    assert "region_growing" in capfd.readouterr().err


@pytest.mark.parametrize("method", [each for each in SeenBy if each is not SeenBy.NETWORK])
def test_every_method_of_the_demo_finds_the_mouse(method):
    experiment = load(Path("demo"), [*overrides_of(method), *SHORT])
    camera = SyntheticCamera(experiment.rig.camera, SystemClock())
    observer = build_observer(experiment, SystemClock())
    camera.open()
    counts = [observer.observe(camera.read(1.0)).measures.get("n_animals") for _ in range(60)]
    camera.close()
    assert counts[30:] == [1.0] * 30


def test_a_replay_with_another_picture_of_the_empty_arena_says_so(tmp_path):
    """The session has the picture's hash; the picture stays where it is, as a network's file."""
    (height, width), picture = (480, 640), tmp_path / "empty.png"
    picture.write_bytes(cv2.imencode(".png", np.full((height, width), 200, np.uint8))[1].tobytes())
    few = [*SHORT, "rig.camera.n_frames=20", f"observer.empty={picture}"]
    experiment = load(CONFIG, few)
    session, folder = build_session(experiment, tmp_path / "sessions", SystemClock())
    session.run()
    assert verify(Recording(folder), Source.VIDEO).causes == ()
    picture.write_bytes(cv2.imencode(".png", np.full((height, width), 90, np.uint8))[1].tobytes())
    (cause,) = verify(Recording(folder), Source.VIDEO).causes
    assert cause.why is Why.MODEL
    assert "empty_sha256" in cause.text
