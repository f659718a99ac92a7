"""What the mouse does in every frame, known without drawing one."""

import math

import numpy as np
from numpy.typing import NDArray

from tracker.cameras.synthetic.bouts import Activity
from tracker.cameras.synthetic.checkpoints import Checkpoints
from tracker.cameras.synthetic.motion import TICK_HZ, Body, Mover
from tracker.cameras.synthetic.settings import SyntheticCameraSettings
from tracker.cameras.synthetic.shape import KEYPOINTS, keypoints_px
from tracker.types import Truth

WALKING_CM_S = 4.0
"""Slower than this, a walk is not locomotion yet."""

_NAMED = {
    Activity.TURN: "turning",
    Activity.GROOM: "grooming",
    Activity.REAR: "rearing",
}


class MouseScript:
    """The same mouse for the same settings, frame by frame; one thread at a time.

    Reading forwards costs one tick per frame at 60 fps. Going back restarts from one of the
    checkpoints, whose number is bounded, so memory stays the same however long the session is.

    Args:
        settings: Of the camera. Only seed, size, rate and zoom matter here.
    """

    def __init__(self, settings: SyntheticCameraSettings) -> None:
        self._settings = settings
        self._px_per_cm = settings.scale_px_per_cm
        self._floor = floor = settings.floor
        self._zone = settings.centre_zone
        self._mover = Mover(
            settings.seed, (floor.width_px / self._px_per_cm, floor.height_px / self._px_per_cm)
        )
        self._known: tuple[tuple[Body, NDArray[np.float64]], ...] = ()
        self._before = self._now = self._mover.first()
        self._checkpoints = Checkpoints((self._before, self._now))

    def body(self, index: int) -> Body:
        """How the mouse holds itself in frame `index`. Raises `ValueError` below 0."""
        share = self._go_to(index)
        return self._before.body.between(self._now.body, share)

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
        share = self._go_to(index)
        xy = self._keypoints(self._before.body.between(self._now.body, share))
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

    def _go_to(self, index: int) -> float:
        """Bring `_before` and `_now` around the frame; return how far it is between them."""
        if index < 0:
            raise ValueError(f"frame index is {index}, expected 0 or more")
        time_ticks = round(index * TICK_HZ / self._settings.fps, 6)
        tick = max(1, math.ceil(time_ticks))
        if tick < self._now.tick:
            self._before, self._now = self._checkpoints.before(tick)
        while self._now.tick < tick:
            self._step()
        return time_ticks - (tick - 1)

    def _step(self) -> None:
        self._before, self._now = self._now, self._mover.next(self._now)
        self._checkpoints.offer(self._now.tick, (self._before, self._now))
