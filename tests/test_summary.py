"""What a session came to, in figures."""

import pytest
from session_folders import opened, result

from tracker.cameras.synthetic import SyntheticCameraSettings
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
