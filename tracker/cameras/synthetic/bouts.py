"""What the mouse does next: an endless list of bouts, each known from its number alone."""

from dataclasses import dataclass
from enum import StrEnum

from tracker.cameras.synthetic.chance import chance

BOUT_SALT = 21
DECK_SALT = 22
WOKEN_SALT = 23


class Activity(StrEnum):
    """What a bout is about."""

    WALK = "walk"
    FREEZE = "freeze"
    TURN = "turn"
    GROOM = "groom"
    REAR = "rear"
    EXPLORE = "explore"


_SECONDS = {
    Activity.WALK: (3.5, 7.0),
    Activity.FREEZE: (2.6, 6.2),
    Activity.TURN: (1.0, 1.7),
    Activity.GROOM: (2.0, 3.2),
    Activity.REAR: (1.9, 3.0),
    Activity.EXPLORE: (1.5, 3.0),
}
"""Shortest and longest bout (s)."""

_WOKEN_SECONDS = (2.0, 4.0)
"""The same of a walk that follows from being woken."""

_ON_THE_SPOT = (Activity.TURN, Activity.GROOM, Activity.REAR, Activity.EXPLORE)


@dataclass(frozen=True, slots=True)
class Bout:
    """One stretch of one activity.

    Attributes:
        number: From 0.
        activity: What it is about.
        start_tick: The first tick of it.
        n_ticks: Its length, in ticks.
        dice: Numbers from 0 to 1 that shape it: where to, how fast, how far.
    """

    number: int
    activity: Activity
    start_tick: int
    n_ticks: int
    dice: tuple[float, ...]

    @property
    def end_tick(self) -> int:
        """The first tick after it."""
        return self.start_tick + self.n_ticks


def activity_of(seed: int, number: int) -> Activity:
    """What bout `number` is about.

    Five bouts repeat: walk, freeze, something on the spot, walk, something on the spot. The
    four things on the spot are dealt in shuffled rounds, so that a minute shows them all.
    """
    round_of_five, place = divmod(number, 5)
    if place in (0, 3):
        return Activity.WALK
    if place == 1:
        return Activity.FREEZE
    dealt = 2 * round_of_five + (place == 4)
    deck, card = divmod(dealt, len(_ON_THE_SPOT))
    order = sorted(range(len(_ON_THE_SPOT)), key=lambda i: chance(seed, DECK_SALT, deck, i))
    return _ON_THE_SPOT[order[card]]


def make_bout(seed: int, number: int, start_tick: int, tick_hz: int) -> Bout:
    """Bout `number`, if it starts at `start_tick`."""
    activity = activity_of(seed, number)
    dice = tuple(chance(seed, BOUT_SALT, number, i) for i in range(16))
    return _bout(number, activity, start_tick, dice, _SECONDS[activity], tick_hz)


def make_woken_bout(seed: int, number: int, start_tick: int, tick_hz: int) -> Bout:
    """The walk that follows if bout `number`, a freeze, is broken off at `start_tick`.

    It has the number of the freeze, so that what comes after it is what would have come anyway.
    """
    dice = tuple(chance(seed, WOKEN_SALT, number, i) for i in range(16))
    return _bout(number, Activity.WALK, start_tick, dice, _WOKEN_SECONDS, tick_hz)


def _bout(
    number: int,
    activity: Activity,
    start_tick: int,
    dice: tuple[float, ...],
    limits_s: tuple[float, float],
    tick_hz: int,
) -> Bout:
    shortest, longest = limits_s
    seconds = shortest + (longest - shortest) * dice[0]
    return Bout(number, activity, start_tick, round(seconds * tick_hz), dice)
