"""Blobs of a given size: place, extent, and what is too small, too large or too faint."""

import math

import numpy as np
import pytest
from drawn_bodies import draw, floor, frame
from pydantic import ValidationError

from tracker.observers.blob import STEP, Blob, BlobSettings
from tracker.observers.shape import ShapeObserver


def observer(**settings):
    chosen = BlobSettings(**{"min_area_px2": 10, "body": 0} | settings)
    return ShapeObserver(Blob(chosen), chosen, "blob")


def disc(image, x, y, diameter, grey=40):
    return draw(image, x, y, grey=grey, long=diameter, short=diameter)


def see(image, **settings):
    return observer(**settings).observe(frame(image))


@pytest.mark.parametrize("diameter", [8, 12, 16, 20])
@pytest.mark.parametrize("place", [(100, 80), (101.5, 80.25)])
def test_a_disc_is_found_at_its_place_with_its_size(diameter, place):
    seen = see(disc(floor(), *place, diameter))
    assert seen.measures["n_animals"] == 1
    assert seen.xy[0, 1] == pytest.approx(place, abs=0.6)
    found = 2 * math.sqrt(seen.measures["area_px2"] / math.pi)
    assert found == pytest.approx(diameter + 1, rel=0.1)


@pytest.mark.parametrize("diameter", [40, 60])
def test_large_ones_are_found_in_a_halved_picture(diameter):
    seen = see(disc(floor(), 150, 110, diameter), smallest_px=32, largest_px=64)
    assert seen.xy[0, 1] == pytest.approx((150, 110), abs=1.5)


def test_a_light_marker_on_a_dark_animal():
    image = disc(draw(floor(), 150, 110, long=100, short=60), 160, 112, 10, grey=230)
    seen = see(image, polarity="light", smallest_px=8, largest_px=12)
    assert seen.measures["n_animals"] == 1
    assert seen.xy[0, 1] == pytest.approx((160, 112), abs=0.6)


@pytest.mark.parametrize(
    ("diameter", "grey"), [(3, 40), (100, 40), (14, 165)], ids=["small", "large", "faint"]
)
def test_what_is_too_small_too_large_or_too_faint_is_not_found(diameter, grey):
    assert see(disc(floor(), 150, 110, diameter, grey)).measures["n_animals"] == 0


def test_two_that_nearly_touch_are_two():
    image = disc(disc(floor(), 100, 100, 14), 117, 100, 14)
    seen = see(image, max_animals=2)
    assert sorted(seen.xy[:, 1, 0].tolist()) == pytest.approx([100, 117], abs=1)


def test_uneven_light_is_no_animal():
    slope = np.tile(np.linspace(40, 220, 320), (240, 1)).astype(np.uint8)
    assert see(slope).measures["n_animals"] == 0
    assert see(disc(slope, 200, 100, 14)).measures["n_animals"] == 1


def test_scales_go_from_the_smallest_to_the_largest_in_thirds_of_an_octave():
    diameters = Blob(BlobSettings(smallest_px=8, largest_px=16)).facts["diameters_px"]
    assert diameters == [8, pytest.approx(8 * STEP, abs=0.01), pytest.approx(12.7, abs=0.01), 16]


def test_it_says_nothing_in_the_dark():
    assert see(floor(grey=0)).abstained


def test_diameters_out_of_order_are_refused():
    with pytest.raises(
        ValidationError, match="largest_px is 10, expected no less than smallest_px, 20"
    ):
        BlobSettings(smallest_px=20, largest_px=10)


def test_blobs_that_are_large_for_a_small_picture_are_found_as_well():
    """It cannot be halved as often as the scale would allow."""
    seen = see(disc(floor((60, 80)), 40, 30, 36), smallest_px=30, largest_px=60)
    assert seen.xy[0, 1] == pytest.approx((40, 30), abs=1.5)
