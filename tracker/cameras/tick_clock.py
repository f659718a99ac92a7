"""A camera's ticks on the session clock, from when its frames arrived.

A frame may arrive late, by any time, and never early. So the line from ticks to session time is
the highest one below all arrivals: the edge of their lower convex hull, as in S. B. Moon, P. Skelly
and D. Towsley, "Estimation and removal of clock skew from network delay measurements" (1999).
Of every two seconds the earliest arrival is kept, for two minutes: late ones, however late,
do not move the line.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import pairwise
from math import isnan, nan, sqrt
from statistics import fmean, median

from tracker.errors import DeviceError

SLOT_NS = 2_000_000_000
"""Of each such stretch the earliest arrival is kept."""

KEPT = 60
"""So many of these are kept: drift that changes with the camera's warmth is followed."""

MOST_DRIFT = 0.001
"""Crystals are off by some 100 parts per million; more than ten times that is none."""

USUAL_DRIFT, ODD_AFTER_NS = 200e-6, 20_000_000_000
"""A drift beyond the usual is only believed once so much of the clock was seen: until then it is
the jitter of the first arrivals."""

DRIFT_AFTER_NS = 3_000_000_000
"""Before so much of the clock was seen, its drift is taken for the last one known, at first 0."""

SURE_AFTER_NS = 10_000_000_000
"""Before so much was seen, an arrival that comes too early only says that others were late."""

DRIFT_CHANGE = 20e-6
"""How much a drift that is known may change while no frame comes."""

EARLY_STEP_NS = 1_000_000
"""Earlier than any arrival can be by this, and the camera's clock has stepped."""

LATE_STEP_NS = 50_000_000
LATE_STEP_SLOTS = 3
"""All arrivals of so many slots later than this, and the camera's clock has stepped."""

LATES_KEPT = 500
"""Frames whose lateness is looked back on."""

STILL_FRAMES = 10
"""So many frames with one and the same tick, and there is no clock."""

PTP_WITHIN_NS = 3_600_000_000_000
"""A PTP clock further than this from the computer's follows no master (TAI - UTC is 37 s)."""


class TickMarks(StrEnum):
    """Which moment of the exposure the camera stamps."""

    START = "start"
    MIDDLE = "middle"
    END = "end"


@dataclass(frozen=True, slots=True)
class TickFit:
    """What is known of a camera's clock. All times in ns.

    Attributes:
        tick: A tick, without wraps, ...
        at_ns: ... and when it was, on the session clock.
        drift_ppm: How much longer a second of the session is than one of the camera, in parts per
            million.
        residual_ns: How far the earliest arrivals of each 2 s lie above the line, root mean
            square; NaN while there are fewer than three.
        late_p50_ns: How late half of the last frames were, at most, counted from the line.
        late_max_ns: How late the latest of all frames was.
        n_frames: Frames that were mapped.
        n_steps: How often arrivals contradicted the line: the clock stepped, or was reset.
        n_wraps: How often its counter began again at 0.
        ptp_minus_utc_ns: PTP only: how far the camera's time is ahead of the computer's UTC;
            about 37 s where the PTP master gives TAI.
    """

    tick: int
    at_ns: int
    drift_ppm: float
    residual_ns: float
    late_p50_ns: float
    late_max_ns: int
    n_frames: int
    n_steps: int
    n_wraps: int
    ptp_minus_utc_ns: int | None = None

    def as_facts(self) -> dict[str, object]:
        """The same as JSON-ready values, as session.json has them."""
        facts = asdict(self)
        return facts | {"residual_ns": None if isnan(self.residual_ns) else self.residual_ns}


@dataclass(slots=True)
class _Arrival:
    """End of exposure by the camera (ns since its line began), and how much later it arrived."""

    camera_ns: float
    late_ns: float

    @property
    def slot(self) -> float:
        return self.camera_ns // SLOT_NS


class TickClock:
    """Gives each frame the time of its exposure, from the camera's tick.

    One thread calls `captured_ns`; any thread may read `fit`. Takes a few microseconds, and keeps
    no more after a day than after two minutes.

    What no arrival can tell is the least time that a frame takes from the end of its exposure to
    the program: readout, link and driver. Times are late by it, always by the same, unless it
    is given as `least_delay_ns`.

    Args:
        tick_hz: Ticks per second, as the camera states them.
        bits: Width of the counter, which begins again at 0 after 2 ** bits ticks; None: never.
        marks: Which moment of the exposure a tick is.
        least_delay_ns: From the end of exposure to the quickest arrival, where it is known.
        ptp_utc_ns: UTC at zero of the session clock, if the ticks are ns of a clock that PTP has
            set; None: ticks count from anything.

    Raises:
        ValueError: If rate, width or delay make no clock.
    """

    def __init__(
        self,
        tick_hz: float,
        *,
        bits: int | None = 64,
        marks: TickMarks = TickMarks.START,
        least_delay_ns: int = 0,
        ptp_utc_ns: int | None = None,
    ) -> None:
        if not tick_hz > 0 or (bits is not None and bits < 8) or least_delay_ns < 0:
            raise ValueError(f"no clock: {tick_hz=}, {bits=}, {least_delay_ns=}")
        if ptp_utc_ns is not None and tick_hz != 1e9:
            raise ValueError(f"PTP counts nanoseconds, not {tick_hz:g} ticks per second")
        self._ns_per_tick = 1e9 / tick_hz
        self._wrap = None if bits is None else 1 << bits
        self._marks = marks
        self._least_delay_ns = least_delay_ns
        self._ptp_utc_ns = ptp_utc_ns
        self._tick: int | None = None  # the last one, without wraps
        self._tick0 = self._zero_ns = 0  # where the line begins
        self._drift = self._offset_ns = 0.0
        self._earliest: deque[_Arrival] = deque(maxlen=KEPT)
        self._n_late_slots = self._n_still = 0
        self._last_ns = -1
        self._lates: deque[int] = deque(maxlen=LATES_KEPT)
        self._late_max_ns = 0
        self._n_frames = self._n_steps = self._n_wraps = 0

    def captured_ns(self, tick: int, received_ns: int, exposure_ns: int | None = None) -> int:
        """Return the middle of the exposure on the session clock (ns).

        Without a known exposure it is the moment that the tick marks. Always later than the time
        of the frame before, and never later than `received_ns`, as long as that grows.

        Args:
            tick: The camera's counter, as it came.
            received_ns: When the program had the whole image.
            exposure_ns: How long the sensor was exposed; None: not known.

        Raises:
            DeviceError: If a clock that should follow PTP is nowhere near the computer's time.
        """
        exposure_ns = exposure_ns or 0
        after_ns = self._end_after_tick_ns(exposure_ns)
        arrival = self._arrival(tick, received_ns, after_ns)
        if arrival is None:
            arrival = self._begin(tick, received_ns, after_ns)
        self._take(arrival)
        ended_ns = round(self._zero_ns + arrival.camera_ns + self._line(arrival.camera_ns))
        late_ns = received_ns - ended_ns
        self._lates.append(late_ns)
        self._late_max_ns = max(self._late_max_ns, late_ns)
        exposed_ns = ended_ns - exposure_ns // 2 - self._least_delay_ns
        self._last_ns = max(self._last_ns + 1, min(exposed_ns, received_ns))
        self._n_frames += 1
        return self._last_ns

    @property
    def fit(self) -> TickFit | None:
        """What is known of the camera's clock so far; None before the first frame."""
        if self._tick is None:
            return None
        above = [self._above(arrival) for arrival in tuple(self._earliest)]
        camera_ns = (self._tick - self._tick0) * self._ns_per_tick
        at_ns = round(self._zero_ns + camera_ns + self._line(camera_ns)) - self._least_delay_ns
        return TickFit(
            tick=self._tick,
            at_ns=at_ns,
            drift_ppm=self._drift * 1e6,
            residual_ns=sqrt(sum(a * a for a in above) / len(above)) if len(above) > 2 else nan,
            late_p50_ns=median(tuple(self._lates)),
            late_max_ns=self._late_max_ns,
            n_frames=self._n_frames,
            n_steps=self._n_steps,
            n_wraps=self._n_wraps,
            ptp_minus_utc_ns=None
            if self._ptp_utc_ns is None
            else self._tick - self._ptp_utc_ns - at_ns,
        )

    def _end_after_tick_ns(self, exposure_ns: int) -> float:
        if self._marks is TickMarks.START:
            return exposure_ns
        return exposure_ns / 2 if self._marks is TickMarks.MIDDLE else 0.0

    def _line(self, camera_ns: float) -> float:
        """How late the quickest arrival would be, counted as `_Arrival.late_ns`."""
        return self._offset_ns + self._drift * camera_ns

    def _arrival(self, raw: int, received_ns: int, after_ns: float) -> _Arrival | None:
        """The frame on the line's own axes; None if it contradicts the line."""
        if self._tick is None:
            return None
        tick = self._unwrapped(raw, received_ns, after_ns)
        self._refuse_still(tick)
        if tick < self._tick:
            self._n_steps += 1
            return None
        camera_ns = (tick - self._tick0) * self._ns_per_tick + after_ns
        arrival = _Arrival(camera_ns, received_ns - self._zero_ns - camera_ns)
        last_ns = self._earliest[-1].camera_ns
        young = last_ns < SURE_AFTER_NS
        unsure_ns = (MOST_DRIFT if young else DRIFT_CHANGE) * (camera_ns - last_ns)
        early = self._above(arrival) < -EARLY_STEP_NS - unsure_ns
        if early or self._n_late_slots >= LATE_STEP_SLOTS:
            self._n_steps += not young  # before, it was the first arrivals that were late
            return None
        if self._wrap is not None:
            self._n_wraps += tick // self._wrap - self._tick // self._wrap
        self._tick = tick
        return arrival

    def _unwrapped(self, raw: int, received_ns: int, after_ns: float) -> int:
        """The latest reading of the counter that can have arrived by now."""
        if self._wrap is None:
            return raw
        line_ns = self._line(self._earliest[-1].camera_ns)
        since_ns = (received_ns - self._zero_ns - line_ns - after_ns) / (1 + self._drift)
        latest = self._tick0 + int(since_ns / self._ns_per_tick) + self._wrap // 4
        return latest - (latest - raw) % self._wrap

    def _begin(self, raw: int, received_ns: int, after_ns: float) -> _Arrival:
        """Begin a line at this frame. The crystal is the same, so its drift is kept."""
        if self._ptp_utc_ns is not None:
            _refuse_unlocked(raw - self._ptp_utc_ns - received_ns)
        self._tick = self._tick0 = raw
        self._zero_ns = received_ns
        self._earliest.clear()
        self._n_late_slots = 0
        first = _Arrival(after_ns, -after_ns)
        self._offset_ns = first.late_ns - self._drift * first.camera_ns
        return first

    def _above(self, arrival: _Arrival) -> float:
        return arrival.late_ns - self._line(arrival.camera_ns)

    def _take(self, arrival: _Arrival) -> None:
        """Keep the earliest arrival of each slot; no arrival lies below the line."""
        above = self._above(arrival)
        if above < 0:
            self._offset_ns += above
        before = self._earliest[-1] if self._earliest else None
        if before is not None and before.slot == arrival.slot:
            if above < self._above(before):
                self._earliest[-1] = arrival
            return
        if before is not None:
            late = self._above(before) > LATE_STEP_NS
            self._n_late_slots = self._n_late_slots + 1 if late else 0
        self._earliest.append(arrival)
        seen_ns = arrival.camera_ns - self._earliest[0].camera_ns
        if seen_ns >= DRIFT_AFTER_NS:
            most = MOST_DRIFT if seen_ns >= ODD_AFTER_NS else USUAL_DRIFT
            self._drift = min(most, max(-most, _slope_below(self._earliest)))
        self._offset_ns = min(a.late_ns - self._drift * a.camera_ns for a in self._earliest)

    def _refuse_still(self, tick: int) -> None:
        """A device that stamps nothing stamps 0."""
        self._n_still = self._n_still + 1 if tick == self._tick else 0
        if self._n_still >= STILL_FRAMES:
            raise DeviceError(
                f"the camera's time stamp has stood still at {tick} for {STILL_FRAMES} frames: it "
                f"has no clock, or does not send it; switch its time stamps (chunk data) on, or "
                f"do without them in its settings"
            )


def _refuse_unlocked(ahead_ns: int) -> None:
    if abs(ahead_ns) > PTP_WITHIN_NS:
        raise DeviceError(
            f"PTP was asked for, and the camera's clock is {ahead_ns / 1e9:.0f} s from the "
            f"computer's UTC: it follows no master (37 s are right); start the PTP master and wait "
            f"until the camera says Slave, or do without PTP in its settings"
        )


def _slope_below(arrivals: Sequence[_Arrival]) -> float:
    """Slope of the highest line below all points: the lower hull's edge at their mean."""
    hull: list[_Arrival] = []
    for point in arrivals:
        while len(hull) > 1 and _turns_down(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    middle_ns = fmean(point.camera_ns for point in arrivals)
    edges = pairwise(hull)
    left, right = next(edge for edge in edges if edge[1].camera_ns >= middle_ns)
    return (right.late_ns - left.late_ns) / (right.camera_ns - left.camera_ns)


def _turns_down(a: _Arrival, b: _Arrival, c: _Arrival) -> bool:
    """Whether b is not below the line from a to c."""
    to_b = b.camera_ns - a.camera_ns, b.late_ns - a.late_ns
    to_c = c.camera_ns - a.camera_ns, c.late_ns - a.late_ns
    return to_b[1] * to_c[0] >= to_c[1] * to_b[0]
