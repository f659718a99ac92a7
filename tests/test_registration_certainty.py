import math

import numpy as np
import pytest

from tracker.registration.certainty import from_noise, from_parts, part_of, worst_corner
from tracker.registration.models import Model


def steps_of(edges):
    """A translation: grey values change with their gradient; gain and offset are of no matter."""
    light = np.random.default_rng(0).normal(0, 1, (len(edges), 2))
    return np.concatenate((np.asarray(edges, float), light), axis=1)


def test_noise_makes_a_mean_uncertain_by_one_over_the_root():
    edges = np.tile([[2.0, 0], [0, 2.0]], (500, 1))
    spread = from_noise(steps_of(edges), np.ones(1000), noise=3.0, shared=1.0)
    assert np.sqrt(np.diag(spread)) == pytest.approx([3 / 2 / math.sqrt(500)] * 2, rel=0.02)


def test_what_no_edge_tells_is_not_known():
    only_across = steps_of(np.tile([[2.0, 0.0]], (50, 1)))
    spread = from_noise(only_across, np.ones(50), 1.0, 1.0)
    assert worst_corner(spread, Model.TRANSLATION, (50, 50), 50) > 1e3


def test_parts_that_agree_make_it_as_certain_as_their_noise():
    rng = np.random.default_rng(1)
    edges = np.tile([[2.0, 0], [0, 2.0]], (800, 1))
    steps, off, part = steps_of(edges), rng.normal(0, 3, 1600), np.repeat(np.arange(16), 100)
    spread = from_parts(steps, np.ones(1600), off, part)
    assert np.sqrt(np.diag(spread)) == pytest.approx([3 / 2 / math.sqrt(800)] * 2, rel=0.5)


def test_a_part_that_lies_otherwise_makes_it_less_certain():
    edges = np.tile([[2.0, 0], [0, 2.0]], (800, 1))
    off, part = np.zeros(1600), np.repeat(np.arange(16), 100)
    off[part == 3] = 2.0 * edges[part == 3, 0]  # shifted by two pixels to the right
    spread = from_parts(steps_of(edges), np.ones(1600), off, part)
    assert math.sqrt(spread[0, 0]) == pytest.approx(2 / 16, rel=0.2)
    assert math.sqrt(spread[1, 1]) < 0.02


def test_one_part_alone_says_nothing_of_how_parts_agree():
    steps = steps_of(np.tile([[2.0, 0], [0, 2.0]], (50, 1)))
    assert np.isinf(from_parts(steps, np.ones(100), np.zeros(100), np.zeros(100, int))).all()


def test_the_picture_has_sixteen_parts():
    xy = np.array([[0, 99, 0, 99, 50], [0, 0, 79, 79, 40]], float)
    assert part_of(xy, (49.5, 39.5)).tolist() == [0, 3, 12, 15, 10]


def test_a_turn_is_felt_most_in_the_corners():
    spread = np.diag([0.0, 0.0, 0.01])  # of a turn: 0.1 px at a distance of 50 px
    worst = worst_corner(spread, Model.RIGID, (50, 50), 50)
    assert worst == pytest.approx(0.1 * math.sqrt(2))
    assert worst_corner(np.full((3, 3), np.inf), Model.RIGID, (50, 50), 50) == math.inf
