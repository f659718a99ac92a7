"""Where cameras stand, found from a board and kept in a file."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from four_cameras import SIZE, a_stand, relative

from tracker.calibration.boards import Board, Corners
from tracker.calibration.stand import Stand, read_stand, write_stand
from tracker.errors import CalibrationError
from tracker.multiview.solve import Moment, solve_stand

STAND = a_stand()
BOARD = Board.read("charuco:7x5:30")
LENSES = {name: each.lens for name, each in STAND.cameras.items()}


def moments(n=20, *, noise_px=0.1, seed=3, see=lambda _number, _name: True):
    """The board, turned within 35 degrees of lying flat, near the middle of the box."""
    chance = np.random.default_rng(seed)
    flat = BOARD.points_mm / 10 - BOARD.points_mm.mean(axis=0) / 10
    found = []
    for number in range(n):
        turn = np.asarray(cv2.Rodrigues(chance.uniform(-0.6, 0.6, 3))[0])
        points = flat @ turn.T + chance.uniform(-8, 8, 3)
        corners = {}
        for name, camera in STAND.cameras.items():
            xy = camera.project(points) + chance.normal(0, noise_px, (len(points), 2))
            inside = np.all((xy > 0) & (xy < SIZE), axis=1)
            if see(number, name) and inside.sum() > 8:
                corners[name] = Corners(np.flatnonzero(inside), xy[inside])
        found.append(Moment(f"moment {number}", corners))
    return found


def off(stand):
    """How far cameras stand from where they are: degrees and cm, the largest."""
    angles, away = [], []
    for name, (turn, move) in relative(STAND).items():
        found = stand.cameras[name]
        angles.append(np.degrees(np.linalg.norm(cv2.Rodrigues(found.turn @ turn.T)[0])))
        away.append(np.linalg.norm(found.place_cm + turn.T @ move))
    return max(angles), max(away)


def test_cameras_are_found_where_they_stand():
    """Corners are seen to 0.1 px, some 0.14 mm: 20 boards of 24 corners bring that down."""
    found = solve_stand(LENSES, moments(), BOARD)
    degrees, cm = off(found)
    assert degrees < 0.03
    assert cm < 0.1
    assert found.reprojection_error_px == pytest.approx(0.1 * np.sqrt(2), rel=0.1)
    assert found.moments == 20


def test_the_world_may_be_that_of_a_board_on_the_floor():
    """In moment 0 the board lies flat, 5 cm above the middle, its first corner at (-7.5, 4.5)."""
    flat = BOARD.points_mm / 10
    origin = np.array([-7.5, 4.5, 5.0])
    points = origin + (flat - flat[0]) * [1, -1, 1]
    seen = {name: camera.project(points) for name, camera in STAND.cameras.items()}
    on_floor = {name: Corners(np.arange(len(xy)), xy) for name, xy in seen.items()}
    views = [Moment("floor", on_floor), *moments(8)]
    found = solve_stand(LENSES, views, BOARD, floor="floor")
    for name, camera in found.cameras.items():
        place = camera.place_cm + origin - [3, -3, 0]
        assert place == pytest.approx(STAND.cameras[name].place_cm, abs=0.2)
    with pytest.raises(CalibrationError, match="the floor is that of nowhere"):
        solve_stand(LENSES, moments(4), BOARD, floor="nowhere")


def test_cameras_that_share_no_moment_are_found_through_others():
    """Each moment is seen by two neighbours alone."""
    pairs = [("front", "left"), ("left", "back"), ("back", "right")]
    views = moments(24, see=lambda number, name: name in pairs[number % 3])
    degrees, cm = off(solve_stand(LENSES, views, BOARD))
    assert degrees < 0.1
    assert cm < 0.2


def test_corners_that_were_taken_for_others_do_not_move_the_cameras():
    """One of 80 views is 40 px off: it is left out."""
    views = moments()
    wrong = views[4].corners["back"]
    bad = views[4].corners | {"back": Corners(wrong.ids, wrong.xy + 40.0)}
    views[4] = Moment("wrong", bad)
    found = solve_stand(LENSES, views, BOARD)
    degrees, cm = off(found)
    assert degrees < 0.03
    assert cm < 0.1
    assert found.cameras["back"].error_px < 0.2


def test_pictures_of_different_moments_give_no_stand():
    """The back camera saw each board one moment later."""
    views = moments()
    late = [
        Moment(now.name, dict(now.corners) | {"back": later.corners["back"]})
        for now, later in pairwise(views)
    ]
    with pytest.raises(CalibrationError, match="taken at the same time"):
        solve_stand(LENSES, late, BOARD)


def test_a_camera_that_shares_no_moment_is_named():
    views = moments(see=lambda _number, name: name != "back")
    with pytest.raises(CalibrationError, match=r"^back: .* only 0 times, expected 3"):
        solve_stand(LENSES, views, BOARD)


def test_a_point_behind_a_camera_is_not_seen():
    camera = STAND.cameras["front"]
    behind = camera.place_cm * 1.5
    assert np.isnan(camera.project(behind)).all()
    assert camera.project(np.zeros(3)) == pytest.approx(camera.lens.centre_px, abs=0.01)


def test_a_file_of_cameras_comes_back_and_is_not_overwritten(tmp_path):
    path = tmp_path / "views.yaml"
    write_stand(path, STAND)
    assert read_stand(path) == STAND
    with pytest.raises(CalibrationError, match="there already"):
        write_stand(path, STAND)


WRONG = {
    "not there": (None, "cannot be read"),
    "no YAML": ("a: [", "is not YAML"),
    "a lens": ("kind: lens", "is not what tracker calibrate-views writes"),
}


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG.keys())
def test_another_file_is_refused(tmp_path, text, said):
    path = tmp_path / "views.yaml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(CalibrationError, match=said):
        read_stand(path)


def test_one_camera_is_no_stand():
    with pytest.raises(ValueError, match="at least 2"):
        Stand(cameras={"front": STAND.cameras["front"]}, reprojection_error_px=0)
