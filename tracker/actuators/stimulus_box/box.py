"""The host's side of the stimulus box; `Connection` has what happens between opening and closing.

Order of things: `open` gives the box its limits and proves its dead-man, and leaves it disarmed. It
is armed by the first `tend` with a loop that is alive, or by the first order, and fed from then on
by `tend` alone, as long as the loop is alive. Whether the session is armed is up to the
interlocks; the box being armed means only that somebody is there to look after it. Once it has
gone safe, or was made safe, nothing but opening it anew, self-test included, brings it back.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Literal

from pydantic import Field

from tracker.actuators.base import ActuatorInfo
from tracker.actuators.stimulus_box import opening, protocol
from tracker.actuators.stimulus_box.connection import Connection
from tracker.actuators.stimulus_box.device_clock import ClockFit
from tracker.actuators.stimulus_box.ports import Port, open_port
from tracker.actuators.stimulus_box.protocol import FULL_LEVEL, Start, Stop
from tracker.actuators.stimulus_box.simulated import SimulatedBox
from tracker.clock import Clock
from tracker.errors import ConfigError, DeviceError
from tracker.settings import Settings
from tracker.stimuli import Action, Edge, LineLimits, Order, Receipt


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


class StimulusBox:
    """One stimulus box; keeps `tracker.actuators.base.Actuator`.

    Args:
        settings: Which port, and its dead-man.
        lines: "0" to "3": what the box itself has to enforce on each that is used.
        clock: The session clock.
        connect: Opens the port.

    Attributes:
        simulated: The box itself, if it is simulated: what its lines do can be asked there.

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
        self.simulated = SimulatedBox(clock) if settings.port == "simulated" else None
        self._settings = settings
        self._lines = dict(lines)
        self._clock = clock
        self._connect = connect
        self._connection: Connection | None = None
        self._name = f"stimulus_box {settings.port}"

    @property
    def info(self) -> ActuatorInfo:
        """What it is. Raises `DeviceError` when closed."""
        fit = self.clock_fit
        clock = {
            "drift": fit.drift,
            "drift_error": fit.drift_error,
            "residual_ns": fit.residual_ns,
        }
        return ActuatorInfo(
            name=self._name,
            lines=tuple(self._lines),
            acknowledges=True,
            dead_man_s=self._settings.dead_man_ms / 1000,
            levels=True,
            measured={"clock": clock, **self.counts},
        )

    @property
    def clock_fit(self) -> ClockFit:
        """What is known of its clock. Raises `DeviceError` when closed."""
        return self._opened().link.device_clock.fit

    @property
    def counts(self) -> Mapping[str, int]:
        """What went wrong since it was opened. Raises `DeviceError` when closed.

        Frames that were none, at the box and here; edges whose report was lost; steps of its
        clock; restarts by its watchdog before it was opened.
        """
        connection = self._opened()
        return {
            "bad_frames_at_box": connection.bad_frames_at_box,
            "bad_frames_here": connection.link.bad_frames,
            "lost_edges": connection.lost_edges,
            "clock_steps": connection.link.device_clock.n_steps,
            "watchdog_restarts": connection.restarts,
        }

    def open(self) -> None:
        """Take hold of the box, set its limits, and prove its dead-man; see `Actuator.open`."""
        if self._connection is not None:
            return
        with ExitStack() as undo:
            connection = Connection(self._port(), self._clock, self._settings.dead_man_ms / 1000)
            undo.callback(connection.close)
            try:
                welcome = opening.greet(connection)
                opening.set_limits(connection, self._lines, self._settings.dead_man_ms)
                opening.prove_dead_man(connection, self._settings.dead_man_ms)
            except DeviceError as failure:
                raise type(failure)(f"{self._name}: {failure}") from failure
            undo.pop_all()
        self._name = f"stimulus_box {self._settings.port}, firmware {welcome.major}.{welcome.minor}"
        self._connection = connection

    def apply(self, order: Order) -> Receipt:
        """Carry out one order; see `Actuator.apply`."""
        connection = self._opened()
        try:
            return connection.order(self._request(order), order.stimulus_id)
        except DeviceError as failure:
            raise type(failure)(f"{self._name}: {failure}") from failure

    def tend(self, *, alive: bool) -> Sequence[Edge]:
        """Feed the box if the loop is alive, and return its edges; see `Actuator.tend`."""
        connection = self._opened()
        try:
            return connection.tend(alive=alive)
        except DeviceError as failure:
            raise type(failure)(f"{self._name}: {failure}") from failure

    def make_safe(self) -> None:
        """Bring every line low; the box is not fed any more. Never raises, any thread."""
        connection = self._connection
        if connection is not None:
            connection.make_safe()

    def close(self) -> None:
        """Bring every line low and let go of the port. Never raises; twice does no harm."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _port(self) -> Port:
        return self.simulated.plug() if self.simulated else self._connect(self._settings.port)

    def _opened(self) -> Connection:
        if self._connection is None:
            raise DeviceError("the stimulus box is closed: call open() first")
        return self._connection

    def _request(self, order: Order) -> Start | Stop:
        line, action, train = order.line, order.action, order.train
        if line not in self._lines:
            raise DeviceError(f"it was opened with lines {', '.join(self._lines)}, not {line!r}")
        if action is Action.STOP:
            return Stop(int(line))
        if train is None:
            raise DeviceError(f"{action} without a train: nothing was done")
        level = max(1, round(train.level * FULL_LEVEL)) if train.level > 0 else 0
        if action is Action.LEVEL:
            return Start(int(line), level, 0, train.width_us, train.width_us, 1, 0)
        return Start(
            line=int(line),
            level=level,
            delay_us=train.delay_us,
            width_us=train.width_us,
            period_us=train.period_us,
            n_pulses=train.n_pulses,
            ramp_us=train.ramp_us,
        )
