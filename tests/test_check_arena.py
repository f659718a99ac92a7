"""What a trial says of plane, lens, and where the camera looks."""

import pytest
from session_folders import recorded

from tracker.arena import ArenaSettings
from tracker.calibration.lens import Lens
from tracker.check import Verdict, _judge_arena, _judge_view
from tracker.recording import Recording
from tracker.registration.lines import ViewRow, ViewState
from tracker.session_folder.view_files import ViewFiles

LENS = Lens(
    image_width_px=640,
    image_height_px=480,
    focal_px=(500.0, 500.0),
    centre_px=(320.0, 240.0),
    distortion=(-0.1, 0.0, 0.0, 0.0, 0.0),
    reprojection_error_px=0.21,
)
CORNERS_CM = [(0, 0), (40, 0), (40, 40), (0, 40)]


def found(corners_cm=CORNERS_CM, off_px=0.0, lens=None):
    points = [
        {"x_px": 10 * x + off_px * (n == 0), "y_px": 10 * y, "x_cm": x, "y_cm": y}
        for n, (x, y) in enumerate(corners_cm)
    ]
    settings = {"px_per_cm": None, "plane": {"points": points}, "lens": lens}
    return {each.what: each for each in _judge_arena(ArenaSettings.model_validate(settings))}


def test_four_points_always_fit_and_that_is_said():
    assert found()["plane"].verdict is Verdict.DOUBTFUL
    assert "four always do" in found()["plane"].text


def test_residuals_are_stated():
    plane = found([*CORNERS_CM, (20, 20), (20, 0)], off_px=3.0)["plane"]
    assert plane.verdict is Verdict.GOOD
    largest = float(plane.text.split(" within ")[1].split()[0])
    assert 0.02 < largest < 0.3


def test_the_error_of_the_lens_is_stated():
    assert found(lens=LENS)["lens"].text == "reprojection error 0.21 px"
    assert "lens" not in found()


def test_a_scale_alone_needs_no_word():
    assert list(_judge_arena(ArenaSettings(px_per_cm=10))) == []


@pytest.mark.parametrize(
    ("row", "verdict", "said"),
    [
        pytest.param(
            ViewRow(index=0, captured_ns=0, state=ViewState.STILL, largest_px=0.4,
                    uncertainty_px=0.1),
            Verdict.GOOD, "0.4 px from the reference view, known to 0.10 px", id="still",
        ),
        pytest.param(
            ViewRow(index=0, captured_ns=0, state=ViewState.MOVED, largest_px=9.0,
                    uncertainty_px=0.1),
            Verdict.DOUBTFUL, "9.0 px from the reference view", id="moved",
        ),
        pytest.param(
            ViewRow(index=0, captured_ns=0, state=ViewState.UNKNOWN, why="it is dark"),
            Verdict.DOUBTFUL, "cannot be said where it looks: it is dark", id="unknown",
        ),
    ],
)  # fmt: skip
def test_where_the_camera_looks_is_told(row, verdict, said, tmp_path):
    folder = recorded(tmp_path / "s", 2)
    files = ViewFiles(folder, "s1")
    files.write(row)
    files.close()
    (finding,) = _judge_view(Recording(folder))
    assert finding.verdict is verdict
    assert said in finding.text


def test_a_camera_that_nobody_watches_needs_no_word(tmp_path):
    assert list(_judge_view(Recording(recorded(tmp_path / "s", 2)))) == []
