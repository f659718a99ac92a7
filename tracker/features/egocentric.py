"""What an animal has before it and beside it: places in its own frame, and how two of them lie."""

import math
from collections.abc import Callable

from tracker.features.references import Arguments
from tracker.features.scene import Make, Measure, Scene


def make_own_place(*, ahead: bool) -> Callable[[Arguments], Make]:
    """Where a point lies from the front of an animal: along its heading, or to its right."""

    def make(arguments: Arguments) -> Make:
        number = arguments.animal()
        to = arguments.point()

        def in_scene(scene: Scene) -> Measure:
            body, where, scale = scene.bodies[number], scene.where(to), scene.scale

            def measure() -> float:
                x, y = where()
                dx, dy = x - body.x_px[body.front], y - body.y_px[body.front]
                heading = math.radians(body.heading_deg)
                along, across = math.cos(heading), math.sin(heading)
                return (along * dx + across * dy if ahead else along * dy - across * dx) / scale

            return measure

        return in_scene

    return make


def make_alignment(arguments: Arguments) -> Make:
    """The angle between the headings of two animals."""
    one, other = arguments.animal(), arguments.animal()

    def in_scene(scene: Scene) -> Measure:
        a, b = scene.bodies[one], scene.bodies[other]
        return lambda: between_deg(a.heading_deg, b.heading_deg)

    return in_scene


def make_found(arguments: Arguments) -> Make:
    """How much of an animal was found."""
    number = arguments.animal()

    def in_scene(scene: Scene) -> Measure:
        body = scene.bodies[number]
        return lambda: 100.0 * sum(body.found) / body.n

    return in_scene


class _Elapsed:
    """Seconds since the first frame."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._first_ns: int | None = None

    def __call__(self) -> float:
        now_ns = self._scene.now_ns
        if self._first_ns is None:
            self._first_ns = now_ns
        return (now_ns - self._first_ns) / 1e9

    def reset(self) -> None:
        self._first_ns = None


def make_elapsed(_arguments: Arguments) -> Make:
    """The time since the first frame."""

    def in_scene(scene: Scene) -> Measure:
        measure = _Elapsed(scene)
        scene.lasts(measure)
        return measure

    return in_scene


def between_deg(one_deg: float, other_deg: float) -> float:
    """Return the angle between two directions, 0 to 180."""
    return abs((one_deg - other_deg + 180) % 360 - 180)
