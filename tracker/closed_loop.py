"""From what was seen to an output that does something, by the shortest way: one call.

    FrameResult ──▶ controllers ──▶ interlocks ──▶ actuator ──▶ one row per command
                          requests ─────┘

No thread is made here. The pipeline's thread calls `step`, each actuator's own thread `tend`, and
any thread `arm`, `disarm`, `request` and `make_safe`.

A fault (an actuator that failed or went safe by itself, a pipeline that stands still) disarms the
interlocks and brings every line low; only a person arms again, and then each actuator that was
made safe is opened anew, with its self-test.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue

from tracker.actuators.base import Actuator
from tracker.clock import Clock
from tracker.controllers.base import Controller
from tracker.errors import DeviceError, UnknownName
from tracker.held_actuator import HeldActuator
from tracker.interlocks import Interlocks, Situation
from tracker.session_status import OutputStatus
from tracker.stimuli import (
    Action,
    Arm,
    Delivery,
    Edge,
    Order,
    PulseTrain,
    Receipt,
    Refusal,
    StimulusCommand,
    StimulusRow,
)
from tracker.subjects import Subjects
from tracker.types import FrameResult

BY_HAND = "manual"
"""Controller's name of stimuli that a person asked for."""

_BY_HAND = Situation(usable=True, identity=1.0, captured_ns=None)


@dataclass(frozen=True, slots=True)
class Output:
    """Where commands to one output go.

    Attributes:
        actuator: Name of the actuator.
        line: The actuator's own name of the line.
    """

    actuator: str
    line: str


@dataclass(frozen=True, slots=True)
class Stimulation:
    """How the outputs of a session are doing.

    Attributes:
        armed_by: Who has armed them; None: they are not armed.
        disarmed_why: Why not, in words.
        outputs: Doses and limits by output.
        counts: Commands so far by what views may know of them.
        last: The last one, in words; "" before the first.
    """

    armed_by: str | None
    disarmed_why: str
    outputs: Mapping[str, OutputStatus]
    counts: Mapping[str, int]
    last: str


class ClosedLoop:
    """Controllers, interlocks and actuators of one session.

    Args:
        controllers: In the order in which they are asked.
        outputs: By name, as controllers use them.
        actuators: By name; closed.
        interlocks: Over the same outputs.
        clock: The session clock.
        stall_s: The loop counts as dead if its last step is older.
        on_edge: Told of each edge that a device reports, on the actuator's thread.
        on_fault: Told of each fault in words, once, on the thread that found it.
    """

    def __init__(  # noqa: PLR0913 - everything that stands between seeing and acting
        self,
        controllers: Sequence[Controller],
        outputs: Mapping[str, Output],
        actuators: Mapping[str, Actuator],
        interlocks: Interlocks,
        clock: Clock,
        *,
        stall_s: float,
        on_edge: Callable[[Edge], None],
        on_fault: Callable[[str], None],
    ) -> None:
        self._controllers = tuple(controllers)
        self._outputs = dict(outputs)
        self._interlocks = interlocks
        self._clock = clock
        self._stall_ns = round(stall_s * 1e9)
        self._on_edge, self._on_fault = on_edge, on_fault
        self._output_at = {(each.actuator, each.line): name for name, each in outputs.items()}
        self._held = {name: HeldActuator(actuator) for name, actuator in actuators.items()}
        self._last_step_ns: int | None = None  # before the first frame there is nothing to fear
        self._requests: SimpleQueue[_Request] = SimpleQueue()
        self._subjects = Subjects()
        self._counts: Counter[str] = Counter()
        self._last = ""
        self._n_by_hand = 0
        self._arming: _Arming | None = None
        self._state = threading.Lock()

    @property
    def interlocks(self) -> Interlocks:
        """What says no."""
        return self._interlocks

    @property
    def status(self) -> Stimulation:
        """How the outputs are doing, as views may know it. Any thread."""
        return Stimulation(
            armed_by=self._interlocks.armed_by,
            disarmed_why=self._interlocks.disarmed_why,
            outputs=self._interlocks.state(self._clock.now_ns()),
            counts=dict(self._counts),
            last=self._last,
        )

    @property
    def stall_s(self) -> float:
        """The loop counts as dead if its last step is older (s)."""
        return self._stall_ns / 1e9

    @property
    def actuators(self) -> tuple[str, ...]:
        """Names of the actuators; each wants a thread that calls `tend`."""
        return tuple(self._held)

    @property
    def facts(self) -> dict[str, object]:
        """What a session keeps of it from the start, JSON-ready."""
        return {
            "controllers": {each.name: dict(each.facts) for each in self._controllers},
            "actuators": {name: held.facts for name, held in self._held.items()},
        }

    @property
    def measured(self) -> dict[str, object]:
        """What each actuator had found out whenever it was closed, JSON-ready; for the end."""
        return {name: list(held.measured) for name, held in self._held.items() if held.measured}

    @property
    def blinded(self) -> frozenset[str]:
        """Names of the controllers whose arms are hidden."""
        return frozenset(each.name for each in self._controllers if each.facts.get("blinded"))

    def open(self) -> None:
        """Open every actuator, with its self-test; if one fails, all are closed again.

        Raises:
            DeviceError: What was wrong.
        """
        with ExitStack() as opened:
            for held in self._held.values():
                held.open()
                opened.callback(held.close)
            opened.pop_all()

    def close(self) -> None:
        """Bring every line low and close every actuator. Never raises; twice does no harm."""
        for held in self._held.values():
            held.close()
        self._refuse_requests()

    def arm(self, by: str) -> "Future[None]":
        """Let stimuli through as soon as every actuator is ready. Any thread; returns at once.

        An actuator that was made safe is opened anew by its own thread first. The future fails
        with a `DeviceError` if that cannot be done, or if somebody disarms meanwhile.
        """
        asked = _Arming(by, Future())
        with self._state:
            before, self._arming = self._arming, asked
        if before is not None:
            before.done.set_exception(DeviceError(f"not armed: {by} is arming now"))
        return asked.done

    def disarm(self, why: str) -> None:
        """Let nothing through from now on, and bring every line low. Any thread."""
        with self._state:
            self._interlocks.disarm(why)
            asked, self._arming = self._arming, None
        if asked is not None:
            asked.done.set_exception(DeviceError(f"not armed: {why}"))
        self.make_safe()

    def make_safe(self) -> None:
        """Bring every line low at once. Never raises; any thread."""
        for held in self._held.values():
            held.make_safe()

    def request(
        self, output: str, train: PulseTrain, by: str, not_after_ns: int | None = None
    ) -> "Future[StimulusRow]":
        """Ask for a stimulus by hand; the pipeline's thread carries it out at its next step.

        Any thread. The result of the future is the row that it left: late, if its turn came
        after `not_after_ns`.

        Raises:
            UnknownName: If there is no such output.
        """
        if output not in self._outputs:
            raise UnknownName("stimulate", "output", output, self._outputs)
        with self._state:
            self._n_by_hand += 1
            stimulus_id = f"{BY_HAND}/{self._n_by_hand}"
        asked: Future[StimulusRow] = Future()
        command = StimulusCommand(stimulus_id, BY_HAND, output, Action.TRAIN, train, trigger=by)
        self._requests.put(_Request(command, not_after_ns, asked))
        return asked

    def step(self, result: FrameResult) -> list[StimulusRow]:
        """Carry out what follows from a frame; one row per command. Pipeline's thread."""
        self._last_step_ns = self._clock.now_ns()
        seen, about = result.observation, self._subjects
        about.note(result)
        rows = [
            self._carry_out(command, about.situation(command, seen), result)
            for controller in self._controllers
            for command in controller.update(result)
        ]
        return rows + self._carry_out_requests()

    def idle(self) -> list[StimulusRow]:
        """Carry out what was asked for by hand while no frame comes. Pipeline's thread."""
        return self._carry_out_requests()

    def tend(self, name: str) -> bool:
        """Look after one actuator for a moment; the step of its thread. Always True."""
        held = self._held[name]
        self._help_arming(held)
        last_ns, now_ns = self._last_step_ns, self._clock.now_ns()
        silent_ns = 0 if last_ns is None else now_ns - last_ns
        alive = silent_ns < self._stall_ns
        if not alive and self._interlocks.armed_by is not None:
            self._fault(f"the loop's last step was {silent_ns / 1e9:.2f} s ago")
        try:
            for edge in held.tend(alive=alive):
                output = self._output_at.get((name, edge.line), edge.line)
                self._on_edge(replace(edge, line=output))
        except DeviceError as failure:
            self._fault(f"{name}: {failure}")
        return True

    def shown(self, row: StimulusRow) -> StimulusRow:
        """Return what views may see of a row."""
        return row.blinded() if row.command.controller in self.blinded else row

    def _help_arming(self, held: HeldActuator) -> None:
        """If somebody wants to arm: make this actuator ready, and arm once all are."""
        asked = self._arming
        if asked is None:
            return
        try:
            if not held.ready:
                held.reopen()
        except DeviceError as failure:
            self.disarm(str(failure))
            return
        with self._state:
            if self._arming is not asked or not all(each.ready for each in self._held.values()):
                return
            self._arming, self._last_step_ns = None, None
            self._interlocks.arm(asked.by)
        asked.done.set_result(None)

    def _fault(self, why: str) -> None:
        was_armed = self._interlocks.armed_by is not None
        self.disarm(why)
        if was_armed:
            self._on_fault(why)

    def _carry_out_requests(self) -> list[StimulusRow]:
        return [self._answer(request) for request in self._waiting()]

    def _answer(self, request: "_Request") -> StimulusRow:
        late_ns = self._clock.now_ns() - (request.not_after_ns or self._clock.now_ns())
        if late_ns > 0:
            reason = f"its turn came {late_ns / 1e6:.0f} ms after the moment that it named"
            row = StimulusRow(request.command, Delivery.LATE, Refusal.LATE, reason)
            self._count(row)
        else:
            row = self._carry_out(request.command, _BY_HAND, None)
        request.done.set_result(row)
        return row

    def _waiting(self) -> "Iterator[_Request]":
        with suppress(Empty):
            while True:
                yield self._requests.get_nowait()

    def _refuse_requests(self) -> None:
        """Answer those who still wait at the end."""
        for request in self._waiting():
            refused = Delivery.REFUSED, Refusal.NOT_ARMED, "the session has ended"
            request.done.set_result(StimulusRow(request.command, *refused))

    def _carry_out(
        self, command: StimulusCommand, situation: Situation, result: FrameResult | None
    ) -> StimulusRow:
        done = self._as_done(command)
        judged = self._interlocks.judge(done, self._clock.now_ns(), situation)
        delivery, reason, receipt, commanded_ns = Delivery.REFUSED, judged.reason, None, None
        if judged.refusal is Refusal.LATE:
            delivery = Delivery.LATE
        elif judged.refusal is None and command.arm is Arm.SHAM:
            delivery = Delivery.SHAM
        elif command.action is Action.STOP and not self._actuator_of(command).ready:
            delivery, reason = Delivery.DELIVERED, "the line was made safe before"
        elif judged.refusal is None:
            commanded_ns = self._clock.now_ns()
            try:
                receipt = self._apply(command)
                delivery = Delivery.DELIVERED
            except DeviceError as failure:
                delivery, reason = Delivery.FAILED, str(failure)
                self._fault(f"{self._outputs[command.output].actuator}: {failure}")
        row = StimulusRow(
            command=command,
            delivery=delivery,
            refusal=judged.refusal,
            reason=reason,
            received_ns=result.stages.received_ns if result else None,
            observed_ns=result.stages.observed_ns if result else None,
            decided_ns=result.stages.decided_ns if result else None,
            commanded_ns=commanded_ns,
            acknowledged_ns=receipt.acknowledged_ns if receipt else None,
            device_us=receipt.device_us if receipt else None,
            uncertainty_ns=receipt.uncertainty_ns if receipt else None,
            confirmed=receipt.confirmed if receipt else False,
            deadline_ns=judged.deadline_ns,
            dose_s=judged.dose_s,
        )
        self._count(self.shown(row))
        return row

    def _count(self, row: StimulusRow) -> None:
        """Keep what views may know of a row."""
        self._counts[str(row.delivery)] += 1
        what = f"{row.command.stimulus_id} {row.command.action} on {row.command.output}"
        why = f": {row.reason}" if row.reason else ""
        self._last = f"{what} {row.delivery}{why}"

    def _apply(self, command: StimulusCommand) -> Receipt:
        what = command.action, command.train, command.stimulus_id, command.captured_ns
        line = self._outputs[command.output].line
        return self._actuator_of(command).apply(Order(line, *what))

    def _as_done(self, command: StimulusCommand) -> StimulusCommand:
        """Return the command as its output carries it out: one that knows only on and off is on."""
        train = command.train
        if train is None or train.level in (0.0, 1.0) or self._actuator_of(command).levels:
            return command
        level = 1.0 if train.level >= 0.5 else 0.0
        return replace(command, train=replace(train, level=level))

    def _actuator_of(self, command: StimulusCommand) -> HeldActuator:
        return self._held[self._outputs[command.output].actuator]


@dataclass(frozen=True, slots=True)
class _Arming:
    """Somebody wants to arm."""

    by: str
    done: "Future[None]"


@dataclass(frozen=True, slots=True)
class _Request:
    """Somebody wants a stimulus."""

    command: StimulusCommand
    not_after_ns: int | None
    done: "Future[StimulusRow]"
