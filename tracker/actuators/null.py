"""An actuator that does nothing at all, for rehearsals: everything but the stimulus happens."""

import threading
from collections.abc import Mapping, Sequence
from typing import Literal

from tracker.actuators.base import ActuatorInfo
from tracker.clock import Clock
from tracker.errors import DeviceError
from tracker.settings import Settings
from tracker.stimuli import Edge, LineLimits, Order, Receipt

PAUSE_S = 0.01
"""How long `tend` waits, since nothing ever comes."""


class NullActuatorSettings(Settings):
    """Nothing is connected."""

    kind: Literal["nothing"] = "nothing"


class NullActuator:
    """Takes every order and carries none out; keeps `tracker.actuators.base.Actuator`.

    Args:
        settings: There are none.
        lines: Any names.
        clock: The session clock.
    """

    def __init__(
        self, settings: NullActuatorSettings, lines: Mapping[str, LineLimits], clock: Clock
    ) -> None:
        del settings
        self._lines = tuple(lines)
        self._clock = clock
        self._is_open = False
        self._never = threading.Event()

    @property
    def info(self) -> ActuatorInfo:
        """What it is. Raises `DeviceError` when closed."""
        self._check()
        return ActuatorInfo("nothing", self._lines, acknowledges=False, dead_man_s=0.0, levels=True)

    def open(self) -> None:
        """Never fails."""
        self._is_open = True

    def apply(self, order: Order) -> Receipt:
        """Say when it was told."""
        del order
        self._check()
        return Receipt(self._clock.now_ns())

    def tend(self, *, alive: bool) -> Sequence[Edge]:
        """Wait a little."""
        del alive
        self._check()
        self._never.wait(PAUSE_S)
        return ()

    def make_safe(self) -> None:
        """Nothing is ever on."""

    def close(self) -> None:
        """Let go of nothing."""
        self._is_open = False

    def _check(self) -> None:
        if not self._is_open:
            raise DeviceError("the actuator is closed: call open() first")
