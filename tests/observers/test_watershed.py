"""Animals that touch are parted: from where they were, or from the shape of the heap."""

import numpy as np
import pytest
from drawn_bodies import draw, floor, frame

from tracker.observers.shape import ShapeObserver
from tracker.observers.threshold import Threshold, ThresholdSettings
from tracker.observers.watershed import FEWEST_AREAS


def observer(n=2, **settings):
    chosen = ThresholdSettings(max_animals=n, touching="watershed", **settings)
    return ShapeObserver(Threshold(chosen), chosen, "threshold")


def scene(*places, **drawn):
    image = floor()
    for x, y, angle in places:
        draw(image, x, y, angle, **drawn)
    return image


def play(observing, pictures):
    return [observing.observe(frame(each, index)) for index, each in enumerate(pictures)]


def middles(seen):
    return sorted(map(tuple, seen.xy[:, 1].round().tolist()))


def meeting(n=40, y=120):
    """Two that come towards each other along one line until they touch by 10 px."""
    for step in range(n):
        gap = max(50, 130 - 2 * step)
        yield scene((160 - gap / 2, y, 0), (160 + gap / 2, y, 180))


def test_two_that_meet_stay_two_and_each_where_it_is():
    seen = play(observer(), meeting())
    assert {each.measures["n_animals"] for each in seen} == {2}
    (one, two) = middles(seen[-1])
    assert one == pytest.approx((135, 120), abs=3)
    assert two == pytest.approx((185, 120), abs=3)


def test_without_it_they_are_one_piece():
    chosen = ThresholdSettings(max_animals=2)
    seen = play(ShapeObserver(Threshold(chosen), chosen, "threshold"), meeting())
    assert seen[0].measures["n_animals"] == 2
    assert seen[-1].measures["n_animals"] == 1


def test_two_side_by_side_are_parted_from_where_they_were():
    """Their heap is as thick in the middle as anywhere: its shape alone would not say it."""
    pictures = [scene((160, 100 - gap, 0), (160, 126 + gap, 0)) for gap in range(20, -1, -1)]
    seen = play(observer(), pictures)
    (one, two) = middles(seen[-1])
    assert one == pytest.approx((160, 100), abs=4)
    assert two == pytest.approx((160, 126), abs=4)


def test_a_heap_of_three_is_parted_by_its_shape_alone():
    """They were far away in the frame before."""
    apart = scene((60, 40, 0), (250, 40, 0), (60, 200, 0))
    heap = scene((95, 150, 0), (150, 150, 0), (205, 150, 0))
    seen = play(observer(3), [apart] * FEWEST_AREAS + [heap])
    for found, x in zip(middles(seen[-1]), (95, 150, 205), strict=True):
        assert found == pytest.approx((x, 150), abs=3)


def test_a_large_animal_alone_is_not_cut_in_two():
    alone = scene((160, 120, 0))
    stretched = draw(floor(), 160, 120, long=76)
    seen = play(observer(), [alone] * 10 + [stretched])
    assert seen[-1].measures["n_animals"] == 1


def test_what_cannot_be_parted_stays_whole():
    """Far larger than usual, nobody was there, and it has one middle: a hand, not animals."""
    hand = draw(floor(), 160, 120, long=150, short=120)
    seen = play(observer(), [scene((40, 40, 0))] * 10 + [hand])
    assert seen[-1].measures["n_animals"] == 1
    assert seen[-1].measures["area_px2"] > 10_000


def test_nothing_is_parted_before_it_is_known_how_large_an_animal_is():
    heap = scene((135, 120, 0), (185, 120, 0))
    seen = play(observer(), [heap] * (FEWEST_AREAS - 1))
    assert {each.measures["n_animals"] for each in seen} == {1}


def test_parts_have_their_own_masks_and_share_no_cell_but_at_their_border():
    seen = play(observer(), meeting())[-1]
    one, two = seen.masks.coverage
    assert np.count_nonzero((one > 128) & (two > 128)) == 0
    assert abs(int((one > 128).sum()) - int((two > 128).sum())) < 12


def test_an_animal_at_the_border_of_the_picture_is_parted_too():
    pictures = [scene((20, 4, 0), (72 + gap, 4, 0)) for gap in range(20, -1, -1)]
    seen = play(observer(), pictures)
    assert seen[-1].measures["n_animals"] == 2


def test_two_that_jump_across_each_other_are_two_by_where_they_were():
    """Their cross has one middle, and neither is where it was: each pixel goes to the nearer."""
    apart = scene((130, 80, 90), (185, 160, 0), short=14)
    cross = scene((150, 120, 90), (158, 126, 0), short=14)
    seen = play(observer(), [apart] * FEWEST_AREAS + [cross])[-1]
    assert seen.measures["n_animals"] == 2
    assert np.isfinite(seen.xy[:, 1]).all()
    assert np.hypot(*(seen.xy[:, 1].mean(axis=0) - (154, 123))) < 4


def test_there_are_never_more_parts_than_animals():
    """The small ones that it saw first made it believe that animals are small."""
    small = scene((60, 60, 0), (250, 60, 0), long=30, short=16)
    large = scene((60, 60, 0), (250, 60, 0))
    seen = play(observer(), [small] * FEWEST_AREAS + [large] * 3)
    assert {each.measures["n_animals"] for each in seen} == {2}


def test_two_alone_are_not_parted_where_a_third_may_be_elsewhere_than_in_them():
    pictures = [scene((60, 60, 0), (250, 60, 0), (160, 180, 0))] * FEWEST_AREAS
    seen = play(observer(3), [*pictures, scene((60, 60, 0), (250, 60, 0))])
    assert seen[-1].measures["n_animals"] == 2
