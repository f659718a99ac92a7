"""An arena, two mice, and what rules say of them frame by frame."""

import math

import numpy as np

from tracker.arena import Arena, ArenaSettings, Circle, Rectangle
from tracker.behaviours.text_rule import TextRule
from tracker.features import FeatureExtractor, FeatureSettings
from tracker.features.catalogue import Catalogue
from tracker.types import Observation, Skeleton

NAN = math.nan
FPS = 50
MICE = Skeleton(("nose", "neck", "tail_base"))
ZONES = {
    "floor": Rectangle(x_px=0, y_px=0, width_px=400, height_px=300),
    "nest": Rectangle(x_px=0, y_px=0, width_px=100, height_px=100),
    "plate": Circle(x_px=300, y_px=200, radius_px=50),
}
SHAPE = np.array([[80.0, 0.0], [50.0, 0.0], [0.0, 0.0]])
"""Nose, neck and tail base of a mouse that looks to the right (px)."""


def arena(px_per_cm=10.0, floor="floor"):
    return Arena(ArenaSettings(px_per_cm=px_per_cm, zones=ZONES, floor=floor))


def catalogue(settings=None, skeleton=MICE, animals=(), **about):
    return Catalogue(settings or FeatureSettings(), skeleton, arena(**about), animals=animals)


def seen(*animals, index=0, time_s=None, measures=None):
    """What is seen of some animals, each of them positions by keypoint, or None."""
    xy = [np.full((3, 2), NAN) if each is None else each for each in animals]
    time_s = index / FPS if time_s is None else time_s
    return Observation(
        index,
        round(time_s * 1e9),
        np.array(xy, np.float32).reshape(-1, 3, 2),
        np.ones((len(xy), 3), np.float32),
        measures=measures or {},
    )


def at(x, y, turn_deg=0.0):
    """A mouse whose tail base is there (px), turned clockwise."""
    angle = math.radians(turn_deg)
    matrix = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return SHAPE @ matrix + (x, y)


def measured(*texts, frames, settings=None, **about):
    """Values of some quantities in each frame, by text; a frame is a tuple of animals."""
    settings = settings or FeatureSettings(recorded=())
    known = Catalogue(settings, MICE, arena(**about))
    wanted = [known.find_text(text, "test") for text in texts]
    extractor = FeatureExtractor(settings, MICE, arena(**about), wanted=wanted, catalogue=known)
    found = []
    for index, animals in enumerate(frames):
        values = extractor.update(seen(*animals, index=index))
        found.append([values[each.name] for each in wanted])
    return found


def value(text, *animals, **about):
    """The value of one quantity in a single frame."""
    return measured(text, frames=[animals], **about)[0][0]


def rule(text, above=(), **about):
    return TextRule("watched", text, catalogue(**about), above)


def scores(text, above=(), step_s=0.1, **columns):
    """Scores of a rule, frame by frame, ten a second, whose quantities have given values.

    Names of columns are those of features: `x_cm=[1, 2]`; `__` stands for a dot.
    """
    known = {name.replace("__", "."): values for name, values in columns.items()}
    behaviour = rule(text, above)
    n = len(next(iter(known.values())))
    assert set(behaviour.features) <= set(known)
    return [
        behaviour.update(seen(index=i, time_s=i * step_s), {name: known[name][i] for name in known})
        for i in range(n)
    ]
