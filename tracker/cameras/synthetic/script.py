"""What the mouse does in every frame, known without drawing one."""

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from tracker.cameras.synthetic.bouts import Activity
from tracker.cameras.synthetic.chance import chance
from tracker.cameras.synthetic.checkpoints import Checkpoints
from tracker.cameras.synthetic.motion import SETTLE_S, TICK_HZ, Body, Mover
from tracker.cameras.synthetic.settings import SyntheticCameraSettings
from tracker.cameras.synthetic.shape import KEYPOINTS, keypoints_px
from tracker.types import Truth

WALKING_CM_S = 4.0
"""Slower than this, a walk is not locomotion yet."""

_REACTION_SALT = 24

_NAMED = {
    Activity.TURN: "turning",
    Activity.GROOM: "grooming",
    Activity.REAR: "rearing",
}


class MouseScript:
    """The same mouse for the same settings, frame by frame; one thread at a time.

    Reading forwards costs one tick per frame at 60 fps. Going back restarts from one of the
    checkpoints, whose number is bounded, so memory stays the same however long the session is.

    The mouse may be woken: a freeze that it has come to rest in is broken off, a walk follows,
    and then whatever would have followed the freeze. What happens is a function of the settings
    and of the ticks at which it was woken, 60 of them a second from the exposure of frame 0 on.

    Args:
        settings: Of the camera. Only seed, size, rate, zoom and reaction time matter here.
        wakes: Ticks at which it is woken, in any order; those at which it does not freeze do
            nothing.
        sees: Says whether it saw light between one tick before the given one and that tick.
            Asked once per tick of freezing, when the mouse would react to it: at least 80 ms of
            the mouse's time later. None: it sees nothing but what is in `wakes`.
    """

    def __init__(
        self,
        settings: SyntheticCameraSettings,
        wakes: Iterable[int] = (),
        sees: Callable[[int], bool] | None = None,
    ) -> None:
        self._settings = settings
        self._wakes = tuple(sorted(wakes))
        self._sees = sees
        self._lived_to = 0
        self._px_per_cm = settings.scale_px_per_cm
        self._floor = floor = settings.floor
        self._zone = settings.centre_zone
        self._mover = Mover(
            settings.seed, (floor.width_px / self._px_per_cm, floor.height_px / self._px_per_cm)
        )
        self._known: tuple[tuple[Body, NDArray[np.float64]], ...] = ()
        self._before = self._now = self._mover.first()
        self._checkpoints = Checkpoints((self._before, self._now))

    @property
    def wakes(self) -> tuple[int, ...]:
        """Ticks at which it is woken, so far; one per freeze at most where it sees light."""
        return self._wakes

    def follow(self, wakes: tuple[int, ...]) -> None:
        """Be woken at these ticks, in rising order, instead of at those known so far."""
        if wakes is self._wakes:
            return
        old, self._wakes = self._wakes, wakes
        changed = set(old).symmetric_difference(wakes)
        if changed and min(changed) <= self._now.tick:
            first = max(1, min(changed))
            self._checkpoints.forget_from(first)
            self._before, self._now = self._checkpoints.before(first)

    def body(self, index: int) -> Body:
        """How the mouse holds itself in frame `index`. Raises `ValueError` below 0."""
        if index < 0:
            raise ValueError(f"frame index is {index}, expected 0 or more")
        return self._between(round(index * TICK_HZ / self._settings.fps, 6))

    def body_at(self, tick: int) -> Body:
        """How the mouse holds itself at a tick, 60 of them a second from the first exposure on."""
        return self._between(float(tick))

    def keypoints_at(self, index: int) -> NDArray[np.float64]:
        """Nose, head and tail base in frame `index`: (3, 2), sensor pixels."""
        return self._keypoints(self.body(index))

    def truth(self, index: int) -> Truth:
        """Keypoints and behaviours of frame `index`.

        Keypoints are "nose", "head" (between the ears) and "tail_base"; the body centre is
        their mean. Behaviours, any number at once:

        - locomotion: in a walk, and the body centre moves at 4 cm/s or faster
        - freezing: in a freeze, and nothing has moved since the tick before
        - turning, grooming, rearing: from the first frame of such a bout to its last
        - in_centre: the body centre lies in `settings.centre_zone`, edges included

        Raises:
            ValueError: If `index` is below 0.
        """
        xy = self._keypoints(self.body(index))
        centre = xy.mean(axis=0)
        behaviours = set()
        activity = self._now.bout.activity
        if activity is Activity.WALK:
            start = self._keypoints(self._before.body).mean(axis=0)
            end = self._keypoints(self._now.body).mean(axis=0)
            if math.dist(start, end) / self._px_per_cm * TICK_HZ >= WALKING_CM_S:
                behaviours.add("locomotion")
        elif self._now.still:
            behaviours.add("freezing")
        elif activity in _NAMED:
            behaviours.add(_NAMED[activity])
        if self._zone.holds(*centre):
            behaviours.add("in_centre")
        return Truth(index, KEYPOINTS, xy.astype(np.float32), frozenset(behaviours))

    def _keypoints(self, body: Body) -> NDArray[np.float64]:
        """`keypoints_px`, remembered for the last bodies asked about: truths come in turn."""
        for known, xy in self._known:
            if known is body:
                return xy
        xy = keypoints_px(body, self._floor, self._px_per_cm)
        self._known = (*self._known[-2:], (body, xy))
        return xy

    def _between(self, time_ticks: float) -> Body:
        """The body at a time; brings `_before` and `_now` around it."""
        tick = max(1, math.ceil(time_ticks))
        if tick < self._now.tick:
            self._before, self._now = self._checkpoints.before(tick)
        while self._now.tick < tick:
            self._step()
        return self._before.body.between(self._now.body, time_ticks - (tick - 1))

    def _step(self) -> None:
        woken = self._is_woken(self._now.tick + 1)
        self._before, self._now = self._now, self._mover.next(self._now, woken=woken)
        self._checkpoints.offer(self._now.tick, (self._before, self._now))

    def _is_woken(self, tick: int) -> bool:
        """Whether the freeze of the tick before is broken off at this one."""
        fresh, self._lived_to = tick > self._lived_to, max(tick, self._lived_to)
        bout = self._now.bout
        if bout.activity is not Activity.FREEZE or not self._now.still or tick >= bout.end_tick:
            return False
        place = bisect_left(self._wakes, tick)
        if self._wakes[place : place + 1] == (tick,):
            return True
        if self._sees is None or not fresh:
            return False
        spread = 0.8 + 0.4 * chance(self._settings.seed, _REACTION_SALT, bout.number)
        seen_tick = tick - round(self._settings.reaction_ms / 1000 * TICK_HZ * spread)
        at_rest = bout.start_tick + math.ceil(SETTLE_S * TICK_HZ)
        if seen_tick < at_rest or not self._sees(seen_tick):
            return False
        self._wakes = (*self._wakes, tick)
        return True
