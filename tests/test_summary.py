"""What a session came to, in figures."""

import numpy as np
import pytest
from session_folders import opened, result

from tracker.cameras.synthetic import SyntheticCameraSettings, truths_of
from tracker.recording import Recording
from tracker.summary import score_truth


@pytest.mark.parametrize("n_frames", [0, 3])
def test_a_session_in_which_nothing_was_found_is_scored_as_well(tmp_path, n_frames):
    running = opened(tmp_path / "session")
    for index in range(n_frames):
        running.write_result(result(index, individuals=0))
    running.close("completed", {})
    score = score_truth(Recording(tmp_path / "session"), SyntheticCameraSettings())
    assert score["frames"] == n_frames
    assert score["keypoint_error_px"] is None


def two_mice(folder, order):
    """A session that saw both mice where they were; `order` says which is row 0, by frame."""
    truths = truths_of(SyntheticCameraSettings(animals=2))
    running = opened(folder)
    for index in range(20):
        xy = np.stack([truths[mouse](index).xy[[0, 2]] for mouse in order(index)])
        about = {"identities": ("a", "b"), "identity_confidence": (1.0, 1.0)}
        running.write_result(result(index, individuals=2, xy=xy, **about))
    running.close("completed", {})
    return score_truth(Recording(folder), SyntheticCameraSettings(animals=2))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["first is a", "first is b"])
def test_of_two_mice_each_name_is_scored_against_the_mouse_that_it_goes_with(tmp_path, order):
    found = two_mice(tmp_path / "session", lambda _: order)
    assert found["keypoint_error_px"] == 0
    assert (found["idf1"], found["switches"]) == (1.0, 0)


def test_names_that_change_mice_are_counted(tmp_path):
    found = two_mice(tmp_path / "session", lambda i: (0, 1) if i < 15 else (1, 0))
    assert (found["idf1"], found["switches"]) == (0.75, 2)
    assert found["keypoint_error_px"] > 20
