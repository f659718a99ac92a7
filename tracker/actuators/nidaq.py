"""Digital lines of a National Instruments card, switched by the program.

Tested against a stand-in for nidaqmx, not against a card.
"""

import importlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Literal

from pydantic import Field

from tracker.actuators.software_timed import SoftwareTimed
from tracker.clock import Clock
from tracker.errors import DeviceError, DeviceLost, DeviceNotFound, MissingExtra
from tracker.settings import Settings
from tracker.stimuli import LineLimits

WRITE_S = 0.04
"""Longest wait for a write."""

REWRITE_NS = 250_000_000
"""How often every line is written again: NI tells of a card that is gone only then."""


class NidaqSettings(Settings):
    """Digital lines of an NI card, timed by the program; lines as NI names them."""

    kind: Literal["nidaqmx"] = "nidaqmx"
    device: str = Field(
        "Dev1",
        pattern=r"^[^/\s]+$",
        description='name of the card in NI MAX; line "port0/line3" is Dev1/port0/line3 then',
    )


def load_nidaqmx() -> Any:
    """Return NI's package.

    Raises:
        MissingExtra: If it is not installed.
    """
    try:
        return importlib.import_module("nidaqmx")
    except ImportError as failure:
        raise MissingExtra("nidaqmx", "an actuator of kind nidaqmx") from failure


def nidaq(
    settings: NidaqSettings,
    lines: Mapping[str, LineLimits],
    clock: Clock,
    load: Callable[[], Any] = load_nidaqmx,
) -> SoftwareTimed:
    """Return the actuator, closed.

    Args:
        settings: Which card.
        lines: E.g. "port0/line0".
        clock: The session clock.
        load: Returns the package nidaqmx, or what stands in for it.
    """
    return SoftwareTimed(lambda: NidaqDevice(settings, tuple(lines), clock, load()), lines, clock)


class NidaqDevice:
    """Reserved lines, all low; keeps `tracker.actuators.software_timed.Device`.

    Raises:
        DeviceNotFound: If NI's driver, the card or a line is not there.
        DeviceError: If a line cannot be had, e.g. since another program has it.
    """

    def __init__(
        self, settings: NidaqSettings, lines: tuple[str, ...], clock: Clock, nidaqmx: Any
    ) -> None:
        self.name = f"NI {settings.device}"
        self.modulated: frozenset[str] = frozenset()
        self._device = settings.device
        self._nidaqmx = nidaqmx
        self._error = nidaqmx.errors.Error
        self._tasks: dict[str, Any] = {}
        self._levels: dict[str, float] = {}
        self._clock = clock
        self._rewritten_ns = clock.now_ns()
        self._must_be_there()
        try:
            for line in lines:
                self._reserve(line)
                self.write(line, 0.0)
        except DeviceError:
            self.close()
            raise

    def write(self, line: str, level: float) -> None:
        """Set a line high or low."""
        self._levels[line] = level
        try:
            self._tasks[line].write(level > 0, timeout=WRITE_S)
        except self._error as failure:
            raise DeviceLost(f"line {line} cannot be set: {_short(failure)}") from failure

    def look(self) -> None:
        """Write every line again, if that is due."""
        now_ns = self._clock.now_ns()
        if now_ns - self._rewritten_ns >= REWRITE_NS:
            self._rewritten_ns = now_ns
            for line, level in self._levels.items():
                self.write(line, level)

    def close(self) -> None:
        """Let go of the lines, which stay as they are."""
        for task in self._tasks.values():
            with suppress(self._error):
                task.close()
        self._tasks.clear()

    def _must_be_there(self) -> None:
        try:
            known = list(self._nidaqmx.system.System.local().devices.device_names)
        except self._error as failure:  # DaqNotFoundError and its like
            raise DeviceNotFound(
                f"{self.name}: NI's driver is not installed: get NI-DAQmx from ni.com "
                f"({_short(failure)})"
            ) from failure
        if self._device not in known:
            raise DeviceNotFound(
                f"{self.name}: there is no such card; there is {', '.join(known) or 'none'}. Its "
                f"name stands in NI MAX"
            )

    def _reserve(self, line: str) -> None:
        """Make a task of one line, so that each can be written alone."""
        try:
            task = self._tasks[line] = self._nidaqmx.Task()
            task.do_channels.add_do_chan(f"{self._device}/{line}")
            task.start()
        except self._error as failure:
            raise DeviceNotFound(
                f"{self.name}: line {line} cannot be had: {_short(failure)}"
            ) from failure


def _short(failure: Exception) -> str:
    """Return NI's first sentence; pages of advice follow it."""
    return str(failure).partition("\n")[0]
