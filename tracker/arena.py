"""The arena: what a pixel is worth, and which places in it have a name.

Zones are drawn in sensor pixels, where a person can point at them, and measured in cm. The
border belongs to the zone.
"""

import math
from collections.abc import Mapping
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, StringConstraints, model_validator

from tracker.errors import UnknownName
from tracker.settings import Settings

Coordinate = Annotated[float, Field(ge=-100_000, le=100_000)]
"""Position on one axis of the sensor (px); may lie outside the image."""

Length = Annotated[float, Field(gt=0, le=100_000)]
"""A size on the sensor (px)."""

ZoneName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
"""Small letters, digits and _, since it becomes part of feature names."""

ON_BORDER_PX = 1e-6
"""Closer than this counts as on the border: rounding must not decide about a frame."""


class Rectangle(Settings):
    """A rectangle along the image's axes."""

    kind: Literal["rectangle"] = "rectangle"
    x_px: Coordinate = Field(description="px, left side")
    y_px: Coordinate = Field(description="px, upper side")
    width_px: Length = Field(description="px, to the right")
    height_px: Length = Field(description="px, downwards")

    def distance_px(self, x: float, y: float) -> float:
        """Distance from the border: positive outside, negative inside, 0 on it."""
        beyond_x = max(self.x_px - x, x - self.x_px - self.width_px)
        beyond_y = max(self.y_px - y, y - self.y_px - self.height_px)
        if beyond_x <= 0 or beyond_y <= 0:
            return max(beyond_x, beyond_y)
        return math.hypot(beyond_x, beyond_y)


class Circle(Settings):
    """A circle."""

    kind: Literal["circle"] = "circle"
    x_px: Coordinate = Field(description="px, centre")
    y_px: Coordinate = Field(description="px, centre")
    radius_px: Length = Field(description="px")

    def distance_px(self, x: float, y: float) -> float:
        """Distance from the border: positive outside, negative inside, 0 on it."""
        return math.hypot(x - self.x_px, y - self.y_px) - self.radius_px


Point = tuple[float, float]


class Polygon(Settings):
    """Any shape with straight sides that do not cross; the last point joins the first."""

    kind: Literal["polygon"] = "polygon"
    points_px: tuple[tuple[Coordinate, Coordinate], ...] = Field(
        min_length=3, max_length=100, description="px, corners (x, y) in order, either way round"
    )

    @model_validator(mode="after")
    def _is_simple(self) -> "Polygon":
        sides = self._sides()
        n = len(sides)
        for i, (a, b) in enumerate(sides):
            if a == b:
                raise ValueError(
                    f"corner {i} {a} is there twice in a row: leave one out (the last corner "
                    f"joins the first by itself)"
                )
        twice_area = sum(a[0] * b[1] - b[0] * a[1] for a, b in sides)
        if abs(twice_area) < 1e-9:
            raise ValueError("the polygon has no area: its sides cross or its corners lie in line")
        for i in range(n):
            for j in range(i + 1, n):
                neighbours = j - i in (1, n - 1)
                if _overlap(*sides[i], *sides[j], neighbours=neighbours):
                    raise ValueError(
                        f"side {i} {sides[i]} and side {j} {sides[j]} cross: give the corners "
                        f"in the order in which they are met along the border"
                    )
        return self

    def _sides(self) -> list[tuple[Point, Point]]:
        points = self.points_px
        return [(point, points[(i + 1) % len(points)]) for i, point in enumerate(points)]

    def distance_px(self, x: float, y: float) -> float:
        """Distance from the border: positive outside, negative inside, 0 on it.

        Inside is told by the even-odd rule: Shimrat, Algorithm 112, CACM 5 (1962) 434.
        """
        nearest, inside = math.inf, False
        x1, y1 = self.points_px[-1]
        for x2, y2 in self.points_px:
            dx, dy = x2 - x1, y2 - y1
            along = ((x - x1) * dx + (y - y1) * dy) / (dx * dx + dy * dy)
            along = min(max(along, 0.0), 1.0)
            nearest = min(nearest, math.hypot(x - x1 - along * dx, y - y1 - along * dy))
            if (y1 > y) != (y2 > y) and x < x1 + (y - y1) * dx / dy:
                inside = not inside
            x1, y1 = x2, y2
        return -nearest if inside else nearest


Zone = Annotated[Rectangle | Circle | Polygon, Field(discriminator="kind")]
"""A named place, told apart by its `kind`."""


class ArenaSettings(Settings):
    """Scale and zones."""

    px_per_cm: float | None = Field(
        gt=0,
        le=10_000,
        description="px in one cm: measure a known length in the image; null: not known, and "
        "lengths are in px",
    )
    zones: Mapping[ZoneName, Zone] = Field(
        default_factory=dict, description="places by name, in sensor px"
    )
    floor: ZoneName | None = Field(
        None, description="zone whose border is the wall; null: distances to it are not known"
    )

    @model_validator(mode="after")
    def _floor_is_a_zone(self) -> "ArenaSettings":
        if self.floor is not None and self.floor not in self.zones:
            raise ValueError(
                f"floor is {self.floor!r}, expected the name of a zone; there is "
                f"{', '.join(self.zones) or 'none'}"
            )
        return self


class Arena:
    """Turns pixels into cm, where the scale is known, and answers where a point lies.

    Args:
        settings: Scale and zones.
    """

    def __init__(self, settings: ArenaSettings) -> None:
        self._px_per_cm = settings.px_per_cm
        self._scale = settings.px_per_cm or 1.0
        self._floor = settings.floor
        self._zones = dict(settings.zones)

    @property
    def px_per_cm(self) -> float | None:
        """Pixels in one cm; None if that is not known."""
        return self._px_per_cm

    @property
    def unit(self) -> str:
        """Unit of every length: "cm", or "px" where the scale is not known."""
        return "px" if self._px_per_cm is None else "cm"

    @property
    def scale(self) -> float:
        """Pixels in one unit of length."""
        return self._scale

    @property
    def floor(self) -> str | None:
        """Name of the zone whose border is the wall; None if there is none."""
        return self._floor

    @property
    def zones(self) -> tuple[str, ...]:
        """Names of the zones, in the order of the settings."""
        return tuple(self._zones)

    def to_units(self, xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return positions in `unit`, float64, any shape (..., 2); same origin and axes, NaN kept.

        Args:
            xy: Positions in sensor pixels.
        """
        return xy.astype(np.float64) / self._scale

    def inside(self, zone: str, x: float, y: float) -> bool:
        """Return whether (x, y) in sensor px is in the zone, border included.

        A NaN is in no zone. Raises `UnknownName`.
        """
        return self.distance(zone, x, y) <= 0

    def distance(self, zone: str, x: float, y: float) -> float:
        """Return how far (x, y) in sensor px is from the zone's border, in `unit`.

        Positive outside, negative inside, exactly 0 on the border (to a millionth of a pixel);
        NaN if x or y is. Raises `UnknownName`.
        """
        found = self._zones.get(zone)
        if found is None:
            raise UnknownName("arena", "zone", zone, self._zones)
        if math.isnan(x) or math.isnan(y):
            return math.nan
        distance_px = found.distance_px(x, y)
        return 0.0 if abs(distance_px) < ON_BORDER_PX else distance_px / self._scale


def _turn(a: Point, b: Point, c: Point) -> float:
    """Twice the signed area of the triangle: 0 if the three points lie in line."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _between(a: Point, b: Point, c: Point) -> bool:
    """Whether `c`, in line with `a` and `b`, lies on the side from a to b, ends included."""
    return min(a[0], b[0]) <= c[0] <= max(a[0], b[0]) and min(a[1], b[1]) <= c[1] <= max(a[1], b[1])


def _overlap(a: Point, b: Point, c: Point, d: Point, *, neighbours: bool) -> bool:
    """Whether sides a-b and c-d share a point besides the corner that joins neighbours."""
    turns = (_turn(a, b, c), _turn(a, b, d), _turn(c, d, a), _turn(c, d, b))
    if neighbours:
        shared, left, right = (b, a, d) if b == c else (a, b, c)
        in_line = _turn(left, shared, right) == 0
        return in_line and (_between(shared, left, right) or _between(shared, right, left))
    if turns[0] * turns[1] < 0 and turns[2] * turns[3] < 0:
        return True
    ends = ((a, b, c), (a, b, d), (c, d, a), (c, d, b))
    return any(turn == 0 and _between(*end) for turn, end in zip(turns, ends, strict=True))
