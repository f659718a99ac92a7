"""A second mouse, which goes to see the first one now and then: approach, contact, off again."""

import math
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tracker.cameras.synthetic.bouts import Activity, Bout, make_bout
from tracker.cameras.synthetic.checkpoints import Checkpoints
from tracker.cameras.synthetic.motion import (
    ANCHOR,
    BODY_CM,
    TICK_HZ,
    Body,
    Moment,
    Mover,
    Wish,
    ease,
)
from tracker.cameras.synthetic.script import MouseScript
from tracker.cameras.synthetic.settings import SyntheticCameraSettings
from tracker.cameras.synthetic.shape import spine_cm
from tracker.types import Truth

CONTACT_CM = 2.0
"""A nose that is closer to the other's nose or tail base touches it, as far as anybody can see."""

SEED = 0x5BD1E995
"""What makes the second mouse another one than the first."""

_VISIT = 3
"""Which of each five bouts, a walk, is a visit."""

_STAND_OFF_CM = 0.7
"""Between its nose and the place that it sniffs at."""

_ROOM_CM = 3.2
"""Between the middles of two trunks, or of a trunk and a head, at least."""

_PUSH_CM_S = 40.0
_DT = 1 / TICK_HZ


class Visitor(Mover):
    """Moves like any mouse, but never freezes, and on some of its walks goes to the other one."""

    other = Body(0.0, 0.0, 0.0)
    """The other mouse at the tick that is made next; set before each."""

    def first(self) -> Moment:
        """The moment at tick 0: well away from the first mouse."""
        moment = super().first()
        width, height = self._floor_cm
        body = moment.body
        if math.hypot(body.x - self.other.x, body.y - self.other.y) < 12:
            by = width / 2 if body.x < width / 2 else -width / 2
            body.x += by
            body.tail = tuple(v + by * (i % 2 == 0) for i, v in enumerate(body.tail))
        moment.body.y = min(max(body.y, 4.0), height - 4.0)
        return moment

    def _bout(self, number: int, tick: int) -> Bout:
        bout = make_bout(self._seed, number, tick, TICK_HZ)
        is_freeze = bout.activity is Activity.FREEZE
        return replace(bout, activity=Activity.EXPLORE) if is_freeze else bout

    def _walk(self, new: Moment, want: Wish, since_s: float, left_s: float) -> None:
        if not is_visit(new.bout):
            super()._walk(new, want, since_s, left_s)
            return
        nose, _, _ = ends_cm(new.body)
        theirs = ends_cm(self.other)
        goal = theirs[0] if new.bout.dice[7] < 0.5 else theirs[2]
        away = math.dist(nose, goal)
        aim = math.atan2(goal[1] - new.body.y, goal[0] - new.body.x)
        error = math.remainder(aim - new.body.theta, math.tau)
        envelope = ease(since_s / 0.3) * ease((left_s - 0.06) / 0.4)
        speed = min(max(5.0 * (away - _STAND_OFF_CM), 0.0), 26.0)
        want.speed = envelope * speed * max(0.15, math.cos(error))
        want.omega = envelope * min(max(5.0 * error, -4.0), 4.0)
        want.yaw = envelope * min(max(0.5 * error, -0.6), 0.6)

    def _keep_inside(self, body: Body, life: float) -> None:
        super()._keep_inside(body, life)
        push = np.zeros(2)
        for mine in _trunk(body):
            for theirs in _trunk(self.other):
                gap = np.subtract(mine, theirs)
                far = float(np.hypot(*gap)) or 1e-6
                push += gap / far * max(_ROOM_CM - far, 0.0)
        length = float(np.hypot(*push))
        if length > 0:
            step = min(length, _PUSH_CM_S * _DT) / length
            body.x += float(push[0]) * step
            body.y += float(push[1]) * step
            super()._keep_inside(body, life)


def is_visit(bout: Bout) -> bool:
    """Whether the second mouse goes to the first one in this bout."""
    return bout.activity is Activity.WALK and bout.number % 5 == _VISIT


def ends_cm(body: Body) -> NDArray[np.float64]:
    """Nose, the middle between the ears, and tail base: (3, 2), cm on the floor."""
    spine, _ = spine_cm(body)
    return np.asarray(spine[[0, 6, -1]])


def _trunk(body: Body) -> tuple[tuple[float, float], tuple[float, float]]:
    """Middle of the body and of the rump (cm); heads may touch."""
    back = body.theta + math.pi
    far = (1 - ANCHOR) * BODY_CM * 0.55
    rump = body.x + far * math.cos(back), body.y + far * math.sin(back)
    return (body.x, body.y), rump


class VisitorScript(MouseScript):
    """The second mouse, frame by frame: a function of the settings and of the first one's wakes.

    Truth as of `MouseScript`, and two behaviours more:

    - approach: it walks to the first mouse, at 4 cm/s or faster, and does not touch it yet
    - contact: its nose is within 2 cm of the first one's nose or tail base, or the other way round

    Args:
        settings: Of the camera.
        wakes: Ticks at which the first mouse is woken.
    """

    def __init__(self, settings: SyntheticCameraSettings, wakes: Iterable[int] = ()) -> None:
        self._host = MouseScript(settings, wakes)
        self._host_at: tuple[int, Body] | None = None
        super().__init__(settings.model_copy(update={"seed": settings.seed ^ SEED}))
        self._wakes = self._host.wakes
        # From here on the floor and the scale are those of the picture, whatever the seed.
        self._px_per_cm = settings.scale_px_per_cm
        size_cm = (
            self._floor.width_px / self._px_per_cm,
            self._floor.height_px / self._px_per_cm,
        )
        self._visitor = Visitor(settings.seed ^ SEED, size_cm)
        self._mover = self._visitor
        self._visitor.other = self._host.body_at(0)
        self._before = self._now = self._mover.first()
        self._checkpoints = Checkpoints((self._before, self._now))

    def follow(self, wakes: tuple[int, ...]) -> None:
        """See the first mouse be woken at these ticks instead of at those known so far."""
        self._host.follow(wakes)
        super().follow(wakes)

    def truth(self, index: int) -> Truth:
        """Keypoints and behaviours of frame `index`. Raises `ValueError` if it is below 0."""
        truth = super().truth(index)
        behaviours = truth.behaviours
        if touches(self._host.keypoints_at(index), truth.xy, self._px_per_cm):
            behaviours |= {"contact"}
        elif is_visit(self._now.bout) and "locomotion" in behaviours:
            behaviours |= {"approach"}
        return replace(truth, behaviours=behaviours)

    def _step(self) -> None:
        self._visitor.other = self._host.body_at(self._now.tick + 1)
        self._before, self._now = self._now, self._mover.next(self._now)
        self._checkpoints.offer(self._now.tick, (self._before, self._now))


def touches(one: NDArray[np.floating], other: NDArray[np.floating], px_per_cm: float) -> bool:
    """Whether two mice touch; each (3, 2): nose, head, tail base (px)."""
    near = CONTACT_CM * px_per_cm
    noses = [(one[0], other[0]), (one[0], other[2]), (other[0], one[2])]
    return any(math.dist(a, b) < near for a, b in noses)


def truths_of(
    settings: SyntheticCameraSettings, wakes: Iterable[int] = ()
) -> list[Callable[[int], Truth]]:
    """Return what tells the truth of each mouse about the frame of an index; first mouse first.

    Args:
        settings: Of the camera.
        wakes: Ticks at which light woke the first mouse.
    """
    wakes = tuple(wakes)
    first = MouseScript(settings, wakes)
    if settings.animals == 1:
        return [first.truth]
    visitor = VisitorScript(settings, wakes)

    def truth_of_first(index: int) -> Truth:
        mine, theirs = first.truth(index), visitor.truth(index)
        return replace(mine, behaviours=mine.behaviours | (theirs.behaviours & {"contact"}))

    return [truth_of_first, visitor.truth]
