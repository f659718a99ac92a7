"""`tracker train` as its user starts, stops and resumes it."""

import os
import signal
import subprocess
import sys

import pytest
from tiny_recipe import write_data, write_recipe

from tracker.runtimes.onnx import read_card

pytestmark = pytest.mark.slow


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "tracker", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(path, process, timeout_s=60):
    """Wait until a file is there, while the program runs."""
    for _ in range(int(timeout_s / 0.1)):
        if path.is_file():
            return
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        pytest.fail(f"it ended by itself: {process.communicate()[1]}")
    pytest.fail(f"{path.name} did not come")


@pytest.fixture
def recipe(tmp_path):
    write_data(tmp_path)
    return write_recipe(tmp_path, schedule__steps=60, schedule__validate_every=5)


def test_a_training_says_where_the_network_is_and_how_good(recipe, tmp_path):
    process = start("train", recipe, "--out", tmp_path / "out")
    out, errors = process.communicate(timeout=110)
    assert process.returncode == 0, errors
    assert "training dots" in errors
    network = tmp_path / "out" / "network.onnx"
    assert str(network) in out
    median = read_card(network).scores["dots: median_px"]
    assert f"dots: median_px {median:g}" in out


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_training_that_is_interrupted_says_how_to_go_on_and_then_does(recipe, tmp_path):
    process = start("train", recipe)
    wait_for(tmp_path / "checkpoint.pt", process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "training stopped after step" in errors
    assert "--resume goes on from" in errors
    assert "Traceback" not in errors
    assert (tmp_path / "checkpoint.pt").is_file()
    assert not (tmp_path / "network.onnx").exists()
    process = start("train", recipe, "--resume")
    _, errors = process.communicate(timeout=110)
    assert process.returncode == 0, errors
    assert (tmp_path / "network.onnx").is_file()
    assert not (tmp_path / "checkpoint.pt").exists()


def test_a_wrong_recipe_is_one_sentence_and_an_exit_code(tmp_path):
    path = write_recipe(tmp_path, schedule__steps=0)
    process = start("train", path)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "schedule.steps" in errors
    assert "Traceback" not in errors
