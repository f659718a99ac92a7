import math

import numpy as np
import pytest
from rigs import SKELETON, at, frame

from tracker.errors import ConfigError
from tracker.observers.mask_measures import KINDS, MaskMeasuresObserver
from tracker.testing.fixed_observer import FixedObserver
from tracker.types import Masks, Observation

NAN = math.nan


class Painted:
    """An observer whose masks are given, frame by frame."""

    def __init__(self, masks):
        self.masks = masks
        self.skeleton = SKELETON
        self.facts = {"sha256": "m"}
        self.warmed = None

    def warm_up(self, shape):
        self.warmed = shape

    def observe(self, seen):
        nobody = np.zeros((0, 2, 2), np.float32), np.zeros((0, 2), np.float32)
        masks = self.masks[seen.index]
        return Observation(
            seen.index, seen.captured_ns, *nobody, masks=masks, measures={"led": 3.0}
        )


def masks(*rows, names=("mouse",), x0_px=0.0):
    coverage = np.array(rows, np.uint8)
    return Masks(names, coverage, x0_px, 0.0, 4.0, 2.0)


def measured(given, wanted=KINDS):
    observer = MaskMeasuresObserver(Painted(given), wanted, has_masks=True)
    return [observer.observe(frame(i)).measures for i in range(len(given))]


ONE = [[255, 255, 0]]
MOVED = [[0, 255, 255]]


def test_area_change_and_moving_cells_of_a_mask():
    """A cell covers 4 x 2 px; two of three cells are the mouse, and one of them moves on."""
    first, second = measured([masks(ONE), masks(MOVED)])
    assert first["mask_area_px2"] == 16
    assert math.isnan(first["mask_change_px2"])
    assert math.isnan(first["mask_moving_percent"])
    assert (second["mask_change_px2"], second["mask_moving_percent"]) == (16, 100)
    assert second["led"] == 3


def test_a_faint_change_counts_as_change_but_moves_no_cell():
    _, second = measured([masks([[255, 200, 0]]), masks([[255, 149, 0]])])
    assert second["mask_change_px2"] == pytest.approx(51 / 255 * 8)
    assert second["mask_moving_percent"] == 0


@pytest.mark.parametrize(
    "between",
    [None, masks(ONE, x0_px=4.0), masks([[255, 255]])],
    ids=["no_mask", "crop_moved", "other_grid"],
)
def test_a_change_needs_the_frame_before_on_the_same_grid(between):
    *_, last = measured([masks(ONE), between, masks(ONE)])
    assert math.isnan(last["mask_change_px2"])
    assert last["mask_area_px2"] == 16


@pytest.mark.parametrize(
    ("names", "area_px2"),
    [(("mouse", "individual 0"), 16), (("individual 0", "individual 1"), 24)],
    ids=["of_the_class", "of_all_individuals_together"],
)
def test_the_mask_is_that_of_the_class_or_of_all_individuals(names, area_px2):
    (found,) = measured([masks(ONE, [[0, 0, 255]], names=names)])
    assert found["mask_area_px2"] == area_px2


def test_only_what_is_wanted_is_told():
    (found,) = measured([masks(ONE)], ("mask_change_px2",))
    assert set(found) == {"led", "mask_change_px2"}


def test_an_empty_mask_has_an_area_of_0_and_no_moving_share():
    _, found = measured([masks(ONE), masks([[0, 0, 0]])])
    assert found["mask_area_px2"] == 0
    assert math.isnan(found["mask_moving_percent"])


def test_a_network_without_masks_is_refused():
    observer = FixedObserver(SKELETON, lambda index: at(1.0))
    with pytest.raises(ConfigError, match="looks at mask_area_px2, but the network makes no masks"):
        MaskMeasuresObserver(observer, ("mask_area_px2",), has_masks=False)


def test_all_else_is_that_of_the_other_observer():
    inner = Painted([masks(ONE)])
    observer = MaskMeasuresObserver(inner, KINDS, has_masks=True)
    observer.warm_up((3, 4))
    assert inner.warmed == (3, 4)
    assert observer.skeleton is SKELETON
    assert observer.facts == {"sha256": "m"}
