"""From a foreground to individuals: areas, middles and axes of drawn shapes, limits, places."""

import math

import cv2
import numpy as np
import pytest
from drawn_bodies import LONG, SHAPE, SHORT, draw, floor, frame
from pydantic import ValidationError

from tracker.arena import Circle, Polygon, Rectangle
from tracker.errors import ConfigError
from tracker.observers.shape import APPEARANCE, ShapeObserver, tip_of
from tracker.observers.silhouettes import MOST_BLOBS, SilhouetteSettings, pieces_of, place_mask
from tracker.observers.threshold import Threshold, ThresholdSettings


def mask(*bodies, shape=SHAPE):
    """255 where a body was drawn: (x, y, angle) and what else `draw` takes."""
    image = floor(shape, 0)
    for x, y, angle, *more in bodies:
        draw(image, x, y, angle, grey=255, **(more[0] if more else {}))
    return image


def found(image, **settings):
    return pieces_of(image, SilhouetteSettings(**settings)).found


@pytest.mark.parametrize("angle", [0, 20, 45, 90, 135, 200])
def test_middle_and_axes_are_those_of_the_drawn_ellipse(angle):
    (one,) = found(mask((150, 110, angle)), body=0)
    assert (one.x_px, one.y_px) == pytest.approx((150, 110), abs=0.3)
    border = 1  # px: what is filled is drawn with half a pixel all around
    assert one.long_axis_px == pytest.approx(LONG + border, abs=1)
    assert one.short_axis_px == pytest.approx(SHORT + border, abs=1)
    way = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    assert abs(np.dot(one.axis, way)) > math.cos(math.radians(1))


def test_the_area_is_the_number_of_pixels_and_a_hole_counts_as_animal():
    image = np.zeros((50, 60), np.uint8)
    image[10:30, 15:45] = 255
    image[15:20, 20:25] = 0
    (one,) = found(image, body=0)
    assert one.area_px2 == 20 * 30
    assert one.mask.shape == (20, 30)
    assert one.mask.all()
    assert (one.left_px, one.top_px) == (15, 10)
    assert (one.x_px, one.y_px) == pytest.approx((29.5, 19.5))


def test_a_tail_is_not_body_and_moves_neither_middle_nor_axis():
    (bare,) = found(mask((150, 110, 0)))
    (tailed,) = found(mask((150, 110, 0, {"tail": 60})))
    assert (tailed.x_px, tailed.y_px) == pytest.approx((bare.x_px, bare.y_px), abs=0.7)
    assert tailed.long_axis_px == pytest.approx(bare.long_axis_px, abs=2)
    assert tailed.area_px2 > bare.area_px2 + 60
    assert tailed.contour[..., 0].min() < 65  # the outline reaches to the end of the tail
    assert tailed.body_contour[..., 0].min() > 115
    assert tailed.thin_px[0] < -3  # it lies to the left


def test_with_all_being_body_the_tail_counts():
    (one,) = found(mask((150, 110, 0, {"tail": 60})), body=0)
    assert one.x_px < 147


def test_animals_come_by_size():
    image = mask((60, 60, 0), (200, 60, 0, {"long": 80}), (150, 180, 0, {"long": 40}))
    assert [round(one.x_px) for one in found(image)] == [200, 60, 150]


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        pytest.param({}, 3, id="all"),
        pytest.param({"min_area_px2": 1200}, 2, id="too_small"),
        pytest.param({"max_area_px2": 1600}, 2, id="too_large"),
        pytest.param({"max_aspect": 2.3}, 2, id="too_long"),
    ],
)
def test_what_lies_outside_of_the_limits_is_no_animal(limits, expected):
    image = mask((60, 60, 0), (200, 60, 0, {"long": 80}), (150, 180, 0, {"long": 40}))
    assert len(found(image, **limits)) == expected


def test_two_in_a_heap_are_no_individual_and_still_may_be_animals():
    heap = mask((100, 100, 0), (140, 100, 0))
    pieces = pieces_of(heap, SilhouetteSettings(max_animals=2, max_area_px2=2000))
    assert pieces.found == []
    assert len(pieces.animals) == 1


def test_what_is_too_large_for_all_animals_together_is_none():
    wall = mask((100, 100, 0, {"long": 150, "short": 60}))
    pieces = pieces_of(wall, SilhouetteSettings(max_animals=2, max_area_px2=2000))
    assert pieces.found == pieces.animals == []


def test_specks_are_noise_only_where_they_are_said_to_be():
    image = mask((100, 100, 0))
    image[100, 40:71] = 255  # a hair, one pixel thin, as long as to the body
    assert found(image, body=0)[0].area_px2 > found(image, body=0, speck_px=3)[0].area_px2 + 25


def test_a_foreground_of_noise_alone_says_nothing():
    dots = np.zeros((200, 200), np.uint8)
    dots[::3, ::3] = 255
    assert dots[::3, ::3].size > MOST_BLOBS
    assert pieces_of(dots, SilhouetteSettings()) is None


def test_an_animal_at_the_border_of_the_picture_is_what_can_be_seen_of_it():
    (one,) = found(mask((0, 110, 0)), body=0)
    assert one.area_px2 == pytest.approx(math.pi / 8 * (LONG + 1) * (SHORT + 1), rel=0.05)
    assert one.left_px == 0


def test_the_foreground_is_left_alone():
    image = mask((100, 100, 0))
    before = image.copy()
    found(image, speck_px=3)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        pytest.param(Rectangle(x_px=2, y_px=1, width_px=3, height_px=2), 4 * 3, id="rectangle"),
        pytest.param(Circle(x_px=5, y_px=5, radius_px=1), 5, id="circle"),
        pytest.param(Polygon(points_px=((2, 2), (6, 2), (6, 5), (2, 5))), 5 * 4, id="polygon"),
    ],
)
def test_a_place_is_the_pixels_whose_middles_lie_in_it_border_included(place, expected):
    assert np.count_nonzero(place_mask(place, (12, 12))) == expected


def test_a_place_outside_of_the_picture_is_refused():
    with pytest.raises(ConfigError, match=r"observer.within covers no pixel .* 12x10"):
        place_mask(Circle(x_px=50, y_px=50, radius_px=5), (10, 12))


def test_limits_that_leave_nothing_are_refused():
    with pytest.raises(ValidationError, match=r"max_area_px2 is 50, expected more than .* 100"):
        SilhouetteSettings(min_area_px2=100, max_area_px2=50)


@pytest.mark.parametrize("shape", [(200, 320), (63, 41), (16, 8), (15, 30), (100, 3)])
@pytest.mark.parametrize("filled", [0.0, 0.0005, 0.01, 0.4])
def test_outlines_are_those_of_the_whole_picture_though_empty_rows_are_left_out(shape, filled):
    dice = np.random.default_rng(7)
    image = (dice.random(shape) < filled).astype(np.uint8) * np.uint8(255)
    image = cv2.dilate(image, np.ones((3, 3), np.uint8))
    pieces = pieces_of(image, SilhouetteSettings(min_area_px2=1, body=0))
    expected = cv2.findContours(image, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    assert sorted(map(_as_set, pieces.animals)) == sorted(map(_as_set, expected))


def _as_set(contour):
    return sorted(set(map(tuple, contour.reshape(-1, 2).tolist())))


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        pytest.param((1.0, 0.0), (98 / 11, 2.0), id="right"),
        pytest.param((-1.0, 0.0), (12 / 11, 2.0), id="left"),
        pytest.param((0.0, -1.0), (5.0, 12 / 17), id="up"),
    ],
)
def test_a_tip_is_the_mean_of_the_outermost_pixels_within_3_px_of_the_farthest(way, expected):
    """11 by 5 px: to the right 5 pixels at 10, and two at each of 9, 8 and 7."""
    outline = [(x, y) for x in range(11) for y in range(5) if x in (0, 10) or y in (0, 4)]

    tip = tip_of(np.array(outline, np.int32)[:, None], way)

    assert tip == pytest.approx(expected, abs=1e-12)


def test_what_each_individual_looks_like_is_its_area_and_its_axes():
    settings = ThresholdSettings(max_animals=3)
    observer = ShapeObserver(Threshold(settings), settings, "threshold")
    image = draw(draw(floor(), 80, 80), 230, 150, long=40, short=20)
    seen = observer.observe(frame(image))
    (area, long, short), other = seen.appearance.tolist()
    border = 1  # px: what is filled is drawn with half a pixel all around
    assert area == pytest.approx(math.pi * (LONG + border) * (SHORT + border) / 4, rel=0.03)
    assert (long, short) == pytest.approx((LONG, SHORT), abs=1.5)
    assert other[1:] == pytest.approx((40, 20), abs=1.5)
    assert len(APPEARANCE) == seen.appearance.shape[1]
    assert observer.observe(frame(floor(), 1)).appearance.shape == (0, 3)
