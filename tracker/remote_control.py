"""Controllers, interlocks and actuators in a process of their own, fed by what a session publishes.

    session ──PUB──▶ subscriber ──▶ results ──▶ ClosedLoop (the same as in a session) ──▶ outputs
                         └─▶ lifeline: silence, gap, goodbye ──▶ disarmed, every line low

It keeps a folder of its own, and has a control socket of its own, at which it is armed. Times are
those of the session's clock, to which ours is fitted by round trips.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from tracker.build_loop import Bench
from tracker.build_watches import build_watches
from tracker.clock import Clock
from tracker.config import Experiment
from tracker.control.lifeline import Lifeline, LifelineSettings
from tracker.control.remote import Remote
from tracker.control.results import ResultReader
from tracker.controllers.base import Controller
from tracker.errors import BadMessage, ConfigError, WireError
from tracker.messages import ObservationMessage, StatusMessage
from tracker.session_folder.files import EXPERIMENT, LOG, SESSION, AppendFile, write_new
from tracker.session_folder.rows import LogLine, to_json
from tracker.session_folder.stimulus_files import StimulusFiles
from tracker.stimuli import Edge, StimulusRow
from tracker.subscriber import Received, Subscriber
from tracker.worker import Worker

PATIENCE_S = 0.02
"""Longest wait for a message in one step."""

FIRST_S = 10.0
"""How long to wait for the first observation."""

FIT_EVERY_NS = 10_000_000_000
"""How often our clock is fitted to the session's anew."""


class RemoteClock:
    """The clock of a session in another process; keeps `tracker.clock.Clock`.

    Args:
        local: Our own.
        anchor_utc_ns: The session's.
        offset_ns: Session time minus ours (ns).
    """

    def __init__(self, local: Clock, anchor_utc_ns: int, offset_ns: int) -> None:
        self._local = local
        self._anchor_utc_ns = anchor_utc_ns
        self._offset_ns = offset_ns
        self._last_ns = 0
        self._mutex = threading.Lock()

    @property
    def anchor_utc_ns(self) -> int:
        """UTC at the session clock's zero."""
        return self._anchor_utc_ns

    def now_ns(self) -> int:
        """The session's time, as well as it is known here; never goes back. Any thread."""
        with self._mutex:
            self._last_ns = max(self._last_ns, self._local.now_ns() + self._offset_ns)
            return self._last_ns

    def wait_until(self, due_ns: int, timeout_s: float) -> bool:
        """Sleep until `due_ns`, at most `timeout_s`."""
        return self._local.wait_until(due_ns - self._offset_ns, timeout_s)

    def fit(self, offset_ns: int) -> None:
        """Take another offset from now on."""
        with self._mutex:
            self._offset_ns = offset_ns


class ControlFolder:
    """What a control process leaves behind; used by one thread.

    Args:
        folder: It is not there yet.
        experiment: Its settings.
        about: What is known from the start, for session.json.
        blinded: Controllers whose arms are hidden.
        sealed: What would tell their arms, by controller.

    Raises:
        RecordingError: From here and every method, if it cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        experiment: Experiment,
        about: dict[str, Any],
        blinded: frozenset[str],
        sealed: dict[str, Any],
    ) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self._about = about
        write_new(folder / EXPERIMENT, experiment.as_yaml().encode())
        write_new(folder / SESSION, to_json({**about, "state": "running"}) + b"\n")
        hashes = {name: about[name] for name in ("model_sha256", "config_sha256")}
        self.stimuli = StimulusFiles(folder, about["session_id"], blinded, sealed, hashes)
        self._log = AppendFile(folder / LOG)

    def log(self, at_ns: int, level: str, message: str, **facts: object) -> None:
        """Add a line for a person."""
        line = LogLine(
            schema=1,
            session_id=self._about["session_id"],
            logged_ns=at_ns,
            level=level,
            message=message,
            facts=facts,
        )
        self._log.append(to_json(line) + b"\n")

    def close(self, end_reason: str, counts: dict[str, int]) -> None:
        """Finish every file."""
        with ExitStack() as last_steps:
            last_steps.callback(self._log.close)
            last_steps.callback(self.stimuli.close)
            draft = self.folder / f"{SESSION}.tmp"
            done = {**self._about, "state": "closed", "end_reason": end_reason, "stimuli": counts}
            write_new(draft, to_json(done) + b"\n")
            draft.replace(self.folder / SESSION)


@dataclass(slots=True)
class _Waiting:
    """What other threads have left for the one that steps."""

    edges: SimpleQueue[Edge] = field(default_factory=SimpleQueue)
    notes: SimpleQueue[tuple[str, str]] = field(default_factory=SimpleQueue)


class RemoteControl:
    """Stimulates as a session would, from another process; `step` is called by one thread.

    Args:
        experiment: With a stimulation; the session itself runs without one.
        subscriber: Of the session's observations, episodes and status.
        remote: The session's control socket, for its clock.
        local: Our clock.
        out: Folder in which its folder is made.
        lifeline: When the session counts as dead.

    Raises:
        ConfigError: If the experiment stimulates nothing, or names what the session lacks.
        WireError: If no session publishes there.
    """

    def __init__(
        self,
        experiment: Experiment,
        subscriber: Subscriber,
        remote: Remote,
        local: Clock,
        out: Path,
        lifeline: LifelineSettings,
    ) -> None:
        stimulation = experiment.stimulation
        if stimulation is None or not stimulation.controllers:
            raise ConfigError("the experiment has no stimulation with controllers: nothing to do")
        self._subscriber, self._remote, self._local = subscriber, remote, local
        first = self._first_observation()
        hello, offset = remote.ping(), remote.clock_offset(now_ns=local.now_ns)
        self.clock = RemoteClock(local, hello.anchor_utc_ns, offset.offset_ns)
        self._fit_ns = local.now_ns() + FIT_EVERY_NS
        self.session_id = f"{hello.session}-control"
        self._waiting = _Waiting()
        self._lifeline, self._reader = Lifeline(lifeline), ResultReader()
        bench = Bench(experiment, stimulation, self.clock)
        controllers = _controllers(bench, experiment, first)
        self.loop = bench.loop(controllers, self._waiting.edges.put, self._on_fault)
        about = {
            "schema": 1,
            "session_id": self.session_id,
            "of_session": hello.session,
            "anchor_utc_ns": hello.anchor_utc_ns,
            "clock_offset_ns": offset.offset_ns,
            "clock_uncertainty_ns": offset.uncertainty_ns,
            "model_sha256": None,  # the session's: its folder says which
            "config_sha256": experiment.sha256,
            "subject": experiment.session.subject,
            "provenance": {"stimulation": self.loop.facts},
        }
        sealed = {each.name: dict(each.sealed) for each in controllers if each.sealed}
        self.files = ControlFolder(
            out / f"{hello.session}-control", experiment, about, self.loop.blinded, sealed
        )
        self._armed_from_start = stimulation.armed
        self._dead: str | None = None
        self._grace_ns = round(lifeline.silence_ms * 1e6)
        self._anew = threading.Event()
        self._began_ns = self.clock.now_ns()

    def open(self) -> list[Worker]:
        """Open the actuators and start a thread for each; raises `DeviceError`."""
        self.loop.open()
        workers = [self._tender(name) for name in self.loop.actuators]
        for worker in workers:
            worker.start()
        self._anew.set()
        if self._armed_from_start:
            self.loop.arm("the experiment file")
        return workers

    def step(self) -> bool:
        """Take one message and do what follows from it; False once the session has ended."""
        is_anew = self._anew.is_set()
        if is_anew:
            self._anew.clear()
            self._lifeline.begin_anew()
            self._reader.forget()
            self._dead, self._began_ns = None, self.clock.now_ns()
        try:
            received = self._subscriber.receive(PATIENCE_S)
            while is_anew and received is not None and not _is_goodbye(received):
                newer = self._subscriber.receive(
                    0.0
                )  # what waited while outputs were opened is old
                if newer is None:
                    break
                received = newer
        except (BadMessage, WireError) as failure:
            received = None
            self._lifeline.fail(str(failure))
        rows = self._follow(received) if received is not None else self.loop.idle()
        self._go_safe_if_dead()
        self._keep(rows)
        self._keep_up()
        return received is None or not _is_goodbye(received)

    def close(self, workers: list[Worker], end_reason: str) -> None:
        """Everything safe, threads ended, files finished."""
        self.loop.disarm("the control process has ended")
        for worker in workers:
            worker.stop()
            worker.join(2.0)
        self.loop.close()
        self.loop.interlocks.close()
        self._keep([])
        self.files.close(end_reason, dict(self.loop.status.counts))

    def note(self, level: str, text: str) -> None:
        """Leave a line for the log. Any thread."""
        self._waiting.notes.put((level, text))

    def arm(self, by: str) -> "Future[None]":
        """Let stimuli through, and rely anew on whoever speaks from now on."""
        self._anew.set()
        return self.loop.arm(by)

    def _first_observation(self) -> ObservationMessage:
        for _ in range(round(FIRST_S / PATIENCE_S)):
            received = self._subscriber.receive(PATIENCE_S)
            if received is not None and isinstance(received.message, ObservationMessage):
                return received.message
        raise WireError(
            f"no observation came within {FIRST_S:g} s: does a session run, with this address for "
            f"its publisher?"
        )

    def _follow(self, received: Received) -> list[StimulusRow]:
        message = received.message
        goodbye = message.goodbye if isinstance(message, StatusMessage) else None
        self._lifeline.hear(
            received.topic,
            session=message.session,
            lost=received.lost,
            sent_ns=message.sent_ns,
            now_ns=self.clock.now_ns(),
            goodbye=goodbye,
        )
        result = self._reader.feed(message)
        return self.loop.step(result) if result is not None else []

    def _go_safe_if_dead(self) -> None:
        now_ns = self.clock.now_ns()
        why = self._lifeline.why_dead(now_ns)
        if self._lifeline.is_waiting and now_ns - self._began_ns < self._grace_ns:
            return  # nothing can be expected yet
        if why is not None and self._dead is None and self.loop.status.armed_by is not None:
            self._dead = why
            self.loop.disarm(f"the session cannot be relied on: {why}")
            self.note("error", f"the outputs were disarmed: {why}")

    def _keep(self, rows: list[StimulusRow]) -> None:
        for row in rows:
            self.files.stimuli.write_stimulus(row)
        _drain(self._waiting.edges, self.files.stimuli.write_edge)
        _drain(self._waiting.notes, lambda note: self.files.log(self.clock.now_ns(), *note))

    def _keep_up(self) -> None:
        """Now and then: fit our clock to the session's, and force doses onto the disk."""
        if self._local.now_ns() >= self._fit_ns and self._dead is None:
            self._fit_ns = self._local.now_ns() + FIT_EVERY_NS
            try:
                offset = self._remote.clock_offset(pings=3, now_ns=self._local.now_ns)
            except WireError as failure:
                self.note("warning", f"the session's clock cannot be asked: {failure}")
                return
            self.clock.fit(offset.offset_ns)
            self.loop.interlocks.keep_doses()

    def _on_fault(self, why: str) -> None:
        self.note("error", f"the outputs were disarmed: {why}")

    def _tender(self, name: str) -> Worker:
        def ended() -> None:
            if worker.failure is not None:
                self.loop.disarm(f"actuator {name}: {worker.failure}")

        worker = Worker(f"actuator {name}", lambda: self.loop.tend(name), on_end=ended)
        return worker


def _controllers(
    bench: Bench, experiment: Experiment, first: ObservationMessage
) -> list[Controller]:
    """The controllers, over the features and behaviours that the session has."""
    features = tuple(first.features)
    missing = sorted(set(experiment.behaviours) - set(first.scores))
    if missing:
        raise ConfigError(
            f"the session does not look for {', '.join(missing)}: run it with the same file, with "
            f"--set stimulation=null"
        )
    watches = build_watches(experiment, features, dict.fromkeys(features, 0.0))
    behaviours = {watch.behaviour.name: watch.behaviour.features for watch in watches}
    return bench.controllers(behaviours, features)


def _is_goodbye(received: Received) -> bool:
    message = received.message
    return isinstance(message, StatusMessage) and message.goodbye is not None


def _drain(queue: "SimpleQueue[Any]", take: Callable[[Any], None]) -> None:
    while True:
        try:
            item = queue.get_nowait()
        except Empty:
            return
        take(item)
