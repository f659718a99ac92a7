"""Orders as ZeroMQ messages, for a program that carries them out and times the pulses itself.

A message is the multipart `[topic, body]`, the body one JSON object: an `OrderMessage` on the topic
`order/<line>`, or an `Alive` on the topic `alive` as long as the loop is alive; a receiver that has
heard none for a while has to go low, since nothing else will. Published rather than pushed: pushed
orders are dealt out among receivers, so that a stop could reach another one than the train did.

Somebody has to be there: `open` waits for a receiver of every line, and without one an order fails.
"""

import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import zmq
from pydantic import Field

from tracker.actuators.base import ActuatorInfo
from tracker.actuators.planned_lines import PlannedLines
from tracker.actuators.turns import Turns
from tracker.clock import Clock
from tracker.errors import DeviceError, DeviceLost, DeviceNotFound, WireError
from tracker.keys import load_server_keys
from tracker.settings import Settings
from tracker.sockets import BoundSocket, address_like, check_reach
from tracker.stimuli import Action, Edge, LineLimits, Order, PulseTrain, Receipt

SCHEMA = 1
"""Version of the messages."""

ALIVE = b"alive"
"""Topic of keep-alives."""

SEND_QUEUE = 100
"""Messages that wait for a receiver that does not keep up, before new ones are dropped for it."""

LINGER_MS = 100
"""Longest wait at the end for what is not sent yet."""

IDLE_S = 0.01
"""How long `tend` waits."""


class ZmqSettings(Settings):
    """Orders over ZeroMQ, timed by whoever receives them; any names of lines."""

    kind: Literal["zmq"] = "zmq"
    address: Annotated[str, address_like("tcp://127.0.0.1:5558")] = Field(
        "tcp://127.0.0.1:5558", description="ZeroMQ address to bind, PUB"
    )
    alive_every_ms: int = Field(50, ge=10, le=10_000, description="ms between keep-alives")
    patience_s: float = Field(
        5, ge=0, le=60, description="s to wait for a receiver of every line when it is opened"
    )
    keys: Path | None = Field(
        None,
        description="key folder made by `tracker keys`; needed for any address but this computer's",
    )


class OrderMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What a line is to do from now on, in place of what it does. A stop has 0 pulses at level 0.

    Attributes:
        schema: Version of the messages.
        seq: Number of the message within its topic, from 0, without gaps: a gap is a loss.
        line: The line.
        stimulus_id: As in the session's rows; "" for going safe.
        action: train, level (one pulse of the train), or stop.
        level: 0 to 1.
        width_us: Length of a pulse.
        period_us: From the start of one pulse to that of the next.
        n_pulses: How many.
        delay_us: From the message to the start of the first pulse.
        ramp_us: Time in which the level of the whole train rises, and falls at its end.
        sent_ns: When it was sent, on the session clock.
        sent_utc_ns: The same as UTC (ns since 1970): an order that is old must not be obeyed.
    """

    schema: int = SCHEMA
    seq: int
    line: str
    stimulus_id: str
    action: Action
    level: float
    width_us: int
    period_us: int
    n_pulses: int
    delay_us: int
    ramp_us: int
    sent_ns: int
    sent_utc_ns: int


class Alive(msgspec.Struct, frozen=True, kw_only=True):
    """The loop is alive. Attributes as in `OrderMessage`."""

    schema: int = SCHEMA
    seq: int
    sent_ns: int
    sent_utc_ns: int


class ZmqOut:
    """One PUB socket that orders go out of; keeps `tracker.actuators.base.Actuator`.

    Args:
        settings: Where, and for whom.
        lines: Any names; the limits of each are kept here, by the train as it was ordered.
        clock: The session clock.

    Raises:
        ConfigError: If other computers can reach the address and no keys are set, or a key file is
            not right.
    """

    def __init__(
        self, settings: ZmqSettings, lines: Mapping[str, LineLimits], clock: Clock
    ) -> None:
        check_reach(settings.address, settings.keys)
        self._keys = load_server_keys(settings.keys) if settings.keys is not None else None
        self._settings = settings
        self._limits = dict(lines)
        self._clock = clock
        self._lock = threading.Lock()
        self._never = threading.Event()
        self._wire: BoundSocket | None = None
        self._reset()

    @property
    def info(self) -> ActuatorInfo:
        """What it is. Raises `DeviceError` when closed."""
        return ActuatorInfo(
            name=f"ZeroMQ {self._opened().address}",
            lines=tuple(self._limits),
            acknowledges=False,
            dead_man_s=None,
            levels=True,
        )

    def open(self) -> None:
        """Bind, and wait for a receiver of every line; see `Actuator.open`."""
        if self._wire is not None:
            return
        self._reset()
        address = self._settings.address
        try:
            wire = BoundSocket(
                zmq.XPUB, address, self._keys, linger_ms=LINGER_MS, send_queue=SEND_QUEUE
            )
        except WireError as failure:
            raise DeviceNotFound(f"ZeroMQ: {failure}") from failure
        self._wire = wire
        end_s = time.monotonic() + self._settings.patience_s
        while missing := self._unheard(wire):
            if time.monotonic() >= end_s:
                self._wire = None
                wire.close()
                raise DeviceNotFound(
                    f"ZeroMQ {address}: nobody has subscribed to order/{missing} within "
                    f"{self._settings.patience_s:g} s: start the receiver as well"
                )
            wire.socket.poll(round(IDLE_S * 1000))

    def apply(self, order: Order) -> Receipt:
        """Send one order; see `Actuator.apply`. The receipt says when it was handed to ZeroMQ."""
        with self._turns.turn():
            wire = self._opened()
            asked_ns = self._clock.now_ns()
            if order.action is Action.STOP:
                self._planned.end(order.line)
                if not self._turns.is_over:
                    self._send_order(wire, order)
            else:
                self._turns.must_go_on()
                self._must_be_heard(wire)
                self._planned.begin(order)
                self._send_order(wire, order)
            sent_ns = self._clock.now_ns()
            return Receipt(sent_ns, uncertainty_ns=sent_ns - asked_ns)

    def tend(self, *, alive: bool) -> Sequence[Edge]:
        """Say that the loop is alive, or stop what goes on; see `Actuator.tend`."""
        with self._turns.turn():
            wire = self._opened()
            self._turns.must_be_there()
            if not self._turns.is_over:
                self._must_be_heard(wire)
                if alive:
                    self._send_alive(wire)
                else:
                    self._stop_all(wire)
        self._never.wait(IDLE_S)
        return ()

    def make_safe(self) -> None:
        """Send a stop to every line; no other order follows. Never raises, any thread."""
        self._turns.make_safe()

    def close(self) -> None:
        """Send a stop to every line, and close the socket. Never raises; twice does no harm."""
        self.make_safe()
        with self._turns.turn():
            wire, self._wire = self._wire, None
            if wire is not None:
                wire.close()

    def _reset(self) -> None:
        self._turns = Turns(self._all_low)
        self._planned = PlannedLines(self._limits, self._clock)
        self._seqs: Counter[bytes] = Counter()
        self._subscribed: set[bytes] = set()
        self._alive_due_ns = 0

    def _opened(self) -> BoundSocket:
        if self._wire is None:
            raise DeviceError("the actuator is closed: call open() first")
        return self._wire

    def _must_be_heard(self, wire: BoundSocket) -> None:
        if missing := self._unheard(wire):
            raise DeviceLost(f"nobody listens to order/{missing} at {wire.address} any more")

    def _unheard(self, wire: BoundSocket) -> str | None:
        """Return a line that nobody has subscribed to."""
        if wire.door is not None:
            wire.door.answer()
        while wire.socket.poll(0, zmq.POLLIN):
            told = wire.socket.recv()
            if told[:1] == b"\x01":
                self._subscribed.add(told[1:])
            else:
                self._subscribed.discard(told[1:])
        heard = tuple(self._subscribed)
        return next((line for line in self._limits if not _topic(line).startswith(heard)), None)

    def _send_order(self, wire: BoundSocket, order: Order) -> None:
        topic, (sent_ns, sent_utc_ns) = _topic(order.line), self._now()
        train = order.train
        if train is not None and order.action is Action.LEVEL:
            train = PulseTrain(train.width_us, train.width_us, level=train.level)
        message = OrderMessage(
            seq=self._seqs[topic],
            line=order.line,
            stimulus_id=order.stimulus_id,
            action=order.action,
            level=float(train.level) if train else 0.0,
            width_us=train.width_us if train else 0,
            period_us=train.period_us if train else 0,
            n_pulses=train.n_pulses if train else 0,
            delay_us=train.delay_us if train else 0,
            ramp_us=train.ramp_us if train else 0,
            sent_ns=sent_ns,
            sent_utc_ns=sent_utc_ns,
        )
        self._send(wire, topic, message)

    def _stop_all(self, wire: BoundSocket) -> None:
        """Stop what goes on."""
        for line in self._limits:
            if self._planned.end(line):
                self._send_order(wire, Order(line, Action.STOP))

    def _send_alive(self, wire: BoundSocket) -> None:
        sent_ns, sent_utc_ns = self._now()
        if sent_ns >= self._alive_due_ns:
            self._alive_due_ns = sent_ns + self._settings.alive_every_ms * 1_000_000
            alive = Alive(seq=self._seqs[ALIVE], sent_ns=sent_ns, sent_utc_ns=sent_utc_ns)
            self._send(wire, ALIVE, alive)

    def _send(self, wire: BoundSocket, topic: bytes, message: msgspec.Struct) -> None:
        try:
            wire.socket.send_multipart([topic, msgspec.json.encode(message)], zmq.NOBLOCK)
        except zmq.ZMQError as failure:
            raise DeviceLost(f"nothing can be sent at {wire.address}: {failure}") from failure
        self._seqs[topic] += 1

    def _all_low(self) -> None:
        """Whatever the lines are believed to do."""
        wire = self._wire
        if wire is None:
            return
        for line in self._limits:
            self._planned.end(line)
            with suppress(DeviceError):
                self._send_order(wire, Order(line, Action.STOP))

    def _now(self) -> tuple[int, int]:
        now_ns = self._clock.now_ns()
        return now_ns, now_ns + self._clock.anchor_utc_ns


def _topic(line: str) -> bytes:
    return f"order/{line}".encode()
