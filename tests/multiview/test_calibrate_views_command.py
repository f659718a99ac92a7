"""`tracker calibrate-views` on pictures of a board in front of the scene's four cameras."""

import json

import cv2
import numpy as np
import pytest
from four_cameras import NAMES, a_stand, picture, relative
from typer.testing import CliRunner

from tracker.calibration.boards import Board
from tracker.calibration.lens import write_lens
from tracker.calibration.stand import read_stand
from tracker.cli import app

BOARD = Board.read("charuco:7x5:50")
N = 6
"""Moments; in moment 0 the board lies flat."""


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """A folder of pictures per camera, a lens file each."""
    folder = tmp_path_factory.mktemp("boards")
    chance = np.random.default_rng(11)
    for moment in range(N):
        tilt = np.zeros(3) if moment == 0 else chance.uniform(-0.35, 0.35, 3)
        turn = np.asarray(cv2.Rodrigues(tilt)[0]) @ np.diag([1.0, -1.0, -1.0])
        middle = np.zeros(3) if moment == 0 else chance.uniform(-5, 5, 3)
        for name in NAMES:
            (folder / name).mkdir(exist_ok=True)
            seen = picture(name, BOARD, turn, middle)
            assert cv2.imwrite(str(folder / name / f"{moment:03d}.png"), seen)
    for name, camera in a_stand().cameras.items():
        write_lens(folder / f"{name}.yaml", camera.lens)
    return folder


def calibrate(folder, out, *more, lenses=NAMES):
    sources = [f"{name}={folder / name}" for name in NAMES]
    given = [part for name in lenses for part in ("--lens", f"{name}={folder / name}.yaml")]
    arguments = ["calibrate-views", *sources, "--board", BOARD.text, *given, "--out", str(out)]
    return CliRunner().invoke(app, [*arguments, *more])


def test_cameras_are_found_from_pictures(films, tmp_path):
    """To 4 mm of a metre, from 6 moments; z is up from the board that lay flat."""
    out = tmp_path / "views.yaml"
    done = calibrate(films, out, "--floor", "000.png", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["moments"] == N
    assert told["reprojection_error_px"] < 0.5
    assert set(told["cameras"]) == set(NAMES)
    corner = np.array([-17.5, 12.5, 0.0])
    for name, camera in read_stand(out).cameras.items():
        place = camera.place_cm + corner
        assert place == pytest.approx(a_stand().cameras[name].place_cm, abs=0.4)


def test_the_world_is_that_of_the_first_camera_otherwise(films, tmp_path):
    out = tmp_path / "views.yaml"
    done = calibrate(films, out)
    assert done.exit_code == 0, done.output
    assert "name it in rig.views" in done.output
    for name, (turn, move) in relative(a_stand()).items():
        found = read_stand(out).cameras[name]
        assert found.place_cm == pytest.approx(-turn.T @ move, abs=0.4)


WRONG = {
    "a camera's name that is none": (["front", "Left=x"], "expected NAME=PATH"),
    "one camera": (["front=x"], "expected two cameras or more"),
    "a lens of no camera": (["front=x", "left=y", "--lens", "top=LENS"], "no such camera"),
}


@pytest.mark.parametrize(("sources", "said"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_is_refused(films, tmp_path, sources, said):
    sources = [each.replace("LENS", str(films / "front.yaml")) for each in sources]
    out = ["--out", str(tmp_path / "views.yaml"), "--board", BOARD.text]
    done = CliRunner().invoke(app, ["calibrate-views", *sources, *out])
    assert done.exit_code != 0
    assert said in str(done.exception)


def test_nothing_is_overwritten(films, tmp_path):
    out = tmp_path / "views.yaml"
    out.write_text("mine", encoding="utf-8")
    done = calibrate(films, out)
    assert "there already" in str(done.exception)
    assert out.read_text(encoding="utf-8") == "mine"
