"""Named quantities with units, out of what was seen up to now and never later.

Speeds are slopes of least-squares lines through the positions of the last `window_s`, over true
capture times, so that lost frames and uneven times do not bias them. Two guards keep one wrong
keypoint from looking like a moving animal: of each three consecutive positions of a keypoint
the middle one counts, per axis (a jump of one frame vanishes), and the speed of the animal is
that of its median keypoint, per axis (one that is wrong for long is outvoted by two others).

The slope of a window is the speed at its middle: it lags by half of `window_s`, and by half a
frame more for the middle one of three. Its sums are of whole numbers: they are exact, so that they
come out the same on every computer, and a frame that leaves the window leaves no trace in them.
"""

import math
from collections.abc import Mapping, Sequence

from pydantic import Field

from tracker.arena import Arena
from tracker.errors import UnknownName
from tracker.settings import Settings
from tracker.types import Observation, Skeleton

STEPS = float(2**24)
"""Whole numbers that one px, or one degree, is counted in: as fine as float32 is at 1 px."""

NS_STEPS = 1e9 / STEPS
"""Units per s in one of those whole numbers per ns."""


class FeatureSettings(Settings):
    """How features are measured. Keypoints left out: first and last of the skeleton."""

    window_s: float = Field(
        0.3, ge=0.02, le=5, description="s, of positions behind a speed; it lags by half of it"
    )
    centre: tuple[str, ...] = Field(
        (), description="keypoints whose mean is the body centre; none named: all of them"
    )
    rear: str | None = Field(None, description="keypoint where heading and length begin: last")
    front: str | None = Field(None, description="keypoint where heading and length end: first")


class FeatureExtractor:
    """Measures one animal, frame by frame; used by one thread.

    Every value is NaN where it cannot be known, never 0:

    - `x_cm`, `y_cm`: body centre, the mean of those of its keypoints that were found.
    - `speed_cm_s`: speed of the animal as a whole.
    - `fastest_keypoint_cm_s`: speed of the fastest keypoint. Low only if all of it is still.
    - `heading_deg`: direction from rear to front in the image, above -180 to 180 inclusive: 0 to
      the right, 90 down, so that it grows clockwise on the screen.
    - `angular_speed_deg_s`: how fast the heading turns, clockwise positive.
    - `body_length_cm`: from rear to front.
    - `distance_to_<zone>_cm`: of the body centre from the zone's border; negative inside.
    - `in_<zone>`: 1.0 if the body centre is in the zone, border included, 0.0 if not.
    - measures of the observation that are passed on, under their own names.

    A speed needs the animal in the present frame, and at least three positions that fill
    half a window. A skeleton whose rear and front are one keypoint has no heading and length.

    Args:
        settings: How to measure.
        skeleton: Keypoints of the observations.
        arena: Scale and zones.
        measures: Names of those measures of every observation that are features as well.

    Raises:
        UnknownName: If the settings name a keypoint that the skeleton does not have.
    """

    def __init__(
        self,
        settings: FeatureSettings,
        skeleton: Skeleton,
        arena: Arena,
        measures: Sequence[str] = (),
    ) -> None:
        known = skeleton.keypoints
        self._scale = arena.px_per_cm
        self._distance_cm = arena.distance_cm
        self._zones = tuple((z, f"distance_to_{z}_cm", f"in_{z}") for z in arena.zones)
        self._n_keypoints = len(known)
        self._centre = [_index(name, known) for name in settings.centre or known]
        self._rear = _index(settings.rear or known[-1], known)
        self._front = _index(settings.front or known[0], known)
        self._has_axis = self._rear != self._front
        self._min_fps = 4 / settings.window_s
        self._measures = tuple(measures)
        self._units = _units(arena.zones, has_axis=self._has_axis) | dict.fromkeys(measures, "1")
        self._nothing_known = dict.fromkeys(self._units, math.nan)
        lags = ("speed_cm_s", "fastest_keypoint_cm_s", "angular_speed_deg_s")
        self._group_delay_s = {
            name: settings.window_s / 2 if name in lags else 0.0 for name in self._units
        }
        self._window = _Window(settings.window_s, 2 * len(known) + self._has_axis)
        self.reset()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features, in the order of every update."""
        return tuple(self._units)

    @property
    def units(self) -> Mapping[str, str]:
        """Unit by name; "1" for none."""
        return self._units

    @property
    def group_delay_s(self) -> Mapping[str, float]:
        """How far each feature lags behind the animal (s), apart from half a frame."""
        return self._group_delay_s

    @property
    def min_fps(self) -> float:
        """Frames per second below which the speeds stay NaN: their window holds too few."""
        return self._min_fps

    def update(self, observation: Observation) -> dict[str, float]:
        """Return the features of this frame, first individual.

        Frames come in the order of their capture times; some may be missing.

        Raises:
            ValueError: If the observation has other keypoints than the skeleton.
        """
        x_px, y_px = self._positions(observation)
        features = self._nothing_known.copy()
        scale = self._scale
        found = [not (math.isnan(x) or math.isnan(y)) for x, y in zip(x_px, y_px, strict=True)]
        seen = [k for k in self._centre if found[k]]
        if seen:
            x = sum([x_px[k] for k in seen]) / len(seen)
            y = sum([y_px[k] for k in seen]) / len(seen)
            features["x_cm"], features["y_cm"] = x / scale, y / scale
            for zone, distance_name, inside_name in self._zones:
                distance_cm = self._distance_cm(zone, x, y)
                features[distance_name] = distance_cm
                features[inside_name] = 1.0 if distance_cm <= 0 else 0.0
        if self._has_axis:
            dx, dy = x_px[self._front] - x_px[self._rear], y_px[self._front] - y_px[self._rear]
            features["heading_deg"] = _direction_deg(dx, dy)
            features["body_length_cm"] = math.hypot(dx, dy) / scale
        for name in self._measures:
            features[name] = observation.measures.get(name, math.nan)
        self._add_speeds(features, x_px + y_px, found, observation.captured_ns)
        return features

    def reset(self) -> None:
        """Forget all frames, as if new. Twice does no harm."""
        nothing = [math.nan] * (2 * self._n_keypoints)
        self._before = (nothing, nothing)
        self._before_ns: int | None = None
        self._unwrapped_deg = 0.0
        self._window.clear()

    def _positions(self, observation: Observation) -> tuple[list[float], list[float]]:
        """Return x and y of each keypoint (px); NaN for all if nobody was seen."""
        if observation.xy.shape[1] != self._n_keypoints:
            raise ValueError(
                f"frame {observation.frame_index}: {observation.xy.shape[1]} keypoints were "
                f"seen, but the skeleton has {self._n_keypoints}"
            )
        if not len(observation.xy):
            nobody = [math.nan] * self._n_keypoints
            return nobody, nobody
        x_px, y_px = observation.xy[0].T.tolist()
        return x_px, y_px

    def _add_speeds(
        self, features: dict[str, float], xy_px: list[float], found: list[bool], now_ns: int
    ) -> None:
        scale, n = self._scale, self._n_keypoints
        oldest, middle = self._before
        if self._before_ns is not None:
            self._window.append(self._before_ns, self._kept(oldest, middle, xy_px))
        self._before, self._before_ns = (middle, xy_px), now_ns
        slopes = self._window.slopes(now_ns)
        known = [k for k in range(n) if found[k] and not math.isnan(slopes[k])]
        if known:
            vx, vy = [slopes[k] / scale for k in known], [slopes[n + k] / scale for k in known]
            features["speed_cm_s"] = math.hypot(_median(vx), _median(vy))
            features["fastest_keypoint_cm_s"] = max(map(math.hypot, vx, vy))
        if self._has_axis and not math.isnan(features["heading_deg"]):
            features["angular_speed_deg_s"] = slopes[-1]

    def _kept(self, oldest: list[float], middle: list[float], newest: list[float]) -> list[float]:
        """Return the positions that count (px) and, if there is one, their unwrapped heading."""
        kept = [_middle_of_three(*three) for three in zip(oldest, middle, newest, strict=True)]
        if self._has_axis:
            front, rear, half = self._front, self._rear, self._n_keypoints
            dx, dy = kept[front] - kept[rear], kept[half + front] - kept[half + rear]
            kept.append(self._unwrap(_direction_deg(dx, dy)))
        return kept

    def _unwrap(self, heading_deg: float) -> float:
        """Return the heading with whole turns added, so that it lies closest to the last one."""
        if not math.isnan(heading_deg):
            self._unwrapped_deg += (heading_deg - self._unwrapped_deg + 180) % 360 - 180
            return self._unwrapped_deg
        return heading_deg


_Row = tuple[int, list[int | None]]
"""Time (ns) and values (`STEPS` per unit, None where unknown)."""


class _Window:
    """The rows of the last `length_s`, and a line through each of their columns."""

    def __init__(self, length_s: float, n_columns: int) -> None:
        self._length_ns = round(length_s * 1e9)
        self._lines = [_Line(self._length_ns) for _ in range(n_columns)]
        self._rows: list[_Row | None] = [None] * 64
        self._start = self._end = 0

    def clear(self) -> None:
        self._lines = [_Line(self._length_ns) for _ in self._lines]
        self._rows = [None] * len(self._rows)
        self._start = self._end = 0

    def append(self, time_ns: int, values: list[float]) -> None:
        """Add a row; NaN in it is unknown."""
        if self._end == len(self._rows):
            self._make_room()
        steps = [round(v * STEPS) if math.isfinite(v) else None for v in values]
        for line, step in zip(self._lines, steps, strict=True):
            if step is not None:
                line.add(time_ns, step)
        self._rows[self._end] = time_ns, steps
        self._end += 1

    def slopes(self, now_ns: int) -> list[float]:
        """Return the slope of each column (per s), NaN where too little is known."""
        oldest_ns = now_ns - self._length_ns
        while self._start < self._end:
            row = self._rows[self._start]
            if row is None or row[0] >= oldest_ns:
                break
            self._start += 1
            for line, step in zip(self._lines, row[1], strict=True):
                if step is not None:
                    line.remove(row[0], step)
        return [line.slope() for line in self._lines]

    def _make_room(self) -> None:
        """Move the rows in use to the front of a list that is at least twice as long as they."""
        used = self._rows[self._start : self._end]
        size = max(len(self._rows), 2 * len(used))
        self._rows = used + [None] * (size - len(used))
        self._start, self._end = 0, len(used)


class _Line:
    """The least-squares line through some points, whose sums grow and shrink with them."""

    __slots__ = ("_full", "_n", "_sum_t", "_sum_tt", "_sum_tv", "_sum_v")

    def __init__(self, length_ns: int) -> None:
        self._full = length_ns * length_ns
        self._n = self._sum_t = self._sum_tt = self._sum_v = self._sum_tv = 0

    def add(self, time_ns: int, value: int) -> None:
        """Take in a point."""
        self._n += 1
        self._sum_t += time_ns
        self._sum_tt += time_ns * time_ns
        self._sum_v += value
        self._sum_tv += time_ns * value

    def remove(self, time_ns: int, value: int) -> None:
        """Forget a point that was taken in."""
        self._n -= 1
        self._sum_t -= time_ns
        self._sum_tt -= time_ns * time_ns
        self._sum_v -= value
        self._sum_tv -= time_ns * value

    def slope(self) -> float:
        """Return the slope (units per s), NaN where too little is known.

        Least squares: (n Σtv - Σt Σv) / (n Σt² - (Σt)²). The divisor is n² times the variance
        of the times, which tells how much of the window is filled: a stretch of length l,
        evenly filled, has the variance l²/12, and half the window is the least.
        """
        n, sum_t = self._n, self._sum_t
        spread = n * self._sum_tt - sum_t * sum_t
        if n < 3 or 48 * spread < n * n * self._full:
            return math.nan
        return (n * self._sum_tv - sum_t * self._sum_v) / spread * NS_STEPS


def _middle_of_three(a: float, b: float, c: float) -> float:
    """Return the middle value; NaN if one of the three is."""
    if math.isnan(a + b + c):
        return math.nan
    if a <= b:
        return b if b <= c else max(a, c)
    return a if a <= c else max(b, c)


def _median(values: list[float]) -> float:
    """Return the middle value, or the mean of the two in the middle."""
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _direction_deg(dx: float, dy: float) -> float:
    """Return the direction of (dx, dy), NaN if it has none."""
    if dx == dy == 0:
        return math.nan
    return math.degrees(math.atan2(dy, dx))


def _index(name: str, known: tuple[str, ...]) -> int:
    if name not in known:
        raise UnknownName("features", "keypoint", name, known)
    return known.index(name)


def _units(zones: tuple[str, ...], *, has_axis: bool) -> dict[str, str]:
    units = {"x_cm": "cm", "y_cm": "cm", "speed_cm_s": "cm/s", "fastest_keypoint_cm_s": "cm/s"}
    if has_axis:
        units |= {"heading_deg": "deg", "angular_speed_deg_s": "deg/s", "body_length_cm": "cm"}
    for zone in zones:
        units |= {f"distance_to_{zone}_cm": "cm", f"in_{zone}": "1"}
    return units
