"""What a session came to, in figures."""

import numpy as np
import pytest
from session_folders import opened, result

from tracker.cameras.synthetic import SyntheticCameraSettings, truths_of
from tracker.recording import Recording
from tracker.summary import score_truth, summarise
from tracker.types import Episode, Onset


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


KNOWN = {"model_sha256": "m", "model": {"provider": "cpu"}}


def test_what_it_took_to_be_certain_is_told_per_behaviour(tmp_path):
    running = opened(tmp_path / "session", provenance=KNOWN)
    for index, after_ms in ((1, 200), (4, 300), (7, 500)):
        since_ns = index * 10_000_000
        onset = Onset(
            f"freezing/m/{index}", "freezing", "m", index, since_ns, 9, since_ns + after_ms * 10**6
        )
        running.write_result(result(index, onset, Episode(onset, index, since_ns)))
    running.close("completed", {})
    told = summarise(Recording(tmp_path / "session"))["confirmed_after_ms"]
    assert (told["freezing"]["p50"], told["freezing"]["max"]) == (300, 500)
    assert np.isnan(told["locomotion"]["p50"])


def test_the_share_of_frames_in_which_nothing_was_known_is_told(tmp_path):
    running = opened(tmp_path / "session", provenance=KNOWN)
    for index in range(4):  # of `locomotion` nothing is ever known
        running.write_result(result(index))
    running.close("completed", {})
    told = summarise(Recording(tmp_path / "session"))["abstained"]
    assert told == {"freezing": 0.0, "locomotion": 1.0}
