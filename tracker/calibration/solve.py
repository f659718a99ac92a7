"""A lens from many views of one board: Zhang's way (PAMI 22 (2000) 1330), as OpenCV has it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.calibration.boards import Board, Corners
from tracker.calibration.lens import Lens
from tracker.errors import CalibrationError

FEWEST_VIEWS = 5
"""Three are the least that can be solved; with fewer than five one bad view decides."""

ENOUGH_COVERED = 0.35
"""Part of the picture that all corners together must lie around."""

LARGEST_ERROR_PX = 2.0
"""With more the board was measured wrongly, or the lens is not one that the formula can say."""

LEAST_TILT_DEG = 8.0
"""At least one view must be tilted by so much: of a board seen flat the focal length is a guess."""

OUTLIER = 3.0
"""A view with an error of so many times the median is left out, once."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A board in one picture.

    Attributes:
        name: Of the picture, for a person.
        corners: Where its corners were found.
    """

    name: str
    corners: Corners


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """A lens, and how well it fits.

    Attributes:
        lens: What was found.
        views: Those that it was made of.
        error_px: By view: root mean square (px).
        left_out: Names of views that did not fit the others.
        tilt_deg: By view: between the board's normal and the optical axis.
        covered: Part of the picture around which corners lie (0 to 1).
        focal_error_px: Standard deviation of the focal length (px).
        poses: By view: OpenCV's rotation and translation vectors (mm).
    """

    lens: Lens
    views: tuple[View, ...]
    error_px: tuple[float, ...]
    left_out: tuple[str, ...]
    tilt_deg: tuple[float, ...]
    covered: float
    focal_error_px: float
    poses: tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...] = field(repr=False)


def calibrate(
    views: Sequence[View], board: Board, image_shape: tuple[int, ...], *, third_radial: bool = False
) -> Calibration:
    """Return the lens that explains the views best.

    Args:
        views: Of one board, from all over the picture, tilted in several ways.
        board: That was seen.
        image_shape: Height and width of the pictures.
        third_radial: Also fit k3, for lenses of a very wide angle; otherwise it is 0.

    Raises:
        CalibrationError: If there are too few views, they say too little, or no lens fits.
    """
    if len(views) < FEWEST_VIEWS:
        raise CalibrationError(
            f"the board was found in {len(views)} pictures that differ, expected at least "
            f"{FEWEST_VIEWS}: show it in other places, and tilted"
        )
    height, width = image_shape[:2]
    covered = _covered(views, (height, width))
    if covered < ENOUGH_COVERED:
        raise CalibrationError(
            f"all corners together lie around {covered:.0%} of the picture, expected at least "
            f"{ENOUGH_COVERED:.0%}: show the board in the picture's corners as well"
        )
    solved = _solve(views, board, (width, height), third_radial=third_radial)
    keep = solved.error_px <= OUTLIER * max(float(np.median(solved.error_px)), 0.05)
    kept = [view for view, good in zip(views, keep, strict=True) if good]
    left_out = tuple(view.name for view, good in zip(views, keep, strict=True) if not good)
    if left_out and len(kept) >= FEWEST_VIEWS:
        solved = _solve(kept, board, (width, height), third_radial=third_radial)
    else:
        kept, left_out = list(views), ()
    tilts = tuple(_tilt_deg(rotation) for rotation, _ in solved.poses)
    _refuse_nonsense(solved, tilts, (width, height))
    bent = [0.0] * 5
    bent[: len(solved.distortion)] = solved.distortion.tolist()
    lens = Lens(
        image_width_px=width,
        image_height_px=height,
        focal_px=(float(solved.matrix[0, 0]), float(solved.matrix[1, 1])),
        centre_px=(float(solved.matrix[0, 2]), float(solved.matrix[1, 2])),
        distortion=(bent[0], bent[1], bent[2], bent[3], bent[4]),
        reprojection_error_px=round(solved.rms_px, 4),
        board=board.text,
        views=len(kept),
    )
    return Calibration(
        lens,
        tuple(kept),
        tuple(map(float, solved.error_px)),
        left_out,
        tilts,
        covered,
        solved.focal_error_px,
        solved.poses,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Solved:
    rms_px: float
    matrix: NDArray[np.float64]
    distortion: NDArray[np.float64]
    error_px: NDArray[np.float64]
    focal_error_px: float
    poses: tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...]


def _solve(
    views: Sequence[View], board: Board, size: tuple[int, int], *, third_radial: bool
) -> _Solved:
    points = board.points_mm.astype(np.float32)
    on_board = [points[view.corners.ids][:, None] for view in views]
    on_sensor = [view.corners.xy.astype(np.float32)[:, None] for view in views]
    flags = 0 if third_radial else cv2.CALIB_FIX_K3
    start = np.eye(3)
    try:
        found = cv2.calibrateCameraExtended(
            on_board, on_sensor, size, start, np.zeros(5), flags=flags
        )
    except cv2.error as error:
        raise CalibrationError(
            f"no lens explains these views ({error.err}): tilt the board more, and keep it flat"
        ) from None
    rms, matrix, distortion, turns, moves, spread, _, each = found
    return _Solved(
        float(rms),
        np.asarray(matrix),
        np.asarray(distortion, np.float64).ravel()[:5],
        np.asarray(each, np.float64).ravel(),
        float(np.max(np.asarray(spread).ravel()[:2])),
        tuple(zip(map(np.asarray, turns), map(np.asarray, moves), strict=True)),
    )


def _refuse_nonsense(solved: _Solved, tilts: Sequence[float], size: tuple[int, int]) -> None:
    if not np.isfinite(solved.rms_px) or solved.rms_px > LARGEST_ERROR_PX:
        raise CalibrationError(
            f"corners lie {solved.rms_px:.2f} px from where the best lens has them, expected at "
            f"most {LARGEST_ERROR_PX:g}: check the size of the board, and that it is flat"
        )
    if max(tilts) < LEAST_TILT_DEG:
        raise CalibrationError(
            f"no view is tilted by more than {max(tilts):.0f} deg, expected some by 20 to 45: of "
            f"a board seen flat the focal length cannot be known"
        )
    focal = float(solved.matrix[0, 0])
    if not 0.1 * max(size) < focal < 100 * max(size) or solved.focal_error_px > 0.1 * focal:
        raise CalibrationError(
            f"the focal length came out as {focal:.0f} px give or take "
            f"{solved.focal_error_px:.0f}: take more views, tilted in several ways"
        )


def _covered(views: Sequence[View], shape: tuple[int, int]) -> float:
    every = np.concatenate([view.corners.xy for view in views]).astype(np.float32)
    return float(cv2.contourArea(cv2.convexHull(every[:, None]))) / (shape[0] * shape[1])


def _tilt_deg(rotation: NDArray[np.float64]) -> float:
    turned, _ = cv2.Rodrigues(rotation)
    return float(np.degrees(np.arccos(np.clip(abs(turned[2, 2]), 0, 1))))
