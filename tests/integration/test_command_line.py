"""The program as its user starts it: in a process of its own, seen from outside."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from gpu_here import has_nvidia_driver

from tracker.recording import Recording

FREE_PORT = "outputs.publisher.address=tcp://127.0.0.1:0"
SMALL = ["--set", "rig.camera.width=320", "--set", "rig.camera.height=240"]
FAST = ["--set", "rig.camera.paced=false"]


def command_of(*arguments):
    """The command line; a session takes requests at any free port, beside every other one."""
    own = ["--set", "outputs.control.address=tcp://127.0.0.1:0"]
    runs = arguments and arguments[0] in ("demo", "run", "check") and "--help" not in arguments
    return [sys.executable, "-m", "tracker", *map(str, arguments), *(own if runs else [])]


def tracker(*arguments, cwd, timeout=60, env=None):
    return subprocess.run(
        command_of(*arguments),
        cwd=cwd,
        env=None if env is None else os.environ | env,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def last_line(done):
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The demo at its own pace, with the shipped network, for ten seconds."""
    cwd = tmp_path_factory.mktemp("demo")
    return tracker("demo", "--seconds", 10, "--json", "--set", FREE_PORT, cwd=cwd), cwd


def test_the_demo_ends_well_and_says_so_in_json(demo):
    done, _ = demo
    assert done.returncode == 0, done.stderr
    said = last_line(done)
    assert said["end_reason"] == "completed"
    assert said["frames"]["captured"] == 600
    assert said["frames"]["unexplained"] == 0
    assert said["frames"]["processed"] + sum(said["frames"]["lost"].values()) == 600
    assert set(said["latency_ms"]) == set(said["overhead_ms"]) == {"p50", "p99", "max"}
    assert said["provider"] in {"tensorrt", "cuda", "openvino", "cpu"}
    assert set(said["episodes"]) == {"locomotion", "freezing", "in_centre"}


def test_the_demo_leaves_a_session_folder_that_opens(demo):
    done, cwd = demo
    recording = Recording(cwd / last_line(done)["session"])
    assert recording.complete
    assert recording.totals() == last_line(done)["frames"]
    totals = recording.totals()
    assert totals["recorded"] + sum(totals["not_recorded"].values()) == 600
    assert sum(1 for _ in recording.frames()) == totals["recorded"]


def test_the_demo_is_right_about_the_mouse(tmp_path):
    done = tracker("demo", "--seconds", 30, "--json", *FAST, "--set", FREE_PORT, cwd=tmp_path)
    truth = last_line(done)["truth"]
    assert truth["f1"]["locomotion"] >= 0.9
    assert truth["f1"]["freezing"] >= 0.9
    assert truth["keypoint_error_px"] <= 8
    assert truth["keypoints_found"] >= 0.95


def test_an_unpaced_run_processes_and_records_every_frame(tmp_path):
    done = tracker("demo", "--seconds", 5, "--json", *FAST, "--set", FREE_PORT, cwd=tmp_path)
    frames = last_line(done)["frames"]
    assert frames["processed"] == frames["recorded"] == frames["captured"] == 300


def test_who_is_watched_by_whom_and_why_can_be_said_with_the_command(tmp_path):
    about = {
        "subject": "m12",
        "experimenter": "Ada",
        "protocol": "2026-17: open field",
        "notes": "left ear is clipped",
    }
    options = [word for name, text in about.items() for word in (f"--{name}", text)]
    source = ("--camera", "synthetic", "--fast", "--seconds", 1)
    done = tracker(
        "run", "open_field", *source, *options, "--json", "--set", FREE_PORT, cwd=tmp_path
    )
    recording = Recording(tmp_path / last_line(done)["session"])
    assert recording.folder.name.endswith("_m12")
    assert recording.session["provenance"].items() >= about.items()
    assert recording.session["camera"]["settings"]["seed"] == 0


def test_a_person_reads_a_summary_instead_of_json(tmp_path):
    done = tracker("demo", "--seconds", 1, *FAST, *SMALL, "--set", FREE_PORT, cwd=tmp_path)
    assert "60 captured, 60 processed, 60 recorded, 0 unexplained" in done.stdout
    assert done.stderr == ""


def test_real_video_runs_through_whole(shared_data, tmp_path):
    video = shared_data / "mouse_open_field_dlc" / "videos" / "m3v1mp4.mp4"
    done = tracker(
        "run", "open_field", "--camera", video, "--fast", "--json", "--set", FREE_PORT, cwd=tmp_path
    )
    frames = last_line(done)["frames"]
    assert frames["captured"] == frames["processed"] == frames["recorded"] == 2330
    assert frames["unexplained"] == 0
    recording = Recording(tmp_path / last_line(done)["session"])
    assert recording.complete
    assert len(recording.frame_indices) == 2330


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        pytest.param(["run", "nothing.yaml"], 2, "nothing.yaml is not there", id="no_config"),
        pytest.param(["demo", "--set", "rig.camera.fsp=3"], 2, "did you mean fps", id="misspelt"),
        pytest.param(
            ["run", "open_field", "--camera", "gone.mp4"],
            2,
            "gone.mp4 does not exist",
            id="no_video",
        ),
        pytest.param(
            ["demo", "--set", "model.network=gone.onnx"], 2, "gone.onnx", id="no_network_file"
        ),
        pytest.param(
            ["demo", "--set", "model.network=rat"], 2, "mouse_top_view", id="no_such_network"
        ),
        pytest.param(
            ["demo", "--set", "model.provider=cuda"],
            2,
            "cuda",
            id="provider_that_is_not_there",
            marks=pytest.mark.skipif(
                has_nvidia_driver(), reason="this machine has an NVIDIA driver"
            ),
        ),
        pytest.param(
            ["demo", "--set", "behaviours.freezing.rule.feature=sped_cm_s"],
            2,
            "did you mean 'speed_cm_s'",
            id="unknown_feature",
        ),
        pytest.param(
            ["demo", "--set", "outputs.publisher.address=tcp://0.0.0.0:5999"],
            2,
            "tracker keys",
            id="open_to_the_world_without_keys",
        ),
        pytest.param(
            ["demo", "--set", "outputs.recording.min_free_mb=9000000"],
            2,
            "MB are free",
            id="no_room",
        ),
    ],
)
def test_what_cannot_work_is_refused_with_one_sentence(tmp_path, arguments, code, expected):
    done = tracker(*arguments, cwd=tmp_path)
    assert done.returncode == code
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("sessions/*"))


def test_an_error_is_printed_to_the_letter_with_its_brackets(tmp_path):
    done = tracker("demo", "--set", "model.network=rat[old]", cwd=tmp_path)
    assert "model.network is 'rat[old]'" in done.stderr


def test_a_refusal_is_json_too_where_json_was_asked_for(tmp_path):
    done = tracker("run", "open_field", "--camera", "gone.mp4", "--json", cwd=tmp_path)
    assert done.returncode == 2
    said = last_line(done)
    assert (said["session"], said["end_reason"]) == (None, "failed")
    assert "gone.mp4" in said["error"]


def test_a_second_session_on_the_same_port_is_refused(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"outputs.publisher.address=tcp://127.0.0.1:{taken.getsockname()[1]}"
        done = tracker("demo", "--set", address, cwd=tmp_path)
    assert done.returncode == 2
    assert "in use" in done.stderr


@pytest.mark.skipif(os.name == "nt" or not hasattr(os, "geteuid"), reason="POSIX permissions")
def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "sessions").write_text("a file where the folder should be")
    done = tracker("demo", "--set", FREE_PORT, cwd=tmp_path)
    assert done.returncode == 2
    assert "sessions" in done.stderr
    assert "Traceback" not in done.stderr


def start(*arguments, cwd):
    """Start a run, and return once it publishes: then frames flow."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    setting = f"outputs.publisher.address={address}"
    process = subprocess.Popen(
        command_of(*arguments, "--json", "--set", setting),
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    return process, address


def wait_for_frames(address, n):
    """Return the index of a frame, n or later, once the session at `address` publishes it."""
    from tracker.subscriber import Subscriber

    with Subscriber(address, ["observation/"]) as subscriber:
        while True:
            received = subscriber.receive(30)
            assert received is not None, "nothing was published for 30 s"
            if received.message.frame_index >= n:
                return received.message.frame_index


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_signal_ends_it_cleanly_within_two_seconds(tmp_path, name):
    process, address = start("demo", "--seconds", 100, cwd=tmp_path)
    wait_for_frames(address, 60)
    began = time.monotonic()
    process.send_signal(getattr(signal, name))
    said = json.loads(process.stdout.readline())  # only the report is still to be made
    assert time.monotonic() - began <= 2
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert said["end_reason"] == "stopped"
    assert said["frames"]["unexplained"] == 0
    recording = Recording(tmp_path / said["session"])
    assert recording.complete
    assert recording.session["end_reason"] == "stopped"


def test_a_report_that_cannot_be_made_is_a_note_and_no_failed_session(tmp_path):
    """matplotlib is broken here, as an update may leave it."""
    broken = tmp_path / "broken" / "matplotlib"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ValueError('half an update')", encoding="utf-8")
    paths = [str(broken.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = tracker(
        *("demo", "--seconds", 1, "--json", *FAST, *SMALL, "--set", FREE_PORT),
        cwd=tmp_path,
        env={"PYTHONPATH": os.pathsep.join(paths)},
    )
    assert done.returncode == 0, done.stderr
    said = last_line(done)
    assert said["end_reason"] == "completed"
    assert "no report.html: half an update; make it with: tracker report" in done.stderr
    assert Recording(tmp_path / said["session"]).complete


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_ctrl_c_while_the_report_is_made_leaves_the_report_and_nothing_else(tmp_path):
    process, _ = start("demo", "--seconds", 1, *FAST, *SMALL, cwd=tmp_path)
    said = json.loads(process.stdout.readline())
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert "no report.html" in errors
    assert not (tmp_path / said["session"] / "report.html").exists()
    assert Recording(tmp_path / said["session"]).complete


@pytest.mark.parametrize("frames", [30, 90, 150])
def test_kill_9_leaves_a_session_that_lost_at_most_its_last_second(tmp_path, frames):
    process, address = start("demo", "--seconds", 100, cwd=tmp_path)
    seen = wait_for_frames(address, frames)
    process.kill()
    process.communicate(timeout=10)
    (folder,) = (tmp_path / "sessions").iterdir()
    recording = Recording(folder)
    assert not recording.complete
    assert recording.session["state"] == "running"
    a_second = 60
    assert recording.totals()["captured"] >= seen - a_second
    assert len(recording.frame_indices) >= seen - a_second
    assert sum(1 for _ in recording.frames()) >= seen - a_second
    assert recording.totals()["unexplained"] == 0


def test_a_killed_session_is_recovered_with_one_command(tmp_path):
    process, address = start("demo", cwd=tmp_path)
    wait_for_frames(address, 30)
    (folder,) = (tmp_path / "sessions").iterdir()
    refused = tracker("recover", folder, cwd=tmp_path)
    assert refused.returncode == 2
    assert "is being written by process" in refused.stderr
    process.kill()
    process.communicate(timeout=10)
    said = tracker("recover", folder, "--dry-run", cwd=tmp_path).stdout
    assert "frames.arrow" in said
    assert "cut off" in said
    done = tracker("recover", folder, tmp_path / "no_session", "--json", cwd=tmp_path)
    assert done.returncode == 2  # one of the two is no session
    recovered, refused = last_line(done)["sessions"]
    assert recovered["closed_now"]
    assert recovered["totals"]["captured"] >= 25
    assert "is no session folder" in refused["error"]
    assert "closed already" in tracker("recover", folder, cwd=tmp_path).stdout


def test_listen_prints_episodes_from_another_process(tmp_path):
    session, address = start("demo", "--seconds", 100, cwd=tmp_path)
    listener = subprocess.Popen(
        [sys.executable, "-m", "tracker", "listen", address],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        line = listener.stdout.readline()
    finally:
        for process in (session, listener):
            process.kill()
            process.communicate(timeout=10)
    assert "mouse" in line
    assert "begins" in line


def test_keys_are_made_once(tmp_path):
    assert tracker("keys", "rig", cwd=tmp_path).returncode == 0
    assert (tmp_path / "rig" / "server.key_secret").is_file()
    again = tracker("keys", "rig", cwd=tmp_path)
    assert again.returncode == 2
    assert "never overwritten" in again.stderr


def test_check_judges_a_short_trial_and_leaves_nothing_behind(tmp_path):
    done = tracker("check", "demo", "--seconds", 2, "--set", FREE_PORT, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for what in ("camera", "network", "loop", "frames", "disk", "wire"):
        assert what in done.stdout
    assert list(Path(tmp_path / "sessions").iterdir()) == []


@pytest.mark.parametrize("command", ["demo", "run", "check", "listen", "keys", "train", "schema"])
def test_every_command_explains_itself_with_an_example(tmp_path, command):
    done = tracker(command, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "Example" in done.stdout
