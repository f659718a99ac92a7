"""A device's microseconds on the session clock, from round trips of messages.

Each round trip says that the device read its clock after it was asked and before it was heard.
All of them together leave little room for a line from device time to session time; what is
returned is the middle of that room, with half its width. So the stated uncertainty holds however
lopsided the delays are, as long as the device's clock runs evenly while a round trip is kept
(K. Marzullo, "Maintaining the time in a distributed system", 1984).
"""

from dataclasses import dataclass, field, replace
from itertools import combinations
from math import sqrt
from statistics import fmean

WRAP_US = 1 << 32

KEPT, SLOT_NS = 30, 500_000_000
"""Round trips are kept: the quickest one of each of the last half seconds, and the last one."""

MOST_DRIFT = 0.006
"""The ceramic resonator of an Arduino Uno may be off by 0.5 %."""

LEAST_DRIFT_ERROR = 10e-6
"""How much a clock's rate may change while a round trip is kept: it gets warm."""

READING_NS = 1000
"""The device counts whole microseconds."""


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """The device read `device_ns` between `asked_ns` and `heard_ns` of the session."""

    device_ns: int
    asked_ns: int
    heard_ns: int

    @property
    def length_ns(self) -> int:
        """How long it took."""
        return self.heard_ns - self.asked_ns

    @property
    def middle_ns(self) -> float:
        """When the device read its clock, if both ways take the same time."""
        return (self.asked_ns + self.heard_ns) / 2

    @property
    def slot(self) -> int:
        """In which half second of the session it began."""
        return self.asked_ns // SLOT_NS


@dataclass(frozen=True, slots=True)
class ClockFit:
    """What is known of a device's clock.

    Attributes:
        drift: How much longer a second of the session is than one of the device: 0.0001 is 100
            parts per million.
        drift_error: How far that may be off, either way.
        residual_ns: How far the middles of the round trips lie from the fitted line, root mean
            square (ns).
        trips: What it follows from, oldest first.
    """

    drift: float = 0.0
    drift_error: float = MOST_DRIFT
    residual_ns: float = 0.0
    trips: tuple[RoundTrip, ...] = field(default=(), repr=False)

    def at(self, device_us: int) -> tuple[int, int]:
        """Return a time of the device on the session clock, and how far it may be off (ns).

        Args:
            device_us: As `DeviceClock.unwrap` returns it.

        Raises:
            ValueError: If no round trip has come yet.
        """
        if not self.trips:
            raise ValueError("the device's clock is not known yet: no round trip has come")
        rooms = [self._room(trip, device_us * 1000) for trip in self.trips]
        low, high = max(low for low, _ in rooms), min(high for _, high in rooms)
        if low > high:  # its rate has changed by more than `LEAST_DRIFT_ERROR`
            low, high = min(rooms, key=lambda room: room[1] - room[0])
        return round((low + high) / 2), round((high - low) / 2) + READING_NS

    def _room(self, trip: RoundTrip, device_ns: int) -> tuple[float, float]:
        """Between which two moments the device's clock stood there, as one round trip has it."""
        away_ns = device_ns - trip.device_ns
        error_ns = self.drift_error * abs(away_ns)
        moved_ns = away_ns * (1 + self.drift)
        return trip.asked_ns + moved_ns - error_ns, trip.heard_ns + moved_ns + error_ns


class DeviceClock:
    """Maps a device's u32 microsecond counter to the session clock.

    One thread at a time calls `add`; any thread may ask meanwhile.

    Args:
        first_us: What the counter says when the device's time begins, which is 0.
    """

    def __init__(self, first_us: int = 0) -> None:
        self._first_us = first_us
        self._last_us = 0
        self._quickest: tuple[RoundTrip, ...] = ()  # one of each slot
        self.fit = ClockFit()
        """What is known so far; replaced as a whole."""
        self.n_steps = 0
        """How often a round trip contradicted all those before: the clock had stood still."""

    def unwrap(self, raw_us: int) -> int:
        """Return the device's time without wraps (us), from its counter.

        It is the one closest to the last round trip: right for 35 minutes either way.
        """
        ahead = (raw_us - self._first_us - self._last_us) % WRAP_US
        return self._last_us + (ahead if ahead < WRAP_US // 2 else ahead - WRAP_US)

    def at(self, raw_us: int) -> tuple[int, int]:
        """Return a reading of the counter on the session clock, and how far it may be off (ns).

        Raises:
            ValueError: If no round trip has come yet.
        """
        return self.fit.at(self.unwrap(raw_us))

    def add(self, asked_ns: int, raw_us: int, heard_ns: int) -> None:
        """Take in a round trip: asked, read by the device, heard."""
        device_us = self.unwrap(raw_us)
        trip = RoundTrip(device_us * 1000, asked_ns, max(asked_ns, heard_ns))
        if self._quickest and self._contradicts(trip):
            self._quickest = ()
            self.n_steps += 1
        self._last_us = device_us
        before = self._quickest[-1] if self._quickest else None
        if before is None or before.slot != trip.slot:
            self._quickest = (*self._quickest, trip)[-KEPT:]
        elif trip.length_ns < before.length_ns:
            self._quickest = (*self._quickest[:-1], trip)
        else:
            self.fit = replace(self.fit, trips=(*self._quickest, trip))
            return
        self.fit = _fitted(self._quickest)

    def _contradicts(self, trip: RoundTrip) -> bool:
        at_ns, off_ns = self.fit.at(trip.device_ns // 1000)
        return not trip.asked_ns - off_ns <= at_ns <= trip.heard_ns + off_ns


def _fitted(trips: tuple[RoundTrip, ...]) -> ClockFit:
    """Every two round trips say between which two rates the device's clock runs.

    Between those, the rate is that of a straight line through their middles.
    """
    low, high = -MOST_DRIFT, MOST_DRIFT
    for before, after in combinations(trips, 2):
        away_ns = after.device_ns - before.device_ns
        if away_ns > 0:
            low = max(low, (after.asked_ns - before.heard_ns) / away_ns - 1)
            high = min(high, (after.heard_ns - before.asked_ns) / away_ns - 1)
    low, high = min(low, high), max(low, high)
    first = trips[0]
    away = [trip.device_ns - first.device_ns for trip in trips]
    late = [trip.middle_ns - first.middle_ns - ns for trip, ns in zip(trips, away, strict=True)]
    mean_away, mean_late = fmean(away), fmean(late)
    spread = sum((ns - mean_away) ** 2 for ns in away)
    products = ((x - mean_away) * (y - mean_late) for x, y in zip(away, late, strict=True))
    drift = min(high, max(low, sum(products) / spread if spread else 0.0))
    off = [y - mean_late - drift * (x - mean_away) for x, y in zip(away, late, strict=True)]
    error = max(high - drift, drift - low) + LEAST_DRIFT_ERROR
    return ClockFit(drift, error, sqrt(fmean(ns * ns for ns in off)), trips)
