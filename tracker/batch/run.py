"""A whole batch: look at the recordings, do them, write the tables and pages."""

from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, Protocol

import pyarrow as pa

from tracker.batch.engine import Engine, Progress
from tracker.batch.jobs import Job
from tracker.batch.offline import Outcome, State
from tracker.batch.place import Look, Place, look_at
from tracker.batch.sources import Source
from tracker.batch.table import to_table
from tracker.errors import ConfigError

READERS = 4
"""Videos that are hashed at once: disks are faster so, and hashing leaves the interpreter free."""


class Watcher(Protocol):
    """Is told how a batch is going on; its methods are called by the main thread."""

    def looking(self, done: int, of: int) -> None:
        """So many videos have been looked at."""

    def began(self, frames: dict[str, int]) -> None:
        """Frames of each recording by its header; 0: not known."""

    def progress(self, progress: Progress) -> None:
        """A worker has come further."""

    def ended(self, outcome: Outcome) -> None:
        """A recording is done, or has failed."""


@dataclass(slots=True)
class Done:
    """What became of a batch.

    Attributes:
        outcomes: Of each recording, in the order in which they were done.
        stopped: Whether it was ended before every recording was done.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    stopped: bool = False

    @property
    def table(self) -> pa.Table:
        """All rows, sorted by recording: the same whoever did what, and when."""
        return to_table([row for outcome in self.outcomes for row in outcome.rows])

    def count(self, state: State) -> int:
        """Return how many recordings came to this."""
        return sum(outcome.state is state for outcome in self.outcomes)


def look_at_all(place: Place, sources: Sequence[Source], watcher: Watcher) -> dict[str, Look]:
    """Return the hash and size of every video; those that have not changed are not read again.

    Ends early, with those that it has, once the place is asked to end.

    Raises:
        ConfigError: If one cannot be read.
    """
    videos = [source for source in sources if not source.is_session]
    looks: dict[str, Look] = {}
    with ThreadPoolExecutor(READERS) as pool:
        pending = {}
        for source in videos:
            known = place.known(source.path)
            if known is None:
                pending[pool.submit(look_at, source.path)] = source
            else:
                looks[source.name] = known
        while pending:
            finished, _ = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
            for future in finished:
                source = pending.pop(future)
                looks[source.name] = _result(future, source)
                place.remember(source.path, looks[source.name])
                watcher.looking(len(looks), len(videos))
            if place.ending:
                pool.shutdown(wait=False, cancel_futures=True)
                break
    return looks


def run_jobs(place: Place, jobs: Sequence[Job], engine: Engine, watcher: Watcher) -> Done:
    """Return what became of the jobs. Whatever was finished is kept, also if it is stopped."""
    done = Done()
    watcher.began({job.source.name: job.look.frames if job.look else 0 for job in jobs})
    for outcome in engine.run(jobs, watcher.progress, lambda: place.ending):
        if outcome.state is not State.STOPPED:
            done.outcomes.append(outcome)
            watcher.ended(outcome)
    done.stopped = len(done.outcomes) < len(jobs)
    return done


def _result(future: Any, source: Source) -> Look:
    try:
        look: Look = future.result()
    except OSError as failure:
        raise ConfigError(f"{source.name} cannot be read: {failure.strerror}") from failure
    return look
