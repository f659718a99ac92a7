"""Animals told by their grey value: windows, Otsu's limit, and pictures that say nothing."""

import numpy as np
import pytest
from drawn_bodies import BODY, FLOOR, SHAPE, draw, floor, frame, walk
from pydantic import ValidationError

from tracker.errors import ConfigError, ModelError
from tracker.observers.shape import ShapeObserver
from tracker.observers.threshold import Threshold, ThresholdSettings, otsu


def observer(**settings):
    chosen = ThresholdSettings(**settings)
    return ShapeObserver(Threshold(chosen), chosen, "threshold")


def see(image, **settings):
    return observer(**settings).observe(frame(image))


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"highest": 80}, id="window"),
        pytest.param({"highest": BODY}, id="upper_end_included"),
        pytest.param({"lowest": BODY, "highest": 80}, id="lower_end_included"),
        pytest.param({"otsu": True}, id="otsu"),
    ],
)
def test_a_dark_animal_is_where_it_was_drawn(settings):
    seen = see(draw(floor(), 200, 90, 30), **settings)
    assert seen.xy[0, 1] == pytest.approx((200, 90), abs=0.5)
    assert seen.measures["n_animals"] == 1
    assert seen.confidence[0, 1] == 1


@pytest.mark.parametrize("settings", [{"lowest": 150, "highest": 255}, {"otsu": True}])
def test_a_light_animal_on_a_dark_floor(settings):
    image = draw(floor(grey=30), 200, 90, 30, grey=220)
    seen = see(image, polarity="light", **settings)
    assert seen.xy[0, 1] == pytest.approx((200, 90), abs=0.5)


@pytest.mark.parametrize("light", [0.4, 0.7, 1.3])
def test_otsu_follows_the_light(light):
    image = np.clip(draw(floor(), 200, 90) * light, 0, 255).astype(np.uint8)
    assert see(image, otsu=True).xy[0, 1] == pytest.approx((200, 90), abs=0.5)


def test_otsu_sees_nobody_on_an_empty_floor():
    noise = np.random.default_rng(1).normal(0, 3, SHAPE)
    seen = see(np.clip(FLOOR + noise, 0, 255).astype(np.uint8), otsu=True)
    assert seen.measures["n_animals"] == 0
    assert np.isnan(seen.xy).all()
    assert not seen.abstained


def test_otsu_looks_only_where_animals_can_be():
    image = draw(floor(), 200, 90)
    image[:, :100] = 0  # a wall, darker than the animal and larger
    place = {"kind": "rectangle", "x_px": 104, "y_px": 0, "width_px": 210, "height_px": 239}
    assert see(image, otsu=True, within=place).xy[0, 1] == pytest.approx((200, 90), abs=0.5)
    assert see(image, otsu=True).xy[0, 1, 0] == pytest.approx(50, abs=1)  # the wall


def test_the_limit_of_otsu_by_hand():
    """10 pixels of 50 and 30 of 200: any limit from 50 to 199 parts them, 150 apart."""
    counts = np.zeros(256)
    counts[50], counts[200] = 10, 30
    limit, contrast = otsu(counts)
    assert 50 <= limit < 200
    assert contrast == 150
    counts[200] = 0
    assert otsu(counts)[1] == 0


@pytest.mark.parametrize("image", [floor(grey=0), floor(grey=11)], ids=["black", "nearly"])
def test_a_picture_without_light_says_nothing(image):
    seen = see(image, highest=80)
    assert seen.abstained
    assert np.isnan(seen.xy).all()
    assert seen.measures == {}


def test_nobody_there_is_said_as_such():
    seen = see(floor())
    assert not seen.abstained
    assert seen.xy.shape == (1, 3, 2)
    assert np.isnan(seen.xy).all()
    assert not seen.confidence.any()
    assert seen.measures == {"n_animals": 0}
    assert see(floor(), max_animals=3).xy.shape == (0, 3, 2)


def test_of_more_animals_than_there_are_the_largest_are_kept_and_all_are_counted():
    image = floor()
    for x, long in ((50, 40), (130, 80), (250, 60)):
        draw(image, x, 120, long=long)
    seen = see(image, max_animals=2)
    assert seen.xy[:, 1, 0] == pytest.approx([130, 250], abs=0.5)
    assert seen.measures["n_animals"] == 3


def test_nose_and_tail_base_are_the_ends_of_a_walking_animal():
    observing = observer()
    walked = list(walk(30, step=(3, 0), tail=40))
    seen = [observing.observe(each) for each, _ in walked][-1]
    x, y = walked[-1][1]
    nose, centre, tail_base = seen.xy[0]
    assert centre == pytest.approx((x, y), abs=1)
    assert nose == pytest.approx((x + 30, y), abs=2.5)
    assert tail_base == pytest.approx((x - 30, y), abs=5)
    assert seen.confidence[0, 0] > 0.9


def test_an_animal_that_has_not_moved_has_a_middle_alone():
    seen = see(draw(floor(), 200, 90))
    assert np.isnan(seen.xy[0, [0, 2]]).all()
    assert np.isfinite(seen.xy[0, 1]).all()
    assert seen.confidence[0].tolist() == [0, 1, 0]


def test_the_mask_covers_as_much_as_the_animal():
    image = floor()
    image[41:82, 57:140] = BODY
    seen = see(image, body=0)
    masks = seen.masks
    assert masks.names == ("individual 0",)
    assert masks.coverage.sum() / 255 * 16 == pytest.approx(41 * 83, rel=0.01)
    rows, columns = np.nonzero(masks.coverage[0] > 127)
    assert masks.x0_px + columns.mean() * masks.step_x_px == pytest.approx(98, abs=1)
    assert masks.y0_px + rows.mean() * masks.step_y_px == pytest.approx(61, abs=1)


def test_a_colour_picture_is_seen_by_its_grey_value():
    image = np.dstack([draw(floor(), 200, 90)] * 3)
    assert see(image).xy[0, 1] == pytest.approx((200, 90), abs=0.5)


def test_a_frame_of_another_shape_is_refused():
    observing = observer()
    observing.warm_up(SHAPE)
    with pytest.raises(ModelError, match=r"frame 0 has shape \(10, 12\).* \(240, 320\)"):
        observing.observe(frame(np.zeros((10, 12), np.uint8)))


def test_a_place_outside_of_the_picture_is_refused_before_anything_starts():
    with pytest.raises(ConfigError, match="covers no pixel"):
        observer(within={"kind": "circle", "x_px": 999, "y_px": 9, "radius_px": 5}).warm_up(SHAPE)


def test_a_window_that_is_shut_is_refused():
    with pytest.raises(ValidationError, match="highest is 10, expected no less than lowest, 20"):
        ThresholdSettings(lowest=20, highest=10)
