"""Where every animal is in the present frame, for whatever measures something of them."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from tracker.arena import Arena
from tracker.features.body import Body
from tracker.features.references import Point

Measure = Callable[[], float]
"""Gives one feature of the present frame; called once per frame."""

Where = Callable[[], tuple[float, float]]
"""Gives where a point is (px), NaN where it was not found."""


class Forgets(Protocol):
    """A measure that remembers something."""

    def reset(self) -> None:
        """Forget all frames, as if new."""


class Scene:
    """The animals of the present frame.

    Args:
        bodies: By place in the observation.
        arena: Scale and zones.
        window_s: Of positions behind a speed (s).

    Attributes:
        now_ns: Capture time of the frame (ns).
        measures: Of the observation.
        class_scores: Of the observation.
    """

    def __init__(self, bodies: Sequence[Body], arena: Arena, window_s: float) -> None:
        self.bodies = tuple(bodies)
        self.arena = arena
        self.scale = arena.scale
        self.window_s = window_s
        self.now_ns = 0
        self.measures: Mapping[str, float] = {}
        self.class_scores: Mapping[str, float] = {}
        self.memories: list[Forgets] = []

    def where(self, point: Point) -> Where:
        """Return what gives the place of a point in every frame."""
        body, k = self.bodies[point.animal], point.keypoint
        if k is None:
            return lambda: (body.centre_x_px, body.centre_y_px)
        return lambda: (body.x_px[k], body.y_px[k])

    def velocity(self, point: Point) -> Where:
        """Return what gives the speed of a point, right and down (units/s)."""
        body, k = self.bodies[point.animal], point.keypoint
        if k is None:
            return lambda: (body.vx, body.vy)
        return lambda: body.velocity(k)

    def lasts(self, memory: Forgets) -> None:
        """Note that this has to be reset with the scene."""
        self.memories.append(memory)

    def distance(self, a: Where, b: Where) -> Measure:
        """Return what gives the distance of two points (units)."""
        scale, hypot = self.scale, math.hypot

        def measure() -> float:
            (x1, y1), (x2, y2) = a(), b()
            return hypot(x2 - x1, y2 - y1) / scale

        return measure


Make = Callable[[Scene], Measure]
"""Gives what measures a quantity in a scene."""
