"""Dask clusters: new processes on this computer, one that runs already, or jobs of SLURM."""

import logging
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tracker.errors import ConfigError, MissingExtra, WireError
from tracker.settings import Settings

DEATHS = 3
"""Workers that may die at one recording before it is given up."""

CONNECT_S = 5
"""How long a scheduler may take to answer."""

_CONFIG = {
    "distributed.scheduler.allowed-failures": DEATHS,
    "distributed.scheduler.worker-saturation": 1.0,  # a worker has the job it does, and no queue
    "distributed.worker.preload": ["tracker.batch.worker_start"],
}


class SlurmSettings(Settings):
    """What one job of SLURM gets, and how many there are."""

    jobs: int = Field(ge=1, le=10_000, description="jobs that run at once")
    cores: int = Field(ge=1, le=1024, description="of one job; each does one recording at a time")
    memory: str = Field(pattern=r"^\d+ ?[KMGT]i?B$", description="of one job, e.g. 8GB")
    walltime: str = Field(
        pattern=r"^(\d+-)?\d+:\d\d:\d\d$", description="of one job, longer than one recording takes"
    )
    queue: str | None = Field(None, description="partition")
    account: str | None = None
    interface: str | None = Field(None, description="network of the cluster, e.g. ib0")
    local_directory: str | None = Field(None, description="scratch folder on the nodes")
    log_directory: str | None = Field(None, description="where SLURM puts what jobs print")
    job_script_prologue: tuple[str, ...] = Field(
        (),
        description="lines before the worker starts, e.g. module load, source .venv/bin/activate",
    )
    job_extra_directives: tuple[str, ...] = Field((), description="more lines of #SBATCH")


def load_slurm(path: Path) -> SlurmSettings:
    """Return the settings of a file.

    Raises:
        ConfigError: Naming what is wrong with it.
    """
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as failure:
        raise ConfigError(f"{path} cannot be read: {failure}") from failure
    try:
        return SlurmSettings.model_validate(content)
    except ValidationError as error:
        problems = "\n".join(
            f"  {'.'.join(map(str, each['loc']))}: {each['msg']}, found {each['input']!r}"
            for each in error.errors()
        )
        raise ConfigError(f"{path} cannot be used:\n{problems}") from None


def slurm_script(settings: SlurmSettings) -> str:
    """Return the text of one job, as it would be handed to sbatch.

    Raises:
        MissingExtra: If Dask is not installed.
    """
    with ExitStack() as opened:
        text: str = _slurm(settings, opened).job_script()
    return text


def open_slurm(settings: SlurmSettings, opened: ExitStack) -> Any:
    """Return a client of jobs that are being queued; they end with `opened`.

    Raises:
        MissingExtra: If Dask is not installed.
    """
    distributed = _distributed()
    cluster = _slurm(settings, opened)
    cluster.adapt(minimum_jobs=settings.jobs, maximum_jobs=settings.jobs)  # also after a walltime
    return opened.enter_context(distributed.Client(cluster))


def open_local(n_workers: int, opened: ExitStack) -> Any:
    """Return a client of `n_workers` new processes on this computer, closed with `opened`.

    Raises:
        MissingExtra: If Dask is not installed.
    """
    distributed = _distributed()
    import dask

    opened.enter_context(dask.config.set(_CONFIG))
    cluster = opened.enter_context(
        distributed.LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address=None,
            memory_limit=0,
            silence_logs=logging.CRITICAL,
        )
    )
    return opened.enter_context(distributed.Client(cluster))


def open_existing(address: str, opened: ExitStack) -> Any:
    """Return a client of a cluster that runs already.

    Raises:
        MissingExtra: If Dask is not installed.
        WireError: If nobody answers there.
    """
    distributed = _distributed()
    try:
        return opened.enter_context(distributed.Client(address, timeout=CONNECT_S))
    except (OSError, TimeoutError, ValueError) as failure:
        raise WireError(
            f"no Dask scheduler answers at {address} ({failure}): expected tcp://HOST:PORT, as "
            f"`dask scheduler` prints it"
        ) from failure


def _slurm(settings: SlurmSettings, opened: ExitStack) -> Any:
    on_ctrl_c = signal.getsignal(signal.SIGINT)
    try:
        import dask_jobqueue  # takes Ctrl-C over, to end the program at once
    except ImportError as failure:
        raise MissingExtra("batch", "jobs of SLURM") from failure
    finally:
        signal.signal(signal.SIGINT, on_ctrl_c)
    import dask

    opened.enter_context(dask.config.set(_CONFIG))
    given = settings.model_dump(exclude={"jobs"}, exclude_none=True)
    lists = ("job_script_prologue", "job_extra_directives")
    return opened.enter_context(
        dask_jobqueue.SLURMCluster(
            **given | {name: list(given[name]) for name in lists},
            processes=settings.cores,
            worker_extra_args=["--preload", "tracker.batch.worker_start"],
            scheduler_options={"dashboard_address": None},
        )
    )


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as failure:
        raise MissingExtra("batch", "more than one worker") from failure
    for name in list(logging.root.manager.loggerDict):
        if name.startswith("distributed"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # we say ourselves what went wrong
    return distributed
