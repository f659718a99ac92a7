from pathlib import Path

import pytest
from batch_sessions import write_config

from tracker.batch.jobs import load_offline, make_jobs
from tracker.batch.labels import Label
from tracker.batch.place import Look
from tracker.batch.sources import Source
from tracker.errors import ConfigError, ModelError

VIDEO = Source("a/m1 day 1.mp4", Path("/data/a/m1 day 1.mp4"), is_session=False)
SESSION = Source("live/s1", Path("/data/live/s1"), is_session=True)
LOOK = Look(10, 20, "5ha", 100)
OUT, TICKET = Path("/out"), Path("/out/drafts.tmp/running")


@pytest.fixture
def config(tmp_path):
    return write_config(tmp_path)


def job_of(config, *changes, source=VIDEO, label=None, look=LOOK):
    labels = {source.name: label} if label else {}
    experiment = load_offline(config, changes)
    (job,) = make_jobs([source], labels, {source.name: look}, experiment, OUT, TICKET)
    return job


def test_an_experiment_is_run_offline_on_the_video(config):
    experiment = job_of(config).experiment
    camera = experiment.rig.camera
    assert (camera.path, camera.fast, camera.from_zero) == (VIDEO.path, True, True)
    outputs = experiment.outputs
    assert outputs.publisher is outputs.control is outputs.preview is None
    assert experiment.outputs.recording.codec == "none"
    assert experiment.model.threads == 1


def test_a_setting_that_was_asked_for_wins(config):
    asked = job_of(config, "outputs.recording.codec=h264", "rig.camera.colour=true").experiment
    assert asked.outputs.recording.codec == "h264"
    assert asked.rig.camera.colour


def test_nothing_is_ever_stimulated():
    assert load_offline(Path("closed_loop_demo"), []).stimulation is None


@pytest.mark.parametrize(
    "change",
    [
        "rig.camera={kind: synthetic}",
        "rig.camera={kind: opencv, device: 0}",
        "rig.camera={kind: video_file, path: x.mp4}",
        "rig.camera.loop=true",
        "session.subject=m1",
        "stimulation={actuators: {a: {kind: nothing}}, outputs: {light: {actuator: a}}}",
    ],
)
def test_what_is_not_for_a_batch_is_refused(config, change):
    with pytest.raises(ConfigError, match="--set"):
        load_offline(config, [change])


def test_a_network_that_is_not_there_is_an_error_at_once(config, tmp_path):
    (tmp_path / "spots.onnx").unlink()
    with pytest.raises(ModelError, match=r"spots.onnx is not there"):
        load_offline(config, [])


def test_the_animal_is_the_one_of_its_label(config):
    assert job_of(config, label=Label("drug", "m1")).experiment.session.subject == "m1"


def test_without_a_label_each_recording_is_an_animal_of_its_own(config):
    assert job_of(config).experiment.session.subject == "m1_day_1"


def test_the_folder_is_named_after_recording_and_content(config):
    job = job_of(config)
    assert job.folder.parent == OUT
    assert job.folder.name.startswith("m1_day_1-")
    assert job.folder == job_of(config).folder


@pytest.mark.parametrize(
    ("changes", "other"),
    [
        pytest.param(["features.window_s=0.4"], {}, id="settings"),
        pytest.param([], {"look": Look(10, 20, "0ther", 100)}, id="video"),
        pytest.param([], {"label": Label("drug", "m7")}, id="animal"),
        pytest.param(["model.network=mouse_top_view"], {}, id="network"),
    ],
)
def test_another_result_has_another_folder(config, changes, other):
    assert job_of(config, *changes, **other).folder != job_of(config).folder


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"label": Label("drug", None)}, id="group"),
        pytest.param({"look": Look(10, 99, "5ha", 0)}, id="date"),
        pytest.param(
            {"source": Source("b", Path("/b/m1 day 1.mp4"), is_session=False)}, id="place"
        ),
    ],
)
def test_what_changes_no_result_changes_no_folder(config, other):
    assert job_of(config, **other).folder == job_of(config).folder


def test_the_settings_of_all_recordings_have_one_hash(config):
    other = Source("b.mp4", Path("/b.mp4"), is_session=False)
    hashes = {job_of(config, source=source).settings_sha256 for source in (VIDEO, other)}
    assert len(hashes) == 1
    assert hashes != {job_of(config, "features.window_s=0.4").settings_sha256}


def test_whose_name_stands_in_the_experiment_file_makes_no_difference(config):
    text = config.read_text(encoding="utf-8")
    before = job_of(config)
    config.write_text(text + "session: {subject: m99}\n", encoding="utf-8")
    after = job_of(config)
    assert (after.settings_sha256, after.folder) == (before.settings_sha256, before.folder)


def test_where_the_network_file_lies_makes_no_difference(config, tmp_path):
    (tmp_path / "elsewhere.onnx").write_bytes((tmp_path / "spots.onnx").read_bytes())
    moved = job_of(config, f"model.network={tmp_path / 'elsewhere.onnx'}")
    assert moved.settings_sha256 == job_of(config).settings_sha256


def test_the_network_has_one_path_from_wherever_the_batch_is_started(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    near = load_offline(config, ["model.network=spots.onnx"])
    assert near.model.network == str(tmp_path / "spots.onnx")


def test_a_session_folder_is_only_summarised():
    (job,) = make_jobs([SESSION], {}, {}, None, OUT, TICKET)
    assert job.experiment is None
    assert job.folder == SESSION.path


def test_the_same_recording_twice_is_an_error(config):
    twin = Source("copy.mp4", Path("/copy.mp4"), is_session=False)
    looks = {VIDEO.name: LOOK, twin.name: LOOK}
    with pytest.raises(ConfigError, match=r"a/m1 day 1.mp4 and copy.mp4 are the same recording"):
        make_jobs([VIDEO, twin], {}, looks, load_offline(config, []), OUT, TICKET)


def test_no_output_of_a_live_session_is_forgotten(config):
    outputs = load_offline(config, []).outputs.model_dump()
    assert {name for name, each in outputs.items() if each is not None} == {"recording"}
