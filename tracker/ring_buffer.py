"""Frames from one writer to several readers, without the writer ever waiting for one.

Each reader copies a frame out and then checks that its slot was not reused meanwhile; if
it was, the frame counts as missed and the reader moves on. So a returned frame is always
whole, and a lost one is always counted.

Frames are known here by their turn: the how-manieth frame written, from 0. Unlike the
camera's index it has no gaps, so what a reader missed is a plain range of turns.
"""

import threading
from dataclasses import dataclass
from enum import StrEnum
from queue import Empty, SimpleQueue

import numpy as np
from numpy.typing import NDArray

from tracker.types import Fate, Frame

UINT8 = np.dtype(np.uint8)


class ReadPolicy(StrEnum):
    """Which frame a reader wants next."""

    NEWEST = "newest"
    """The latest one, skipping what came before it: closed loop, live view."""

    EVERY = "every"
    """The one after the last it got: recording."""

    @property
    def fate_of_missed(self) -> Fate:
        """Why a reader of this policy did not get a frame."""
        return Fate.SUPERSEDED if self is ReadPolicy.NEWEST else Fate.RING_OVERRUN


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """One frame out of the buffer.

    Attributes:
        frame: Whole; its image is the reader's own memory, valid until its next read.
        turn: How-manieth frame written, from 0.
        missed: Turns just before `turn` that this reader will never get.
    """

    frame: Frame
    turn: int
    missed: range


class RingBuffer:
    """Room for a fixed number of frames of one shape.

    Args:
        capacity: Frames kept before the oldest is overwritten; at least 2.
        shape: Shape of every image.
    """

    def __init__(self, capacity: int, shape: tuple[int, ...]) -> None:
        if capacity < 2:
            raise ValueError(f"capacity is {capacity}, expected at least 2")
        self._images = np.zeros((capacity, *shape), np.uint8)  # zeros: pages touched below
        self._images.fill(1)  # page faults happen now, not in the first round of writes
        self._shape = tuple(shape)
        self._slots = list(self._images)
        self._held: list[Frame | None] = [None] * capacity
        self._written = 0
        self._closed = False
        self._writer_waits = False
        self._lock = threading.RLock()
        self._room = threading.Condition(self._lock)  # for a writer that can wait
        self._readers: list[Reader] = []  # those of the newest frame first: they are in a hurry

    @property
    def capacity(self) -> int:
        """Frames kept before the oldest is overwritten."""
        return len(self._slots)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of every image."""
        return self._shape

    @property
    def next_turn(self) -> int:
        """Turn of the next frame written. Exact on the writer's thread."""
        return self._written

    def write(self, frame: Frame) -> None:
        """Copy `frame` in, over the oldest if need be. Never blocks on a reader.

        One thread alone writes. The lock is not held while the image is copied.

        Raises:
            ValueError: If the image has another shape or type than the buffer.
        """
        image = frame.image
        if image.shape != self._shape or image.dtype != UINT8:
            raise ValueError(
                f"frame {frame.index} is {image.dtype} {image.shape}, expected uint8 {self._shape}"
            )
        place = self._written % len(self._slots)
        slot = self._slots[place]
        self._held[place] = None  # one store: who checks after its copy sees it, lock or not
        np.copyto(slot, image)
        held = _with_image(frame, slot)
        with self._lock:
            self._held[place] = held
            self._written += 1
            self._wake_readers()

    def wait_for_room(self, timeout_s: float) -> bool:
        """Return True once a write would overwrite nothing that an EVERY reader still wants.

        Only for sources that can wait (`CameraInfo.live` is False).
        """
        with self._lock:
            self._writer_waits = True
            try:
                return self._room.wait_for(self._has_room, timeout_s)
            finally:
                self._writer_waits = False

    def close(self) -> None:
        """Say that nothing more will be written; readers can still take what is there."""
        with self._lock:
            self._closed = True
            self._wake_readers()

    def reader(self, policy: ReadPolicy) -> "Reader":
        """Return a reader that starts with the next frame written."""
        with self._lock:
            reader = Reader(self, policy, self._written)
            hurry = policy is ReadPolicy.NEWEST
            self._readers.insert(0 if hurry else len(self._readers), reader)
        return reader

    def _has_room(self) -> bool:
        waiting = [r.next_turn for r in self._readers if r.policy is ReadPolicy.EVERY]
        return self._written - min(waiting, default=self._written) < len(self._slots)

    def _wake_readers(self) -> None:
        """Ring for each reader that sleeps; with the lock held."""
        for reader in self._readers:
            if reader.sleeps:
                reader.sleeps = False
                reader.bell.put(None)

    def _choose(self, policy: ReadPolicy, wanted: int) -> tuple[int, Frame | None]:
        """Return the turn to read and what its slot holds; None while it is overwritten."""
        oldest = max(0, self._written - len(self._slots))
        turn = self._written - 1 if policy is ReadPolicy.NEWEST else max(wanted, oldest)
        return turn, self._held[turn % len(self._slots)]

    def _still_holds(self, turn: int, held: Frame) -> bool:
        return self._held[turn % len(self._slots)] is held


class Reader:
    """One reader's place in a `RingBuffer`; used by one thread.

    It sleeps on a `SimpleQueue`, which takes half as long as a `Condition` to wake it.
    """

    def __init__(self, ring: RingBuffer, policy: ReadPolicy, start: int) -> None:
        self._ring = ring
        self._policy = policy
        self._next = start
        self._image: NDArray[np.uint8] = np.ones(ring.shape, np.uint8)
        self.sleeps = False
        """Whether it is to be woken; set and cleared by the ring buffer's lock."""
        self.bell: SimpleQueue[None] = SimpleQueue()
        """Holds one token, or none, once the reader has been woken."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of every image."""
        return self._ring.shape

    @property
    def policy(self) -> ReadPolicy:
        """Which frame this reader wants next."""
        return self._policy

    @property
    def next_turn(self) -> int:
        """First turn that it has neither got nor missed."""
        return self._next

    @property
    def exhausted(self) -> bool:
        """True once the buffer is closed and this reader has got its last frame."""
        ring = self._ring
        return ring._closed and self._next >= ring._written  # noqa: SLF001

    def read(self, timeout_s: float) -> Read | None:
        """Return the next frame by the reader's policy, or None if none came in time."""
        ring, wanted, next_wanted = self._ring, self._next, self._next
        while self._wait_for(next_wanted, timeout_s):
            with ring._lock:  # noqa: SLF001 - here and below: the other half of RingBuffer
                turn, held = ring._choose(self._policy, next_wanted)  # noqa: SLF001
            if held is not None:
                np.copyto(self._image, held.image)
                with ring._lock:  # noqa: SLF001
                    if ring._still_holds(turn, held):  # noqa: SLF001
                        self._next = turn + 1
                        if ring._writer_waits:  # noqa: SLF001
                            ring._room.notify()  # noqa: SLF001
                        frame = _with_image(held, self._image)
                        return Read(frame, turn, range(wanted, turn))
            next_wanted = turn + 1
        return None

    def _wait_for(self, turn: int, timeout_s: float) -> bool:
        """Sleep until `turn` was written or never will be; return whether it was."""
        ring = self._ring
        with ring._lock:  # noqa: SLF001
            if ring._written > turn or ring._closed or timeout_s <= 0:  # noqa: SLF001
                return ring._written > turn  # noqa: SLF001
            self.sleeps = True
        try:
            self.bell.get(timeout=timeout_s)
        except Empty:
            with ring._lock:  # noqa: SLF001
                if self.sleeps:
                    self.sleeps = False
                else:
                    self.bell.get()  # rung just now: nothing of it must wake the next sleep
        return ring._written > turn  # noqa: SLF001


def _with_image(frame: Frame, image: NDArray[np.uint8]) -> Frame:
    return Frame(frame.index, frame.captured_ns, frame.received_ns, image, frame.device_tick)
