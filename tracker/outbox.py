"""A bounded queue per kind of message, filled by any thread and emptied by one."""

import threading
from collections import Counter, deque
from collections.abc import Hashable, Iterable
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Outbox(Generic[K]):
    """Numbers what is put in, and gives it out again: first kinds first, oldest first.

    The reader sleeps on a `SimpleQueue` and not on a `Condition`, which takes twice as long
    to wake it (docs/wire.md has figures).

    Args:
        kinds: Which kinds there are, in the order in which they are served.
        length: Messages kept of each kind; one more drops the oldest.
    """

    def __init__(self, kinds: Iterable[K], length: int) -> None:
        self._length = length
        self._queues: dict[K, deque[tuple[int, Any]]] = {kind: deque() for kind in kinds}
        self._offered: Counter[K] = Counter()
        self._dropped = 0
        self._is_closed = False
        self._mutex = threading.Lock()
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._has_rung = False

    @property
    def dropped(self) -> int:
        """Messages thrown away so far."""
        return self._dropped

    def offered(self) -> dict[K, int]:
        """Messages numbered so far, by kind."""
        with self._mutex:
            return dict(self._offered)

    def put(self, kind: K, item: object) -> None:
        """Number `item` (from 0 within its kind) and queue it. Never waits.

        What is dropped keeps its number, so that whoever reads sees the gap.
        """
        with self._mutex:
            seq = self._offered[kind]
            self._offered[kind] = seq + 1
            if self._is_closed:
                self._dropped += 1
                return
            queue = self._queues[kind]
            if len(queue) == self._length:
                queue.popleft()
                self._dropped += 1
            queue.append((seq, item))
            if not self._has_rung:
                self._has_rung = True
                self._bell.put(None)

    def number(self, kind: K) -> int:
        """Return the next number of a kind, for a message that does not queue."""
        with self._mutex:
            self._offered[kind] += 1
            return self._offered[kind] - 1

    def wait(self, timeout_s: float) -> bool:
        """Return True as soon as something is queued, False if nothing was in time.

        May return False early, never late.
        """
        if self._has_any():
            return True
        try:
            self._bell.get(timeout=timeout_s)
        except Empty:
            return False
        self._has_rung = False  # before looking: what is put from now on rings again
        return self._has_any()

    def take(self) -> tuple[K, int, Any] | None:
        """Return kind, number and content of the next message, or None if there is none."""
        with self._mutex:
            for kind, queue in self._queues.items():
                if queue:
                    return kind, *queue.popleft()
        return None

    def close(self) -> None:
        """From now on drop what is put; what is queued can still be taken."""
        with self._mutex:
            self._is_closed = True

    def _has_any(self) -> bool:
        with self._mutex:
            return any(self._queues.values())
