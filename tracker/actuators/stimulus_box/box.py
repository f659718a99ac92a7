"""The host's side of the stimulus box: orders with an answer, keep-alives, edges in session time.

    open: HELLO, limits, dead-man, self-test (armed without keep-alives it has to trip)
    tend, by a thread of its own: ALIVE while the loop lives, and everything the box says
    apply, by the pipeline: START or STOP, and its answer

The box is armed by the first `tend` with a loop that is alive, or by the first order, and fed from
then on. Once it has tripped, or was made safe, only opening it anew brings it back.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field

from tracker.actuators.base import ActuatorInfo
from tracker.actuators.stimulus_box import protocol
from tracker.actuators.stimulus_box.device_clock import DeviceClock
from tracker.actuators.stimulus_box.link import Link
from tracker.actuators.stimulus_box.ports import Port, open_port
from tracker.actuators.stimulus_box.protocol import (
    Kind,
    Message,
    Trip,
    nack_in_words,
    trip_in_words,
)
from tracker.actuators.stimulus_box.simulated import SimulatedBox
from tracker.clock import Clock
from tracker.errors import ConfigError, DeviceError, DeviceLost, DeviceNotFound
from tracker.settings import Settings
from tracker.stimuli import Action, Edge, LineLimits, PulseTrain, Receipt

HELLO_S, HELLO_TRIES = 0.5, 8
"""An Uno restarts when its port is opened, and needs up to two seconds for it."""

READ_S = 0.005
"""Longest wait for bytes in one `tend`."""

MISSED_PONGS = 3
"""So many keep-alives without an answer, and the box is lost."""

TRIP_MARGIN_MS = 60
"""How much later than its dead-man the self-test may hear that it has tripped."""

MAX_U32 = (1 << 32) - 1


class StimulusBoxSettings(Settings):
    """An Arduino Uno with our firmware, or its simulation."""

    kind: Literal["stimulus_box"] = "stimulus_box"
    port: str = Field(
        "auto",
        min_length=1,
        description="serial port, e.g. COM3 or /dev/ttyACM0; auto: the only Uno there is; "
        "simulated: none, in this program",
    )
    dead_man_ms: int = Field(
        100, ge=20, le=250, description="ms without a keep-alive until the box goes safe"
    )


@dataclass(slots=True)
class _State:
    """What is known of the box since it was opened."""

    enabled: bool = False
    why_lost: str = ""
    welcome: Message | None = None
    tripped: int | None = None
    lines_high: int = 0
    bad_frames: int = 0
    lost_edges: int = 0
    edge_seq: int | None = None
    asked_ns: dict[int, int] = field(default_factory=dict)
    stimuli: dict[int, str] = field(default_factory=dict)
    edges: deque[Edge] = field(default_factory=deque)
    heard_ns: int = 0
    fed_ns: int = 0


class StimulusBox:
    """One stimulus box; keeps `tracker.actuators.base.Actuator`.

    Args:
        settings: Which port, and its dead-man.
        lines: "0" to "3": what the box itself has to enforce on each that is used.
        clock: The session clock.
        connect: Opens the port; another one than a serial port in tests.

    Raises:
        ConfigError: If a line is not one of the box's.
    """

    def __init__(
        self,
        settings: StimulusBoxSettings,
        lines: Mapping[str, LineLimits],
        clock: Clock,
        connect: Callable[[str], Port] = open_port,
    ) -> None:
        known = [str(number) for number in range(protocol.N_LINES)]
        if unknown := sorted(set(lines) - set(known)):
            raise ConfigError(
                f"a stimulus box has no line {unknown[0]!r}; it has {', '.join(known)}"
            )
        self._settings = settings
        self._lines = dict(lines)
        self._clock = clock
        self._connect = connect
        self.simulated = SimulatedBox(clock) if settings.port == "simulated" else None
        """The box itself, if it is simulated: what its lines do can be asked there."""
        self._link: Link | None = None
        self._device_clock = DeviceClock()
        self._state = _State()
        self._name = f"stimulus_box {settings.port}"

    @property
    def info(self) -> ActuatorInfo:
        """What it is. Raises `DeviceError` when closed."""
        self._opened()
        return ActuatorInfo(
            name=self._name,
            lines=tuple(self._lines),
            acknowledges=True,
            dead_man_s=self._settings.dead_man_ms / 1000,
            levels=True,
        )

    @property
    def counts(self) -> Mapping[str, int]:
        """Frames that were none, at the box and here, and edges whose report was lost."""
        state = self._state
        return {
            "bad_frames_at_box": state.bad_frames,
            "bad_frames_here": self._link.bad_frames if self._link else 0,
            "lost_edges": state.lost_edges,
        }

    def open(self) -> None:
        """Take hold of the box, set its limits, and prove its dead-man.

        Raises:
            DeviceNotFound: If there is no such port, or another program has it.
            DeviceError: If no stimulus box answers, or its dead-man does not work.
        """
        if self._link is not None:
            return
        simulated = self.simulated
        port = simulated.connect() if simulated else self._connect(self._settings.port)
        self._device_clock, self._state = DeviceClock(), _State()
        self._link = Link(port, self._clock, self._hear)
        try:
            self._greet(self._link)
            self._set_limits(self._link)
            self._prove_dead_man(self._link)
        except DeviceError as failure:
            self.close()
            raise type(failure)(f"{self._name}: {failure}") from failure

    def apply(
        self, line: str, action: Action, train: PulseTrain | None, stimulus_id: str
    ) -> Receipt:
        """Carry out one order; see `Actuator.apply`."""
        link, number = self._opened(), int(line)
        seq = link.next_seq()
        self._state.stimuli[seq] = stimulus_id
        try:
            if action is Action.STOP or train is None:
                answer = link.ask(Kind.STOP, seq, number)
            else:
                self._enable(link)
                fields = _start_fields(number, train, single=action is Action.LEVEL)
                answer = link.ask(Kind.START, seq, *fields)
        except DeviceLost as failure:
            raise self._lost(str(failure)) from failure
        if answer.kind is Kind.NACK:
            reason = nack_in_words(answer.fields[0])
            raise DeviceError(f"{self._name} refused {stimulus_id}: {reason}")
        at_ns, off_ns = self._device_clock.at(answer.fields[0])
        device_us = self._device_clock.unwrap(answer.fields[0])
        return Receipt(at_ns, device_us, off_ns, confirmed=True)

    def tend(self, *, alive: bool) -> Sequence[Edge]:
        """Feed the box if the loop is alive, and return its edges; see `Actuator.tend`."""
        link = self._opened()
        try:
            if alive:
                self._enable(link)
                self._feed(link)
            link.read(READ_S)
        except DeviceLost as failure:
            raise self._lost(str(failure)) from failure
        self._check()
        edges, waiting = [], self._state.edges
        while waiting:
            edges.append(waiting.popleft())
        return edges

    def make_safe(self) -> None:
        """Bring every line low; the box is not fed any more. Never raises, any thread."""
        self._state.why_lost = self._state.why_lost or "it was made safe"
        link = self._link
        if link is not None:
            with suppress(DeviceLost):  # it cannot be reached: its dead-man brings it low
                link.send(Kind.DISARM, link.next_seq())

    def close(self) -> None:
        """Bring every line low and let go of the port. Never raises; twice does no harm."""
        self.make_safe()
        link, self._link = self._link, None
        if link is not None:
            with suppress(OSError):
                link.close()

    def _opened(self) -> Link:
        if self._link is None:
            raise DeviceError("the stimulus box is closed: call open() first")
        return self._link

    def _greet(self, link: Link) -> None:
        for _ in range(HELLO_TRIES):
            link.send(Kind.HELLO, link.next_seq(), protocol.PROTOCOL)
            if link.read_until(lambda: self._state.welcome is not None, HELLO_S):
                break
        welcome = self._state.welcome
        if welcome is None:
            raise DeviceNotFound(
                "nothing answers there: is the firmware on it (`tracker flash`), and is it the "
                "right port?"
            )
        version, major, minor = welcome.fields[:3]
        self._name = f"stimulus_box {self._settings.port}, firmware {major}.{minor}"
        if version != protocol.PROTOCOL:
            raise DeviceError(
                f"it speaks protocol {version}, this program {protocol.PROTOCOL}: bring the "
                f"firmware up to date with `tracker flash`"
            )
        self._state.tripped = None  # what made it restart before is not about this session

    def _set_limits(self, link: Link) -> None:
        for line, limits in self._lines.items():
            longest, gap = min(limits.longest_us, MAX_U32), min(limits.least_gap_us, MAX_U32)
            _must(link, Kind.LIMITS, int(line), longest, gap)
        _must(link, Kind.DEAD_MAN, self._settings.dead_man_ms)

    def _prove_dead_man(self, link: Link) -> None:
        """Arm it and let it starve: it has to go safe by itself, and say so."""
        _must(link, Kind.ARM)
        link.send(Kind.ALIVE, self._note_asked(link))
        dead_man_ms = self._settings.dead_man_ms
        patience_s = (dead_man_ms + TRIP_MARGIN_MS) / 1000
        link.read_until(lambda: self._state.tripped is not None, patience_s)
        if self._state.tripped != Trip.NO_KEEP_ALIVE:
            raise DeviceError(
                f"it does not go safe when it hears nothing for {patience_s * 1000:.0f} ms (its "
                f"dead-man is {dead_man_ms} ms): do not use it"
            )
        self._state.tripped, self._state.heard_ns = None, -1
        link.send(Kind.ALIVE, self._note_asked(link))
        if not link.read_until(lambda: self._state.heard_ns >= 0, HELLO_S):
            raise DeviceLost("it stopped answering in its self-test")
        if self._state.lines_high:
            raise DeviceError("lines are high after it has tripped: do not use it")

    def _enable(self, link: Link) -> None:
        """Arm the box, once since it was opened; from now on it wants to be fed."""
        if self._state.why_lost:
            raise DeviceLost(f"{self._state.why_lost}; open it again")
        if not self._state.enabled:
            _must(link, Kind.ARM)
            self._state.enabled, self._state.heard_ns = True, self._clock.now_ns()
            self._feed(link)

    def _feed(self, link: Link) -> None:
        """Send a keep-alive when one is due."""
        now_ns = self._clock.now_ns()
        if now_ns - self._state.fed_ns >= self._settings.dead_man_ms * 1e6 / 4:
            self._state.fed_ns = now_ns
            link.send(Kind.ALIVE, self._note_asked(link))

    def _note_asked(self, link: Link) -> int:
        seq = link.next_seq()
        self._state.asked_ns[seq] = self._clock.now_ns()
        return seq

    def _check(self) -> None:
        """Raise `DeviceLost` if the box has gone safe, or does not answer any more."""
        state = self._state
        if state.tripped is not None:
            raise self._lost(f"it went safe by itself: {trip_in_words(state.tripped)}")
        silent_ms = (self._clock.now_ns() - state.heard_ns) / 1e6
        patience_ms = MISSED_PONGS * self._settings.dead_man_ms / 4 + READ_S * 1000
        if state.enabled and state.heard_ns < state.fed_ns and silent_ms > patience_ms:
            raise self._lost(f"no answer for {silent_ms:.0f} ms: check its cable and power")

    def _lost(self, why: str) -> DeviceLost:
        self._state.why_lost = self._state.why_lost or why
        return DeviceLost(f"{self._name}: {why}")

    def _hear(self, message: Message, heard_ns: int) -> None:
        """Take in what the box says of itself; on whichever thread reads."""
        state, fields = self._state, message.fields
        match message.kind:
            case Kind.WELCOME:
                state.welcome = message
            case Kind.PONG:
                state.heard_ns, state.lines_high = heard_ns, fields[1] >> 4
                state.bad_frames = fields[2]
                asked_ns = state.asked_ns.pop(message.seq, None)
                if asked_ns is not None:
                    self._device_clock.add(asked_ns, fields[0], heard_ns)
            case Kind.EDGE:
                state.edges.append(self._edge(message))
            case Kind.TRIPPED:
                state.tripped = fields[0]

    def _edge(self, message: Message) -> Edge:
        line, flags, start_seq, raw_us = message.fields
        state = self._state
        if state.edge_seq is not None:
            state.lost_edges += (message.seq - state.edge_seq - 1) % 256
        state.edge_seq = message.seq
        at_ns, off_ns = self._device_clock.at(raw_us)
        is_input = line >= protocol.FIRST_INPUT
        return Edge(
            line=f"input {line - protocol.FIRST_INPUT}" if is_input else str(line),
            rising=bool(flags & protocol.RISING),
            device_us=self._device_clock.unwrap(raw_us),
            at_ns=at_ns,
            uncertainty_ns=off_ns,
            stimulus_id="" if is_input else state.stimuli.get(start_seq, ""),
        )


def _must(link: Link, kind: Kind, *fields: int) -> None:
    answer = link.ask(kind, link.next_seq(), *fields)
    if answer.kind is not Kind.ACK:
        raise DeviceError(f"it refused {kind.name}: {nack_in_words(answer.fields[0])}")


def _start_fields(line: int, train: PulseTrain, *, single: bool) -> tuple[int, ...]:
    """Return the fields of START; a level is one pulse."""
    level = round(train.level * 255)
    if single:
        return line, level, 0, train.width_us, train.width_us, 1, 0
    return (
        line,
        level,
        train.delay_us,
        train.width_us,
        train.period_us,
        train.n_pulses,
        train.ramp_us,
    )
