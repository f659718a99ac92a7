"""The job that SLURM would get, as text: there is no SLURM here."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from tracker.batch.cluster import SlurmSettings, load_slurm, slurm_script
from tracker.cli import app
from tracker.errors import ConfigError

GOOD = """
jobs: 4
cores: 8
memory: 16GB
walltime: "04:00:00"
queue: cpu
account: mouse-lab
job_script_prologue: [module load python, source /lab/.venv/bin/activate]
job_extra_directives: ["--constraint=avx512"]
"""


@pytest.fixture
def file_of(tmp_path):
    def write(text):
        path = tmp_path / "slurm.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_the_job_asks_slurm_for_what_the_file_says(file_of):
    lines = slurm_script(load_slurm(file_of(GOOD))).splitlines()
    for line in (
        "#SBATCH -p cpu",
        "#SBATCH -A mouse-lab",
        "#SBATCH --cpus-per-task=8",
        "#SBATCH --mem=15G",
        "#SBATCH -t 04:00:00",
        "#SBATCH --constraint=avx512",
    ):
        assert line in lines


def test_what_comes_before_the_worker_stands_before_it(file_of):
    lines = slurm_script(load_slurm(file_of(GOOD))).splitlines()
    assert lines[-3:-1] == ["module load python", "source /lab/.venv/bin/activate"]
    assert "distributed.cli.dask_worker" in lines[-1]


def test_each_core_is_a_process_that_does_one_recording_at_a_time(file_of):
    worker = slurm_script(load_slurm(file_of(GOOD))).splitlines()[-1]
    assert "--nthreads 1 " in worker
    assert "--nworkers 8 " in worker
    assert "--nanny " in worker


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(("jobs: 4", "jobs: 0"), "jobs: Input should be greater", id="no_job"),
        pytest.param(("cores: 8\n", ""), "cores: Field required", id="missing"),
        pytest.param(("queue:", "partition:"), "partition: Extra inputs", id="misspelt"),
        pytest.param(("16GB", "much"), "memory: String should match", id="memory"),
        pytest.param(('"04:00:00"', "4h"), "walltime: String should match", id="walltime"),
        pytest.param((GOOD, "[1"), "cannot be read", id="no_yaml"),
        pytest.param((GOOD, "4"), "cannot be used", id="no_settings"),
    ],
)
def test_a_wrong_file_is_an_error_that_says_where(file_of, change, expected):
    path = file_of(GOOD.replace(*change))
    with pytest.raises(ConfigError, match=expected) as raised:
        load_slurm(path)
    assert str(path) in str(raised.value)


def test_a_time_without_quotation_marks_is_an_error_and_not_a_number(file_of):
    with pytest.raises(ConfigError, match="walltime"):
        load_slurm(file_of(GOOD.replace('"04:00:00"', "4")))


def test_days_are_a_walltime():
    given = {"jobs": 1, "cores": 1, "memory": "2 GiB", "walltime": "2-00:00:00"}
    assert SlurmSettings(**given).walltime == "2-00:00:00"


PROGRAM = """
import signal, sys
from pathlib import Path
from tracker.batch.cluster import load_slurm, slurm_script

came = []
signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
slurm_script(load_slurm(Path(sys.argv[1])))
signal.raise_signal(signal.SIGINT)
print(came == [signal.SIGINT])
"""


def test_ctrl_c_means_what_it_did_before(file_of):
    """The library takes it over as soon as it is imported, to end the program at once."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(file_of(GOOD))],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.splitlines()[-1:] == ["True"], done.stderr


def test_the_job_can_be_looked_at_before_it_is_sent(file_of):
    done = CliRunner().invoke(app, ["batch", "x", "--slurm", str(file_of(GOOD)), "--print-job"])
    assert done.exit_code == 0, done.output
    assert "#SBATCH -p cpu" in done.stdout
