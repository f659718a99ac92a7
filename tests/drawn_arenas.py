"""A drawn arena seen by a camera that was moved: pictures, and by how much it was."""

import math
from functools import cache

import cv2
import numpy as np

WIDTH, HEIGHT = 320, 240
SHAPE = (HEIGHT, WIDTH)
MARGIN = 120  # of the scene around what the camera sees


@cache
def scene():
    """Walls, a nest, screws and a grain of sawdust, four times as fine as the camera, grey."""
    rng = np.random.default_rng(7)
    fine = 4
    height, width = (HEIGHT + 2 * MARGIN) * fine, (WIDTH + 2 * MARGIN) * fine
    picture = np.full((height, width), 70, np.uint8)
    at = MARGIN * fine
    cv2.rectangle(picture, (at + 60, at + 60), (width - at - 80, height - at - 50), 190, -1)
    cv2.circle(picture, (at + 300, at + 250), 120, 150, -1)
    for x, y in rng.uniform((0, 0), (width, height), (150, 2)).astype(int).tolist():
        cv2.circle(picture, (x, y), 14, int(rng.integers(40, 240)), -1)
    return cv2.GaussianBlur(picture, (0, 0), 3)


def seen(matrix, animal=None, *, noise=0.0, seed=0, light=(1.0, 0.0), radius=14):
    """What the camera sees whose picture has moved by that homography.

    An animal (x, y in px of this picture) is a dark disc.
    """
    fine = 4
    to_scene = np.array([[fine, 0, MARGIN * fine], [0, fine, MARGIN * fine], [0, 0, 1.0]])
    map_to = to_scene @ np.linalg.inv(matrix)
    fine_view = np.diag((0.5, 0.5, 1.0)) + np.array([[0, 0, -0.25], [0, 0, -0.25], [0, 0, 0]])
    large = cv2.warpPerspective(
        scene(),
        map_to @ fine_view,
        (WIDTH * 2, HEIGHT * 2),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT,
    )
    picture = cv2.resize(large, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA).astype(float)
    if animal is not None:
        layer = np.zeros(SHAPE, np.uint8)
        centre = tuple(round(each * 16) for each in animal)
        cv2.circle(layer, centre, radius * 16, 255, -1, cv2.LINE_AA, 4)
        share = layer / 255.0
        picture = picture * (1 - share) + 15 * share
    gain, offset = light
    picture = picture * gain + offset
    picture += np.random.default_rng(seed).normal(0, noise, SHAPE) if noise else 0
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)


def moved(x=0.0, y=0.0, deg=0.0, scale=1.0):
    """The homography of a camera that was moved: its picture shifts and turns about its middle."""
    cos, sin = math.cos(math.radians(deg)) * scale, math.sin(math.radians(deg)) * scale
    middle = np.array([[1, 0, (WIDTH - 1) / 2], [0, 1, (HEIGHT - 1) / 2], [0, 0, 1.0]])
    turn = np.array([[cos, -sin, x], [sin, cos, y], [0, 0, 1.0]])
    return middle @ turn @ np.linalg.inv(middle)


STILL = np.eye(3)
