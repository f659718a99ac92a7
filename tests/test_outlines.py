"""Borders of masks as a few corners in sensor pixels."""

import cv2
import numpy as np
import pytest

from tracker.outlines import MOST_OUTLINES, MOST_POINTS, outlines_of
from tracker.types import Masks


def masks(*coverage, names=None, x0=0.0, y0=0.0, step=1.0):
    layers = np.stack([np.asarray(each, np.uint8) for each in coverage])
    names = names or tuple(f"individual {k}" for k in range(len(layers)))
    return Masks(names, layers, x0, y0, step, step)


def block(shape, rows, columns, value=255):
    made = np.zeros(shape, np.uint8)
    made[slice(*rows), slice(*columns)] = value
    return made


def box(outline):
    points = np.array(outline.points)
    return (*points.min(axis=0).tolist(), *points.max(axis=0).tolist())


def test_the_border_of_a_block_lies_between_its_cells_and_the_next_ones():
    """Cells 3 to 6 of a grid whose cell k is centred on 10 + 4 k px: from 20 to 36 px."""
    (found,) = outlines_of(masks(block((12, 12), (3, 7), (3, 7)), x0=10, y0=10, step=4))
    assert found.name == "individual 0"
    assert box(found) == pytest.approx((20, 20, 36, 36), abs=2)


def test_what_reaches_the_edge_of_the_grid_ends_there():
    (found,) = outlines_of(masks(block((6, 8), (0, 6), (0, 3)), step=4))
    assert box(found) == pytest.approx((-2, -2, 10, 22), abs=2)


def test_each_mask_has_its_name_and_the_largest_piece_comes_first():
    small, large = block((20, 20), (1, 4), (1, 4)), block((20, 20), (8, 18), (8, 18))
    found = outlines_of(masks(small, large, names=("mouse", "individual 0")))
    assert [each.name for each in found] == ["individual 0", "mouse"]


def test_two_pieces_of_a_mask_are_two_outlines():
    both = block((20, 20), (1, 5), (1, 5)) | block((20, 20), (10, 16), (10, 16))
    assert [each.name for each in outlines_of(masks(both))] == ["individual 0"] * 2


@pytest.mark.parametrize("value", [0, 127], ids=["nothing", "less_than_half"])
def test_what_is_not_covered_has_no_border(value):
    assert outlines_of(masks(block((9, 9), (2, 7), (2, 7), value))) == []


def test_a_mask_without_any_individual_has_no_border():
    assert outlines_of(Masks((), np.zeros((0, 9, 9), np.uint8), 0, 0, 1, 1)) == []


def test_a_circle_stays_round_with_few_corners():
    drawn = np.zeros((60, 60), np.uint8)
    cv2.circle(drawn, (30, 30), 20, 255, -1)
    (found,) = outlines_of(masks(drawn))
    distance = np.hypot(*(np.array(found.points) - 30).T)
    assert distance == pytest.approx(np.full(len(distance), 20.25), abs=1.0)
    assert len(found.points) < MOST_POINTS


def test_a_ragged_border_is_made_simpler():
    angle = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
    radius = 100 + 30 * np.sin(80 * angle)
    star = np.zeros((300, 300), np.uint8)
    points = 150 + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    cv2.fillPoly(star, [points.astype(np.int32)], 255)
    (found,) = outlines_of(masks(star))
    assert 3 <= len(found.points) <= MOST_POINTS


def test_of_very_many_pieces_the_largest_are_kept():
    grid = np.zeros((90, 90), np.uint8)
    for k in range(64):
        row, column = divmod(k, 8)
        side = 7 if k < 5 else 3
        grid[11 * row : 11 * row + side, 11 * column : 11 * column + side] = 255
    found = outlines_of(masks(grid))
    assert len(found) == MOST_OUTLINES
    widths = [box(each)[2] - box(each)[0] for each in found]
    assert min(widths[:5]) > max(widths[5:])
