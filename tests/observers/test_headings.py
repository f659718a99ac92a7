"""Head and tail: decided by movement or by a tail, kept through a walk backwards and a rest."""

import numpy as np
import pytest
from drawn_bodies import LONG, draw, floor

from tracker.observers.headings import KEPT_FRAMES, Headings
from tracker.observers.silhouettes import SilhouetteSettings, pieces_of


def bodies(*places, **drawn):
    image = floor(grey=0)
    for x, y, angle in places:
        draw(image, x, y, angle, grey=255, **drawn)
    return pieces_of(image, SilhouetteSettings()).found


def update(headings, index, found, fps=30):
    return headings.update(index, index * 1_000_000_000 // fps, found)


def walked(headings, x, steps, first=0, **drawn):
    """Move along x by these steps; return the last heading."""
    heading = None
    for number, step in enumerate(steps):
        x += step
        (heading,) = update(headings, first + number, bodies((x, 120, 0), **drawn))
    return heading, x


@pytest.mark.parametrize("step", [2, -2])
def test_the_head_is_where_it_goes(step):
    heading, _ = walked(Headings(1), 150, [step] * 10)
    assert heading.is_known
    assert np.sign(heading.way[0]) == np.sign(step)


def test_nothing_is_said_before_it_has_moved_a_quarter_of_its_length():
    headings = Headings(1)
    heading, x = walked(headings, 100, [0, *[2] * 6])
    assert not heading.is_known  # 12 of 60 px
    heading, _ = walked(headings, x, [2] * 3, first=7)
    assert heading.is_known
    assert 0.5 <= heading.confidence <= 0.65


def test_a_few_steps_backwards_do_not_turn_it():
    headings = Headings(1)
    _, x = walked(headings, 80, [2] * 30)
    heading, _ = walked(headings, x, [-2] * 10, first=30)
    assert heading.way[0] > 0.99


def test_a_long_way_backwards_does_if_it_is_quick():
    """60 px are a body length: 2 of them per s, for 1.2 of them."""
    headings = Headings(1)
    _, x = walked(headings, 80, [4] * 20)
    heading, _ = walked(headings, x, [-4] * 18, first=20)
    assert heading.way[0] < -0.99


def test_one_that_backs_off_slowly_keeps_its_head():
    """Half a body length per s, for 1.3 of them."""
    headings = Headings(1)
    _, x = walked(headings, 80, [4] * 20)
    heading, _ = walked(headings, x, [-1] * 80, first=20)
    assert heading.is_known
    assert heading.way[0] > 0.99


def test_it_is_kept_while_the_animal_rests_and_turns_on_the_spot():
    headings = Headings(1)
    _, x = walked(headings, 80, [2] * 30)
    for number, angle in enumerate(range(0, 181, 5)):
        (heading,) = update(headings, 30 + number, bodies((x, 120, angle)))
    assert heading.is_known
    assert heading.way[0] < -0.99


@pytest.mark.parametrize("angle", [0, 180])
def test_a_tail_says_it_without_a_step(angle):
    headings = Headings(1)
    for index in range(8):
        (heading,) = update(headings, index, bodies((150, 120, angle), tail=70))
    assert heading.is_known
    assert heading.way[0] == pytest.approx(np.cos(np.deg2rad(angle)), abs=0.02)


def test_a_round_animal_has_no_head():
    heading, _ = walked(Headings(1), 100, [2] * 20, long=40, short=38)
    assert not heading.is_known
    assert heading.confidence == 0


def test_each_of_two_keeps_its_own():
    headings = Headings(2)
    for index in range(20):
        places = (60 + 2 * index, 60, 0), (250 - 2 * index, 180, 0)
        found = update(headings, index, bodies(*places))
    ways = {round(heading.y_px, -1): heading.way[0] for heading in found}
    assert ways[60] > 0.99
    assert ways[180] < -0.99


def test_an_animal_far_away_is_another_one():
    headings = Headings(1)
    walked(headings, 60, [2] * 20)
    (heading,) = update(headings, 20, bodies((290, 200, 0)))
    assert heading.evidence == 0


def test_one_that_was_not_seen_for_long_is_forgotten():
    headings = Headings(1)
    _, x = walked(headings, 60, [2] * 20)
    (kept,) = update(headings, 19 + KEPT_FRAMES, bodies((x, 120, 0)))
    assert kept.is_known
    (new,) = update(headings, 20 + 2 * KEPT_FRAMES, bodies((x, 120, 0)))
    assert not new.is_known


def test_likeness_is_the_area_beside_the_usual_one():
    headings = Headings(1)
    walked(headings, 100, [0] * 5)
    (half,) = update(headings, 5, bodies((100, 120, 0), long=LONG / 2))
    assert half.likeness == pytest.approx(0.5, abs=0.03)


def test_no_more_is_remembered_than_twice_the_animals():
    headings = Headings(2)
    for index in range(50):
        update(headings, index, bodies((40 + 5 * index % 250, 40 + 30 * index % 170, 0)))
        assert len(headings._known) <= 4
