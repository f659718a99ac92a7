"""`tracker replay` as its user starts it."""

import json
import shutil
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

ALONE = ["outputs.publisher=null", "outputs.control=null", "outputs.recording.min_free_mb=0"]


def tracker(*arguments, cwd, changes=()):
    changed = [part for change in changes for part in ("--set", change)]
    return subprocess.run(
        [sys.executable, "-m", "tracker", *map(str, arguments), *changed],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def recorded(*arguments, cwd, changes=()):
    """Run an experiment; return its folder."""
    about = ("--headless", "--json", "--out", cwd / "s")
    done = tracker("run", *arguments, *about, cwd=cwd, changes=[*ALONE, *changes])
    assert done.returncode == 0, done.stderr
    (folder,) = (cwd / "s").iterdir()
    return folder


def verified(folder, source):
    """Verify; return the exit code and what was said."""
    done = tracker("replay", folder, "--verify", "--from", source, "--json", cwd=folder.parent)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    changes = ["rig.camera.paced=false"]  # a machine that is busy loses nothing then
    return recorded("demo", "--seconds", 4, cwd=tmp_path_factory.mktemp("demo"), changes=changes)


@pytest.mark.parametrize("source", ["observations", "video"])
def test_the_demo_decides_the_same_again(demo, source):
    code, said = verified(demo, source)
    assert (code, said["identical"], said["causes"]) == (0, True, [])
    assert said["compared"]["episode"] > 0


def test_the_closed_loop_demo_decides_the_same_again(tmp_path):
    changes = [
        "stimulation.controllers.wake.behaviour=locomotion",
        f"stimulation.doses={tmp_path / 'doses.sqlite'}",
        "rig.camera.paced=false",
        "rig.camera.light=null",
    ]
    folder = recorded("closed_loop_demo", "--seconds", 3, cwd=tmp_path, changes=changes)
    for source in ("observations", "video"):
        code, said = verified(folder, source)
        assert (code, said["identical"]) == (0, True), said
        assert said["compared"]["stimulus"] >= 1


def test_a_real_video_decides_the_same_again(shared_data, tmp_path):
    video = shared_data / "mouse_open_field_dlc" / "videos" / "m3v1mp4.mp4"
    asked = ("open_field", "--camera", video, "--fast", "--seconds", 4)
    folder = recorded(*asked, cwd=tmp_path)
    for source in ("observations", "video"):
        code, said = verified(folder, source)
        assert (code, said["identical"]) == (0, True), said
        assert said["compared"]["frame"] > 100


def test_a_session_that_decides_otherwise_is_told_to_a_person(demo, tmp_path):
    folder = shutil.copytree(demo, tmp_path / "changed")
    path = folder / "episodes.jsonl"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"subject":"mouse"', '"subject":"m2"', 1), encoding="utf-8")
    done = tracker("replay", folder, "--verify", cwd=tmp_path)
    assert done.returncode == 1
    assert "different, from observations" in done.stdout
    assert "a file was changed" in done.stdout


def test_without_verify_it_prints_what_comes_out(demo):
    done = tracker("replay", demo, cwd=demo.parent)
    assert done.returncode == 0
    assert "locomotion/mouse/1" in done.stdout


def test_the_price_of_being_online_is_told_to_programs_and_to_people(demo):
    done = tracker("parity", demo, "--full", "--json", cwd=demo.parent)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    causes = [step["cause"] for step in said["steps"]]
    assert causes == ["missed frames", "causal filters", "all together"]
    later = {each["behaviour"]: each["onset_later_ms"] for each in said["steps"][1]["agreements"]}
    assert 100 < later["locomotion"] < 200  # half of a window of 300 ms, and half a frame
    done = tracker("parity", demo, cwd=demo.parent)
    assert "known +ms" in done.stdout
    assert done.stderr == ""


def test_other_settings_are_tried_on_a_session(demo):
    changes = ["behaviours.locomotion.rule.above=500"]
    done = tracker("parity", demo, "--json", cwd=demo.parent, changes=changes)
    assert done.returncode == 0, done.stderr
    (locomotion, *_) = json.loads(done.stdout.splitlines()[-1])["agreements"]
    assert (locomotion["episodes"], locomotion["reference"]) == (1, 0)
    done = tracker("parity", demo, "--full", cwd=demo.parent, changes=changes)
    assert (done.returncode, "one at a time" in done.stderr) == (2, True)


def test_what_cannot_be_done_is_one_sentence(tmp_path):
    done = tracker("replay", tmp_path, "--verify", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "is no session folder" in done.stderr
    assert "Traceback" not in done.stderr
