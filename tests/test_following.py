import itertools
import math

import pytest

from tracker.observers.following import N_EXTENTS, Follower, box_of, extent_of
from tracker.preprocess import InputGeometry
from tracker.runtimes.base import CropInput

NAN = math.nan
CROP = CropInput(side=128, animal_px=64)
"""An animal of 50 px gets a crop of 100 px."""


def animal(x, y, length=50.0):
    """Two keypoints beside each other, their middle at (x, y)."""
    return [(x - length / 2, y), (x + length / 2, y)]


def following(*places, shape=(480, 640)):
    """A follower that has seen the animal at these places, one frame after the other."""
    follower = Follower(CROP, shape)
    for index, points in enumerate(places):
        crop = follower.place(index) if index else follower.place_on(points)
        (follower.go_on if index else follower.start)(index, points, crop)
    return follower


def middle_of(crop):
    height, width = crop.covered
    return crop.left + (width - 1) / 2, crop.top + (height - 1) / 2


def test_a_crop_is_laid_around_the_animal_at_its_scale():
    crop = Follower(CROP, (480, 640)).place_on(animal(300, 200))
    assert crop.covered == (100, 100)
    assert middle_of(crop) == pytest.approx((300, 200), abs=0.5)


def test_a_still_animal_keeps_its_crop():
    follower = following(*[animal(300, 200)] * 5)
    assert follower.place(5) == follower.place(9)


def test_the_crop_moves_on_with_the_animal():
    follower = following(animal(300, 200), animal(305, 198))
    assert middle_of(follower.place(2)) == pytest.approx((310, 196), abs=0.5)
    assert middle_of(follower.place(4)) == pytest.approx((320, 192), abs=0.5)


def test_the_crop_goes_no_further_ahead_than_a_quarter_of_its_side():
    follower = following(animal(300, 200), animal(330, 240))  # 50 px away
    ahead_x, ahead_y = middle_of(follower.place(2))
    assert math.hypot(ahead_x - 330, ahead_y - 240) == pytest.approx(25, abs=0.8)


def test_a_keypoint_that_is_lost_does_not_look_like_a_movement():
    follower = following(animal(300, 200), [(275.0, 200.0), (NAN, NAN)])
    assert middle_of(follower.place(2)) == pytest.approx((275, 200), abs=0.5)


def test_another_keypoint_than_before_says_nothing_of_the_movement():
    follower = following([(275.0, 200.0), (NAN, NAN)], [(NAN, NAN), (325.0, 200.0)])
    assert middle_of(follower.place(2)) == pytest.approx((325, 200), abs=0.5)


def test_one_frame_with_a_long_animal_does_not_change_the_scale():
    follower = following(*[animal(300, 200)] * 9, animal(300, 200, length=60), animal(300, 200))
    assert follower.place(11).covered == (100, 100)


def test_the_scale_changes_by_a_twentieth_per_frame_at_most():
    follower = following(animal(300, 200, length=50), *[animal(300, 200, length=64)] * 2)
    sizes = []
    for index in range(3, 12):
        crop = follower.place(index)
        follower.go_on(index, animal(300, 200, length=64), crop)
        sizes.append(crop.covered[0])
    assert sizes[-1] == 128  # 64 px of animal, 64 px of 128
    assert all(later <= 1.05 * size + 1 for size, later in itertools.pairwise(sizes))


def test_old_extents_are_forgotten():
    follower = following(animal(300, 200), *[animal(300, 200, length=40)] * (N_EXTENTS // 2 + 20))
    assert follower.place(1000).covered == (80, 80)
    follower = following(*[animal(300, 200)] * 200, *[animal(300, 200, length=40)] * 60)
    assert follower.place(1000).covered == (80, 80)


def test_the_crop_is_large_enough_for_the_last_extent():
    follower = following(*[animal(300, 200)] * 3, animal(300, 200, length=90))
    assert follower.place(4).covered == (120, 120)  # 90 / 0.75


@pytest.mark.parametrize(
    ("length", "size"),
    [pytest.param(2, 32, id="tiny"), pytest.param(1300, 1280, id="larger_than_the_frame")],
)
def test_the_scale_stays_within_bounds(length, size):
    crop = Follower(CROP, (480, 640)).place_on(animal(300, 200, length))
    assert crop.covered == (size, size)


def test_one_keypoint_gets_as_many_sensor_pixels_as_the_input_has():
    crop = Follower(CROP, (480, 640)).place_on([(300.0, 200.0), (NAN, NAN)])
    assert crop.covered == (128, 128)


def test_the_middle_of_the_crop_stays_on_the_sensor():
    follower = following(animal(600, 470), animal(630, 478))
    x, y = middle_of(follower.place(2))
    assert (x, y) == pytest.approx((639, 479), abs=0.5)


@pytest.mark.parametrize(
    ("points", "held"),
    [
        pytest.param(animal(150, 150), True, id="in_the_middle"),
        pytest.param([(107.0, 107.0)], True, id="just_inside"),
        pytest.param([(105.0, 150.0)], False, id="left"),
        pytest.param([(150.0, 195.0)], False, id="below"),
        pytest.param([(150.0, 150.0), (NAN, NAN)], True, id="one_not_found"),
    ],
)
def test_a_crop_holds_what_is_a_sixteenth_of_its_side_from_its_border(points, held):
    crop = InputGeometry.crop(100, 100, 100, 128)
    assert Follower(CROP, (480, 640)).holds(points, crop) == held


def test_an_animal_that_is_not_followed_has_no_place():
    follower = following(animal(300, 200))
    assert follower.index == 0
    follower.lose()
    assert follower.index is None
    with pytest.raises(ValueError, match="search for it first"):
        follower.place(1)


@pytest.mark.parametrize(
    ("points", "extent"),
    [
        pytest.param([(0.0, 0.0), (3.0, 4.0), (1.0, 1.0)], 5, id="the_longest"),
        pytest.param([(0.0, 0.0), (NAN, NAN), (0.0, 2.0)], 2, id="of_those_found"),
        pytest.param([(7.0, 7.0), (NAN, NAN)], 0, id="one"),
        pytest.param([], 0, id="none"),
    ],
)
def test_the_extent_is_the_longest_distance_between_two_keypoints(points, extent):
    assert extent_of(points) == extent


def test_the_box_goes_around_the_keypoints_that_were_found():
    assert box_of([(0.0, 10.0), (NAN, NAN), (30.0, 20.0)]) == (15, 15, 30)
