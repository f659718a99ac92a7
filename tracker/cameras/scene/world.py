"""The scene: where its cameras stand, and where its ball is. All in cm; z is up."""

from functools import cache
from math import cos, pi, radians, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.calibration.lens import Lens
from tracker.calibration.stand import Stand, Standing

SIZE_PX = (640, 480)
PLACES = ("front", "left", "back", "right")
BALL_RADIUS_CM = 1.0

AWAY_CM, HEIGHT_CM, FIRST_DEG = 80.0, 60.0, 20.0
"""Cameras stand on a circle above the floor, 1 m from the middle, a quarter of it apart."""

N_OUTLINE = 96


def ball_cm(at_s: float) -> NDArray[np.float64]:
    """Return where the ball's centre is at a time (s), (3,): within 10 cm of the middle.

    It goes round in some 5 s, at up to 30 cm/s.
    """
    turn = 2 * pi * at_s
    return np.array([10 * sin(turn / 5.0), 10 * sin(turn / 7.0 + 0.5), 6 * sin(turn / 3.1 + 1.0)])


@cache
def scene_stand() -> Stand:
    """Return the four cameras, each with a lens of its own that bends by some 20 px at the edge."""
    cameras = {}
    for number, name in enumerate(PLACES):
        angle = radians(FIRST_DEG + 90 * number)
        place = np.array([AWAY_CM * cos(angle), AWAY_CM * sin(angle), HEIGHT_CM])
        turn = _looking_at_middle(place)
        rotation = np.ravel(cv2.Rodrigues(turn)[0])
        move = -turn @ place
        cameras[name] = Standing(
            lens=_lens(number),
            rotation=(float(rotation[0]), float(rotation[1]), float(rotation[2])),
            translation_cm=(float(move[0]), float(move[1]), float(move[2])),
            error_px=0.0,
        )
    return Stand(cameras=cameras, reprojection_error_px=0.0)


def _lens(number: int) -> Lens:
    return Lens(
        image_width_px=SIZE_PX[0],
        image_height_px=SIZE_PX[1],
        focal_px=(700.0 + 10 * number, 702.0 + 10 * number),
        centre_px=(318.0 + number, 242.0 - number),
        distortion=(-0.20 + 0.02 * number, 0.06, 0.0008, -0.0005, 0.0),
        reprojection_error_px=0.0,
    )


def _looking_at_middle(place: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotation of a camera whose rows are level: x right, y down, z ahead."""
    ahead = -place / np.linalg.norm(place)
    right = np.cross(ahead, [0.0, 0.0, 1.0])
    right = right / np.linalg.norm(right)
    return np.stack([right, np.cross(ahead, right), ahead])


def outline_px(camera: Standing, centre_cm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the ball's outline on a sensor, (points, 2): where rays touch the sphere."""
    place = camera.place_cm
    to_ball = centre_cm - place
    away = float(np.linalg.norm(to_ball))
    share = (BALL_RADIUS_CM / away) ** 2
    ahead = to_ball / away
    side = np.cross(ahead, [0.0, 0.0, 1.0])
    side = side / np.linalg.norm(side)
    up = np.cross(side, ahead)
    angles = np.linspace(0, 2 * pi, N_OUTLINE, endpoint=False)[:, None]
    circle = np.cos(angles) * side + np.sin(angles) * up
    radius = BALL_RADIUS_CM * np.sqrt(1 - share)
    return camera.project(place + to_ball * (1 - share) + radius * circle)
