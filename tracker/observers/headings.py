"""Which end of an animal is its head: decided by how it moves and by its tail, and kept."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from tracker.observers.silhouettes import Silhouette

ROUND = 1.2
"""Below this aspect the long axis says nothing about the direction."""

MOST = 0.75
"""Evidence that is kept at most (body lengths): so much and a third of it backwards, quickly, turns
head and tail."""

SURE = 0.5
"""Evidence of which nothing more is asked (body lengths)."""

QUICK_HZ = 1.2
"""Body lengths per s from which a movement backwards counts in full; slower ones by the square of
their share. Animals back off slowly: where one was quick the head was taken for the tail."""

ENOUGH = 0.25
"""Evidence from which on head and tail are told apart (body lengths of movement)."""

TAIL = 0.08
"""How far the whole must lie behind the body's middle for a tail to be there (body lengths)."""

TAIL_WEIGHT = 0.05
"""Evidence of one frame with a tail (body lengths)."""

REACH = 2.0
"""An animal moves no further than this from frame to frame (body lengths)."""

KEPT_FRAMES = 100
"""An animal that was not found for so many frames is forgotten."""

LEARNING = 0.02
"""Share of one frame in the usual area."""


@dataclass(slots=True)
class Heading:
    """What is remembered of one animal.

    Attributes:
        index: Of the frame that it was last found in.
        seen_ns: Capture time of that frame (ns).
        x_px: Where its middle was.
        y_px: The same.
        way: Unit vector along its long axis.
        evidence: That the head is that way, from -MOST to MOST (body lengths).
        usual_px2: Its usual area.
        likeness: Its area now per its usual one, or the other way round: 0 to 1.
        is_long: Whether it is long enough for its axis to say something.
        is_decided: Whether head and tail were ever told apart.
    """

    index: int
    seen_ns: int
    x_px: float
    y_px: float
    way: tuple[float, float]
    evidence: float
    usual_px2: float
    likeness: float = 1.0
    is_long: bool = True
    is_decided: bool = False

    @property
    def is_known(self) -> bool:
        """Whether head and tail are told apart, and the shape shows them."""
        return self.is_long and self.evidence >= ENOUGH

    @property
    def confidence(self) -> float:
        """How sure it is that the head is at this end, from 0 to 1."""
        return min(max(self.evidence / SURE, 0.0), 1.0) if self.is_long else 0.0


class Headings:
    """Follows animals from frame to frame for their head and tail alone.

    Args:
        n: Animals at most; twice as many are remembered.
    """

    def __init__(self, n: int) -> None:
        self._most = 2 * n
        self._known: list[Heading] = []

    def update(self, index: int, captured_ns: int, seen: Sequence[Silhouette]) -> list[Heading]:
        """Return the heading of each individual of a frame, in their order."""
        self._known = [each for each in self._known if 0 < index - each.index <= KEPT_FRAMES]
        matched = self._match(seen)
        headings = [
            _begin(index, captured_ns, one)
            if before is None
            else _go_on(before, index, captured_ns, one)
            for one, before in zip(seen, matched, strict=True)
        ]
        new = [each for each, before in zip(headings, matched, strict=True) if before is None]
        self._known = sorted([*self._known, *new], key=lambda each: -each.index)[: self._most]
        return headings

    def _match(self, seen: Sequence[Silhouette]) -> list[Heading | None]:
        """The nearest before, one for each, none further than an animal moves."""
        matched: list[Heading | None] = [None] * len(seen)
        if not seen or not self._known:
            return matched
        if len(seen) == len(self._known) == 1:
            one, known = seen[0], self._known[0]
            far = math.hypot(one.x_px - known.x_px, one.y_px - known.y_px)
            return [known if far < REACH * one.long_axis_px else None]
        aparts = np.array(
            [
                [math.hypot(one.x_px - k.x_px, one.y_px - k.y_px) for k in self._known]
                for one in seen
            ]
        )
        reach = np.array([[REACH * one.long_axis_px] for one in seen])
        rows, columns = linear_sum_assignment(np.minimum(aparts, reach))
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            if aparts[row, column] < reach[row, 0]:
                matched[row] = self._known[column]
        return matched


def _begin(index: int, now_ns: int, one: Silhouette) -> Heading:
    heading = Heading(index, now_ns, one.x_px, one.y_px, one.axis, 0.0, one.area_px2)
    heading.is_long = one.aspect >= ROUND
    _judge(heading, _of_tail(heading.way, one))
    return heading


def _go_on(heading: Heading, index: int, now_ns: int, one: Silhouette) -> Heading:
    """Note where an animal is now, and what its movement says of its head."""
    dx, dy = one.x_px - heading.x_px, one.y_px - heading.y_px
    passed_s = (now_ns - heading.seen_ns) / 1e9
    heading.index, heading.seen_ns = index, now_ns
    heading.x_px, heading.y_px = one.x_px, one.y_px
    heading.likeness = min(one.area_px2, heading.usual_px2) / max(one.area_px2, heading.usual_px2)
    heading.usual_px2 += LEARNING * (one.area_px2 - heading.usual_px2)
    heading.is_long = one.aspect >= ROUND
    if heading.is_long:
        x, y = one.axis
        same = x * heading.way[0] + y * heading.way[1] >= 0
        heading.way = (x, y) if same else (-x, -y)
        moved = (dx * heading.way[0] + dy * heading.way[1]) / one.long_axis_px
        if heading.is_decided and moved < 0 and passed_s > 0:
            moved *= min(-moved / passed_s / QUICK_HZ, 1.0) ** 2
        _judge(heading, moved + _of_tail(heading.way, one))
    return heading


def _of_tail(way: tuple[float, float], one: Silhouette) -> float:
    """What thin parts say: a tail lies behind the body."""
    ahead = (one.thin_px[0] * way[0] + one.thin_px[1] * way[1]) / one.long_axis_px
    return 0.0 if abs(ahead) < TAIL else -math.copysign(TAIL_WEIGHT, ahead)


def _judge(heading: Heading, evidence: float) -> None:
    heading.evidence = min(max(heading.evidence + evidence, -MOST), MOST)
    if heading.evidence <= -ENOUGH:
        heading.evidence = -heading.evidence
        heading.way = -heading.way[0], -heading.way[1]
    heading.is_decided |= heading.evidence >= ENOUGH
