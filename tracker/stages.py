"""What each thread of a session does over and over; no thread is made here.

Each stage has a `step`: one short piece of work that returns whether there is more to do.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from queue import SimpleQueue

from tracker.cameras.base import Camera
from tracker.changes import LEVEL, Changes, ViewChange
from tracker.clock import Clock
from tracker.closed_loop import ClosedLoop
from tracker.errors import DeviceError, DeviceLost, EndOfStream, RecordingError
from tracker.ledger import Ledger
from tracker.pipeline import Pipeline
from tracker.publisher import Publisher
from tracker.registration.lines import ViewPicture, ViewRow
from tracker.ring_buffer import Reader, RingBuffer
from tracker.stimuli import Edge, StimulusRow
from tracker.types import Fate, Frame, FrameResult, Gap


@dataclass(frozen=True, slots=True)
class Note:
    """A line for log.jsonl.

    Attributes:
        level: info, warning, error, mark (made by a person), or change (of a threshold).
        text: One sentence.
        facts: What it is about, by name.
    """

    level: str
    text: str
    facts: Mapping[str, object]


Record = FrameResult | StimulusRow | Edge | Note | ViewRow | ViewPicture
"""What waits for the recorder, in the order in which it happened."""

PATIENCE_S = 0.1
"""Longest wait inside one step; bounds how long a stop takes."""

MAX_RESULTS_WAITING = 4096
"""Results that may wait for the recorder; more means that it stands still."""


_let_readers_run: Callable[[], None] = getattr(os, "sched_yield", lambda: time.sleep(0))
"""Give up the processor for a moment. A scheduler may put a woken thread behind the one that
woke it; without this, a reader waits until the camera has drawn or decoded its next frame."""


class CameraStage:
    """Camera → ring buffer, every frame noted in the ledger.

    Args:
        camera: Open.
        ring: Written by this stage alone.
        ledger: Told of each frame before it can be read.
        clock: For the silence of the camera.
        timeout_s: A live camera silent for so long is lost.
        duration_s: End after so much captured time; None: with the source.
    """

    def __init__(
        self,
        camera: Camera,
        ring: RingBuffer,
        ledger: Ledger,
        clock: Clock,
        *,
        timeout_s: float,
        duration_s: float | None,
    ) -> None:
        self._camera = camera
        self._ring = ring
        self._ledger = ledger
        self._clock = clock
        self._timeout_s = timeout_s
        self._duration_s = duration_s
        self._live = camera.info.live
        self._next_index = 0
        self._first_captured_ns: int | None = None
        self._heard_ns = clock.now_ns()

    def step(self) -> bool:
        """Take one frame; False at the end of the stream or of the planned time.

        Raises:
            DeviceLost: If the camera stopped answering.
            DeviceError: If its count went back.
        """
        if not self._live and not self._ring.wait_for_room(PATIENCE_S):
            return True
        try:
            got = self._camera.read(PATIENCE_S)
        except EndOfStream:
            return False
        if got is None:
            return self._bear_silence()
        self._heard_ns = self._clock.now_ns()
        if isinstance(got, Gap):
            self._explain(got)
            return True
        return self._take(got)

    def _take(self, frame: Frame) -> bool:
        if self._first_captured_ns is None:
            self._first_captured_ns = frame.captured_ns
        elapsed_s = (frame.captured_ns - self._first_captured_ns) / 1e9
        if self._duration_s is not None and elapsed_s >= self._duration_s:
            return False
        if frame.index != self._next_index:
            self._explain(
                Gap(self._next_index, frame.index - 1, Fate.UNKNOWN, self._clock.now_ns())
            )
        self._next_index = frame.index + 1
        self._ledger.note_captured(self._ring.next_turn, frame)
        self._ring.write(frame)
        _let_readers_run()
        return True

    def _explain(self, gap: Gap) -> None:
        if gap.first_index != self._next_index or gap.last_index < gap.first_index:
            raise DeviceError(
                f"the camera's count went from {self._next_index - 1} to {gap.last_index + 1}: "
                f"expected it to go up; restart the camera"
            )
        self._next_index = gap.last_index + 1
        self._ledger.note_gap(gap)

    def _bear_silence(self) -> bool:
        silent_s = (self._clock.now_ns() - self._heard_ns) / 1e9
        if silent_s > self._timeout_s:
            raise DeviceLost(
                f"{self._camera.info.name} sent nothing for {silent_s:.1f} s "
                f"(last frame {self._next_index - 1}): check its cable and power"
            )
        return True


class PipelineStage:
    """Ring buffer → pipeline → outputs → ZeroMQ, and to the recorder.

    It sends by itself, since handing a message to another thread takes longer than handing
    it to ZeroMQ, which never waits for a listener (docs/decisions/0005).

    Args:
        pipeline: Run by this stage alone.
        loop: Asked after each frame what is to be stimulated; None: nothing ever is.
        reader: Where frames come from.
        ledger: Told of each frame processed or missed.
        publisher: Bound, driven by this stage alone; None: nothing is published.
        results: The recorder's queue.
        changes: Of thresholds; done before the next frame.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        loop: ClosedLoop | None,
        reader: Reader,
        ledger: Ledger,
        publisher: Publisher | None,
        results: "SimpleQueue[Record]",
        changes: Changes,
    ) -> None:
        self._pipeline = pipeline
        self._loop = loop
        self._reader = reader
        self._ledger = ledger
        self._publisher = publisher
        self._results = results
        self._changes = changes
        self.look: Callable[[Frame], None] | None = None
        """Shown each frame after all else was done with it; set before the thread starts."""

    def prepare(self) -> None:
        """Warm up on the thread that runs it, since a GPU does its first-time work per thread.

        Raises:
            ModelError: If the network failed.
        """
        self._pipeline.warm_up(self._reader.shape)

    def step(self) -> bool:
        """Process one frame; False once the last one is done.

        Raises:
            ModelError: If the network failed.
            RecordingError: If the recorder does not take the results.
        """
        read = self._reader.read(PATIENCE_S)
        if read is None:
            self._publish(None, self._loop.idle() if self._loop else ())
            return not self._reader.exhausted
        if self._changes:
            self._change(read.frame.index)
        result = self._pipeline.step(read.frame)
        self._ledger.note_processed(
            read.turn, read.missed, result.stages, self._reader.policy.fate_of_missed
        )
        try:
            self._publish(result, self._loop.step(result) if self._loop else ())
        finally:
            self._results.put(result)  # whatever fails: what was decided can be decided again
        if self.look is not None:
            self.look(read.frame)
        if self._results.qsize() > MAX_RESULTS_WAITING:
            raise RecordingError(
                f"{MAX_RESULTS_WAITING} results wait to be written: the disk or the video "
                f"encoder stands still"
            )
        return True

    def _change(self, frame_index: int) -> None:
        """Do what people have asked for, before a frame; tell recorder and listeners."""
        for change in self._changes.apply(self._pipeline, frame_index):
            if isinstance(change, ViewChange):
                self._results.put(change.row)  # what is said of it, the camera's watch says
                continue
            self._results.put(Note(LEVEL, change.text, change.facts))
            if self._publisher is not None:
                self._publisher.offer_log(LEVEL, change.text, **change.facts)

    def _publish(self, result: FrameResult | None, stimuli: Sequence[StimulusRow]) -> None:
        """Send the result and its stimuli, and what other threads have offered."""
        for row in stimuli:
            self._results.put(row)
        if self._publisher is not None:
            for row in stimuli:
                if self._loop is not None:
                    self._publisher.offer_stimulus(self._loop.shown(row))
            if result is not None:
                self._publisher.offer(result)
            self._publisher.step(0.0)
