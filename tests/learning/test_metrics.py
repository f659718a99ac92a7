"""Figures whose values are worked out by hand."""

import numpy as np
import pytest

from tracker.learning.judging.figures import known
from tracker.learning.judging.oks import SIGMA, OksImage, area_of, oks_figures
from tracker.learning.judging.pose import animal_figures, compare, pair, pose_figures, with_guess
from tracker.learning.judging.regions import mask_figures, mask_image, overlap
from tracker.learning.judging.values import (
    calibration,
    calibration_error,
    class_figures,
    quantity_figures,
)
from tracker.types import Masks

NAN = float("nan")
MOUSE = [[10, 50], [50, 50]]  # two keypoints, 40 px apart
OTHER = [[10, 150], [50, 150]]


def animals(*each):
    return np.array(each, np.float32).reshape(len(each), -1, 2)


def one(labels, seen, size_px=40.0, guess=None):
    pose = compare(animals(labels), animals(seen), size_px)
    return pose if guess is None else with_guess(pose, animals(labels), animals(guess))


# --- who is who


def test_individuals_are_paired_so_that_the_distances_add_up_to_the_least():
    # The first label is 10 from seen 0 and 20 from seen 1, the second 25 and 60: nearest first
    # would cost 10 + 60, crosswise costs 20 + 25.
    labels = animals([[100, 0]], [[135, 0]])
    seen = animals([[110, 0]], [[80, 0]])
    assert sorted(pair(labels, seen)) == [(0, 1), (1, 0)]


def test_individuals_without_a_common_keypoint_are_no_pair():
    assert pair(animals([[1, 1], [NAN, NAN]]), animals([[NAN, NAN], [1, 1]])) == []


def test_more_individuals_than_labels_leave_some_over():
    seen = animals(OTHER, MOUSE, [[500, 500], [540, 500]])
    assert pair(animals(MOUSE), seen) == [(0, 1)]


# --- errors


def test_errors_are_distances_in_px():
    pose = one(MOUSE, [[13, 54], [50, 50]])
    np.testing.assert_allclose(pose.error_px, [[5, 0]])


def test_a_keypoint_that_is_not_labelled_has_no_error():
    pose = one([[10, 50], [NAN, NAN]], MOUSE)
    assert pose.labelled.tolist() == [[True, False]]
    assert np.isnan(pose.error_px[0, 1])


def test_a_guess_stands_in_where_a_keypoint_was_not_found():
    pose = one(MOUSE, [[10, 50], [NAN, NAN]], guess=[[0, 0], [50, 57]])
    np.testing.assert_allclose(pose.guess_px, [[0, 7]])
    assert np.isnan(pose.error_px[0, 1])


def test_figures_of_keypoints_are_those_of_the_distances():
    poses = [
        one(MOUSE, [[10, 54], [50, 58]]),  # 4 and 8 px
        one(MOUSE, [[10, 70], [NAN, NAN]], guess=[[0, 0], [50, 82]]),  # 20 px, not found (32)
    ]
    figures = pose_figures(poses, ("nose", "tail"))
    expected = {
        "labelled_keypoints": 4,
        "found_share": 0.75,
        "mean_px": 32 / 3,
        "median_px": 8,
        "p95_px": 8 + 0.9 * 12,  # linear between the second and the third of three
        "mean_px_all": 16,
        "mean_permille_of_extent": 800 / 3,
        "median_permille_of_extent": 200,
        "within_5_px_share": 0.25,
        "within_10_px_share": 0.5,
        "nose: labelled_keypoints": 2,
        "nose: mean_px": 12,
        "tail: found_share": 0.5,
        "tail: median_px": 8,
        "tail: mean_px_all": 20,
    }
    assert {name: figures[name] for name in expected} == pytest.approx(expected)


def test_without_guesses_the_mean_of_all_keypoints_is_not_known():
    figures = pose_figures([one(MOUSE, [[10, 50], [NAN, NAN]])], ("nose", "tail"))
    assert figures["mean_px_all"] is None
    assert figures["nose: mean_px_all"] == 0


def test_an_animal_that_is_nowhere_found_leaves_errors_unknown_and_shares_at_0():
    figures = pose_figures([one(MOUSE, [[NAN, NAN], [NAN, NAN]])], ("nose", "tail"))
    assert figures["median_px"] is None
    assert figures["within_10_px_share"] == 0
    assert figures["found_share"] == 0


def test_a_size_that_is_not_known_is_the_extent_of_the_label():
    figures = pose_figures([one(MOUSE, [[10, 54], [50, 54]], size_px=NAN)], ("nose", "tail"))
    assert figures["mean_permille_of_extent"] == pytest.approx(100)


# --- animals


@pytest.mark.parametrize(
    ("labels", "seen", "found", "missed", "surplus"),
    [
        pytest.param([MOUSE], [MOUSE], 1, 0, 0, id="found"),
        pytest.param([MOUSE, OTHER], [OTHER], 1, 1, 0, id="missed"),
        pytest.param([MOUSE], [MOUSE, OTHER], 1, 0, 1, id="surplus"),
        pytest.param([MOUSE], [OTHER], 0, 1, 1, id="farther_off_than_its_length"),
        pytest.param([], [MOUSE], 0, 0, 1, id="empty_image"),
        pytest.param([MOUSE], [[[NAN, NAN]] * 2], 0, 1, 0, id="no_keypoint_found"),
        pytest.param([[[NAN, NAN]] * 2], [MOUSE], 0, 0, 0, id="nobody_said_where_animals_are"),
    ],
)
def test_animals_are_counted(labels, seen, found, missed, surplus):
    shape = (-1, 2, 2)
    pose = compare(
        np.array(labels, np.float32).reshape(shape), np.array(seen, np.float32).reshape(shape), 40
    )
    assert animal_figures([pose]) == {
        "animals": found + missed,
        "animals_found": found,
        "animals_missed": missed,
        "animals_surplus": surplus,
    }


def test_keypoints_that_have_no_label_make_no_animal_surplus():
    pose = one([[10, 50], [NAN, NAN]], [[NAN, NAN], [50, 50]])
    assert (pose.found, pose.surplus) == (0, 0)


@pytest.mark.parametrize(
    ("labels", "seen", "expected"),
    [
        pytest.param(MOUSE, MOUSE, 0, id="perfect"),
        pytest.param(MOUSE, [[10, 70], [50, 50]], 0.25, id="half_a_length_off_at_one_of_two"),
        pytest.param(MOUSE, [[10, 950], [50, 950]], 1, id="far_away"),
        pytest.param(MOUSE, [[NAN, NAN], [50, 50]], 0.5, id="one_not_found"),
    ],
)
def test_badness_is_the_error_in_lengths_at_most_1(labels, seen, expected):
    assert one(labels, seen).badness == pytest.approx(expected)


def test_without_labels_nothing_is_bad():
    assert np.isnan(compare(np.zeros((0, 2, 2), np.float32), animals(MOUSE), 40).badness)


# --- OKS


def oks_image(labels, seen, confidence=0.9):
    confidences = np.full((len(seen), len(MOUSE)), confidence, np.float32)
    shape = (-1, len(MOUSE), 2)
    return OksImage(
        np.array(labels, np.float32).reshape(shape),
        np.array(seen, np.float32).reshape(shape),
        confidences,
    )


def off_by(oks):
    """MOUSE with each keypoint off so far that its similarity is `oks`."""
    step = 2 * SIGMA * np.sqrt(area_of(np.array(MOUSE, np.float32)) * -2 * np.log(oks))
    return (np.array(MOUSE) + np.array([0, step])).tolist()


@pytest.mark.parametrize(
    "xy",
    [
        pytest.param([[0, 0], [40, 0]], id="along_a_side"),
        pytest.param([[0, 0], [28.2843, 28.2843]], id="across"),
    ],
)
def test_the_area_of_a_straight_mouse_does_not_depend_on_its_heading(xy):
    assert area_of(np.array(xy, np.float32)) == pytest.approx(800, rel=1e-5)


@pytest.mark.parametrize(
    ("seen", "mean", "at_50"),
    [
        pytest.param([MOUSE], 1, 1, id="perfect"),
        pytest.param([off_by(0.72)], 0.5, 1, id="above_five_of_ten_thresholds"),
        pytest.param([off_by(0.45)], 0, 0, id="below_all"),
        pytest.param([], 0, 0, id="nothing_seen"),
        # One of two keypoints at its place: similarity 0.5, which is at the lowest threshold.
        pytest.param([[MOUSE[0], [NAN, NAN]]], 0.1, 1, id="a_keypoint_not_found_scores_0"),
    ],
)
def test_oks_average_precision_of_one_animal(seen, mean, at_50):
    assert oks_figures([oks_image([MOUSE], seen)]) == {
        "oks_map": pytest.approx(mean, abs=1e-6),
        "oks_ap50": pytest.approx(at_50, abs=1e-6),
    }


def test_a_surplus_animal_that_is_surer_than_the_right_one_halves_the_precision():
    images = [oks_image([MOUSE], [MOUSE], 0.5), oks_image([], [OTHER], 0.9)]
    assert oks_figures(images)["oks_map"] == pytest.approx(0.5, abs=1e-6)


def test_a_missed_animal_of_two_halves_the_recall():
    figures = oks_figures([oks_image([MOUSE, OTHER], [MOUSE])])
    assert figures["oks_map"] == pytest.approx(51 / 101, abs=1e-6)  # 101 recalls from 0 to 1


def test_oks_without_labels_is_not_known():
    assert oks_figures([oks_image([], [MOUSE])]) == {"oks_map": None, "oks_ap50": None}


def test_oks_prints_nothing(capsys):
    oks_figures([oks_image([MOUSE], [MOUSE])])
    assert capsys.readouterr().out == ""


# --- masks


def masks(coverage, x0=1.5, y0=1.5, step=4.0):
    return Masks(("mouse",), np.array([coverage], np.uint8), x0, y0, step, step)


def test_a_coarse_mask_is_drawn_out_to_the_pixels_of_the_image():
    drawn = mask_image(masks([[255, 0], [255, 0]]), "mouse", (8, 8))
    # Between the cells' centres at x = 1.5 and x = 5.5 half of 255 is passed at 3.5.
    assert drawn.tolist() == [[True] * 4 + [False] * 4] * 8


def test_beyond_the_grid_of_a_crop_nothing_is_animal():
    drawn = mask_image(masks([[255, 255], [255, 255]], x0=9.5, y0=5.5), "mouse", (20, 30))
    expected = np.zeros((20, 30), bool)
    expected[4:12, 8:16] = True
    np.testing.assert_array_equal(drawn, expected)


@pytest.mark.parametrize("seen", [None, masks([[255]])], ids=["no_masks", "other_class"])
def test_a_mask_that_is_not_there_is_empty(seen):
    assert not mask_image(seen, "fly", (4, 4)).any()


def test_dice_and_iou_of_two_squares():
    seen, truth = np.zeros((2, 10, 10), bool)
    seen[:4, :4] = True  # 16 px
    truth[2:6, :4] = True  # 16 px, of which 8 in common
    assert overlap(seen, truth) == pytest.approx((0.5, 1 / 3))


def test_overlap_of_nothing_with_nothing_is_not_known():
    assert np.isnan(overlap(*np.zeros((2, 4, 4), bool))).all()


def test_figures_of_masks_are_means_over_images_that_have_any():
    figures = mask_figures([(0.5, 0.25), (NAN, NAN), (1.0, 1.0)], pseudo=False)
    assert figures == {"masks": 2, "dice": 0.75, "iou": 0.625}


def test_pseudo_masks_are_called_so_in_every_name():
    figures = mask_figures([], pseudo=True)
    assert figures == {
        "masks_against_pseudo_masks": 0,
        "dice_against_pseudo_masks": None,
        "iou_against_pseudo_masks": None,
    }


# --- classes


def of_class(truth, probability, threshold=0.5):
    return class_figures(np.array(truth, np.float32), np.array(probability, float), threshold)


def test_figures_of_a_class_are_those_worked_out_by_hand():
    figures = of_class([1, 1, 0, 0, NAN], [0.9, 0.4, 0.6, 0.1, 0.7])
    # Of the four pairs (seen, not seen) three are in order. Sorted by probability the labels
    # are 1, 0, 1, 0: precision 1 at recall 0.5, 2/3 at recall 1. The squared errors are
    # 0.01, 0.36, 0.36, 0.01; each probability has a bin of its own: errors 0.1, 0.6, 0.6, 0.1.
    assert figures == pytest.approx(
        {
            "labelled": 4,
            "seen": 2,
            "roc_auc": 0.75,
            "average_precision": 0.5 + 0.5 * 2 / 3,
            "f1": 0.5,
            "precision": 0.5,
            "recall": 0.5,
            "specificity": 0.5,
            "brier": 0.185,
            "ece": 0.35,
        }
    )


def test_f1_is_at_the_threshold_of_the_card():
    assert of_class([1, 1, 0], [0.9, 0.4, 0.2], threshold=0.3)["f1"] == 1


@pytest.mark.parametrize(
    ("truth", "known_ones"),
    [
        pytest.param([1, 1], {"recall": 0.5}, id="only_seen"),
        pytest.param([0, 0], {"specificity": 0.5}, id="only_not_seen"),
    ],
)
def test_what_needs_both_answers_is_not_known_of_one(truth, known_ones):
    figures = of_class(truth, [0.9, 0.1])
    for name in ("roc_auc", "average_precision", "f1", "precision"):
        assert figures[name] is None
    assert figures["brier"] == pytest.approx(0.41)
    assert known_ones.items() <= figures.items()


@pytest.mark.parametrize(
    ("truth", "probability"),
    [
        pytest.param([], [], id="no_images"),
        pytest.param([NAN], [0.5], id="no_label"),
        pytest.param([1], [NAN], id="no_answer"),
    ],
)
def test_without_labels_no_figure_of_a_class_is_known(truth, probability):
    figures = of_class(truth, probability)
    assert figures.pop("labelled") == figures.pop("seen") == 0
    assert set(figures.values()) == {None}


def test_calibration_gathers_probabilities_into_fifteen_bins():
    probability = np.array([0.01, 0.05, 0.99, 1.0])
    said, right, count = calibration(np.array([False, True, True, True]), probability)
    np.testing.assert_allclose(said, [0.03, 0.995])
    np.testing.assert_allclose(right, [0.5, 1])
    assert count.tolist() == [2, 2]


def test_a_class_that_is_right_as_often_as_it_says_has_no_calibration_error():
    truth = np.array([True, False, False, False])
    assert calibration_error(truth, np.full(4, 0.25)) == pytest.approx(0)


# --- quantities


def test_figures_of_a_quantity_have_its_unit_in_their_names():
    figures = quantity_figures(
        np.array([20, 30, 40, NAN], np.float32),
        np.array([21.0, 30.0, 35.0, 10.0]),
        np.array([1.0, 1.0, 1.0, 1.0]),
        "g",
    )
    assert figures == pytest.approx(
        {"labelled": 3, "mae_g": 2, "rmse_g": np.sqrt(26 / 3), "within_2_sd_share": 2 / 3}
    )


def test_without_labels_no_figure_of_a_quantity_is_known():
    figures = quantity_figures(np.array([NAN], np.float32), np.zeros(1), np.ones(1), "")
    assert figures == {"labelled": 0, "mae": None, "rmse": None, "within_2_sd_share": None}


# --- numbers


@pytest.mark.parametrize(
    ("value", "expected"), [(np.float64(1.5), 1.5), (NAN, None), (float("inf"), None)]
)
def test_what_is_not_finite_is_none(value, expected):
    assert known(value) == expected
