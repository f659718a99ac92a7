"""Pictures of boards as a camera with a known lens sees them."""

from functools import cache

import cv2
import numpy as np

from tracker.calibration.lens import Lens
from tracker.calibration.printing import MARGIN_MM, print_board

WIDTH, HEIGHT = 640, 480
LENS = Lens(
    image_width_px=WIDTH,
    image_height_px=HEIGHT,
    focal_px=(520.0, 524.0),
    centre_px=(315.0, 244.0),
    distortion=(-0.28, 0.09, 0.0006, -0.0004, 0.0),
    reprojection_error_px=0.0,
)
DPI = 127  # 5 px per mm

POSES = [  # turned about x, y, z (deg); middle of the board (mm, in front of the camera)
    ((0, 0, 0), (0, 0, 330)),
    ((30, 0, 5), (0, 0, 340)),
    ((20, 20, 0), (-75, -50, 340)),
    ((-20, 20, 15), (75, -50, 340)),
    ((20, -20, 0), (-75, 50, 340)),
    ((-20, -20, -12), (75, 50, 340)),
    ((-30, 5, 0), (10, 5, 340)),
    ((5, 32, -8), (5, 0, 340)),
]


def printed(board, folder):
    """The board as its print shows it: grey, and px per mm."""
    path = folder / "board.png"
    print_board(path, board, DPI)
    return cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)


def pose_of(board, turn_deg, middle_mm):
    """OpenCV's rotation matrix and translation of the board's corner (mm)."""
    x, y, z = (cv2.Rodrigues(np.radians(axis))[0] for axis in np.diag(np.float64(turn_deg)))
    turn = z @ y @ x
    half = np.array([board.columns, board.rows, 0]) * board.square_mm / 2
    return turn, np.float64(middle_mm) - turn @ half


@cache
def rays_of(lens):
    """The ray of every pixel."""
    x, y = np.meshgrid(np.arange(lens.image_width_px), np.arange(lens.image_height_px))
    straight = lens.straighten(np.stack((x, y), axis=-1))
    return np.concatenate(
        ((straight - lens.centre_px) / lens.focal_px, np.ones((*x.shape, 1))), axis=-1
    )


def photograph(print_, board, turn_deg, middle_mm, lens=LENS):
    """What the camera sees: every pixel looks along its ray to the board's plane."""
    turn, move = pose_of(board, turn_deg, middle_mm)
    rays = rays_of(lens)
    rays_on_board, origin = rays @ turn, -turn.T @ move
    along = -origin[2] / rays_on_board[..., 2]
    on_board = origin[:2] + rays_on_board[..., :2] * along[..., None]
    on_print = ((on_board + MARGIN_MM) * (DPI / 25.4) - 0.5).astype(np.float32)
    blurred = cv2.GaussianBlur(print_, (0, 0), 1.2)  # a pixel sees about three of the print's
    return cv2.remap(blurred, on_print[..., 0], on_print[..., 1], cv2.INTER_LINEAR, borderValue=200)


def corners_seen(board, turn_deg, middle_mm, lens=LENS):
    """Where the board's corners are in that picture (px)."""
    turn, move = pose_of(board, turn_deg, middle_mm)
    in_front = board.points_mm @ turn.T + move
    return lens.bend(in_front[:, :2] / in_front[:, 2:] * lens.focal_px + lens.centre_px)
