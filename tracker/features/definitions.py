"""What each quantity is. docs/features.md is the same table for people; a test compares them.

Every `make` reads the references in the brackets of a quantity, and gives what measures it.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tracker.features.body import Body
from tracker.features.lines import Window, direction_deg
from tracker.features.references import Arguments, Point, Wall, Zone
from tracker.features.scene import Measure, Scene, Where

Make = Callable[[Scene], Measure]


@dataclass(frozen=True, slots=True)
class Definition:
    """One kind of quantity.

    Attributes:
        forms: How it can be written.
        unit: With L for the unit of length of the arena.
        says: What it is.
        make: Reads its references, and gives what makes the measure in a scene.
        windows: How many halves of `window_s` it lags behind the animal.
        mask: The measure of the mask that it is read from; None: none.
    """

    forms: tuple[str, ...]
    unit: str
    says: str
    make: Callable[[Arguments], Make]
    windows: int = 0
    mask: str | None = None


def _of_body(get: Callable[[Body], float]) -> Callable[[Arguments], Make]:
    """A quantity that the body of an animal knows by itself."""

    def make(arguments: Arguments) -> Make:
        number = arguments.animal()

        def in_scene(scene: Scene) -> Measure:
            body = scene.bodies[number]
            return lambda: get(body)

        return in_scene

    return make


def _coordinate(axis: int) -> Callable[[Arguments], Make]:
    def make(arguments: Arguments) -> Make:
        point = arguments.point() if arguments.n else Point(0, None)

        def in_scene(scene: Scene) -> Measure:
            where, scale = scene.where(point), scene.scale
            return lambda: where()[axis] / scale

        return in_scene

    return make


def _speed(arguments: Arguments) -> Make:
    if not arguments.next_is(Point):
        return _of_body(lambda body: body.speed)(arguments)
    point = arguments.point()

    def in_scene(scene: Scene) -> Measure:
        velocity = scene.velocity(point)
        return lambda: math.hypot(*velocity())

    return in_scene


class _Acceleration:
    """The slope of a line through the speeds of the last window."""

    def __init__(self, scene: Scene, speed: Measure, window_s: float) -> None:
        self._scene, self._speed = scene, speed
        self._window = Window(window_s, 1)

    def __call__(self) -> float:
        now_ns, speed = self._scene.now_ns, self._speed()
        self._window.append(now_ns, [speed])
        slope = self._window.slopes(now_ns)[0]
        return slope if not math.isnan(speed) else math.nan

    def reset(self) -> None:
        self._window.clear()


def _acceleration(arguments: Arguments) -> Make:
    speed = _speed(arguments)

    def in_scene(scene: Scene) -> Measure:
        measure = _Acceleration(scene, speed(scene), scene.window_s)
        scene.lasts(measure)
        return measure

    return in_scene


def _bend(body: Body) -> float:
    x, y = body.centre_x_px, body.centre_y_px
    to_front = direction_deg(body.x_px[body.front] - x, body.y_px[body.front] - y)
    from_rear = direction_deg(x - body.x_px[body.rear], y - body.y_px[body.rear])
    return (to_front - from_rear + 180) % 360 - 180


def _distance(arguments: Arguments) -> Make:
    a = Point(0, None) if arguments.n == 1 else arguments.point()
    if arguments.next_is(Zone):
        return _to_zone(a, arguments.zone(), sign=1)
    if arguments.next_is(Wall):
        return _to_zone(a, arguments.wall(), sign=-1)
    b = arguments.point()
    return lambda scene: scene.distance(scene.where(a), scene.where(b))


def _to_zone(point: Point, zone: str, *, sign: int) -> Make:
    def in_scene(scene: Scene) -> Measure:
        where, distance = scene.where(point), scene.arena.distance
        return lambda: sign * distance(zone, *where())

    return in_scene


def _inside(arguments: Arguments) -> Make:
    point = Point(0, None) if arguments.n == 1 else arguments.point()
    zone = arguments.zone()

    def in_scene(scene: Scene) -> Measure:
        return _is_in(scene, scene.where(point), zone)

    return in_scene


def _is_in(scene: Scene, where: Where, zone: str) -> Measure:
    distance = scene.arena.distance

    def measure() -> float:
        away = distance(zone, *where())
        return away if math.isnan(away) else float(away <= 0)

    return measure


class _TimeSince:
    """Seconds since something last held; since the first frame if it never did."""

    def __init__(self, scene: Scene, holds: Measure) -> None:
        self._scene, self._holds = scene, holds
        self._last_ns: int | None = None

    def __call__(self) -> float:
        now_ns = self._scene.now_ns
        if self._last_ns is None or self._holds() == 1.0:
            self._last_ns = now_ns
        return (now_ns - self._last_ns) / 1e9

    def reset(self) -> None:
        self._last_ns = None


def _time_since(arguments: Arguments) -> Make:
    inside = _inside(arguments)

    def in_scene(scene: Scene) -> Measure:
        measure = _TimeSince(scene, inside(scene))
        scene.lasts(measure)
        return measure

    return in_scene


class _Travelled:
    """The way of an animal since the first frame: speed times time, where both are known."""

    def __init__(self, scene: Scene, body: Body) -> None:
        self._scene, self._body = scene, body
        self._way = 0.0
        self._before_ns: int | None = None

    def __call__(self) -> float:
        now_ns, speed = self._scene.now_ns, self._body.speed
        if self._before_ns is not None and not math.isnan(speed):
            self._way += speed * (now_ns - self._before_ns) / 1e9
        self._before_ns = now_ns
        return self._way

    def reset(self) -> None:
        self._way, self._before_ns = 0.0, None


def _travelled(arguments: Arguments) -> Make:
    number = arguments.animal()

    def in_scene(scene: Scene) -> Measure:
        measure = _Travelled(scene, scene.bodies[number])
        scene.lasts(measure)
        return measure

    return in_scene


def _angle(arguments: Arguments) -> Make:
    a, b = arguments.point(), arguments.point()
    c = arguments.point() if arguments.n else None

    def in_scene(scene: Scene) -> Measure:
        at_a, at_b = scene.where(a), scene.where(b)
        if c is None:
            return lambda: _direction(at_a(), at_b())
        at_c = scene.where(c)
        return lambda: _between(_direction(at_b(), at_a()), _direction(at_b(), at_c()))

    return in_scene


def _direction(a: tuple[float, float], b: tuple[float, float]) -> float:
    return direction_deg(b[0] - a[0], b[1] - a[1])


def _between(one_deg: float, other_deg: float) -> float:
    """Return the angle between two directions, 0 to 180."""
    return abs((one_deg - other_deg + 180) % 360 - 180)


def _nearest(arguments: Arguments) -> Make:
    if arguments.next_is(Point):
        point = arguments.point()
        other = arguments.animal()
        return lambda scene: _least(scene, [scene.where(point)], scene.bodies[other])
    one, other = arguments.animal(), arguments.animal()

    def in_scene(scene: Scene) -> Measure:
        places = [scene.where(Point(one, k)) for k in range(scene.bodies[one].n)]
        return _least(scene, places, scene.bodies[other])

    return in_scene


def _least(scene: Scene, places: list[Where], body: Body) -> Measure:
    """Return what gives the shortest way from one of the places to a keypoint of the body."""
    scale, hypot = scene.scale, math.hypot

    def measure() -> float:
        least = math.inf
        for where in places:
            x, y = where()
            for x_px, y_px in zip(body.x_px, body.y_px, strict=True):
                away = hypot(x_px - x, y_px - y)
                least = min(least, away)  # a NaN that comes second is never the smaller one
        return least / scale if least < math.inf else math.nan

    return measure


def _approach(arguments: Arguments) -> Make:
    a, b = arguments.point(), arguments.point()

    def in_scene(scene: Scene) -> Measure:
        velocity, at_a, at_b = scene.velocity(a), scene.where(a), scene.where(b)

        def measure() -> float:
            (x1, y1), (x2, y2), (vx, vy) = at_a(), at_b(), velocity()
            away = math.hypot(x2 - x1, y2 - y1)
            return ((x2 - x1) * vx + (y2 - y1) * vy) / away if away else math.nan

        return measure

    return in_scene


def _facing(arguments: Arguments) -> Make:
    number = arguments.animal()
    to = arguments.point()

    def in_scene(scene: Scene) -> Measure:
        body, where = scene.bodies[number], scene.where(to)

        def measure() -> float:
            front = body.x_px[body.front], body.y_px[body.front]
            return _between(body.heading_deg, _direction(front, where()))

        return measure

    return in_scene


def _of_mask(name: str, power: int) -> Callable[[Arguments], Make]:
    """A measure of the mask; `power` is that of the unit of length in it."""

    def make(_arguments: Arguments) -> Make:
        def in_scene(scene: Scene) -> Measure:
            divisor = scene.scale**power
            return lambda: scene.measures.get(name, math.nan) / divisor

        return in_scene

    return make


DEFINITIONS: Mapping[str, Definition] = {
    "x": Definition(
        ("x", "x(nose)"), "L", "place to the right: body centre, or a point", _coordinate(0)
    ),
    "y": Definition(
        ("y", "y(nose)"), "L", "place downwards: body centre, or a point", _coordinate(1)
    ),
    "speed": Definition(
        ("speed", "speed(b)", "speed(b.nose)"),
        "L/s",
        "speed of the animal as a whole (its median keypoint, per axis), or of a keypoint",
        _speed,
        windows=1,
    ),
    "fastest_keypoint": Definition(
        ("fastest_keypoint", "fastest_keypoint(b)"),
        "L/s",
        "speed of the fastest keypoint; low only if all of the animal is still",
        _of_body(lambda body: body.fastest),
        windows=1,
    ),
    "acceleration": Definition(
        ("acceleration", "acceleration(b)", "acceleration(b.nose)"),
        "L/s^2",
        "how fast that speed rises: slope of a line through the speeds of the last window",
        _acceleration,
        windows=2,
    ),
    "heading": Definition(
        ("heading", "heading(b)"),
        "deg",
        "direction from rear to front in the image, -180 to 180: 0 to the right, 90 down",
        _of_body(lambda body: body.heading_deg),
    ),
    "angular_speed": Definition(
        ("angular_speed", "angular_speed(b)"),
        "deg/s",
        "how fast the heading turns, clockwise positive",
        _of_body(lambda body: body.turning),
        windows=1,
    ),
    "body_length": Definition(
        ("body_length", "body_length(b)"),
        "L",
        "from rear to front",
        _of_body(lambda body: body.length),
    ),
    "body_angle": Definition(
        ("body_angle", "body_angle(b)"),
        "deg",
        "bend of the body at its centre, -180 to 180: 0 straight, clockwise positive",
        _of_body(_bend),
    ),
    "distance": Definition(
        ("distance(a.nose, b.nose)", "distance(nose, zone.nest)", "distance(nose, wall)"),
        "L",
        "between two points; to the border of a zone (negative inside); to the wall (negative "
        "outside the floor). One thing in the brackets: from the body centre of the first animal",
        _distance,
    ),
    "nearest": Definition(
        ("nearest(a.nose, b)", "nearest(a, b)"),
        "L",
        "from a point, or from any keypoint of one animal, to the nearest keypoint of another",
        _nearest,
    ),
    "angle": Definition(
        ("angle(tail_base, nose)", "angle(nose, neck, tail_base)"),
        "deg",
        "direction from one point to another, as heading; or the angle at the middle one of three, "
        "0 to 180",
        _angle,
    ),
    "approach_speed": Definition(
        ("approach_speed(a, b)", "approach_speed(a.nose, b)"),
        "L/s",
        "speed of the first one's motion towards the second, away negative",
        _approach,
        windows=1,
    ),
    "facing": Definition(
        ("facing(a, b)", "facing(a, b.nose)"),
        "deg",
        "angle between the heading of an animal and the way from its front to a point, 0 to 180",
        _facing,
    ),
    "inside": Definition(
        ("inside(zone.nest)", "inside(nose, zone.nest)"),
        "1",
        "1 in the zone, border included, 0 outside; `nose in zone.nest` is the same",
        _inside,
    ),
    "time_since": Definition(
        ("time_since(zone.nest)", "time_since(nose, zone.nest)"),
        "s",
        "since the point was last seen in the zone; since the first frame if it never was",
        _time_since,
    ),
    "distance_travelled": Definition(
        ("distance_travelled", "distance_travelled(b)"),
        "L",
        "speed times time, summed over all frames so far in which the speed was known",
        _travelled,
        windows=1,
    ),
    "area": Definition(
        ("area",),
        "L^2",
        "area of the mask, of all animals together",
        _of_mask("mask_area_px2", 2),
        mask="mask_area_px2",
    ),
    "motion_energy": Definition(
        ("motion_energy",),
        "L^2",
        "how much of the mask changed since the frame before: change of coverage, summed as area",
        _of_mask("mask_change_px2", 2),
        mask="mask_change_px2",
    ),
    "moving_pixels": Definition(
        ("moving_pixels",),
        "%",
        "cells that joined or left the mask since the frame before, of those in it now",
        _of_mask("mask_moving_percent", 0),
        mask="mask_moving_percent",
    ),
}
"""Every quantity, in the order of the documentation."""
