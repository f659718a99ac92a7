"""What every behaviour promises. A new behaviour joins by one line in BEHAVIOURS."""

import math

import numpy as np
import pytest

from tracker.arena import Arena, ArenaSettings, Rectangle
from tracker.behaviours.learned import LearnedBehaviour, Told
from tracker.behaviours.rule import AllOfRule, InsideRule, ThresholdRule, make_rule
from tracker.behaviours.text_rule import TextRule
from tracker.features import FeatureExtractor, FeatureSettings
from tracker.features.catalogue import Catalogue
from tracker.types import Observation, Skeleton

FPS = 50
MOUSE = Skeleton(("nose", "head", "tail_base"))
FAST = ThresholdRule(feature="speed_cm_s", above=5, softness=2)
STILL = ThresholdRule(feature="fastest_keypoint_cm_s", below=2, softness=1)
IN_NEST = InsideRule(zone="nest")

BEHAVIOURS = {
    "above": FAST,
    "below": STILL,
    "inside": IN_NEST,
    "all_of": AllOfRule(rules=(STILL, IN_NEST)),
    "text": "speed < 5 cm/s ~ 2 cm/s and in zone.nest",
    "learned": "learned",
    "text_that_remembers": "speed < 5 cm/s after leaving(zone.nest) within 1 s "
    "or fastest_keypoint < 2 cm/s for 0.2 s",
}


class SpeedIsIt:
    """A classifier that is sure from 4 cm/s on, and does not know of less than 1."""

    def step(self, features):
        speed = float(np.nan_to_num(features[0]))
        yes = min(1.0, max(0.0, (speed - 1) / 3))
        return np.array([1 - yes, yes], np.float32), 0.0

    def reset(self):
        pass


def make_behaviour(rule, features):
    if rule == "learned":
        told = Told(SpeedIsIt(), ["speed_cm_s"], step_s=0.02, warm_up_s=0.1, blind_s=0)
        return LearnedBehaviour("watched", told, 1, 0.16, (1, 99))
    if isinstance(rule, str):
        return TextRule("watched", rule, Catalogue(FeatureSettings(), MOUSE, make_arena()))
    return make_rule("watched", rule, features.names, features.group_delay_s)


def make_arena():
    nest = Rectangle(x_px=0, y_px=0, width_px=300, height_px=300)
    return Arena(ArenaSettings(px_per_cm=10, zones={"nest": nest}))


def make_features():
    return FeatureExtractor(FeatureSettings(), MOUSE, make_arena())


@pytest.fixture(params=BEHAVIOURS.values(), ids=BEHAVIOURS.keys())
def behaviour(request):
    return make_behaviour(request.param, make_features())


@pytest.fixture(scope="module")
def seen():
    """Ten seconds of a mouse that wanders, rests, and is lost from sight now and then."""
    dice, features, frames = np.random.default_rng(4), make_features(), []
    place = np.array([[300.0, 290.0], [290.0, 290.0], [220.0, 290.0]])
    for i in range(10 * FPS):
        place = place + (dice.normal(0, 6, 2) if i // 50 % 2 else 0)
        xy = (place + dice.normal(0, 0.3, place.shape)).astype(np.float32)
        xy[dice.random(3) < 0.05] = np.nan
        xy[:] = np.nan if i % 97 == 0 else xy
        time_ns = round(i * 1e9 / FPS)
        observation = Observation(i, time_ns, xy[None], np.ones((1, 3), np.float32))
        frames.append((observation, features.update(observation)))
    return frames


def scores(behaviour, frames):
    return [behaviour.update(observation, dict(features)) for observation, features in frames]


def test_a_score_is_a_float_from_0_to_1_or_nan(behaviour, seen):
    found = scores(behaviour, seen)
    assert {type(score) for score in found} == {float}
    assert all(math.isnan(score) or 0 <= score <= 1 for score in found)
    assert {0.0, 1.0} <= set(found)


def test_a_frame_without_an_animal_scores_nan(behaviour, seen):
    found = scores(behaviour, seen)
    assert all(math.isnan(score) for score in found[::97])


def test_the_same_frames_score_the_same(behaviour, seen):
    first = scores(behaviour, seen)
    behaviour.reset()
    np.testing.assert_array_equal(scores(behaviour, seen), first)


def test_resetting_twice_is_harmless(behaviour, seen):
    first = scores(behaviour, seen)
    behaviour.reset()
    behaviour.reset()
    np.testing.assert_array_equal(scores(behaviour, seen), first)


def test_a_score_knows_nothing_of_later_frames(behaviour, seen):
    whole = scores(behaviour, seen)
    behaviour.reset()
    np.testing.assert_array_equal(scores(behaviour, seen[:200]), whole[:200])


def test_what_it_was_handed_is_left_alone(behaviour, seen):
    observation, features = seen[60]
    before, xy = dict(features), observation.xy.copy()
    behaviour.update(observation, features)
    assert str(features) == str(before)
    np.testing.assert_array_equal(observation.xy, xy)


def test_it_has_its_name_and_a_delay(behaviour):
    assert behaviour.name == "watched"
    assert 0 <= behaviour.group_delay_s < 1
