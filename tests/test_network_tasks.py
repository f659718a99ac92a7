"""Masks, classes, quantities, novelty and several animals, from networks made by hand."""

import numpy as np
import pytest
from tiny_networks import FLOOR, SPOTS, draw_animal, spots

from tracker.observers.network import NetworkObserver, NetworkObserverSettings
from tracker.observers.reading import measure_name
from tracker.runtimes.base import Provider, RuntimeSettings
from tracker.runtimes.onnx import OnnxRuntime
from tracker.testing.manual_clock import ManualClock
from tracker.types import Frame


@pytest.fixture
def make(tmp_path):
    def make(*, card=None, novelty_per_grey=1 / 255, crop=None, abstain=True, **tasks):
        card = (card or SPOTS).model_copy(update={"crop": crop, **tasks})
        path = spots(tmp_path / "network.onnx", card, novelty_per_grey=novelty_per_grey)
        runtime = OnnxRuntime(path, RuntimeSettings(provider=Provider.CPU))
        return NetworkObserver(runtime, ManualClock(), NetworkObserverSettings(abstain=abstain))

    return make


def see(observer, image, index=0):
    return observer.observe(Frame(index, index, index, image))


def bright_part(shape, x, y, width, height):
    """Black but for a rectangle of grey 200."""
    image = np.zeros(shape, np.uint8)
    image[y : y + height, x : x + width] = 200
    return image


def test_a_mask_says_where_its_cells_lie_on_the_sensor(make):
    # 128 x 256 becomes 32 x 64: a quarter; a cell of 4 input px is 16 sensor px wide.
    seen = see(make(mask_classes=("mouse",)), bright_part((128, 256), 64, 32, 48, 16))
    masks = seen.masks
    assert masks.names == ("mouse",)
    assert masks.coverage.shape == (1, 8, 16)
    assert (masks.x0_px, masks.y0_px, masks.step_x_px, masks.step_y_px) == (7.5, 7.5, 16.0, 16.0)
    assert np.argwhere(masks.coverage[0] >= 128).tolist() == [[2, 4], [2, 5], [2, 6]]


def test_cells_in_the_margin_below_the_frame_are_left_out(make):
    seen = see(make(mask_classes=("mouse",)), bright_part((160, 256), 0, 0, 8, 8))
    assert seen.masks.coverage.shape == (1, 10, 16)  # 40 of 64 rows are frame


def test_an_area_is_in_sensor_pixels(make):
    seen = see(make(mask_classes=("mouse",)), bright_part((128, 256), 64, 32, 48, 16))
    assert seen.measures == {"mouse_area_px2": 48 * 16}


def test_a_class_that_is_nowhere_has_an_area_of_zero(make):
    seen = see(make(mask_classes=("mouse",)), np.zeros((128, 256), np.uint8))
    assert seen.measures == {"mouse_area_px2": 0}


def followed(make, grey, **tasks):
    """What is seen of an animal in a crop, on a bright floor of this grey value."""
    observer = make(crop=SPOTS.crop, abstain=False, mask_classes=("floor",), **tasks)
    image = draw_animal((240, 320), (170, 112), (150, 100), sigma=3.0)
    image[image == FLOOR] = grey
    return [see(observer, image, index) for index in range(3)][-1]


def test_a_mask_from_a_crop_lies_where_it_is_on_the_sensor(make):
    observer = make(crop=SPOTS.crop, mask_classes=("bright",), long_side=96)
    dark = np.full((240, 320), 100, np.uint8)
    image = draw_animal(dark.shape, (170, 112), (150, 100), image=dark, grey=270, sigma=4.0)
    seen = [see(observer, image, index) for index in range(3)][-1]
    masks = seen.masks
    rows, columns = np.nonzero(masks.coverage[0] >= 128)
    x = masks.x0_px + columns.mean() * masks.step_x_px
    y = masks.y0_px + rows.mean() * masks.step_y_px
    np.testing.assert_allclose((x, y), (170, 112), atol=2)
    area = seen.measures["bright_area_px2"]
    cells = (masks.coverage[0] >= 128).sum()
    assert area == pytest.approx(cells * masks.step_x_px * masks.step_y_px)
    assert area < 400


def test_an_area_that_goes_on_beyond_the_crop_is_nan(make):
    assert np.isnan(followed(make, 129).measures["floor_area_px2"])


def test_the_part_of_a_mask_beyond_the_frame_is_left_out(make):
    observer = make(crop=SPOTS.crop, mask_classes=("floor",), long_side=96)
    image = draw_animal((240, 320), (22, 14), (2, 2), sigma=3.0)
    masks = [see(observer, image, index) for index in range(3)][-1].masks
    assert -0.5 <= masks.x0_px < masks.step_x_px
    assert -0.5 <= masks.y0_px < masks.step_y_px


def test_probabilities_come_by_class(make):
    seen = see(make(classes=("light", "day")), np.full((64, 64), 51, np.uint8))
    assert seen.class_scores == {"light": pytest.approx(0.2), "day": pytest.approx(0.2)}


def test_quantities_come_with_their_units_and_deviations(make):
    quantities = {"weight": "g", "length_mm": "mm"}
    seen = see(make(quantities=quantities), np.full((64, 64), 51, np.uint8))
    assert seen.measures == pytest.approx(
        {"weight_g": 51, "weight_g_sd": 2, "length_mm": 51, "length_mm_sd": 2}
    )


@pytest.mark.parametrize(
    ("quantity", "unit", "name"),
    [
        ("weight", "g", "weight_g"),
        ("weight_g", "g", "weight_g"),
        ("speed", "cm/s", "speed_cm_s"),
        ("full", "%", "full_percent"),
        ("n_mice", "", "n_mice"),
        ("grade", "1", "grade"),
        ("dog", "g", "dog_g"),
    ],
)
def test_a_unit_is_put_behind_a_name_that_has_none(quantity, unit, name):
    assert measure_name(quantity, unit) == name


def test_a_network_that_does_only_poses_says_nothing_else(make):
    seen = see(make(), np.full((64, 64), 51, np.uint8))
    assert (seen.class_scores, seen.measures, seen.masks) == ({}, {}, None)
    assert np.isnan(seen.novelty)
    assert not seen.abstained


def test_a_network_without_keypoints_sees_nobody_and_its_masks(make):
    observer = make(keypoints=(), edges=(), mask_classes=("mouse",))
    seen = see(observer, np.full((64, 64), 200, np.uint8))
    assert seen.xy.shape == (0, 0, 2)
    assert (seen.masks.coverage == 200).all()


ANIMAL = draw_animal((64, 64), (40, 20), (20, 20))


def test_a_frame_unlike_the_training_images_has_no_positions(make):
    seen = see(make(novelty=True, novelty_per_grey=1 / 100), ANIMAL)
    assert seen.abstained
    assert seen.novelty > 1
    assert np.isnan(seen.xy).all()
    assert (seen.confidence > 0.6).all()


def test_a_frame_like_the_training_images_has_positions(make):
    seen = see(make(novelty=True), ANIMAL)
    assert not seen.abstained
    assert seen.novelty == pytest.approx(1.0, abs=0.05)
    assert np.isfinite(seen.xy).all()


def test_abstaining_can_be_switched_off(make):
    seen = see(make(novelty=True, novelty_per_grey=1 / 100, abstain=False), ANIMAL)
    assert not seen.abstained
    assert seen.novelty > 1
    assert np.isfinite(seen.xy).all()


@pytest.mark.parametrize(
    ("thresholds", "abstained"),
    [
        pytest.param({}, False, id="at_half_by_itself"),
        pytest.param({"usable": 0.6}, True, id="at_the_cards_threshold"),
    ],
)
def test_a_frame_that_is_not_usable_has_no_positions(make, thresholds, abstained):
    observer = make(classes=("light", "usable"), class_thresholds=thresholds)
    seen = see(observer, ANIMAL)  # mean grey 128: 0.502
    assert seen.abstained == abstained
    assert np.isnan(seen.xy).all() == abstained


TWO = SPOTS.model_copy(update={"keypoints": ("dot",), "edges": (), "max_individuals": 2})


def test_two_animals_come_in_the_order_of_the_graph(make):
    seen = see(make(card=TWO), ANIMAL)
    np.testing.assert_allclose(seen.xy[:, 0], [[40, 20], [20, 20]], atol=0.6)
    assert seen.confidence.shape == (2, 1)


def test_an_animal_of_which_nothing_is_found_is_left_out(make):
    observer = make(card=TWO, individual_masks=True)
    seen = see(observer, draw_animal((64, 64), None, (20, 20)))
    np.testing.assert_allclose(seen.xy, [[[20, 20]]], atol=0.6)
    assert seen.masks.names == ("individual 0",)
    assert seen.masks.coverage.shape == (1, 16, 16)


def test_masks_of_classes_come_before_those_of_individuals(make):
    seen = see(make(card=TWO, individual_masks=True, mask_classes=("mouse",)), ANIMAL)
    assert seen.masks.names == ("mouse", "individual 0", "individual 1")


def test_of_two_animals_none_may_be_there(make):
    seen = see(make(card=TWO), np.full((64, 64), FLOOR, np.uint8))
    assert seen.xy.shape == (0, 1, 2)


def test_of_one_animal_the_row_is_always_there(make):
    seen = see(make(), np.full((64, 64), FLOOR, np.uint8))
    assert seen.xy.shape == (1, 2, 2)
    assert np.isnan(seen.xy).all()
