"""Marks of stimuli in a stream of the Lab Streaming Layer, beside EEG, ephys or eye tracking.

Nothing is switched: what is done to a line is written down, with the moment at which its train
begins on LSL's own clock, and the end of the exposure that it follows from. How that clock stands
to the session's is measured for each mark.
"""

import json
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal

from pydantic import Field

from tracker.actuators.base import ActuatorInfo
from tracker.actuators.planned_lines import PlannedLines
from tracker.actuators.turns import Turns
from tracker.clock import Clock
from tracker.errors import DeviceError, DeviceLost, DeviceNotFound, MissingExtra
from tracker.settings import Settings
from tracker.stimuli import Action, Edge, LineLimits, Order, Receipt

PROBES = 5
"""Looks at LSL's clock for one mark; the one that took the shortest time counts."""

IDLE_S = 0.01
"""How long `tend` waits, since nothing ever comes."""

FLUSH_S = 0.1
"""How long a mark is left to reach those who listen before the stream ends; LSL does not say."""


class LslSettings(Settings):
    """Marks in an LSL stream of type Markers; any names of lines."""

    kind: Literal["lsl"] = "lsl"
    name: str = Field("behaviour-tracker", min_length=1, description="name of the stream")
    marks: Literal["json", "plain"] = Field(
        "json",
        description="json: all of the order, one object; plain: line and action, for tools that "
        "group marks by their text",
    )


class LslMarks:
    """One marker stream; keeps `tracker.actuators.base.Actuator`.

    Args:
        settings: Its name, and what is written.
        lines: Any names; the limits of each are kept here, by the train as it was ordered.
        clock: The session clock.
    """

    def __init__(
        self, settings: LslSettings, lines: Mapping[str, LineLimits], clock: Clock
    ) -> None:
        self._settings = settings
        self._limits = dict(lines)
        self._clock = clock
        self._never = threading.Event()
        self._pylsl: Any = None
        self._outlet: Any = None
        self._reset()

    @property
    def info(self) -> ActuatorInfo:
        """What it is. Raises `DeviceError` when closed."""
        self._opened()
        return ActuatorInfo(
            name=f"LSL stream {self._settings.name}",
            lines=tuple(self._limits),
            acknowledges=False,
            dead_man_s=None,
            levels=True,
        )

    def open(self) -> None:
        """Offer the stream; recorders may come at any time. See `Actuator.open`."""
        if self._outlet is not None:
            return
        self._reset()
        self._pylsl = load_pylsl("an actuator of kind lsl")
        stream = self._pylsl.StreamInfo(
            self._settings.name,
            "Markers",
            channel_count=1,
            nominal_srate=self._pylsl.IRREGULAR_RATE,
            channel_format=self._pylsl.cf_string,
            source_id=f"behaviour-tracker/{self._settings.name}",
        )
        try:
            self._outlet = self._pylsl.StreamOutlet(stream)
        except RuntimeError as failure:
            raise DeviceError(f"LSL: the stream cannot be offered ({failure})") from failure

    def apply(self, order: Order) -> Receipt:
        """Mark one order; see `Actuator.apply`.

        The receipt says when it was taken, and how far the mark's stamp may be off.
        """
        with self._turns.turn():
            self._opened()
            now_ns = self._clock.now_ns()
            at_ns = now_ns
            if order.action is Action.STOP:
                self._planned.end(order.line)
                if self._turns.is_over:
                    return Receipt(now_ns)
            else:
                self._turns.must_go_on()
                at_ns = self._planned.begin(order).begin_ns
            return Receipt(now_ns, uncertainty_ns=self._mark(at_ns, order))

    def tend(self, *, alive: bool) -> Sequence[Edge]:
        """Wait a little; if the loop is not alive, mark the end of what goes on."""
        with self._turns.turn():
            self._opened()
            self._turns.must_be_there()
            if not alive and not self._turns.is_over:
                self._stop_all()
        self._never.wait(IDLE_S)
        return ()

    def make_safe(self) -> None:
        """Mark the end of what goes on; no mark follows. Never raises, any thread."""
        self._turns.make_safe()

    def close(self) -> None:
        """Mark the end of what goes on, and of the stream. Never raises; twice does no harm."""
        self.make_safe()
        with self._turns.turn():
            if self._outlet is not None and self._outlet.have_consumers():
                self._never.wait(FLUSH_S)
            self._outlet = None

    def _reset(self) -> None:
        self._planned = PlannedLines(self._limits, self._clock)
        self._turns = Turns(self._go_low)

    def _opened(self) -> Any:
        if self._outlet is None:
            raise DeviceError("the actuator is closed: call open() first")
        return self._outlet

    def _go_low(self) -> None:
        if self._outlet is not None:
            with suppress(DeviceLost):
                self._stop_all()

    def _stop_all(self) -> None:
        for line in self._limits:
            if self._planned.end(line):
                self._mark(self._clock.now_ns(), Order(line, Action.STOP))

    def _mark(self, at_ns: int, order: Order) -> int:
        """Write a mark of an order that begins at `at_ns`; return how far it may be off (ns)."""
        looks = [self._look_at_clock() for _ in range(PROBES)]
        off_ns, session_ns, lsl_s = min(looks)

        def on_lsl(when_ns: int) -> float:
            return lsl_s + (when_ns - session_ns) / 1e9

        captured_s = None if order.captured_ns is None else on_lsl(order.captured_ns)
        plain = self._settings.marks == "plain"
        text = _plain(order) if plain else json.dumps(_mark_of(order, captured_s))
        try:
            self._opened().push_sample([text], on_lsl(at_ns))
        except RuntimeError as failure:
            raise DeviceLost(f"LSL stream {self._settings.name}: {failure}") from failure
        return off_ns

    def _look_at_clock(self) -> tuple[int, int, float]:
        """Return session time (ns) and LSL's (s) of one moment, after how far they may be off."""
        before_ns = self._clock.now_ns()
        lsl_s = self._pylsl.local_clock()
        after_ns = self._clock.now_ns()
        return (after_ns - before_ns + 1) // 2, (before_ns + after_ns) // 2, lsl_s


def load_pylsl(what: str) -> Any:
    """Return the module pylsl; `what` needs it. Raises `MissingExtra`, `DeviceNotFound`."""
    try:
        import pylsl
    except ImportError as failure:
        raise MissingExtra("lsl", what) from failure
    except RuntimeError as failure:  # of pylsl, if it finds no liblsl
        raise DeviceNotFound(f"LSL: its library liblsl is not there ({failure})") from failure
    return pylsl


def _mark_of(order: Order, captured_s: float | None) -> dict[str, object]:
    mark: dict[str, object] = {
        "stimulus_id": order.stimulus_id,
        "line": order.line,
        "action": str(order.action),
        "captured_s": captured_s,
    }
    train = order.train
    if train is None:
        return mark
    mark |= {"level": train.level, "width_us": train.width_us}
    if order.action is Action.TRAIN:
        about = ("period_us", "n_pulses", "delay_us", "ramp_us")
        mark |= {name: getattr(train, name) for name in about}
    return mark


def _plain(order: Order) -> str:
    return f"{order.line} {order.action}"
