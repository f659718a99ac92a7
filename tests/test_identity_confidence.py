"""How sure each name is: it falls in a crossing, and looks bring it back, or turn names back."""

import numpy as np
import pytest
from animals import animal, places, seen, sure, tracker

from tracker.tracking.doubts import LEAST, PLAIN, Doubts
from tracker.tracking.tracks import Candidates

DARK, LIGHT = [40.0, 60.0], [90.0, 120.0]
NOBODY = np.zeros(2, bool)


def walk_apart(two, until, looks=(DARK, LIGHT), start=0):
    """a on the left, b on the right, for so many frames; return the last one."""
    rng = np.random.default_rng(start)
    for i in range(start, until):
        noise = rng.normal(0, 4, (2, 2)) if looks else None
        seen_looks = np.array(looks) + noise if looks else None
        got = two.update(seen(i, animal(100, 100), animal(300, 100), appearance=seen_looks))
    return got


def meet(two, start):
    """Both come together, stay, vanish for half a second: nobody can say who comes out where."""
    for i in range(start, start + 40):
        away = max(100 - 4 * (i - start), 8)
        two.update(seen(i, animal(200 - away, 100, 90), animal(200 + away, 100, 90)))
    return two.update(seen(start + 65, animal(200, 60, 90), animal(200, 140, 90)))


# In a crossing


def test_it_is_certain_while_animals_are_apart():
    got = walk_apart(tracker("a", "b"), 200)
    assert sure(got) == {"a": 1.0, "b": 1.0}


def test_it_falls_to_a_half_when_nobody_can_say_who_comes_out_where():
    two = tracker("a", "b", appearance=False)
    walk_apart(two, 50)
    got = sure(meet(two, 50))
    assert got["a"] == got["b"] == pytest.approx(0.5, abs=0.1)


def test_without_looks_it_stays_fallen():
    two = tracker("a", "b", appearance=False)
    walk_apart(two, 50)
    fallen = sure(meet(two, 50))
    assert sure(walk_apart(two, 600, start=120))["a"] <= fallen["a"]


def test_animals_that_look_alike_stay_in_doubt():
    two = tracker("a", "b")
    walk_apart(two, 500, (DARK, DARK))
    meet(two, 500)
    got = sure(walk_apart(two, 1500, (DARK, DARK), start=570))
    assert got["a"] < 0.9


def test_an_animal_alone_out_of_sight_is_not_in_doubt():
    two = tracker("a", "b")
    walk_apart(two, 50)
    for i in range(50, 300):
        two.update(seen(i, animal(300, 100)))
    got = two.update(seen(300, animal(160, 140), animal(300, 100)))
    assert min(sure(got).values()) > 0.98


def test_only_those_that_met_are_in_doubt():
    three = tracker("a", "b", "c", appearance=False)
    for i in range(20):
        pair = animal(100 + 4 * i, 100), animal(260 - 4 * i, 100)
        three.update(seen(i, *pair, animal(900, 400)))
    got = three.update(seen(60, animal(170, 100), animal(190, 100), animal(900, 400)))
    assert sure(got)["c"] > 0.99
    assert sure(got)["a"] < 0.7
    assert sure(got)["b"] < 0.7


def test_a_stranger_beside_an_animal_is_doubt_until_it_is_gone():
    two = tracker("a", "b", appearance=False)
    walk_apart(two, 50, None)
    for i in range(50, 60):
        crowded = two.update(seen(i, animal(99, 100), animal(101, 100), animal(300, 100)))
    assert sure(crowded)["a"] < 0.5
    assert sure(crowded)["b"] == 1.0
    alone = two.update(seen(60, animal(100, 100), animal(300, 100)))
    assert sure(alone)["a"] == 1.0


# Looks


def test_looks_bring_the_confidence_back():
    two = tracker("a", "b")
    walk_apart(two, 500)
    assert sure(meet(two, 500))["a"] < 0.6
    got = walk_apart(two, 700, start=570)
    assert sure(got)["a"] > 0.99
    assert places(got) == {"a": (100, 100), "b": (300, 100)}


def test_looks_give_exchanged_names_back():
    two = tracker("a", "b")
    walk_apart(two, 500)
    meet(two, 500)
    got = walk_apart(two, 700, (LIGHT, DARK), start=570)  # b came out on the left
    assert places(got) == {"a": (300, 100), "b": (100, 100)}
    assert sure(got)["a"] > 0.99


def test_lengths_of_the_body_are_looks_too():
    def step(i, left, right):
        rng = np.random.default_rng(i)
        lengths = rng.normal(1, 0.02, 2) * (left, right)
        bodies = animal(100, 100, length=lengths[0]), animal(300, 100, length=lengths[1])
        return two.update(seen(i, *bodies))

    two = tracker("a", "b")
    for i in range(500):
        step(i, 36, 46)
    meet(two, 500)
    for i in range(560, 700):
        got = step(i, 46, 36)
    assert places(got) == {"a": (300, 100), "b": (100, 100)}
    assert sure(got)["a"] > 0.99


def test_looks_are_not_learned_while_it_is_in_doubt_who_is_who():
    """Long after a meeting in which they were exchanged, unnoticed by looks, they still tell."""
    two = tracker("a", "b")
    walk_apart(two, 500)
    meet(two, 500)
    walk_apart(two, 5000, None, start=570)  # nothing to be told for a while
    got = walk_apart(two, 5200, (LIGHT, DARK), start=5000)
    assert places(got) == {"a": (300, 100), "b": (100, 100)}


def test_looks_of_two_seconds_are_needed():
    two = tracker("a", "b")
    walk_apart(two, 60)
    meet(two, 60)
    assert sure(walk_apart(two, 400, start=130))["a"] < 0.9


def test_one_odd_look_turns_nothing():
    two = tracker("a", "b")
    walk_apart(two, 500)
    meet(two, 500)
    walk_apart(two, 600, start=570)
    got = walk_apart(two, 611, (LIGHT, DARK), start=600)
    assert places(got) == {"a": (100, 100), "b": (300, 100)}


# What an assignment says


def possible(cost):
    cost = np.array(cost, float)
    return Candidates(*np.nonzero(np.isfinite(cost)), cost)


def after(cost, of_track, of_individual, was_missing=NOBODY):
    doubts = Doubts(len(of_track))
    doubts.note(possible(cost), np.array(of_track), np.array(of_individual), was_missing)
    return doubts.confidence.tolist()


@pytest.mark.parametrize(
    ("cost", "expected"),
    [
        pytest.param([[1, 1], [1, 1]], 0.5, id="as likely the other way round"),
        pytest.param([[1, 2], [2, 1]], 1 / (1 + np.exp(-2)), id="worse by 2"),
        pytest.param([[1, 9], [9, 1]], 1.0, id="worse by 16: plain"),
        pytest.param([[1, np.nan], [1, 1]], 1.0, id="one of the two is out of reach"),
    ],
)
def test_two_animals_and_two_individuals(cost, expected):
    """The chance of an exchange is 1 / (1 + exp(cost of the other way round - cost))."""
    assert after(cost, [0, 1], [0, 1]) == pytest.approx([expected] * 2)


@pytest.mark.parametrize(
    ("was_missing", "expected"),
    [
        pytest.param([False, False], 1 / (1 + np.exp(-2)), id="both were there before"),
        pytest.param([False, True], 1.0 / (1 + np.exp(-7)), id="one was not: 5 more"),
    ],
)
def test_two_animals_and_one_individual(was_missing, expected):
    chances = after([[1], [3]], [0, -1], [0], np.array(was_missing))
    expected = 1.0 if 1 - expected < PLAIN else expected
    assert chances == pytest.approx([expected] * 2)


def test_doubts_add_up_to_a_half_and_not_beyond():
    doubts = Doubts(2)
    for _ in range(100):
        doubts.note(possible([[1, 2], [2, 1]]), np.arange(2), np.arange(2), NOBODY)
    assert doubts.confidence.tolist() == pytest.approx([0.5, 0.5])


def test_evidence_multiplies_the_odds():
    doubts = Doubts(2)
    doubts.note(possible([[1, 1], [1, 1]]), np.arange(2), np.arange(2), NOBODY)
    doubts.judge(np.array([0]), np.array([1]), np.array([np.log(4)]))
    assert doubts.confidence.tolist() == pytest.approx([0.8, 0.8])
    assert doubts.turned() is None
    doubts.judge(np.array([0]), np.array([1]), np.array([-np.log(40)]))
    assert doubts.turned() == (0, 1)
    doubts.exchange(0, 1)
    assert doubts.confidence.tolist() == pytest.approx([10 / 11, 10 / 11])


def test_nothing_makes_it_surer_than_it_may_be():
    doubts = Doubts(2)
    doubts.note(possible([[1, 1], [1, 1]]), np.arange(2), np.arange(2), NOBODY)
    doubts.judge(np.array([0]), np.array([1]), np.array([1000.0]))
    assert doubts.confidence.tolist() == pytest.approx([1 - LEAST] * 2, abs=1e-9)
