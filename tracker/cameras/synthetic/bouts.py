"""What the mouse does next: an endless list of bouts, each known from its number alone."""

from dataclasses import dataclass
from enum import StrEnum

from tracker.cameras.synthetic.chance import chance

BOUT_SALT = 21
DECK_SALT = 22


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
    dice = tuple(chance(seed, BOUT_SALT, number, i) for i in range(16))
    activity = activity_of(seed, number)
    shortest, longest = _SECONDS[activity]
    seconds = shortest + (longest - shortest) * dice[0]
    return Bout(number, activity, start_tick, round(seconds * tick_hz), dice)
