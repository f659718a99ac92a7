"""How the loss of a network in fewer bits is measured, limited and timed."""

import numpy as np
import pytest

from tracker.learning.precision.loss import Loss, loss_of, time_in_turn
from tracker.runtimes.base import Answer, ModelCard

TASKS = ModelCard(
    name="tasks",
    version="1",
    keypoints=("nose", "tail"),
    mask_classes=("animal",),
    classes=("rears",),
    class_thresholds={"rears": 0.7},
    quantities={"weight": "g"},
    novelty=True,
    min_confidence=0.5,
)


def pose(*animals, confidence=0.9):
    xy = np.array(animals, np.float32)
    sure = np.full(xy.shape[:2], confidence, np.float32)
    return {"xy": xy, "confidence": sure}


POSE = TASKS.model_copy(
    update={"mask_classes": (), "classes": (), "quantities": {}, "novelty": False}
)


def test_a_shift_is_the_distance_between_a_keypoint_before_and_after():
    before = Answer(**pose([[10, 10], [50, 50]]))
    after = Answer(**pose([[13, 14], [50, 51]]))
    loss = loss_of([(before, after)], POSE)
    assert (loss.found, loss.worst_shift_px, loss.median_shift_px) == (2, 5, 3)


def test_animals_may_change_places():
    one, other = [[10, 10], [20, 10]], [[80, 80], [90, 80]]
    loss = loss_of([(Answer(**pose(one, other)), Answer(**pose(other, one)))], POSE)
    assert (loss.worst_shift_px, loss.worst_confidence_change, loss.lost_share) == (0, 0, 0)


def test_keypoints_that_are_no_longer_found_are_lost_and_have_no_shift():
    before = Answer(**pose([[10, 10], [50, 50]]))
    after = Answer(xy=before.xy + np.float32(1), confidence=np.array([[0.9, 0.4]], np.float32))
    loss = loss_of([(before, after)], POSE)
    assert loss.lost_share == 0.5
    assert loss.worst_shift_px == pytest.approx(2**0.5)
    assert loss.worst_confidence_change == pytest.approx(0.5)


def test_a_surplus_animal_in_one_image_makes_up_for_none_that_is_lost_in_another():
    here, gone = pose([[1, 1], [2, 2]]), pose([[1, 1], [2, 2]], confidence=0.1)
    loss = loss_of([(Answer(**here), Answer(**gone)), (Answer(**gone), Answer(**here))], POSE)
    assert (loss.found, loss.lost_share) == (2, 1)


def test_masks_classes_quantities_and_novelty_are_compared_too():
    before = Answer(
        **pose([[1, 1], [2, 2]]),
        mask=np.array([[[255, 255, 0, 0]]], np.uint8),
        probability=np.array([0.72], np.float32),
        quantity=np.array([20.0], np.float32),
        quantity_sd=np.array([2.0], np.float32),
        novelty=np.float32(0.9),
    )
    after = Answer(
        **pose([[1, 1], [2, 2]]),
        mask=np.array([[[255, 255, 128, 127]]], np.uint8),
        probability=np.array([0.68], np.float32),
        quantity=np.array([23.0], np.float32),
        quantity_sd=np.array([2.0], np.float32),
        novelty=np.float32(0.95),
    )
    loss = loss_of([(before, after)], TASKS)
    assert loss.mask_iou == pytest.approx(2 / 3)
    assert loss.flipped_share == 0.5  # the class falls below its threshold, the novelty does not
    assert loss.worst_probability_change == pytest.approx(0.04)
    assert loss.median_shift_sd == 1.5


def test_what_a_network_does_not_give_is_not_known():
    assert set(loss_of([(Answer(**pose([[1, 1], [2, 2]])),) * 2], POSE).known) == {
        "images",
        "found",
        "lost_share",
        "median_shift_px",
        "p95_shift_px",
        "worst_shift_px",
        "median_confidence_change",
        "worst_confidence_change",
    }


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({"median_shift_px": 0.51}, "0.51 px in the median (at most 0.5 px)"),
        ({"lost_share": 0.021}, "2.1% of the keypoints are lost (at most 2%)"),
        ({"mask_iou": 0.949}, "masks overlap by 0.949 (at least 0.95)"),
        ({"flipped_share": 0.03}, "3.0% of the decisions change (at most 2%)"),
        ({"median_shift_sd": 0.6}, "0.60 sd in the median (at most 0.5 sd)"),
        ({"found": 0}, "no keypoint is found"),
    ],
)
def test_each_limit_has_a_fault(figures, words):
    (fault,) = Loss(images=1, **figures).faults
    assert words in fault


def test_a_loss_at_its_limits_is_no_fault():
    loss = Loss(1, 9, 0.02, 0.5, mask_iou=0.95, flipped_share=0.02, median_shift_sd=0.5)
    assert loss.faults == []


def test_networks_are_timed_in_turn():
    calls = []

    class Noted:
        def __init__(self, name):
            self.name = name

        def prepare(self, input_shape):
            calls.append((self.name, input_shape))

        def run(self, image):
            calls.append(self.name)

    image = np.zeros((1, 1, 32, 64), np.uint8)
    times = time_in_turn([Noted("a"), Noted("b")], image, 3)
    assert ("a", (32, 64)) in calls
    assert calls[-6:] == ["a", "b"] * 3
    assert [len(each) for each in times] == [3, 3]
