"""How the mouse moves from one tick to the next: plain numbers, no picture.

Lengths are cm on the floor, origin at its top left corner, x to the right, y down; angles
are rad, so that they turn clockwise as seen in the picture. Time goes in ticks.
"""

import math
from dataclasses import dataclass

from tracker.cameras.synthetic.bouts import Activity, Bout, make_bout, make_woken_bout

TICK_HZ = 60
TAIL_SEGMENTS = 13
TAIL_SEGMENT_CM = 0.6
BODY_CM = 8.5
"""Nose to tail base of a stretched mouse."""

ANCHOR = 0.42
"""Where along the body (0 nose, 1 tail base) the point lies that the mouse turns about."""

SETTLE_S = 0.2
"""A freeze begins with this much of coming to rest, and only then counts as freezing."""

_DT = 1 / TICK_HZ
_MARGIN_CM = 0.7
_REACH_CM = (ANCHOR * BODY_CM, (1 - ANCHOR) * BODY_CM * 0.9)


@dataclass(slots=True)
class Body:
    """Where the mouse is and how it holds itself; everything that is drawn.

    Attributes:
        x: Anchor (cm).
        y: Anchor (cm).
        theta: Where the trunk points (rad), never wrapped.
        bend: Angle between the front and the rear of the spine (rad).
        yaw: Head against trunk (rad).
        reach: How far the head is stretched out (share of its length).
        rear: 0 on all fours, 1 upright.
        hunch: 0 stretched, 1 curled up.
        gait: Phase of the steps (rad).
        tail: x, y of each tail point after the tail base, in turn (cm).
    """

    x: float
    y: float
    theta: float
    bend: float = 0.0
    yaw: float = 0.0
    reach: float = 0.0
    rear: float = 0.0
    hunch: float = 0.0
    gait: float = 0.0
    tail: tuple[float, ...] = ()

    def between(self, other: "Body", share: float) -> "Body":
        """The body `share` of the way (0 to 1) from this one to `other`."""
        if share >= 1:
            return other
        mixed = [
            mine + (theirs - mine) * share
            for mine, theirs in zip(_numbers(self), _numbers(other), strict=True)
        ]
        x, y, theta, bend, yaw, reach, rear, hunch, gait, *tail = mixed
        return Body(x, y, theta, bend, yaw, reach, rear, hunch, gait, tuple(tail))


@dataclass(slots=True)
class Moment:
    """All that the next tick depends on.

    Attributes:
        tick: Its number, from 0.
        bout: What the mouse is about.
        body: Where it is.
        speed: Of the anchor (cm/s).
        omega: Of the trunk's turning (rad/s).
        waypoint: How many waypoints of this walk were reached.
        target: Where it walks (x cm, y cm).
        still: Whether nothing at all moved in this tick.
    """

    tick: int
    bout: Bout
    body: Body
    speed: float = 0.0
    omega: float = 0.0
    waypoint: int = 0
    target: tuple[float, float] = (0.0, 0.0)
    still: bool = False


def ease(share: float) -> float:
    """From 0 to 1 with no jerk at either end; 0 below 0, 1 above 1 (smoothstep)."""
    share = min(max(share, 0.0), 1.0)
    return share * share * (3 - 2 * share)


def _numbers(body: Body) -> tuple[float, ...]:
    return (
        body.x,
        body.y,
        body.theta,
        body.bend,
        body.yaw,
        body.reach,
        body.rear,
        body.hunch,
        body.gait,
        *body.tail,
    )


class Mover:
    """Makes one moment out of the one before; a pure function of its arguments.

    Args:
        seed: Of the script.
        floor_cm: Width and height of the floor (cm).
    """

    def __init__(self, seed: int, floor_cm: tuple[float, float]) -> None:
        self._seed = seed
        self._floor_cm = floor_cm

    def first(self) -> Moment:
        """The moment at tick 0."""
        bout = self._bout(0, 0)
        width, height = self._floor_cm
        x = width * (0.2 + 0.6 * bout.dice[10])
        y = height * (0.2 + 0.6 * bout.dice[11])
        theta = math.tau * bout.dice[12]
        back = theta + math.pi
        base_x = x + (1 - ANCHOR) * BODY_CM * math.cos(back)
        base_y = y + (1 - ANCHOR) * BODY_CM * math.sin(back)
        tail: list[float] = []
        for i in range(1, TAIL_SEGMENTS + 1):
            tail.append(base_x + i * TAIL_SEGMENT_CM * math.cos(back + 0.05 * i))
            tail.append(base_y + i * TAIL_SEGMENT_CM * math.sin(back + 0.05 * i))
        moment = Moment(0, bout, Body(x, y, theta, tail=tuple(tail)))
        moment.target = self._next_target(moment)
        return moment

    def next(self, old: Moment, *, woken: bool = False) -> Moment:
        """The moment one tick later; `woken` breaks off what it is about, and it walks."""
        tick = old.tick + 1
        new = Moment(
            tick, old.bout, old.body, old.speed, old.omega, old.waypoint, old.target, still=False
        )
        if woken or tick >= old.bout.end_tick:
            if woken:
                new.bout = make_woken_bout(self._seed, old.bout.number, tick, TICK_HZ)
            else:
                new.bout = self._bout(old.bout.number + 1, tick)
            new.waypoint = 0
            new.target = self._next_target(new)
        new.still = self._is_still(new)
        if new.still:
            new.speed = new.omega = 0.0
            return new
        self._move(new)
        return new

    def _bout(self, number: int, tick: int) -> Bout:
        """Bout `number`, which begins at a tick."""
        return make_bout(self._seed, number, tick, TICK_HZ)

    @staticmethod
    def _is_still(moment: Moment) -> bool:
        since_s = (moment.tick - moment.bout.start_tick) / TICK_HZ
        return moment.bout.activity is Activity.FREEZE and since_s >= SETTLE_S

    def _move(self, new: Moment) -> None:
        old = new.body
        since_s = (new.tick - new.bout.start_tick) / TICK_HZ
        left_s = new.bout.n_ticks / TICK_HZ - since_s
        activity = new.bout.activity
        life = 1 - ease(since_s / SETTLE_S) if activity is Activity.FREEZE else 1.0
        want = Wish()
        if activity is Activity.WALK:
            self._walk(new, want, since_s, left_s)
        else:
            _ON_THE_SPOT[activity](new, want, since_s, left_s)
        new.speed += (want.speed - new.speed) * min(1.0, _DT / 0.06)
        new.omega += (want.omega - new.omega) * min(1.0, _DT / 0.07)
        if activity is Activity.FREEZE:
            new.omega *= life
            new.speed *= life
        theta = old.theta + new.omega * _DT
        x = old.x + new.speed * math.cos(theta) * _DT
        y = old.y + new.speed * math.sin(theta) * _DT
        bend_wish = min(max(0.2 * new.omega + want.bend, -1.1), 1.1)
        body = Body(
            x,
            y,
            theta,
            bend=old.bend + (bend_wish - old.bend) * life * _DT / 0.15,
            yaw=old.yaw + (want.yaw - old.yaw) * life * _DT / 0.09,
            reach=old.reach + (want.reach - old.reach) * life * _DT / 0.09,
            rear=old.rear + (want.rear - old.rear) * life * _DT / 0.12,
            hunch=old.hunch + (want.hunch - old.hunch) * life * _DT / 0.15,
            gait=old.gait + (new.speed * 0.75 + abs(new.omega) * 1.2) * _DT,
        )
        self._keep_inside(body, life)
        body.tail = self._drag_tail(old.tail, body, life)
        new.body = body

    def _walk(self, new: Moment, want: "Wish", since_s: float, left_s: float) -> None:
        dice, body = new.bout.dice, new.body
        envelope = ease(since_s / 0.3) * ease((left_s - 0.06) / 0.4)
        away = math.hypot(new.target[0] - body.x, new.target[1] - body.y)
        if away < 7.0:
            new.waypoint += 1
            new.target = self._next_target(new)
        to_target = math.atan2(new.target[1] - body.y, new.target[0] - body.x)
        error = math.remainder(to_target - body.theta, math.tau)
        top = 11.0 + 13.0 * dice[1] * (0.6 + 0.4 * dice[2])
        top *= 1 + 0.15 * math.sin(1.7 * since_s + math.tau * dice[3])
        want.speed = envelope * max(10.5, top * (0.4 + 0.6 * max(0.0, math.cos(error))))
        want.omega = envelope * min(max(6.0 * error, -4.0), 4.0)
        want.yaw = envelope * (min(max(0.4 * error, -0.5), 0.5) + 0.08 * math.sin(body.gait))

    def _next_target(self, moment: Moment) -> tuple[float, float]:
        """Mostly along the walls, now and then across the middle."""
        width, height = self._floor_cm
        bout, n, body = moment.bout, moment.waypoint, moment.body
        kind, along, across = (bout.dice[4 + (3 * n + i) % 12] for i in range(3))
        if kind < 0.12 or (n == 0 and bout.number % 10 == 3):
            return width * (0.35 + 0.3 * along), height * (0.35 + 0.3 * across)
        if kind > 0.85:
            return width * (0.12 + 0.76 * along), height * (0.12 + 0.76 * across)
        inset = 3.2 + 1.5 * across
        clockwise = 1 if bout.dice[15] > 0.5 else -1
        bearing = math.atan2((body.y - height / 2) / height, (body.x - width / 2) / width)
        bearing += clockwise * (0.5 + 0.7 * along)
        cos, sin = math.cos(bearing), math.sin(bearing)
        stretch = 1 / max(abs(cos), abs(sin))
        return (
            width / 2 + (width / 2 - inset) * cos * stretch,
            height / 2 + (height / 2 - inset) * sin * stretch,
        )

    def _keep_inside(self, body: Body, life: float) -> None:
        """Push the whole animal off a wall that its nose or rump would go through."""
        width, height = self._floor_cm
        front = body.theta + 0.5 * body.bend + 0.6 * body.yaw
        rear = body.theta - 0.5 * body.bend + math.pi
        reach = _REACH_CM[0] * (1 - 0.4 * body.rear)
        ends = (
            (body.x + reach * math.cos(front), body.y + reach * math.sin(front)),
            (body.x + _REACH_CM[1] * math.cos(rear), body.y + _REACH_CM[1] * math.sin(rear)),
            (body.x, body.y),
        )
        margins = (_MARGIN_CM, 1.2, 1.9)
        most = 12 * _DT * life
        for axis, size in ((0, width), (1, height)):
            low = max(m - end[axis] for m, end in zip(margins, ends, strict=True))
            high = max(end[axis] - (size - m) for m, end in zip(margins, ends, strict=True))
            push = min(max(low, 0.0), most) - min(max(high, 0.0), most)
            if axis == 0:
                body.x += push
            else:
                body.y += push

    def _drag_tail(self, old: tuple[float, ...], body: Body, life: float) -> tuple[float, ...]:
        """Each point follows the one before it at a fixed distance, a little stiffly."""
        width, height = self._floor_cm
        back = body.theta - 0.62 * body.bend + math.pi
        length = (1 - ANCHOR) * BODY_CM * (1 - 0.2 * body.hunch)
        x = body.x + length * math.cos(back + 0.25 * body.bend)
        y = body.y + length * math.sin(back + 0.25 * body.bend)
        swing = 0.25 * math.sin(0.5 * body.gait)
        ahead_x, ahead_y = math.cos(back + swing), math.sin(back + swing)
        points: list[float] = []
        for i in range(TAIL_SEGMENTS):
            stiff = (0.5 if i == 0 else 0.12) * life
            away_x, away_y = old[2 * i] - x, old[2 * i + 1] - y
            norm = math.hypot(away_x, away_y) or 1.0
            away_x = away_x / norm * (1 - stiff) + ahead_x * stiff
            away_y = away_y / norm * (1 - stiff) + ahead_y * stiff
            norm = math.hypot(away_x, away_y) or 1.0
            ahead_x, ahead_y = away_x / norm, away_y / norm
            x = min(max(x + TAIL_SEGMENT_CM * ahead_x, 0.15), width - 0.15)
            y = min(max(y + TAIL_SEGMENT_CM * ahead_y, 0.15), height - 0.15)
            points += (x, y)
        return tuple(points)


@dataclass(slots=True)
class Wish:
    """What the mouse is trying to do in this tick; the body follows with some inertia."""

    speed: float = 0.0
    omega: float = 0.0
    bend: float = 0.0
    yaw: float = 0.0
    reach: float = 0.0
    rear: float = 0.0
    hunch: float = 0.0


def _freeze(new: Moment, want: Wish, since_s: float, left_s: float) -> None:
    del since_s, left_s
    want.yaw, want.bend = new.body.yaw, new.body.bend
    want.reach, want.rear, want.hunch = new.body.reach, new.body.rear, new.body.hunch


def _turn(new: Moment, want: Wish, since_s: float, left_s: float) -> None:
    """Turn by 60 to 170 degrees with the least jerk (Flash and Hogan 1985)."""
    dice = new.bout.dice
    angle = math.copysign(math.radians(60 + 110 * dice[1]), dice[2] - 0.5)
    share = since_s / (since_s + left_s)
    want.omega = 30 * share**2 * (1 - share) ** 2 * angle / (since_s + left_s)
    envelope = ease(since_s / 0.2) * ease(left_s / 0.3)
    want.yaw = 0.15 * want.omega + math.copysign(0.35 * envelope, angle)


def _groom(new: Moment, want: Wish, since_s: float, left_s: float) -> None:
    """Curled up, the head going round in circles with quick strokes on top."""
    dice = new.bout.dice
    envelope = ease(since_s / 0.3) * ease(left_s / 0.3)
    circle = math.tau * (1.0 + 0.3 * dice[1]) * since_s
    stroke = math.tau * 5.5 * since_s
    want.hunch = envelope
    want.yaw = envelope * (0.42 * math.sin(circle) + 0.05 * math.sin(stroke))
    want.reach = envelope * (0.24 * math.cos(circle) + 0.03 * math.cos(stroke))
    want.bend = envelope * math.copysign(0.5, dice[2] - 0.5)


def _rear(new: Moment, want: Wish, since_s: float, left_s: float) -> None:
    """Up on the hind legs and down again, looking about."""
    want.rear = ease(since_s / 0.7) * ease((left_s - 0.2) / 0.7)
    sway = math.tau * (1.0 * since_s + new.bout.dice[1])
    envelope = ease(since_s / 0.25) * ease(left_s / 0.25)
    want.yaw = envelope * 0.55 * math.sin(sway)
    want.reach = envelope * 0.3 * math.cos(sway)


def _explore(new: Moment, want: Wish, since_s: float, left_s: float) -> None:
    """Sniff about: the head sweeps, the feet hardly move."""
    dice = new.bout.dice
    envelope = ease(since_s / 0.25) * ease(left_s / 0.25)
    sweep = math.tau * (0.55 + 0.2 * dice[1]) * since_s + math.copysign(0.8, dice[2] - 0.5)
    want.yaw = envelope * 0.6 * math.sin(sweep)
    want.reach = envelope * 0.25 * math.cos(sweep)
    want.omega = envelope * 0.7 * math.sin(0.6 * sweep)
    want.speed = envelope * 1.2


_ON_THE_SPOT = {
    Activity.FREEZE: _freeze,
    Activity.TURN: _turn,
    Activity.GROOM: _groom,
    Activity.REAR: _rear,
    Activity.EXPLORE: _explore,
}
