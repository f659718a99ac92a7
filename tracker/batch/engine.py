"""Lets workers do jobs: in this process one after another, or on Dask, here or on a cluster."""

import os
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from tracker.batch.jobs import Job
from tracker.batch.offline import Outcome, State, do, failed
from tracker.errors import ConfigError, WireError

RETRIES = 2
"""Times that a recording is begun again after a fault that is not its own."""

LOOK_S = 0.2
"""How often the main thread looks whether the end was asked for."""

GRACE_S = 20.0
"""How long running sessions may take to end once they were asked to."""

WORKER_WAIT_S = 60.0
"""How long to wait for the first worker of a cluster that runs already."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a worker is with a recording.

    Attributes:
        name: Of the recording.
        frames: Processed by now.
        worker: Who does it; another one than before: the one before has died.
    """

    name: str
    frames: int
    worker: str = ""


class Engine(Protocol):
    """Does jobs."""

    def run(
        self, jobs: Sequence[Job], show: Callable[[Progress], None], ending: Callable[[], bool]
    ) -> Iterator[Outcome]:
        """Yield what became of each job, in any order; ends early once `ending` says so."""


class Serial:
    """Does jobs in this process, one after another."""

    def run(
        self, jobs: Sequence[Job], show: Callable[[Progress], None], ending: Callable[[], bool]
    ) -> Iterator[Outcome]:
        """Yield what became of each job, in their order."""
        for job in jobs:
            if ending():
                return
            yield _do_here(job, show)


class OnDask:
    """Does jobs on the workers of a Dask cluster; one job at a time on each.

    Args:
        client: A `distributed.Client`.
        shared: A file that every worker has to see.
    """

    def __init__(self, client: Any, shared: Path) -> None:
        self._client = client
        self._shared = shared

    def run(
        self, jobs: Sequence[Job], show: Callable[[Progress], None], ending: Callable[[], bool]
    ) -> Iterator[Outcome]:
        """Yield what became of each job as it is done. A job whose worker dies is begun again.

        Raises:
            WireError: If the scheduler is gone.
        """
        news: SimpleQueue[Any] = SimpleQueue()
        topic = _topic(self._shared)
        self._client.subscribe_topic(topic, lambda event: news.put(_progress_of(event[1])))
        waiting = {}
        for job in jobs:
            future = self._client.submit(_do_there, job, pure=False, retries=RETRIES)
            waiting[future] = job
            future.add_done_callback(news.put)
        asked_s = 0.0
        while waiting and asked_s < GRACE_S:
            try:
                item = news.get(timeout=LOOK_S)
            except Empty:
                asked_s += LOOK_S if ending() else 0.0
                continue
            if isinstance(item, Progress):
                show(item)
            else:
                yield self._outcome(item, waiting.pop(item), ended=ending())
        self._client.unsubscribe_topic(topic)

    def refuse_unfit(self) -> None:
        """Wait for the first worker, and look at all that are there.

        Raises:
            WireError: If none comes.
            ConfigError: If one runs several jobs at once, or does not see the results folder.
        """
        address = self._client.scheduler.address
        try:
            self._client.wait_for_workers(1, timeout=WORKER_WAIT_S)
        except TimeoutError:
            raise WireError(
                f"no worker came to {address} within {WORKER_WAIT_S:g} s: start some, each with "
                f"dask worker {address} --nthreads 1"
            ) from None
        for worker, n_threads in self._client.nthreads().items():
            if n_threads != 1:
                raise ConfigError(
                    f"the worker {worker} does {n_threads} jobs at once in one process; expected "
                    f"one: start it with --nthreads 1, and more of them"
                )
        for worker, sees in self._client.run(self._shared.exists).items():
            if not sees:
                raise ConfigError(f"the worker {worker} {self._blind}")

    @property
    def _blind(self) -> str:
        return (
            f"does not see {self._shared.parents[1]}: recordings and results have to be on a disk "
            f"that all computers share, under the same path"
        )

    def _outcome(self, future: Any, job: Job, *, ended: bool) -> Outcome:
        from distributed import KilledWorker

        if future.status == "finished":
            outcome: Outcome = future.result()
            if outcome.state is State.STOPPED and not ended:
                return failed(job, f"a worker {self._blind}")
            return outcome
        if future.status != "error":
            raise WireError(
                f"the Dask scheduler at {self._client.scheduler.address} is gone: start it again, "
                f"and the same command; finished recordings are not done again"
            )
        error = future.exception()
        if not isinstance(error, KilledWorker):
            raise error
        return failed(
            job,
            "the worker died each time that it came to this recording: the file crashes the "
            "video library, or there was not enough memory",
        )


def _do_here(job: Job, show: Callable[[Progress], None]) -> Outcome:
    return do(job, lambda frames: show(Progress(job.source.name, frames)))


def _do_there(job: Job) -> Outcome:
    """Runs on a worker."""
    from distributed import get_worker

    worker, topic = get_worker(), _topic(job.ticket)
    name = f"worker {os.getpid()} on {platform.node()}"

    def tell(frames: int) -> None:
        worker.log_event(topic, {"name": job.source.name, "frames": frames, "who": name})

    return do(job, tell)


def _progress_of(message: dict[str, Any]) -> Progress:
    """What `_do_there` has told; Dask puts more into it."""
    return Progress(message["name"], message["frames"], message["who"])


def _topic(ticket: Path) -> str:
    return f"tracker-batch-{ticket.name}"
