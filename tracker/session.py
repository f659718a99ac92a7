"""One run of an experiment: the only place that makes threads.

    IDLE ──start──▶ STARTING ──▶ RUNNING ──stop, end of stream, failure──▶ STOPPING ──▶ IDLE

    camera thread ──▶ ring buffer ──▶ pipeline thread ──▶ outputs, ZeroMQ
                           └────────▶ recorder thread ◀──┘
    one thread per actuator: keep-alives and edges; control thread: requests of people

The end has one order, also after a failure: outputs safe, camera, pipeline (which closes its
episodes), actuators, recorder, goodbye, session folder; then the first failure is raised.
"""

import gc
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from queue import SimpleQueue
from typing import Any

from tracker import session_status
from tracker.changes import Changes
from tracker.closed_loop import ClosedLoop
from tracker.errors import SessionError
from tracker.machine import Machine
from tracker.recorder_stage import RecorderStage
from tracker.reporting import Reporting
from tracker.ring_buffer import ReadPolicy, RingBuffer
from tracker.session_parts import (
    ControlSocket,
    Parts,
    SessionSettings,
    facts_at_end,
    refuse_rate,
    refuse_stall,
)
from tracker.session_state import EndReason, State, Status, wire_status
from tracker.session_watch import RecorderWatch, SessionWatch
from tracker.stages import MAX_RESULTS_WAITING, CameraStage, Note, PipelineStage, Record
from tracker.types import CameraInfo
from tracker.worker import Worker

SWITCH_INTERVAL_S = 0.0005
"""How long another Python thread may keep the pipeline's waiting (Python's default: 0.005)."""

CONTROL_PATIENCE_S = 0.1
"""Longest wait of the control thread in one step."""

STOP_TIMEOUT_S = 10.0
"""Longest time for one thread to end, or to get on with what it still has."""

BY_FILE = "the experiment file"
"""Who has armed a session that is armed from the start."""


class Session:
    """Starts the parts, watches them, and ends them in order.

    `start`, `wait` and `finish` are called by one thread; `stop` and `status` by any, `stop`
    by a signal handler too.

    Args:
        parts: Made, nothing opened yet.
        settings: Who and how long.

    Attributes:
        parts: As handed in.
        began_ns: When it began to run (ns on its clock).
        changes: Of thresholds; any thread may ask for one.
    """

    def __init__(self, parts: Parts, settings: SessionSettings) -> None:
        self.parts = parts
        self._settings = settings
        self._state = State.IDLE
        self.began_ns = 0
        self._end_asked = threading.Event()
        self._end_reason: EndReason | None = None
        self._first_failure: Worker | None = None
        self._records: SimpleQueue[Record] = SimpleQueue()
        self._loop = parts.loop(self._records.put, self._on_fault) if parts.loop else None
        self._reporting = Reporting(parts, self._loop, lambda: self.wire_status, self.note)
        self._control: ControlSocket | None = None
        self.changes = Changes()
        self._old_switch_interval_s = sys.getswitchinterval()

    @property
    def provider(self) -> str:
        """What the network runs on."""
        return str(self.parts.pipeline.observer.facts.get("provider", ""))

    @property
    def control_address(self) -> str | None:
        """Where it takes requests, with the real port once it has started; None: nowhere."""
        return None if self._control is None else self._control.address

    @property
    def loop(self) -> ClosedLoop | None:
        """Its outputs; None if the experiment has none."""
        return self._loop

    def note(self, level: str, text: str, **facts: str | float | bool | None) -> None:
        """Add a line to the log, and tell listeners. Any thread, while it runs."""
        self._records.put(Note(level, text, facts))
        if self.parts.publisher is not None:
            self.parts.publisher.offer_log(level, text, **facts)

    @property
    def end_reason(self) -> EndReason | None:
        """Why it ended; None while it runs."""
        return self._end_reason

    def attach(self, control: ControlSocket) -> None:
        """Let people ask for things at a control socket; before `start`."""
        self._control = control

    def start(self) -> None:
        """Open everything and start the threads. If one part fails, nothing stays open.

        Raises:
            TrackerError: What was wrong; nothing runs, no folder is left half made.
        """
        if self._state is not State.IDLE or self._end_reason is not None:
            raise SessionError("a session runs once: make a new one")
        self._state, self._end_reason = State.STARTING, EndReason.FAILED
        try:
            self._open_parts()
            self._end_reason = None
        finally:
            self._state = State.RUNNING if self._end_reason is None else State.IDLE
        gc.collect()
        gc.freeze()  # what exists now will not be searched for garbage during the run
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        self.began_ns = self.parts.clock.now_ns()
        for worker in reversed(self._workers):
            worker.start()
        if self.parts.armed and self._loop is not None:
            self._loop.arm(BY_FILE)

    def wait(self, timeout_s: float) -> bool:
        """Return True once the session has to end, False after `timeout_s`."""
        return self._end_asked.wait(timeout_s)

    def run(self) -> None:
        """Start, wait until it has to end, and finish; raises what these two raise."""
        self.start()
        while not self.wait(1.0):
            pass
        self.finish()

    def stop(self) -> None:
        """Ask for the end. Returns at once; the rest is done by `finish`."""
        self._end(EndReason.STOPPED)

    def finish(self) -> None:
        """End everything in order; raise the first failure, if there was one.

        Raises:
            SessionError: With the failed part's own error as its cause.
        """
        if self._state is not State.RUNNING:
            return
        self._end(EndReason.STOPPED)
        self._state = State.STOPPING
        failures = self._wind_down()
        sys.setswitchinterval(self._old_switch_interval_s)
        gc.unfreeze()
        self._state = State.IDLE
        if self._first_failure is not None:
            self._first_failure.join(0.0)  # raises what came first
        if failures:
            raise SessionError(str(failures[0])) from failures[0]

    @property
    def status(self) -> Status:
        """How it is going."""
        if self._state in (State.IDLE, State.STARTING):
            return Status(self._state, totals=self.parts.ledger.totals)
        written = self._ring.next_turn
        behind = max(written - reader.next_turn for reader in self._readers)
        return Status(
            state=self._state,
            elapsed_s=(self.parts.clock.now_ns() - self.began_ns) / 1e9,
            totals=self.parts.ledger.totals,
            fps=self._reporting.health.fps,
            latency=self._reporting.health.latency,
            overhead=self._reporting.health.overhead,
            going_on=self.parts.pipeline.going_on,
            ring_fill=min(1.0, behind / self._ring.capacity),
            recorder_fill=min(1.0, self._records.qsize() / MAX_RESULTS_WAITING),
            recorder=self._watch.recorder.state,
            load=self._reporting.load,
            stimulation=self._loop.status if self._loop else None,
            view=self.parts.view,
        )

    @property
    def wire_status(self) -> session_status.Status:
        """The same as listeners are told. Any thread."""
        return wire_status(
            self.status,
            provider=self.provider,
            image_shape=self._ring.shape,
            skeleton=self.parts.pipeline.observer.skeleton,
            filming=self.parts.filming,
            has_video=self.parts.video,
        )

    def _open_parts(self) -> None:
        parts, settings = self.parts, self._settings
        with ExitStack() as opened:
            if parts.publisher is not None:
                parts.publisher.bind()
                opened.callback(parts.publisher.close, "failed")
            if self._control is not None:
                opened.callback(self._control.close)
                self._control.bind()
            if parts.preview is not None:
                opened.callback(parts.preview.close)
                parts.preview.bind()
            for feed in parts.followed:
                opened.callback(feed.close)
                feed.open(self.note)
            opened.callback(parts.camera.close)
            parts.camera.open()
            info = parts.camera.info
            refuse_rate(info, parts.pipeline.min_fps, parts.pipeline.fps_by_behaviour)
            parts.refuse_images(info.shape)
            parts.pipeline.warm_up(info.shape)
            if self._loop is not None:
                refuse_stall(info, self._loop.stall_s)
                opened.callback(self._loop.interlocks.close)
                opened.callback(self._loop.close)
                self._loop.open()
            self._recorder = parts.recorder(info)
            self._recorder.open()
            self._reporting.machine = Machine(self._recorder.folder)
            self._make_stages(info, settings)
            opened.pop_all()

    def _make_stages(self, info: CameraInfo, settings: SessionSettings) -> None:
        parts = self.parts
        self._ring = RingBuffer(settings.ring_capacity, info.shape)
        to_pipeline = self._ring.reader(ReadPolicy.NEWEST if info.live else ReadPolicy.EVERY)
        to_video = self._ring.reader(ReadPolicy.EVERY) if parts.video else None
        self._readers = [reader for reader in (to_pipeline, to_video) if reader is not None]
        camera = CameraStage(
            parts.camera,
            self._ring,
            parts.ledger,
            parts.clock,
            timeout_s=settings.camera_timeout_s,
            duration_s=settings.duration_s,
        )
        pipeline = PipelineStage(
            parts.pipeline,
            self._loop,
            to_pipeline,
            parts.ledger,
            parts.publisher,
            self._records,
            self.changes,
        )
        pipeline.look = parts.watch_camera(self._ring, self.changes, self._records, live=info.live)
        keeps_up = RecorderWatch(self._recorder, self._ring, to_video, parts, self.note)
        self._watch = SessionWatch(keeps_up, self._reporting.tell)
        self._recorder_stage = RecorderStage(
            self._recorder,
            to_video,
            parts.ledger,
            self._records,
            self._reporting,
            drop_frames=parts.drop_frames,
            live=info.live,
            filming=parts.filming,
        )
        self._camera = self._worker("camera", camera.step)
        self._pipeline = self._worker("pipeline", pipeline.step, prepare=pipeline.prepare)
        self._recording = self._worker("recorder", self._recorder_stage.step, behind=True)
        self._watching = self._worker("watch", self._watch.step)
        self._tending = self._tenders(self._loop) if self._loop else []
        self._following = [self._worker("feed", feed.step) for feed in parts.followed]
        first = [self._camera, self._pipeline, self._recording, self._watching]
        self._workers = [*first, *self._tending, *self._following]
        if parts.preview is not None:  # views are not worth the end of an experiment
            newest = self._ring.reader(ReadPolicy.NEWEST)
            parts.preview.attach(newest, self.note, lambda: parts.pipeline.newest)
            self._showing = Worker("preview", parts.preview.step, lambda: None, behind=True)
            self._workers.append(self._showing)
        if self._control is not None:
            control_step = self._control.step
            self._answering = self._worker("control", lambda: control_step(CONTROL_PATIENCE_S))
            self._workers.append(self._answering)

    def _worker(self, name: str, step: Callable[[], bool], **how: Any) -> Worker:
        worker = Worker(name, step, on_end=lambda: self._on_end(worker), **how)
        return worker

    def _tenders(self, loop: ClosedLoop) -> list[Worker]:
        """One thread per actuator. They outlive the others, and end the session only by failing."""

        def tender(name: str) -> Worker:
            worker = Worker(
                f"actuator {name}",
                lambda: loop.tend(name),
                on_end=lambda: self._on_end(worker) if worker.failure else None,
            )
            return worker

        return [tender(name) for name in loop.actuators]

    def _on_fault(self, why: str) -> None:
        """Any thread: the outputs were disarmed by a fault."""
        self.note("error", f"the outputs were disarmed: {why}")
        if self.parts.end_on_fault:
            self._end(EndReason.FAILED)

    def _on_end(self, worker: Worker) -> None:
        """Runs on the worker's thread, after its last step."""
        if worker.failure is not None and self._loop is not None:
            self._loop.disarm(f"{worker.name} failed: {worker.failure}")
        if worker.failure is not None and self._first_failure is None:
            self._first_failure = worker
        self._end(EndReason.COMPLETED if worker.failure is None else EndReason.FAILED)

    def _end(self, reason: EndReason) -> None:
        if self._end_reason is None or reason is EndReason.FAILED:
            self._end_reason = reason
        self._end_asked.set()

    def _wind_down(self) -> list[Exception]:
        """Do each step of the end, whatever became of the others; return what failed."""
        parts = self.parts
        loop, control, preview = self._loop, self._control, parts.preview
        steps: tuple[Callable[[], None], ...] = (
            lambda: loop.disarm("the session has ended") if loop else None,
            lambda: self._stop(self._answering) if control else None,
            lambda: control.close() if control else None,
            lambda: self._stop(self._showing) if preview else None,
            lambda: preview.close() if preview else None,
            *(lambda worker=worker: self._stop(worker) for worker in self._following),
            *(feed.close for feed in parts.followed),
            lambda: self._stop(self._camera),
            parts.camera.close,
            self._ring.close,
            lambda: self._drain(self._pipeline),
            self._close_episodes,
            *(lambda worker=worker: self._stop(worker) for worker in self._tending),
            lambda: loop.close() if loop else None,
            self._recorder_stage.no_more_results.set,
            lambda: self._drain(self._recording),
            self._watch.over.set,
            lambda: self._drain(self._watching),
            lambda: loop.interlocks.close() if loop else None,
            self._say_goodbye,
            self._close_folder,
        )
        failures: list[Exception] = []
        for step in steps:
            try:
                step()
            except Exception as failure:  # noqa: BLE001 - the rest must be closed; raised by finish
                failures.append(failure)
                self._end(EndReason.FAILED)
        return failures

    def _stop(self, worker: Worker) -> None:
        worker.stop()
        worker.join(STOP_TIMEOUT_S)

    def _drain(self, worker: Worker) -> None:
        """Let it finish what it has; if it does not get on with that, stop it and say so."""
        try:
            worker.join(STOP_TIMEOUT_S, lambda: [reader.next_turn for reader in self._readers])
        finally:
            worker.stop()

    def _close_episodes(self) -> None:
        self.changes.refuse()
        episodes = self.parts.pipeline.finish()
        self._recorder_stage.last_episodes = episodes
        if self.parts.publisher is not None:
            self.parts.publisher.offer_ends(episodes)

    def _say_goodbye(self) -> None:
        if self.parts.publisher is not None:
            self.parts.publisher.close(str(self._end_reason))

    def _close_folder(self) -> None:
        """Main thread, after every other thread has ended."""
        parts = self.parts
        rows = parts.ledger.close()
        try:
            self._recorder.write_ledger(rows)
            self._reporting.health.update(rows)
            self._recorder_stage.write_rest()
        finally:
            totals = parts.ledger.totals.as_dict()
            more = facts_at_end(parts.camera, self._loop, parts.feeds)
            self._recorder.close(str(self._end_reason), totals, **more)
