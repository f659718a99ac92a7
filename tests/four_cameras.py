"""The four cameras of the scene, and a board that is held before them; in cm."""

from functools import cache

import cv2
import numpy as np

from tracker.cameras.scene.world import PLACES, SIZE_PX, scene_stand

NAMES, SIZE = PLACES, SIZE_PX
TEXEL_CM = 0.07


def a_stand():
    return scene_stand()


def relative(stand):
    """The same cameras in the world of the first one: (turn, move) by name."""
    first = stand.cameras[NAMES[0]]
    found = {}
    for name, each in stand.cameras.items():
        turn = each.turn @ first.turn.T
        found[name] = turn, np.array(each.translation_cm) - turn @ np.array(first.translation_cm)
    return found


@cache
def rays(name):
    """Direction of each pixel in the world, (height, width, 3)."""
    camera = a_stand().cameras[name]
    width, height = SIZE
    xy = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=2).astype(np.float64)
    lens = camera.lens.matrix, np.array(camera.lens.distortion)
    straight = cv2.undistortPoints(xy.reshape(-1, 1, 2), *lens).reshape(xy.shape)
    return np.concatenate([straight, np.ones((height, width, 1))], axis=2) @ camera.turn


def picture(name, board, turn, middle_cm):
    """What a camera sees of a ChArUco board: its axes are the columns of `turn`."""
    size_cm = np.array([board.columns, board.rows]) * board.square_mm / 10
    drawn = cv2.aruco.CharucoBoard(
        (board.columns, board.rows), board.square_mm, board.marker_mm, board.markers
    ).generateImage(tuple(np.rint(size_cm / TEXEL_CM).astype(int)))
    place = a_stand().cameras[name].place_cm
    first = middle_cm - turn[:, :2] @ size_cm / 2
    direction = rays(name)
    away = ((first - place) @ turn[:, 2]) / (direction @ turn[:, 2])
    on_board = (place + direction * away[..., None] - first) @ turn[:, :2]
    where = (on_board / TEXEL_CM - 0.5).astype(np.float32)
    return cv2.remap(drawn, where[..., 0], where[..., 1], cv2.INTER_LINEAR, borderValue=150)
