"""From maps made by hand to keypoints and masks."""

import math

import numpy as np
import pytest
import torch

from tracker.learning.decode import Several, decode_one, decode_several, individual_masks

STRIDE = 4
ROWS, COLUMNS = 8, 16
NEVER = -9.0  # logit


def logit(probability):
    return math.log(probability / (1 - probability))


def blank(keypoints=1):
    """Maps on which nothing is."""
    return {
        "likelihood": torch.full((1, keypoints, ROWS, COLUMNS), NEVER),
        "offset": torch.zeros(1, 2 * keypoints, ROWS, COLUMNS),
        "centre": torch.full((1, 1, ROWS, COLUMNS), NEVER),
        "home": torch.zeros(1, 2 * keypoints, ROWS, COLUMNS),
    }


def pixel(column, row):
    """Middle of a cell (px)."""
    return [(column + 0.5) * STRIDE - 0.5, (row + 0.5) * STRIDE - 0.5]


# --- one individual


def test_the_best_cell_and_its_offset_are_the_keypoint():
    maps = blank()
    maps["likelihood"][0, 0, 2, 5] = logit(0.8)
    maps["offset"][0, 0, 2, 5], maps["offset"][0, 1, 2, 5] = 0.25, -0.5
    xy, confidence = decode_one(maps, STRIDE)
    # x: (5 + 0.5 + 0.25) * 4 - 0.5 = 22.5; y: (2 + 0.5 - 0.5) * 4 - 0.5 = 7.5
    np.testing.assert_allclose(xy, [[[[22.5, 7.5]]]], atol=1e-5)
    np.testing.assert_allclose(confidence, [[[0.8]]], atol=1e-6)


def test_each_keypoint_has_offsets_of_its_own():
    maps = blank(2)
    maps["likelihood"][0, 0, 1, 3] = maps["likelihood"][0, 1, 6, 9] = 4.0
    maps["offset"][0, :, 1, 3] = torch.tensor([0.25, 0.0, 0.0, 0.0])
    maps["offset"][0, :, 6, 9] = torch.tensor([0.0, 0.0, 0.0, -0.25])
    xy, _ = decode_one(maps, STRIDE)
    np.testing.assert_allclose(xy[0, 0], [[14.5, 5.5], [37.5, 24.5]])


def test_what_is_nowhere_has_a_confidence_near_zero():
    _, confidence = decode_one(blank(), STRIDE)
    assert float(confidence) < 2e-4  # sigmoid(-9) = 1.2e-4


# --- several individuals


def put_animal(maps, centre, keypoints, said=None, sure=3.0, confidence=3.0):
    """An animal: its centre, and keypoints (column, row) that say where their centre is."""
    column, row = centre
    maps["centre"][0, 0, row, column] = confidence
    for number, (x, y) in enumerate(keypoints):
        maps["likelihood"][0, number, y, x] = sure
        to_x, to_y = said or centre
        maps["home"][0, 2 * number, y, x] = to_x - x
        maps["home"][0, 2 * number + 1, y, x] = to_y - y


def test_each_of_two_animals_gets_its_own_keypoints():
    maps = blank(2)
    put_animal(maps, (3, 3), [(2, 3), (4, 3)], confidence=4.0)
    put_animal(maps, (11, 5), [(11, 4), (11, 6)], confidence=3.0)
    found = decode_several(maps, 2, STRIDE, torch.tensor([1.5]))
    assert found.xy.shape == (1, 2, 2, 2)
    np.testing.assert_allclose(found.xy[0, 0], [pixel(2, 3), pixel(4, 3)])
    np.testing.assert_allclose(found.xy[0, 1], [pixel(11, 4), pixel(11, 6)])
    assert (found.confidence > 0.9).all()
    np.testing.assert_allclose(found.centre[0, :, :2], [[3, 3], [11, 5]])


def test_the_surer_animal_comes_first():
    maps = blank()
    put_animal(maps, (3, 3), [(3, 3)], confidence=1.0)
    put_animal(maps, (11, 5), [(11, 5)], confidence=2.0)
    found = decode_several(maps, 2, STRIDE, torch.tensor([1.5]))
    np.testing.assert_allclose(found.xy[0, :, 0], [pixel(11, 5), pixel(3, 3)])


def test_a_keypoint_goes_to_the_centre_that_it_says_is_its_own_not_to_the_nearest():
    # Each animal's keypoint is next to the other's centre, and surer than that one's own.
    maps = blank()
    put_animal(maps, (4, 2), [(11, 6)], sure=3.0, confidence=4.0)
    put_animal(maps, (12, 6), [(5, 2)], sure=2.0, confidence=3.0)
    found = decode_several(maps, 2, STRIDE, torch.tensor([1.5]))
    np.testing.assert_allclose(found.xy[0, :, 0], [pixel(11, 6), pixel(5, 2)])


def test_a_keypoint_may_be_as_far_from_its_centre_as_it_likes():
    # A sure peak far away says that it belongs here, an unsure one nearby says so as well.
    maps = blank()
    put_animal(maps, (2, 4), [(3, 4)], sure=0.0)
    put_animal(maps, (2, 4), [(14, 1)], sure=2.0)
    found = decode_several(maps, 2, STRIDE, torch.tensor([1.5]))
    np.testing.assert_allclose(found.xy[0, 0, 0], pixel(14, 1))


def test_how_far_off_the_way_home_may_be_is_the_radius_of_each_keypoint():
    # Of both keypoints a sure peak's way ends 3 cells from the centre, an unsure one's in it.
    # Sure by 4 against 0 (logits) is 0.675 in log likelihood; 3 cells cost 4.5 for a radius of
    # 1 cell, and 0.07 for one of 8.
    maps = blank(2)
    put_animal(maps, (4, 4), [(9, 4), (9, 4)], said=(7, 4), sure=4.0)
    put_animal(maps, (4, 4), [(5, 4), (5, 4)], sure=0.0)
    found = decode_several(maps, 2, STRIDE, torch.tensor([1.0, 8.0]))
    np.testing.assert_allclose(found.xy[0, 0], [pixel(5, 4), pixel(9, 4)])


def wings(*cells, centre=(7, 6)):
    """An animal whose left and right wing are (column, row, left, right) this likely."""
    maps = blank(2)
    maps["centre"][0, 0, centre[1], centre[0]] = 5.0
    for column, row, *likely in cells:
        for number, probability in enumerate(likely):
            maps["likelihood"][0, number, row, column] = logit(probability)
            way = torch.tensor([centre[0] - column, centre[1] - row])
            maps["home"][0, 2 * number : 2 * number + 2, row, column] = way
    return maps


@pytest.mark.parametrize(
    ("cells", "left", "right"),
    [
        pytest.param([(2, 2, 0.8, 0.6), (12, 2, 0.1, 0.45)], (2, 2), (12, 2), id="one_stretched"),
        pytest.param([(2, 2, 0.4, 0.7), (12, 2, 0.3, 0.1)], (12, 2), (2, 2), id="the_other"),
        pytest.param([(2, 2, 0.8, 0.6), (4, 2, 0.1, 0.5)], (2, 2), (2, 2), id="2_cells_apart"),
        pytest.param([(2, 2, 0.8, 0.7), (12, 2, 0.6, 0.65)], (2, 2), (12, 2), id="not_both"),
        pytest.param([(2, 2, 0.8, 0.6), (12, 2, 0.1, 0.38)], (2, 2), (2, 2), id="unlikely_there"),
        pytest.param([(2, 2, 0.8, 0.6)], (2, 2), (2, 2), id="nowhere_else"),
        pytest.param([(2, 2, 0.8, 0.4), (12, 2, 0.6, 0.7)], (2, 2), (12, 2), id="never_together"),
    ],
)
def test_of_a_pair_in_one_place_the_one_that_is_as_likely_elsewhere_goes_there(cells, left, right):
    found = decode_several(wings(*cells), 2, STRIDE, torch.tensor([2.0]), mirror=[1, 0])
    np.testing.assert_allclose(found.xy[0, 0], [pixel(*left), pixel(*right)])


def test_keypoints_that_are_no_pair_may_be_in_one_place():
    maps = wings((2, 2, 0.8, 0.6), (12, 2, 0.1, 0.45))
    found = decode_several(maps, 2, STRIDE, torch.tensor([2.0]), mirror=[0, 1])
    np.testing.assert_allclose(found.xy[0, 0], [pixel(2, 2), pixel(2, 2)])


def test_a_keypoint_that_moved_has_the_confidence_of_where_it_is():
    maps = wings((2, 2, 0.8, 0.6), (12, 2, 0.1, 0.45))
    found = decode_several(maps, 2, STRIDE, torch.tensor([2.0]), mirror=[1, 0])
    np.testing.assert_allclose(found.confidence[0, 0], [0.8, 0.45], atol=1e-5)


def test_an_animal_that_is_not_there_has_a_confidence_near_zero():
    maps = blank()
    put_animal(maps, (3, 3), [(3, 3)])
    put_animal(maps, (11, 5), [(11, 5)])
    found = decode_several(maps, 3, STRIDE, torch.tensor([1.5]))
    assert (found.confidence[0, :2] > 0.9).all()
    assert float(found.confidence[0, 2]) < 2e-4
    assert float(found.centre[0, 2, 2]) < 2e-4


def test_a_sure_keypoint_of_a_doubtful_animal_is_as_doubtful_as_that():
    maps = blank()
    put_animal(maps, (3, 3), [(3, 3)], sure=5.0, confidence=logit(0.4))
    found = decode_several(maps, 2, STRIDE, torch.tensor([1.5]))
    assert float(found.confidence[0, 0]) == pytest.approx(0.4, abs=1e-6)


def test_one_hump_is_one_animal():
    maps = blank()
    put_animal(maps, (6, 4), [(6, 4)], confidence=4.0)
    maps["centre"][0, 0, 3:6, 5:8] = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]])
    found = decode_several(maps, 2, STRIDE, torch.tensor([1.5]))
    assert float(found.centre[0, 0, 2]) > 0.9
    assert float(found.centre[0, 1, 2]) < 2e-4


def test_images_of_a_batch_do_not_know_each_other():
    one, other = blank(), blank()
    put_animal(one, (3, 3), [(3, 3)])
    put_animal(other, (11, 5), [(11, 5)])
    both = {name: torch.cat([one[name], other[name]]) for name in one}
    found = decode_several(both, 2, STRIDE, torch.tensor([1.5]))
    np.testing.assert_allclose(found.xy[:, 0, 0], [pixel(3, 3), pixel(11, 5)])


# --- masks of individuals


def centres(*each):
    """Several with centres (column, row, confidence) alone."""
    nothing = torch.empty(0)
    return Several(nothing, nothing, torch.tensor([each], dtype=torch.float32)).centre


@pytest.fixture
def block():
    """An animal of 4 x 8 cells: its left half votes for column 1, its right half for column 6."""
    maps = {
        "mask": torch.full((1, 1, 4, 8), 9.0),
        "vote": torch.zeros(1, 2, 4, 8),
    }
    columns = torch.arange(8.0)
    maps["vote"][0, 0] = torch.where(columns < 4, 1 - columns, 6 - columns)
    maps["vote"][0, 1] = 2 - torch.arange(4.0)[:, None]
    return maps


def test_each_cell_goes_to_the_centre_that_it_votes_for(block):
    block["vote"][0, 0, 0, 7] = 1 - 7  # one cell of the right half votes for the left animal
    masks = individual_masks(block, centres((1, 2, 0.9), (6, 2, 0.9)))[0] > 0.5
    left = torch.zeros(4, 8, dtype=torch.bool)
    left[:, :4] = left[0, 7] = True
    np.testing.assert_array_equal(masks[0], left)
    np.testing.assert_array_equal(masks[1], ~left)


def test_an_animal_that_is_not_there_gets_no_part_of_the_mask(block):
    found = centres((1, 2, 0.9), (6, 2, 0.9), (5, 2, 0.01))
    masks = individual_masks(block, found)[0]
    assert masks.shape == (3, 4, 8)
    assert not masks[2].any()
    assert (masks[:2].sum(0) > 0.99).all()


def test_where_nobody_is_no_cell_is_anybodys(block):
    masks = individual_masks(block, centres((1, 2, 0.01), (6, 2, 0.02)))
    assert not masks.any()


def test_everything_belongs_to_an_only_individual(block):
    assert (individual_masks(block, None) > 0.99).all()


def test_a_cell_of_any_class_belongs_to_somebody(block):
    block["mask"] = torch.cat([torch.full_like(block["mask"], NEVER), block["mask"]], 1)
    masks = individual_masks(block, centres((1, 2, 0.9), (6, 2, 0.9)))
    assert (masks.sum(1) > 0.99).all()
