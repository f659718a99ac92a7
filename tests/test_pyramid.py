import numpy as np
import pytest

from tracker.pyramid import Pyramid


def test_each_level_has_half_the_sides_and_the_mean_of_four_pixels():
    image = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)
    pyramid = Pyramid(image)
    assert pyramid.level(0) is image
    expected = image.reshape(32, 2, 32, 2).mean(axis=(1, 3))
    assert np.abs(pyramid.level(1) - expected).max() <= 0.5
    assert (pyramid.n_levels, pyramid.level(6).shape) == (7, (1, 1))


def test_an_odd_row_or_column_is_left_out():
    image = np.zeros((67, 81), np.uint8)
    image[-1], image[:, -1] = 255, 255
    assert Pyramid(image).level(1).shape == (33, 40)
    assert Pyramid(image).level(1).max() == 0


def test_a_level_is_made_once():
    pyramid = Pyramid(np.zeros((64, 64), np.uint8))
    assert pyramid.level(2) is pyramid.level(2)


def test_a_colour_picture_becomes_grey():
    image = np.zeros((32, 32, 3), np.uint8)
    image[..., 1] = 200
    assert Pyramid(image).level(0).tolist() == [[117] * 32] * 32  # 0.587 * 200


@pytest.mark.parametrize("k", [-1, 7])
def test_a_level_that_is_not_there_is_an_error(k):
    with pytest.raises(IndexError, match=f"level {k} of a picture with 7 levels"):
        Pyramid(np.zeros((64, 64), np.uint8)).level(k)
