"""`tracker batch` as its user starts it, stops it, and loses a worker of it."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from batch_sessions import cut_short, write_clip, write_config

from tracker.batch.table import read_summary

pytestmark = pytest.mark.slow

ROOM = ["--set", "outputs.recording.min_free_mb=0"]


def start(cwd, *arguments):
    command = [sys.executable, "-m", "tracker", "batch", *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def batch(cwd, *arguments, rc=0):
    """Run it to its end; return its JSON and what it said on stderr."""
    process = start(cwd, *arguments, "--json")
    out, errors = process.communicate(timeout=100)
    assert process.returncode == rc, errors
    return (json.loads(out.splitlines()[-1]) if out else None), errors


def draft_of(process, out, recording, *, frames=0, timeout_s=60):
    """Wait until a recording is being made, some of it on the disk; return its draft folder."""
    for _ in range(int(timeout_s / 0.02)):
        for draft in (out / "drafts.tmp").glob(f"{recording}-*"):
            if any(path.stat().st_size > frames for path in draft.glob("*/observations.arrow")):
                return draft
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    raise AssertionError(f"{recording} was not begun")


def episodes_of(out):
    """Every line of every session, but for the session's own name."""
    lines = {}
    for path in sorted(out.glob("*/episodes.jsonl")):
        found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        lines[path.parent.name] = [line | {"session_id": ""} for line in found]
    return lines


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Three clips, done in one process, one after another."""
    cwd = tmp_path_factory.mktemp("batch")
    write_config(cwd)
    write_clip(cwd / "clips/saline_m1.mkv", 1500)
    write_clip(cwd / "clips/drug_m2.mkv", 300, seed=3)
    write_clip(cwd / "clips/drug_m3.mkv", 250, seed=7)
    said, _ = batch(cwd, *COMMAND, "--workers", 1, "--out", "serial", *ROOM)
    assert (said["recordings"], said["made"], said["failed"]) == (3, 3, 0)
    return cwd


COMMAND = [
    "clips/*.mkv",
    "--config",
    "experiment.yaml",
    "--label",
    "(?P<group>drug|saline)_(?P<subject>m.)",
]


def same_results(cwd, out):
    """Whether a batch gave the serial one's table, byte for byte, and its episodes."""
    for name in ("summary.parquet", "summary.csv"):
        assert (cwd / out / name).read_bytes() == (cwd / "serial" / name).read_bytes()
    assert episodes_of(cwd / out) == episodes_of(cwd / "serial")


def test_a_worker_that_is_killed_in_the_middle_changes_nothing(made):
    process = start(made, *COMMAND, "--workers", 2, "--out", "killed", *ROOM)
    draft = draft_of(process, made / "killed", "saline_m1", frames=10_000)
    os.kill(int(draft.name.split(".")[-2]), signal.SIGKILL)
    _, errors = process.communicate(timeout=100)
    assert process.returncode == 0, errors
    assert "saline_m1.mkv: begun again" in errors.replace("\n", " ")
    same_results(made, "killed")


def test_what_was_interrupted_goes_on(made):
    process = start(made, *COMMAND, "--workers", 2, "--out", "stopped", *ROOM)
    draft_of(process, made / "stopped", "saline_m1")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "the same command goes on" in errors
    assert not (made / "stopped/summary.parquet").exists()
    assert not (made / "stopped/drafts.tmp").exists()
    done_before = {path.name for path in (made / "stopped").glob("*-*")}
    said, _ = batch(made, *COMMAND, "--workers", 2, "--out", "stopped", *ROOM)
    assert said["found"] == len(done_before)
    assert said["made"] == 3 - len(done_before)
    same_results(made, "stopped")


def test_what_was_done_is_not_done_again(made):
    said, _ = batch(made, *COMMAND, "--workers", 1, "--out", "serial", *ROOM)
    assert (said["made"], said["found"]) == (0, 3)


def test_a_recording_that_fails_is_a_row_and_an_exit_code_and_the_rest_goes_on(made):
    write_clip(made / "broken/m1.avi", 100)
    cut_short(write_clip(made / "broken/m2.avi", 120))
    arguments = ["broken", "--config", "experiment.yaml", "--workers", 1, "--out", "failing", *ROOM]
    said, errors = batch(made, *arguments, rc=1)
    assert (said["made"], said["failed"]) == (1, 1)
    assert "broken/m2.avi" in said["failures"]
    assert "failed: broken/m2.avi" in errors.replace("\n", " ")
    rows = read_summary(made / "failing/summary.parquet").to_pylist()
    assert [(row["recording"], row["state"]) for row in rows] == [
        ("broken/m1.avi", "done"),
        ("broken/m2.avi", "failed"),
    ]


def test_sessions_of_a_results_folder_are_summarised_without_a_config(made):
    said, _ = batch(made, "serial", "--workers", 1, "--out", "again")
    assert said["found"] == 3
    ours, first = (
        read_summary(made / name / "summary.parquet").select(["behaviour", "bouts", "total_s"])
        for name in ("again", "serial")
    )
    assert ours == first


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param(["clips"], "--config is missing", id="no_config"),
        pytest.param(["gone.mp4", "--config", "demo"], "no such file", id="no_recording"),
        pytest.param(
            ["clips", "--config", "experiment.yaml", "--workers", "2", "--scheduler", "tcp://x"],
            "give one of them",
            id="two_engines",
        ),
        pytest.param(
            ["clips", "--config", "experiment.yaml", "--scheduler", "tcp://127.0.0.1:9"],
            "no Dask scheduler answers",
            id="no_scheduler",
        ),
    ],
)
def test_bad_input_is_one_sentence(made, arguments, expected):
    _, errors = batch(made, *arguments, rc=2)
    assert expected in errors.replace("\n", " ")
    assert "Traceback" not in errors
