import json
import math

import numpy as np
import pytest

from tracker.scoring import TruthScore, covered_frames, framewise_f1, keypoint_error_px, score
from tracker.types import Episode, Onset, Truth

NAN = math.nan
KEYPOINTS = ("nose", "tail_base")


def episode(behaviour, first, last, confirmed=None):
    confirmed = first if confirmed is None else confirmed
    name = f"{behaviour}/mouse/{first}"
    return Episode(Onset(name, behaviour, "mouse", first, first, confirmed, confirmed), last, last)


def truth(index):
    """Rests in frames 10 to 19; the nose is at (index, 0), the tail base at (index, 50)."""
    xy = np.array([[index, 0], [index, 50]], np.float32)
    return Truth(index, KEYPOINTS, xy, frozenset({"rest"} if 10 <= index < 20 else ()))


def true_xy(indices):
    return np.array([truth(i).xy for i in indices]).reshape(-1, 2, 2)


def score_of(indices, episodes=(), xy=None, keypoints=KEYPOINTS, behaviours=("rest",)):
    xy = true_xy(indices) if xy is None else xy
    return score(np.array(indices, int), xy, keypoints, episodes, behaviours, truth)


@pytest.mark.parametrize(
    ("predicted", "actual", "expected"),
    [
        pytest.param("1100", "1100", 1.0, id="all_right"),
        pytest.param("1100", "0011", 0.0, id="all_wrong"),
        pytest.param("1110", "0111", 4 / 6, id="two_hits_one_miss_one_false_alarm"),
        pytest.param("1111", "0001", 2 / 5, id="three_false_alarms"),
        pytest.param("0000", "0001", 0.0, id="missed"),
        pytest.param("1000", "0000", 0.0, id="false_alarm"),
        pytest.param("0000", "0000", NAN, id="nothing_to_find_and_nothing_found"),
        pytest.param("", "", NAN, id="no_frames"),
    ],
)
def test_f1_counts_frames(predicted, actual, expected):
    found = framewise_f1(*(np.array([c == "1" for c in row], bool) for row in (predicted, actual)))
    assert found == pytest.approx(expected, nan_ok=True)


def test_f1_of_rows_of_different_length_is_an_error():
    with pytest.raises(ValueError, match=r"predicted has shape \(2,\), but truth has \(3,\)"):
        framewise_f1(np.zeros(2, bool), np.zeros(3, bool))


@pytest.mark.parametrize(
    ("xy", "expected"),
    [
        pytest.param([[[3, 4], [0, 50]]], (2.5, 1.0), id="mean_over_keypoints"),
        pytest.param([[[3, 4], [NAN, NAN]]], (5.0, 0.5), id="over_those_found"),
        pytest.param([[[3, 4], [0, NAN]]], (5.0, 0.5), id="half_a_keypoint_is_none"),
        pytest.param([[[NAN, NAN], [NAN, NAN]]], (NAN, 0.0), id="none_found"),
    ],
)
def test_the_error_of_keypoints(xy, expected):
    found = keypoint_error_px(np.array(xy, np.float32), np.array([[[0, 0], [0, 50]]], np.float32))
    assert found == pytest.approx(expected, nan_ok=True)


def test_where_the_truth_is_not_known_nothing_is_counted():
    xy = np.array([[[3.0, 4.0], [9.0, 9.0]]])
    assert keypoint_error_px(xy, np.array([[[0, 0], [NAN, NAN]]])) == (5.0, 1.0)
    assert keypoint_error_px(xy, np.full((1, 2, 2), NAN)) == pytest.approx((NAN, NAN), nan_ok=True)


def test_positions_of_different_shape_are_an_error():
    with pytest.raises(ValueError, match=r"xy has shape \(1, 2, 2\), but truth_xy has \(1, 3, 2\)"):
        keypoint_error_px(np.zeros((1, 2, 2)), np.zeros((1, 3, 2)))


def test_first_and_last_frame_of_an_episode_are_covered():
    covered = covered_frames(np.array([1, 2, 3, 7, 8]), [episode("rest", 2, 7)])
    assert covered.tolist() == [False, True, True, True, False]


def test_a_perfect_session():
    found = score_of(range(40), [episode("rest", 10, 19)])
    assert found == TruthScore({"rest": 1.0}, 0.0, 1.0, 40)


def test_a_late_onset_costs_its_frames_and_a_late_confirmation_does_not():
    late_onset = score_of(range(40), [episode("rest", 15, 19)])
    late_confirmation = score_of(range(40), [episode("rest", 10, 19, confirmed=18)])
    assert late_onset.f1["rest"] == pytest.approx(2 * 5 / (5 + 10))
    assert late_confirmation.f1["rest"] == 1.0


def test_frames_that_were_not_processed_are_left_out():
    kept = [i for i in range(40) if i not in (10, 11, 12)]
    found = score_of(kept, [episode("rest", 13, 19)])
    assert (found.f1["rest"], found.frames) == (1.0, 37)


def test_episodes_of_other_behaviours_do_not_count():
    found = score_of(range(40), [episode("run", 10, 19)], behaviours=("rest", "run"))
    assert found.f1 == {"rest": 0.0, "run": 0.0}


def test_a_behaviour_that_nobody_saw_and_nobody_did_has_no_score():
    assert math.isnan(score_of(range(5), behaviours=("run",)).f1["run"])


def test_keypoints_are_matched_by_name():
    swapped = true_xy(range(5))[:, ::-1]
    assert score_of(range(5), xy=swapped, keypoints=KEYPOINTS[::-1]).keypoint_error_px == 0.0
    assert score_of(range(5), xy=swapped).keypoint_error_px == 50.0


def test_a_keypoint_that_the_truth_lacks_is_left_out():
    xy = true_xy(range(5)) + np.array([[3, 4], [0, 0]])
    found = score_of(range(5), xy=xy, keypoints=("nose", "left_ear"))
    assert (found.keypoint_error_px, found.keypoints_found) == (5.0, 1.0)


def test_positions_that_do_not_go_with_the_frames_are_an_error():
    with pytest.raises(ValueError, match=r"xy has shape \(3, 2, 2\), expected .* \(4, 2, 2\)"):
        score_of(range(4), xy=true_xy(range(3)))


def test_a_session_without_frames_has_no_figures():
    assert score_of([]).as_dict() == {
        "f1": {"rest": None},
        "keypoint_error_px": None,
        "keypoints_found": None,
        "frames": 0,
    }


def test_the_result_goes_into_strict_json():
    found = score_of(range(40), [episode("rest", 10, 19)], behaviours=("rest", "run"))
    text = json.dumps(found.as_dict(), allow_nan=False)
    assert json.loads(text) == {
        "f1": {"rest": 1.0, "run": None},
        "keypoint_error_px": 0.0,
        "keypoints_found": 1.0,
        "frames": 40,
    }
