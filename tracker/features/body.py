"""One animal, frame by frame: where it is, where it looks, how fast it moves.

Speeds are slopes of least-squares lines through the positions of the last `window_s`, over true
capture times, so that lost frames and uneven times do not bias them. Two guards keep one wrong
keypoint from looking like a moving animal: of each three consecutive positions of a keypoint
the middle one counts, per axis (a jump of one frame vanishes), and the speed of the animal is
that of its median keypoint, per axis (one that is wrong for long is outvoted by two others).

The slope of a window is the speed at its middle: it lags by half of `window_s`, and by half a
frame more for the middle one of three.
"""

import math

from tracker.errors import UnknownName
from tracker.features.lines import Window, direction_deg, median, middle_of_three
from tracker.features.settings import FeatureSettings
from tracker.types import Skeleton


class Body:
    """Follows one animal; used by one thread. Every value is NaN where it cannot be known.

    Args:
        settings: How to measure.
        skeleton: Keypoints.
        scale: Sensor pixels in one unit of length.
        moves: Whether speeds are wanted.

    Attributes:
        x_px: By keypoint (px).
        y_px: By keypoint (px).
        found: By keypoint.
        centre_x_px: Mean of those keypoints of the centre that were found (px).
        centre_y_px: The same.
        heading_deg: From rear to front, above -180 to 180: 0 to the right, 90 down.
        length: From rear to front (units).
        vx: Speed to the right of the median keypoint (units/s).
        vy: Speed downwards of the median keypoint (units/s).
        speed: Of the animal as a whole (units/s).
        fastest: Speed of its fastest keypoint (units/s).
        turning: How fast the heading turns (deg/s), clockwise positive.

    Raises:
        UnknownName: If the settings name a keypoint that the skeleton does not have.
    """

    def __init__(
        self, settings: FeatureSettings, skeleton: Skeleton, scale: float, *, moves: bool
    ) -> None:
        known = skeleton.keypoints
        self.n = len(known)
        self.scale = scale
        self.centre = [_index(name, known) for name in settings.centre or known]
        self.rear = _index(settings.rear or known[-1], known)
        self.front = _index(settings.front or known[0], known)
        self.has_axis = self.rear != self.front
        self._moves = moves
        self._window = Window(settings.window_s, 2 * self.n + self.has_axis)
        self.reset()

    def reset(self) -> None:
        """Forget all frames, as if new. Twice does no harm."""
        nothing = [math.nan] * self.n
        self._before = (nothing + nothing, nothing + nothing)
        self._before_ns: int | None = None
        self._unwrapped_deg = 0.0
        self._window.clear()
        self._slopes = self._window.slopes(0)
        self._place(nothing, nothing)
        self._still()

    def update(self, x_px: list[float], y_px: list[float], now_ns: int) -> None:
        """Take in where its keypoints are (px), NaN where not found, and when (ns)."""
        self._place(x_px, y_px)
        if self._moves:
            self._move(x_px + y_px, now_ns)

    def velocity(self, k: int) -> tuple[float, float]:
        """Return the speed of one keypoint, to the right and downwards (units/s)."""
        if not self.found[k]:
            return math.nan, math.nan
        return self._slopes[k] / self.scale, self._slopes[self.n + k] / self.scale

    def _place(self, x_px: list[float], y_px: list[float]) -> None:
        self.x_px, self.y_px = x_px, y_px
        nan = math.isnan
        found = self.found = [not (nan(x) or nan(y)) for x, y in zip(x_px, y_px, strict=True)]
        seen = [k for k in self.centre if found[k]]
        if seen:
            self.centre_x_px = sum([x_px[k] for k in seen]) / len(seen)
            self.centre_y_px = sum([y_px[k] for k in seen]) / len(seen)
        else:
            self.centre_x_px = self.centre_y_px = math.nan
        if self.has_axis:
            dx, dy = x_px[self.front] - x_px[self.rear], y_px[self.front] - y_px[self.rear]
            self.heading_deg = direction_deg(dx, dy)
            self.length = math.hypot(dx, dy) / self.scale
        else:
            self.heading_deg = self.length = math.nan

    def _still(self) -> None:
        self.vx = self.vy = self.speed = self.fastest = self.turning = math.nan

    def _move(self, xy_px: list[float], now_ns: int) -> None:
        scale, n = self.scale, self.n
        oldest, middle = self._before
        if self._before_ns is not None:
            self._window.append(self._before_ns, self._kept(oldest, middle, xy_px))
        self._before, self._before_ns = (middle, xy_px), now_ns
        slopes = self._slopes = self._window.slopes(now_ns)
        self._still()
        found, nan = self.found, math.isnan
        known = [k for k in range(n) if found[k] and not nan(slopes[k])]
        if known:
            vx, vy = [slopes[k] / scale for k in known], [slopes[n + k] / scale for k in known]
            self.vx, self.vy = median(vx), median(vy)
            self.speed = math.hypot(self.vx, self.vy)
            self.fastest = max(map(math.hypot, vx, vy))
        if self.has_axis and not math.isnan(self.heading_deg):
            self.turning = slopes[-1]

    def _kept(self, oldest: list[float], middle: list[float], newest: list[float]) -> list[float]:
        """Return the positions that count (px) and, if there is one, their unwrapped heading."""
        kept = [middle_of_three(*three) for three in zip(oldest, middle, newest, strict=True)]
        if self.has_axis:
            front, rear, half = self.front, self.rear, self.n
            dx, dy = kept[front] - kept[rear], kept[half + front] - kept[half + rear]
            kept.append(self._unwrap(direction_deg(dx, dy)))
        return kept

    def _unwrap(self, heading_deg: float) -> float:
        """Return the heading with whole turns added, so that it lies closest to the last one."""
        if not math.isnan(heading_deg):
            self._unwrapped_deg += (heading_deg - self._unwrapped_deg + 180) % 360 - 180
            return self._unwrapped_deg
        return heading_deg


def _index(name: str, known: tuple[str, ...]) -> int:
    if name not in known:
        raise UnknownName("features", "keypoint", name, known)
    return known.index(name)
