"""The stimuli that another animal got, from a recorded session or live from a second rig."""

import hashlib
import json
import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, replace
from typing import Any, Protocol

from pydantic import Field, model_validator

from tracker.controllers.allocation import AllocationSettings
from tracker.errors import ConfigError
from tracker.settings import Settings
from tracker.stimuli import Action, Arm, Delivery, PulseTrain, StimulusRow

LIVE_CAPACITY = 256
"""Orders of the other rig that wait for the next frame here."""

Told = PulseTrain | None
"""What the other animal's output was told: a train, or None: to stop."""


class YokeSettings(Settings):
    """Which stimuli of which other animal."""

    session: str | None = Field(None, min_length=1, description="folder of a recorded session")
    address: str | None = Field(
        None, min_length=1, description="publisher of a rig that runs now, tcp://host:port"
    )
    controller: str | None = Field(None, description="only those of this controller, there")
    output: str | None = Field(None, description="only those of this output, there")

    @model_validator(mode="after")
    def _has_one_source(self) -> "YokeSettings":
        if (self.session is None) == (self.address is None):
            found = "neither" if self.session is None else "both"
            raise ValueError(f"expected exactly one of session and address, found {found}")
        return self


def refuse_half_a_yoke(allocation: AllocationSettings | None, yoke: YokeSettings | None) -> None:
    """Raise `ValueError` if there are yoked trials without trains for them, or the other way."""
    is_yoked = allocation is not None and allocation.arms.get(Arm.YOKED, 0) > 0
    if is_yoked and yoke is None:
        raise ValueError("arms has yoked trials: say in yoke where their trains come from")
    if yoke is not None and not is_yoked:
        raise ValueError("yoke without yoked trials: give yoked a share in allocation.arms")


class YokeSource(Protocol):
    """Where the other animal's stimuli come from; asked by one thread, never waits.

    Each order is handed out once, by whichever of the two methods comes first.
    """

    @property
    def facts(self) -> Mapping[str, Any]:
        """What a session keeps of it from the start, JSON-ready."""

    def due(self, offset_ns: int) -> Sequence[Told]:
        """Return what the other animal got up to this time since its first frame, in order."""

    def take(self) -> PulseTrain | None:
        """Return the next train, whatever its time; None: there is none, or none yet."""


class RecordedYoke:
    """A `YokeSource` that knows the whole other session.

    Args:
        orders: Time since the other session's first frame (ns), and what was ordered then.
    """

    def __init__(self, orders: Iterable[tuple[int, Told]]) -> None:
        self._orders = sorted(orders, key=lambda each: each[0])
        self._next = 0

    @property
    def facts(self) -> Mapping[str, Any]:
        """Number of trains, and a hash of them and of their times."""
        plain = [(at_ns, astuple(train) if train else None) for at_ns, train in self._orders]
        digest = hashlib.sha256(json.dumps(plain).encode()).hexdigest()
        n_trains = sum(train is not None for _, train in self._orders)
        return {"trains": n_trains, "trains_sha256": digest}

    def due(self, offset_ns: int) -> Sequence[Told]:
        """Return what the other animal got up to this time, in order."""
        first = self._next
        while self._next < len(self._orders) and self._orders[self._next][0] <= offset_ns:
            self._next += 1
        return [order for _, order in self._orders[first : self._next]]

    def take(self) -> PulseTrain | None:
        """Return the next train, as long as it went on there until it was stopped or replaced."""
        while self._next < len(self._orders):
            at_ns, train = self._orders[self._next]
            self._next += 1
            if train is not None and self._next < len(self._orders):
                train = cut(train, (self._orders[self._next][0] - at_ns) // 1000)
            if train is not None:
                return train
        return None


class RepeatedYoke:
    """A `YokeSource` that hands out what was handed out in this session, for its replay.

    What another rig sent while the session ran is recorded nowhere but in what it led to.

    Args:
        orders: Time since this session's first frame (ns), and what was handed out then.
    """

    def __init__(self, orders: Iterable[tuple[int, Told]]) -> None:
        self._orders = deque(orders)

    @property
    def facts(self) -> Mapping[str, Any]:
        """Nothing."""
        return {}

    def due(self, offset_ns: int) -> Sequence[Told]:
        """Return what was handed out up to this time, in order."""
        due: list[Told] = []
        while self._orders and self._orders[0][0] <= offset_ns:
            due.append(self._orders.popleft()[1])
        return due

    def take(self) -> PulseTrain | None:
        """Return the next train; None: there was none then, or nothing was handed out any more."""
        return self._orders.popleft()[1] if self._orders else None


class LiveYoke:
    """A `YokeSource` fed from a rig that runs now: its orders are due as soon as they arrive.

    `offer` may be called by another thread than the rest.

    Args:
        settings: Which of its stimuli count.
    """

    def __init__(self, settings: YokeSettings) -> None:
        self._settings = settings
        self._waiting: deque[Told] = deque()
        self._mutex = threading.Lock()
        self._lost = 0

    @property
    def facts(self) -> Mapping[str, Any]:
        """Whose trains they are."""
        return self._settings.model_dump(mode="json", exclude_none=True)

    @property
    def lost(self) -> int:
        """Orders, the oldest first, that were thrown away because no frame came to take them."""
        return self._lost

    def offer(self, row: StimulusRow) -> None:
        """Take in what became of a command there, if it is one that counts.

        Raises:
            ConfigError: If it is hidden because that session is blinded.
        """
        if not _counts(row, self._settings):
            return
        with self._mutex:
            if len(self._waiting) >= LIVE_CAPACITY:
                self._waiting.popleft()
                self._lost += 1
            self._waiting.append(row.command.train)

    def due(self, offset_ns: int) -> Sequence[Told]:
        """Return what has arrived since the last call, whatever the time."""
        del offset_ns  # it is now there too
        with self._mutex:
            arrived = list(self._waiting)
            self._waiting.clear()
        return arrived

    def take(self) -> PulseTrain | None:
        """Return the next train that has arrived."""
        with self._mutex:
            while self._waiting:
                train = self._waiting.popleft()
                if train is not None:
                    return train
        return None


def orders_of(
    rows: Iterable[StimulusRow], first_captured_ns: int, settings: YokeSettings
) -> list[tuple[int, Told]]:
    """Return what another animal got, for a `RecordedYoke`: what was delivered, and its stops.

    Levels are left out. The time of an order is that of the frame that it followed from, so
    that the loop's latency is not counted twice; by hand, when it was commanded.

    Args:
        rows: All of the other session.
        first_captured_ns: Capture time of that session's first processed frame (ns).
        settings: Which of them count.

    Raises:
        ConfigError: If that session is still blinded, or has no such train.
    """
    orders: list[tuple[int, Told]] = []
    for row in rows:
        if _counts(row, settings):
            captured_ns, commanded_ns = row.command.captured_ns, row.commanded_ns
            at_ns = commanded_ns if captured_ns is None else captured_ns
            orders.append(((at_ns or 0) - first_captured_ns, row.command.train))
    if all(train is None for _, train in orders):
        raise ConfigError(
            f"yoke: {settings.session or settings.address} delivered no train of "
            f"controller {settings.controller or '(any)'} on output {settings.output or '(any)'}"
        )
    return orders


def cut(train: PulseTrain, after_us: int) -> PulseTrain | None:
    """Return what was given of a train that was ended so long after its order; None: nothing.

    The pulse that was cut short counts whole, unless it is the first.
    """
    on_us = after_us - train.delay_us
    if on_us >= train.length_us:
        return train
    if on_us <= 0:
        return None
    n_pulses = (on_us - 1) // train.period_us + 1
    width_us = min(train.width_us, on_us) if n_pulses == 1 else train.width_us
    length_us = (n_pulses - 1) * train.period_us + width_us
    ramp_us = min(train.ramp_us, length_us // 2)
    return replace(train, n_pulses=n_pulses, width_us=width_us, ramp_us=ramp_us)


def _counts(row: StimulusRow, settings: YokeSettings) -> bool:
    command = row.command
    if settings.controller not in (None, command.controller):
        return False
    if settings.output not in (None, command.output) or command.action is Action.LEVEL:
        return False
    if row.delivery is Delivery.BLINDED:
        raise ConfigError(
            f"yoke: {command.stimulus_id} of {settings.session or settings.address} is hidden: "
            f"its session is blinded, so that nobody can know what that animal got; "
            f"`tracker unblind` it first, or yoke to a session that is not blinded"
        )
    return row.delivery is Delivery.DELIVERED
