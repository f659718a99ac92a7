"""Drawing: what was seen is at its place in the picture, and what was not is nowhere."""

import numpy as np
import pytest

from tracker.drawing import (
    GREY,
    WHITE,
    View,
    as_bgr,
    centres,
    colour_of,
    confidence_colours,
    draw_path,
    draw_pose,
    text_size,
    write,
)
from tracker.types import Skeleton

SKELETON = Skeleton(("nose", "tail_base"), ((0, 1),))
NAN = float("nan")


def blank(height=60, width=80):
    return np.zeros((height, width, 3), np.uint8)


def pose(*points):
    return np.array([points], np.float32)


def test_colours_of_confidence_get_lighter_all_the_way():
    """Lightness tells them apart without any hue: luma of ITU-R BT.601."""
    luma = confidence_colours().astype(float) @ (0.114, 0.587, 0.299)
    assert luma[0] < 40
    assert luma[-1] > 200
    assert (np.diff(luma[::8]) > 0).all()


def test_a_confidence_that_is_not_known_is_grey():
    assert colour_of(NAN) == GREY


@pytest.mark.parametrize(("value", "end"), [(-1.0, 0), (0.0, 0), (1.0, 255), (7.0, 255)])
def test_confidence_has_two_ends(value, end):
    assert colour_of(value) == tuple(confidence_colours()[end].tolist())


def test_a_keypoint_is_drawn_in_the_colour_of_its_confidence():
    picture = blank()
    draw_pose(picture, pose((20, 30), (60, 30)), np.array([[0.0, 1.0]]), SKELETON, View())
    assert tuple(picture[30, 20]) == colour_of(0.0)
    assert tuple(picture[30, 60]) == colour_of(1.0)


def test_a_bone_is_drawn_in_the_colour_of_its_weaker_end():
    picture = blank()
    draw_pose(picture, pose((20, 30), (60, 30)), np.array([[0.5, 1.0]]), SKELETON, View())
    assert tuple(picture[30, 40]) == colour_of(0.5)


def test_what_was_not_found_is_not_drawn():
    picture = blank()
    draw_pose(picture, pose((NAN, NAN), (NAN, 5)), np.full((1, 2), NAN), SKELETON, View())
    assert not picture.any()


def test_a_bone_without_an_end_is_not_drawn():
    picture = blank()
    draw_pose(picture, pose((20, 30), (NAN, NAN)), np.ones((1, 2)), SKELETON, View())
    assert picture[30, 20].any()
    assert not picture[:, 40:].any()


def test_positions_far_outside_the_picture_do_no_harm():
    picture = blank()
    draw_pose(picture, pose((1e9, -1e9), (-1e9, 1e9)), np.ones((1, 2)), SKELETON, View())
    assert not picture[10:, 20:].any()  # the bone between them passes the corner


def test_a_view_enlarges_around_the_edge_of_pixels():
    """Pixel 10 of the sensor, from 9.5 to 10.5, becomes pixels 0 to 3 of the picture."""
    view = View(scale=4, x0=10, y0=20)
    assert view.place(np.array((10, 20))).tolist() == [1.5, 1.5]
    assert view.place(np.array((11, 22))).tolist() == [5.5, 9.5]


def test_a_path_breaks_where_nothing_was_seen():
    picture = blank()
    way = np.array([(5, 10), (30, 10), (NAN, NAN), (50, 10), (75, 10)])
    draw_path(picture, way, View(), WHITE)
    assert picture[10, 6:29].all()
    assert not picture[10, 33:47].any()
    assert picture[10, 51:74].all()


@pytest.mark.parametrize("way", [np.empty((0, 2)), np.full((4, 2), NAN), np.array([(9.0, 9.0)])])
def test_a_path_of_nothing_is_no_error(way):
    draw_path(blank(), way, View())


def test_words_stay_within_the_room_that_was_measured():
    picture = blank(60, 400)
    width, height = text_size("session 00:01:23.456 gy", 12)
    end = write(picture, "session 00:01:23.456 gy", (10, 20), 12)
    lines, columns = np.nonzero(picture.any(axis=2))
    assert columns.min() >= 9
    assert columns.max() <= 10 + width + 1
    assert end == 10 + width
    assert lines.min() >= 19
    assert lines.max() <= 20 + height


@pytest.mark.parametrize("height", [9, 12, 20])
def test_a_capital_letter_is_about_as_high_as_it_was_asked_to_be(height):
    picture = blank(60, 200)
    write(picture, "H", (10, 20), height)
    lines = np.flatnonzero((picture > 100).any(axis=(1, 2)))
    assert 0.6 * height <= lines[-1] - lines[0] + 1 <= height + 1


def test_words_on_a_backing_can_be_read_on_any_picture():
    picture = np.full((40, 200, 3), 255, np.uint8)
    write(picture, "held", (10, 10), 12, WHITE, backing=(0, 0, 0))
    assert not picture[8, 12].any()
    assert picture[8:24, 10:40].max() > 200


def test_letters_that_opencv_lacks_become_question_marks():
    ours, theirs = blank(40, 200), blank(40, 200)
    write(ours, "Schnüffeln", (5, 5))
    write(theirs, "Schn?ffeln", (5, 5))
    assert (ours == theirs).all()


def test_a_centre_is_the_mean_of_what_was_found():
    xy = np.array([[[0, 0], [4, 8]], [[2, 2], [NAN, NAN]], [[NAN, 1], [NAN, NAN]]], np.float32)
    found = centres(xy)
    assert found[:2].tolist() == [[2, 4], [2, 2]]
    assert np.isnan(found[2]).all()


def test_grey_and_colour_become_pictures_and_the_image_stays_as_it_was():
    colour = np.zeros((2, 2, 3), np.uint8)
    colour[..., 0] = 200
    picture = as_bgr(colour)
    assert picture[0, 0].tolist() == [0, 0, 200]
    picture[:] = 1
    assert colour[0, 0].tolist() == [200, 0, 0]
    assert as_bgr(np.full((2, 2), 7, np.uint8)).tolist() == np.full((2, 2, 3), 7).tolist()
