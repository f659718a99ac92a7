"""`tracker batch` as its user starts it, stops it, and loses a worker of it.

On a real Dask scheduler too, and on a SLURM whose sbatch starts its jobs on this computer.
"""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from contextlib import chdir, contextmanager, suppress

import psutil
import pytest
from batch_sessions import cut_short, write_clip, write_config
from typer.testing import CliRunner

from tracker.batch.table import read_summary
from tracker.cli import app
from tracker.errors import TrackerError

pytestmark = pytest.mark.slow

CLUSTER = """
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=1, threads_per_worker={threads}, host="127.0.0.1",
                      dashboard_address=None) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""

SLURM = """
jobs: 1
cores: 2
memory: 4GB
walltime: "00:10:00"
interface: lo
"""
SBATCH = """#!/usr/bin/env python3
import subprocess, sys
job = subprocess.Popen(["bash", sys.argv[-1]], start_new_session=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
open({jobs!r}, "a").write(f"{{job.pid}}\\n")
print("Submitted batch job", job.pid)
"""
SCANCEL = """#!/usr/bin/env python3
import os, signal, sys
for pid in sys.argv[1:]:
    os.killpg(int(pid), signal.SIGTERM)
"""


def start(cwd, *arguments, env=None):
    """Start it in a process of its own."""
    command = [sys.executable, "-m", "tracker", "batch", *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def batch(*arguments, rc=0):
    """Run it in this process, on one worker; return its JSON and what it said on stderr."""
    done = CliRunner().invoke(app, ["batch", *map(str, arguments), "--workers", "1", "--json"])
    assert done.exit_code == rc, done.output
    return json.loads(done.stdout.splitlines()[-1]), " ".join(done.stderr.split())


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


LABEL = "(?P<group>drug|saline)_(?P<subject>m.)"
CONFIG = ["--config", "experiment.yaml", "--set", "outputs.recording.min_free_mb=0"]
COMMAND = ["clips/*.mkv", *CONFIG, "--label", LABEL]


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Three clips, done in this process, one after another."""
    cwd = tmp_path_factory.mktemp("batch")
    write_config(cwd)
    write_clip(cwd / "clips/saline_m1.mkv", 1500)
    write_clip(cwd / "clips/drug_m2.mkv", 300, seed=3)
    write_clip(cwd / "clips/drug_m3.mkv", 250, seed=7)
    with chdir(cwd):
        said, _ = batch(*COMMAND, "--out", "serial")
    assert (said["recordings"], said["made"], said["failed"]) == (3, 3, 0)
    return cwd


@pytest.fixture
def made(clips, monkeypatch):
    """The folder of the clips, as the current one."""
    monkeypatch.chdir(clips)
    return clips


def same_results(cwd, out):
    """Whether a batch gave the serial one's table, byte for byte, and its episodes."""
    for name in ("summary.parquet", "summary.csv"):
        assert (cwd / out / name).read_bytes() == (cwd / "serial" / name).read_bytes()
    assert episodes_of(cwd / out) == episodes_of(cwd / "serial")


def test_a_worker_that_is_killed_in_the_middle_changes_nothing(made):
    process = start(made, *COMMAND, "--workers", 2, "--out", "killed")
    draft = draft_of(process, made / "killed", "saline_m1", frames=10_000)
    psutil.Process(int(draft.name.split(".")[-2])).kill()
    _, errors = process.communicate(timeout=100)
    assert process.returncode == 0, errors
    assert "saline_m1.mkv: begun again" in errors.replace("\n", " ")
    same_results(made, "killed")


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_what_was_interrupted_goes_on(made):
    process = start(made, *COMMAND, "--workers", 2, "--out", "stopped")
    draft_of(process, made / "stopped", "saline_m1")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "the same command goes on" in errors
    assert not (made / "stopped/summary.parquet").exists()
    assert not (made / "stopped/drafts.tmp").exists()
    done_before = {path.name for path in (made / "stopped").glob("*-*")}
    said, _ = batch(*COMMAND, "--out", "stopped")
    assert said["found"] == len(done_before)
    assert said["made"] == 3 - len(done_before)
    same_results(made, "stopped")


def test_what_was_done_is_not_done_again(made):
    said, _ = batch(*COMMAND, "--out", "serial")
    assert (said["made"], said["found"]) == (0, 3)


def test_pages_show_all_recordings_and_compare_the_groups(made):
    batch(*COMMAND, "--out", "serial")
    index = (made / "serial/index.html").read_text(encoding="utf-8")
    assert index.count("/report.html") == 3
    assert 'href="compare.html"' in index
    compared = (made / "serial/compare.html").read_text(encoding="utf-8")
    assert "2 animals in drug, 1 others in saline" in compared


def test_a_recording_that_fails_is_a_row_and_an_exit_code_and_the_rest_goes_on(made):
    write_clip(made / "broken/m1.avi", 100)
    cut_short(write_clip(made / "broken/m2.avi", 120))
    said, errors = batch("broken", *CONFIG, "--out", "failing", rc=1)
    assert (said["made"], said["failed"]) == (1, 1)
    assert "broken/m2.avi" in said["failures"]
    assert "failed: broken/m2.avi" in errors
    rows = read_summary(made / "failing/summary.parquet").to_pylist()
    assert [(row["recording"], row["state"]) for row in rows] == [
        ("broken/m1.avi", "done"),
        ("broken/m2.avi", "failed"),
    ]


def test_sessions_of_a_results_folder_are_summarised_without_a_config(made):
    said, _ = batch("serial", "--out", "again")
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
            ["clips", *CONFIG, "--workers", "2", "--scheduler", "tcp://x"],
            "--workers, --scheduler and --slurm: give one of them",
            id="two_engines",
        ),
        pytest.param(
            ["clips", *CONFIG, "--scheduler", "somewhere"], "no Dask scheduler answers", id="gone"
        ),
        pytest.param(["clips", "--print-job"], "--print-job prints the job of", id="no_slurm"),
        pytest.param(["clips", "--groups", "gone.csv"], "gone.csv cannot be read", id="no_groups"),
    ],
)
def test_bad_input_is_one_sentence(made, arguments, expected):
    with pytest.raises(TrackerError, match=expected):
        CliRunner().invoke(app, ["batch", *arguments], catch_exceptions=False)


def test_a_cluster_that_runs_already_gives_the_same_table_also_after_it_was_gone(made):
    with cluster(threads=1) as (address, scheduler):
        process = start(made, *COMMAND, "--scheduler", address, "--out", "cluster")
        draft_of(process, made / "cluster", "saline_m1")
        scheduler.kill()
        _, errors = process.communicate(timeout=100)
    assert process.returncode == 1
    assert f"the Dask scheduler at {address} is gone" in " ".join(errors.split())
    assert "Traceback" not in errors
    with cluster(threads=1) as (address, _):
        process = start(made, *COMMAND, "--scheduler", address, "--out", "cluster")
        _, errors = process.communicate(timeout=100)
    assert process.returncode == 0, errors
    same_results(made, "cluster")


def test_a_worker_that_does_two_jobs_at_once_is_refused(made):
    with cluster(threads=2) as (address, _):
        process = start(made, *COMMAND, "--scheduler", address, "--out", "two")
        _, errors = process.communicate(timeout=100)
    assert process.returncode == 2
    assert "2 jobs at once" in " ".join(errors.split())
    assert "Traceback" not in errors


@pytest.mark.skipif(os.name == "nt", reason="SLURM is not there on Windows")
def test_jobs_of_slurm_give_the_same_table_and_are_cancelled_afterwards(made, tmp_path):
    jobs = tmp_path / "jobs"
    for name, text in (("sbatch", SBATCH.format(jobs=str(jobs))), ("scancel", SCANCEL)):
        (tmp_path / name).write_text(text, encoding="utf-8")
        (tmp_path / name).chmod(stat.S_IRWXU)
    (tmp_path / "slurm.yaml").write_text(SLURM, encoding="utf-8")
    env = os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    slurm = ["--slurm", tmp_path / "slurm.yaml"]
    process = start(made, *COMMAND, *slurm, "--out", "slurm", env=env)
    _, errors = process.communicate(timeout=100)
    (job,) = [int(pid) for pid in jobs.read_text(encoding="utf-8").split()]
    try:
        assert process.returncode == 0, errors
        same_results(made, "slurm")
        assert ended(job), "the job goes on although the batch is over"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(job, signal.SIGKILL)


def ended(pid, timeout_s=10):
    """Whether a process is gone, or goes within that time."""
    for _ in range(int(timeout_s / 0.1)):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.1)
    return False


@contextmanager
def cluster(threads):
    """A scheduler and one worker in processes of their own; yields its address, and the first."""
    with subprocess.Popen(
        [sys.executable, "-c", CLUSTER.format(threads=threads)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process.stdout.readline().strip(), process
        process.stdin.close()
