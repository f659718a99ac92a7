"""Named places: drawn in sensor pixels, where a person can point at them, or in cm on the floor.

The border belongs to the zone.
"""

import math
from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, StringConstraints, model_validator

from tracker.settings import Settings

Coordinate = Annotated[float, Field(ge=-100_000, le=100_000)]
"""Position on one axis of the sensor (px), may lie outside the image; or on the floor (cm)."""

Length = Annotated[float, Field(gt=0, le=100_000)]
"""A size on the sensor (px) or on the floor (cm)."""

ZoneName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
"""Small letters, digits and _, since it becomes part of feature names."""

ROUND = 72
"""Corners of the polygon that stands for a circle where it has to be bent."""

PARTS = 12
"""Pieces into which a side is cut where it has to be bent."""

Point = tuple[float, float]


class _Place(Settings):
    """What every zone has."""

    hysteresis_cm: float = Field(
        0.0,
        ge=0,
        le=1000,
        description="cm: who is in it stays in it until further out than this; 0: the border "
        "alone decides",
    )


class Rectangle(_Place):
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

    def outline(self) -> NDArray[np.float64]:
        """Return its corners (px)."""
        left, top = self.x_px, self.y_px
        right, bottom = left + self.width_px, top + self.height_px
        return np.array([(left, top), (right, top), (right, bottom), (left, bottom)])


class Circle(_Place):
    """A circle."""

    kind: Literal["circle"] = "circle"
    x_px: Coordinate = Field(description="px, centre")
    y_px: Coordinate = Field(description="px, centre")
    radius_px: Length = Field(description="px")

    def distance_px(self, x: float, y: float) -> float:
        """Distance from the border: positive outside, negative inside, 0 on it."""
        return math.hypot(x - self.x_px, y - self.y_px) - self.radius_px

    def outline(self) -> NDArray[np.float64]:
        """Return the corners of a polygon of the same area (px)."""
        return round_outline(self.x_px, self.y_px, self.radius_px)


class Polygon(_Place):
    """Any shape with straight sides that do not cross; the last point joins the first."""

    kind: Literal["polygon"] = "polygon"
    points_px: tuple[tuple[Coordinate, Coordinate], ...] = Field(
        min_length=3, max_length=100, description="px, corners (x, y) in order, either way round"
    )

    @model_validator(mode="after")
    def _is_simple(self) -> "Polygon":
        refuse_crossing(self.points_px)
        return self

    def distance_px(self, x: float, y: float) -> float:
        """Distance from the border: positive outside, negative inside, 0 on it."""
        return to_polygon(self.points_px, x, y)

    def outline(self) -> NDArray[np.float64]:
        """Return its corners (px)."""
        return np.array(self.points_px, np.float64)


class CircleCm(_Place):
    """A circle on the floor."""

    kind: Literal["circle_cm"] = "circle_cm"
    x_cm: Coordinate = Field(description="cm, centre")
    y_cm: Coordinate = Field(description="cm, centre")
    radius_cm: Length = Field(description="cm")

    def on_floor(self, scale: float) -> Circle:
        """Return the same in px of a floor with so many of them in one cm."""
        x, y, radius = self.x_cm * scale, self.y_cm * scale, self.radius_cm * scale
        return Circle.model_construct(x_px=x, y_px=y, radius_px=radius)


class PolygonCm(_Place):
    """Any shape with straight sides on the floor that do not cross."""

    kind: Literal["polygon_cm"] = "polygon_cm"
    points_cm: tuple[tuple[Coordinate, Coordinate], ...] = Field(
        min_length=3, max_length=100, description="cm, corners (x, y) in order, either way round"
    )

    @model_validator(mode="after")
    def _is_simple(self) -> "PolygonCm":
        refuse_crossing(self.points_cm)
        return self

    def on_floor(self, scale: float) -> Polygon:
        """Return the same in px of a floor with so many of them in one cm."""
        points = tuple((x * scale, y * scale) for x, y in self.points_cm)
        return Polygon.model_construct(points_px=points)


Zone = Annotated[Rectangle | Circle | Polygon | CircleCm | PolygonCm, Field(discriminator="kind")]
"""A named place, told apart by its `kind`."""


class Outline:
    """The border of a zone that had to be bent: a polygon of many corners.

    Args:
        points: Its corners, (n, 2).
    """

    def __init__(self, points: NDArray[np.float64]) -> None:
        self._points: list[Point] = [(x, y) for x, y in points.tolist()]

    def distance_px(self, x: float, y: float) -> float:
        """Distance from the border: positive outside, negative inside, 0 on it."""
        return to_polygon(self._points, x, y)

    def outline(self) -> NDArray[np.float64]:
        """Return its corners (px)."""
        return np.array(self._points)


def round_outline(x: float, y: float, radius: float) -> NDArray[np.float64]:
    """Return the corners of a polygon with the area of a circle."""
    angles = np.linspace(0, 2 * np.pi, ROUND, endpoint=False)
    out = radius * math.sqrt(2 * np.pi / ROUND / math.sin(2 * np.pi / ROUND))
    return np.column_stack((x + out * np.cos(angles), y + out * np.sin(angles)))


def cut_sides(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a border with points between its corners, so that it can be bent."""
    if len(corners) >= ROUND:
        return corners
    share = np.arange(PARTS)[:, None] / PARTS
    after = np.roll(corners, -1, axis=0)
    return np.concatenate([a + (b - a) * share for a, b in zip(corners, after, strict=True)])


def to_polygon(points: Sequence[Point], x: float, y: float) -> float:
    """Return the distance from a polygon's border: positive outside, negative inside, 0 on it.

    Inside is told by the even-odd rule: Shimrat, Algorithm 112, CACM 5 (1962) 434.
    """
    nearest, inside = math.inf, False
    x1, y1 = points[-1]
    for x2, y2 in points:
        dx, dy = x2 - x1, y2 - y1
        along = ((x - x1) * dx + (y - y1) * dy) / (dx * dx + dy * dy)
        along = min(max(along, 0.0), 1.0)
        nearest = min(nearest, math.hypot(x - x1 - along * dx, y - y1 - along * dy))
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) * dx / dy:
            inside = not inside
        x1, y1 = x2, y2
    return -nearest if inside else nearest


def refuse_crossing(points: Sequence[Point]) -> None:
    """Refuse corners that are no simple polygon. Raises `ValueError`."""
    n = len(points)
    sides = [(point, points[(i + 1) % n]) for i, point in enumerate(points)]
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
