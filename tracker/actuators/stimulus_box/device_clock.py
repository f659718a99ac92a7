"""A device's microseconds on the session clock, from round trips of messages."""

from collections import deque
from dataclasses import dataclass

WRAP_US = 1 << 32

KEPT_S = 60
"""Round trips are kept for so long, the quickest one of each second."""

FIT_S = 10
"""Drift is fitted once the round trips span so much."""

MOST_DRIFT = 500e-6
"""No quartz or resonator of such a device is further off than this."""

UNKNOWN_DRIFT, KNOWN_DRIFT = 100e-6, 10e-6
"""How fast the uncertainty grows with the distance from a round trip, before and after the fit."""


@dataclass(frozen=True, slots=True)
class _RoundTrip:
    """Somewhere between asking and hearing the device read its clock."""

    device_ns: int
    middle_ns: int
    half_ns: int


class DeviceClock:
    """Maps a device's u32 microsecond counter to the session clock; used by one thread at a time.

    Offset: the middle of the quickest round trip lately (Cristian 1989). Drift: least squares over
    the quickest round trip of each second.
    """

    def __init__(self) -> None:
        self._last_us = 0
        self._trips: deque[_RoundTrip] = deque(maxlen=KEPT_S)
        self._drift = 0.0
        self._is_fitted = False

    @property
    def drift(self) -> float:
        """How much faster the session clock runs than the device's (0.0001: 100 ppm)."""
        return self._drift

    def unwrap(self, raw_us: int) -> int:
        """Return a time of the device without wraps (us), from its counter.

        It is the one closest to the last time that came with a round trip.
        """
        ahead = (raw_us - self._last_us) % WRAP_US
        return self._last_us + (ahead if ahead < WRAP_US // 2 else ahead - WRAP_US)

    def add(self, asked_ns: int, raw_us: int, heard_ns: int) -> None:
        """Take in a round trip: asked, read by the device, heard."""
        self._last_us = device_us = self.unwrap(raw_us)
        half_ns = max(0, heard_ns - asked_ns) // 2
        trip = _RoundTrip(device_us * 1000, asked_ns + half_ns, half_ns)
        if self._trips and trip.device_ns // 10**9 == self._trips[-1].device_ns // 10**9:
            if trip.half_ns >= self._trips[-1].half_ns:
                return
            self._trips.pop()
        self._trips.append(trip)
        self._fit()

    def at(self, raw_us: int) -> tuple[int, int]:
        """Return a time of the device on the session clock, and how far it may be off (ns).

        Raises:
            ValueError: If no round trip has come yet.
        """
        if not self._trips:
            raise ValueError("the device's clock is not known yet: no round trip has come")
        device_ns = self.unwrap(raw_us) * 1000
        growth = KNOWN_DRIFT if self._is_fitted else UNKNOWN_DRIFT
        off_ns, best = min(
            (trip.half_ns + growth * abs(device_ns - trip.device_ns), number)
            for number, trip in enumerate(self._trips)
        )
        trip = self._trips[best]
        away_ns = device_ns - trip.device_ns
        return trip.middle_ns + round(away_ns * (1 + self._drift)), round(off_ns) + 1000

    def _fit(self) -> None:
        first, last = self._trips[0], self._trips[-1]
        if last.device_ns - first.device_ns < FIT_S * 10**9:
            return
        xs = [trip.device_ns - first.device_ns for trip in self._trips]
        ys = [trip.middle_ns - first.middle_ns - x for trip, x in zip(self._trips, xs, strict=True)]
        mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
        spread = sum((x - mean_x) ** 2 for x in xs)
        slope = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread
        self._drift = max(-MOST_DRIFT, min(MOST_DRIFT, slope))
        self._is_fitted = True
