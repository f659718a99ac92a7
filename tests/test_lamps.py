"""Lamps: places in the picture whose brightness is measured."""

import numpy as np
import pytest
from pydantic import ValidationError

from tracker.errors import ConfigError
from tracker.observers.lamps import LampObserver, LampSettings
from tracker.testing.fixed_observer import FixedObserver
from tracker.types import Frame, Skeleton

SKELETON = Skeleton(("nose",))


def observer(**lamp):
    seen = FixedObserver(SKELETON, lambda index: [[1.0, 2.0]])
    return LampObserver(seen, {"led": LampSettings(**lamp)})


def picture(shape=(20, 30)):
    """Black, but for a bright square of 3 x 3 px about (10, 5)."""
    image = np.zeros(shape, np.uint8)
    image[4:7, 9:12] = 200
    return image


@pytest.mark.parametrize(
    ("lamp", "expected"),
    [
        pytest.param({"x_px": 10, "y_px": 5, "radius_px": 1}, 200, id="the_square_itself"),
        pytest.param({"x_px": 10, "y_px": 5, "radius_px": 2}, 200 * 9 / 25, id="twice_as_large"),
        pytest.param({"x_px": 20, "y_px": 5, "radius_px": 1}, 0, id="beside_it"),
        pytest.param({"x_px": 0, "y_px": 0, "radius_px": 1}, 0, id="in_the_corner"),
    ],
)
def test_a_lamp_is_the_mean_of_its_square(lamp, expected):
    seen = observer(**lamp).observe(Frame(0, 0, 0, picture()))
    assert seen.measures == {"lamp_led": pytest.approx(expected)}
    assert seen.xy[0].tolist() == [[1.0, 2.0]]


def test_a_lamp_in_a_colour_picture_is_the_mean_of_all_colours():
    image = np.dstack([picture(), np.zeros((20, 30), np.uint8), np.zeros((20, 30), np.uint8)])
    seen = observer(x_px=10, y_px=5, radius_px=1).observe(Frame(0, 0, 0, image))
    assert seen.measures["lamp_led"] == pytest.approx(200 / 3)


def test_a_lamp_outside_of_the_picture_is_refused_before_anything_starts():
    with pytest.raises(ConfigError, match=r"lamp_led covers pixels up to \(31, 6\).* 30x20"):
        observer(x_px=30, y_px=5, radius_px=1).warm_up((20, 30))


def test_a_lamp_on_the_last_pixel_is_inside():
    observer(x_px=28, y_px=18, radius_px=1).warm_up((20, 30))


def test_a_lamp_without_a_size_is_refused():
    with pytest.raises(ValidationError):
        LampSettings(x_px=1, y_px=1, radius_px=0)
