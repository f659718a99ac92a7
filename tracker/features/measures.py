"""What measures each quantity: one function per family, by what stands in its brackets.

Every function reads the references in the brackets, and gives what makes the measure in a scene.
"""

import math
from collections.abc import Callable

from tracker.features.body import Body
from tracker.features.egocentric import between_deg
from tracker.features.lines import Window, direction_deg
from tracker.features.references import Arguments, Point, Wall, Zone
from tracker.features.scene import Make, Measure, Scene, Where


def of_body(get: Callable[[Body], float]) -> Callable[[Arguments], Make]:
    """A quantity that the body of an animal knows by itself."""

    def make(arguments: Arguments) -> Make:
        number = arguments.animal()

        def in_scene(scene: Scene) -> Measure:
            body = scene.bodies[number]
            return lambda: get(body)

        return in_scene

    return make


def make_coordinate(axis: int) -> Callable[[Arguments], Make]:
    """A place of a point along one axis: 0 to the right, 1 downwards."""

    def make(arguments: Arguments) -> Make:
        point = arguments.point() if arguments.n else Point(0, None)

        def in_scene(scene: Scene) -> Measure:
            where, scale = scene.where(point), scene.scale
            return lambda: where()[axis] / scale

        return in_scene

    return make


def make_speed(arguments: Arguments) -> Make:
    """A speed: of an animal as a whole, or of a point."""
    if not arguments.next_is(Point):
        return of_body(lambda body: body.speed)(arguments)
    point = arguments.point()

    def in_scene(scene: Scene) -> Measure:
        velocity = scene.velocity(point)
        return lambda: math.hypot(*velocity())

    return in_scene


class _Acceleration:
    """The slope of a line through the speeds of the last window."""

    def __init__(self, scene: Scene, speed: Measure, window_s: float) -> None:
        self._scene, self.speed = scene, speed
        self._window = Window(window_s, 1)

    def __call__(self) -> float:
        now_ns, speed = self._scene.now_ns, self.speed()
        self._window.append(now_ns, [speed])
        slope = self._window.slopes(now_ns)[0]
        return slope if not math.isnan(speed) else math.nan

    def reset(self) -> None:
        self._window.clear()


def make_acceleration(arguments: Arguments) -> Make:
    """The slope of that speed."""
    speed = make_speed(arguments)

    def in_scene(scene: Scene) -> Measure:
        measure = _Acceleration(scene, speed(scene), scene.window_s)
        scene.lasts(measure)
        return measure

    return in_scene


def bend(body: Body) -> float:
    """Return the bend of a body at its centre (deg), clockwise positive."""
    x, y = body.centre_x_px, body.centre_y_px
    to_front = direction_deg(body.x_px[body.front] - x, body.y_px[body.front] - y)
    from_rear = direction_deg(x - body.x_px[body.rear], y - body.y_px[body.rear])
    return (to_front - from_rear + 180) % 360 - 180


def make_distance(arguments: Arguments) -> Make:
    """A distance: between two points, to a zone, to the wall."""
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


def make_inside(arguments: Arguments) -> Make:
    """Whether a point is in a zone."""
    point = Point(0, None) if arguments.n == 1 else arguments.point()
    zone = arguments.zone()

    def in_scene(scene: Scene) -> Measure:
        return _is_in(scene, scene.where(point), zone)

    return in_scene


class _IsIn:
    """Whether a point is in a zone; who is in it stays in it as far out as the hysteresis says."""

    def __init__(self, scene: Scene, where: Where, zone: str) -> None:
        self._where, self._zone = where, zone
        self._distance = scene.arena.distance
        self._leave = scene.arena.hysteresis(zone)
        self._was_in = False

    def __call__(self) -> float:
        away = self._distance(self._zone, *self._where())
        if math.isnan(away):
            return away
        self._was_in = away <= (self._leave if self._was_in else 0.0)
        return float(self._was_in)

    def reset(self) -> None:
        self._was_in = False


def _is_in(scene: Scene, where: Where, zone: str) -> Measure:
    measure = _IsIn(scene, where, zone)
    scene.lasts(measure)
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


def make_time_since(arguments: Arguments) -> Make:
    """The time since a point was in a zone."""
    inside = make_inside(arguments)

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


def make_travelled(arguments: Arguments) -> Make:
    """The way of an animal."""
    number = arguments.animal()

    def in_scene(scene: Scene) -> Measure:
        measure = _Travelled(scene, scene.bodies[number])
        scene.lasts(measure)
        return measure

    return in_scene


def make_angle(arguments: Arguments) -> Make:
    """A direction from one point to another, or the angle at the middle one of three."""
    a, b = arguments.point(), arguments.point()
    c = arguments.point() if arguments.n else None

    def in_scene(scene: Scene) -> Measure:
        at_a, at_b = scene.where(a), scene.where(b)
        if c is None:
            return lambda: _direction(at_a(), at_b())
        at_c = scene.where(c)
        return lambda: between_deg(_direction(at_b(), at_a()), _direction(at_b(), at_c()))

    return in_scene


def _direction(a: tuple[float, float], b: tuple[float, float]) -> float:
    return direction_deg(b[0] - a[0], b[1] - a[1])


def make_nearest(arguments: Arguments) -> Make:
    """The distance to the nearest keypoint of an animal."""
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
    scale, dist = scene.scale, math.dist

    def measure() -> float:
        least, around = math.inf, list(zip(body.x_px, body.y_px, strict=True))
        for where in places:
            at = where()
            # a NaN that comes behind another number is never the smallest
            least = min([least, *[dist(at, each) for each in around]])
        return least / scale if least < math.inf else math.nan

    return measure


def make_approach(arguments: Arguments) -> Make:
    """The speed of one point towards another."""
    a, b = arguments.point(), arguments.point()

    def in_scene(scene: Scene) -> Measure:
        velocity, at_a, at_b = scene.velocity(a), scene.where(a), scene.where(b)

        def measure() -> float:
            (x1, y1), (x2, y2), (vx, vy) = at_a(), at_b(), velocity()
            away = math.hypot(x2 - x1, y2 - y1)
            return ((x2 - x1) * vx + (y2 - y1) * vy) / away if away else math.nan

        return measure

    return in_scene


def make_facing(arguments: Arguments) -> Make:
    """The angle between the heading of an animal and the way to a point."""
    number = arguments.animal()
    to = arguments.point()

    def in_scene(scene: Scene) -> Measure:
        body, where = scene.bodies[number], scene.where(to)

        def measure() -> float:
            front = body.x_px[body.front], body.y_px[body.front]
            return between_deg(body.heading_deg, _direction(front, where()))

        return measure

    return in_scene


def of_mask(name: str, power: int) -> Callable[[Arguments], Make]:
    """A measure of the mask; `power` is that of the unit of length in it."""

    def make(_arguments: Arguments) -> Make:
        def in_scene(scene: Scene) -> Measure:
            divisor = scene.scale**power
            return lambda: scene.measures.get(name, math.nan) / divisor

        return in_scene

    return make
