"""Regions that grow from where animals were: like pixels, next to each other, and no others."""

import numpy as np
import pytest
from drawn_bodies import draw, floor, frame, walk

from tracker.observers.region_growing import RegionGrowing, RegionGrowingSettings
from tracker.observers.shape import ShapeObserver


def observer(**settings):
    chosen = RegionGrowingSettings(**settings)
    return ShapeObserver(RegionGrowing(chosen), chosen, "region_growing")


def play(observing, pictures):
    return [observing.observe(frame(each, index)) for index, each in enumerate(pictures)]


def test_an_animal_is_followed_from_the_first_frame_on():
    observing = observer()
    for each, (x, y) in walk(40, step=(4, 1)):
        seen = observing.observe(each)
        assert seen.xy[0, 1] == pytest.approx((x, y), abs=0.6)


def test_a_light_animal_on_a_dark_floor():
    (seen,) = play(observer(polarity="light"), [draw(floor(grey=30), 200, 90, grey=220)])
    assert seen.xy[0, 1] == pytest.approx((200, 90), abs=0.5)


def test_a_darker_object_elsewhere_is_not_taken_while_the_animal_is_there():
    """It is put down later; a threshold would see both and keep the larger one."""
    alone = draw(floor(), 80, 120, grey=60)
    beside = draw(alone.copy(), 230, 120, grey=20, long=90)
    seen = play(observer(), [alone, *[beside] * 10])
    assert seen[-1].xy[0, 1] == pytest.approx((80, 120), abs=0.5)


def test_an_animal_of_many_greys_is_whole_as_far_as_its_tolerance_goes():
    image = draw(floor(), 150, 120, grey=50)
    image[105:136, 150:182][image[105:136, 150:182] == 50] = 75
    (near,) = play(observer(tolerance=35), [image])
    (far,) = play(observer(tolerance=10), [image])
    assert near.measures["area_px2"] > 1.8 * far.measures["area_px2"]


def test_several_are_found_and_one_that_is_lost_is_searched():
    image = draw(draw(floor(), 80, 80), 240, 160)
    jumped = draw(draw(floor(), 80, 80), 60, 200)
    seen = play(observer(max_animals=2), [image, jumped, jumped])
    assert [each.measures["n_animals"] for each in seen] == [2, 2, 2] or seen[-1].xy.shape[0] == 2
    assert sorted(seen[-1].xy[:, 1, 1].round().tolist()) == [80, 200]


def test_nobody_stands_out_from_an_empty_floor():
    noise = np.random.default_rng(2).normal(180, 4, (240, 320))
    (seen,) = play(observer(), [np.clip(noise, 0, 255).astype(np.uint8)])
    assert seen.measures["n_animals"] == 0


def test_it_says_nothing_in_the_dark_and_goes_on_afterwards():
    image = draw(floor(), 80, 80)
    seen = play(observer(), [image, floor(grey=0), image])
    assert seen[1].abstained
    assert seen[2].xy[0, 1] == pytest.approx((80, 80), abs=0.5)


def test_it_grows_only_where_animals_can_be():
    image = draw(floor(), 150, 120)
    image[:, :130] = 40  # a wall of the animal's own grey, which it touches
    place = {"kind": "rectangle", "x_px": 130, "y_px": 0, "width_px": 180, "height_px": 239}
    (seen,) = play(observer(within=place), [image])
    assert seen.xy[0, 1, 0] == pytest.approx(155, abs=4)
