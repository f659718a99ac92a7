"""A picture for a person: corners as they were found, how far off they are, the view straight."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.calibration.boards import Board
from tracker.calibration.lens import Lens
from tracker.calibration.solve import Calibration
from tracker.errors import CalibrationError

_ARROW = 30
"""How many times longer than it is an error is drawn."""


def straight_view(image: NDArray[np.uint8], lens: Lens) -> NDArray[np.uint8]:
    """Return a picture as it would be without distortion, same size; nothing there is black."""
    straight = cv2.undistort(image, lens.matrix, np.array(lens.distortion))
    return np.asarray(straight, np.uint8)


def draw_calibration(
    path: Path, calibration: Calibration, board: Board, shown: int, image: NDArray[np.uint8]
) -> None:
    """Write a picture (PNG) with four parts.

    Args:
        path: To write; must not be there.
        calibration: What was found.
        board: That was seen.
        shown: Which of its views is drawn.
        image: Its picture, grey or RGB.

    Raises:
        CalibrationError: If it is there already, or cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if path.exists():
        raise CalibrationError(f"{path} is there already: choose another name with --out")
    lens, view = calibration.lens, calibration.views[shown]
    figure = Figure((12, 9.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 2)
    name = f"{view.name}: {len(view.corners.ids)} corners, "
    _show(axes[0, 0], image, f"{name}off by {calibration.error_px[shown]:.2f} px")
    axes[0, 0].plot(*view.corners.xy.T, "+", color="#d55e00", markersize=7)
    _show(axes[0, 1], straight_view(image, lens), "the same without distortion")
    for line in _rows_of(view.corners.ids, lens.straighten(view.corners.xy), board):
        axes[0, 1].plot(*line.T, color="#0072b2", lw=0.8)
    _draw_errors(axes[1, 0], calibration, board)
    _draw_views(axes[1, 1], calibration)
    figure.suptitle(
        f"{lens.views} views, off by {lens.reprojection_error_px:.3f} px (root mean square); "
        f"focal length {lens.focal_px[0]:.1f} ± {calibration.focal_error_px:.1f} px"
    )
    try:
        figure.savefig(path, dpi=100)
    except OSError as error:
        raise CalibrationError(f"{path} cannot be written: {error.strerror}") from error


def errors_of(calibration: Calibration, board: Board, view: int) -> NDArray[np.float64]:
    """Return found minus expected place of each corner of a view, (n, 2) px."""
    corners, (turn, move) = calibration.views[view].corners, calibration.poses[view]
    expected, _ = cv2.projectPoints(
        board.points_mm[corners.ids],
        turn,
        move,
        calibration.lens.matrix,
        np.array(calibration.lens.distortion),
    )
    return corners.xy - np.asarray(expected, np.float64).reshape(-1, 2)


def _show(axes: Any, image: NDArray[np.uint8], title: str) -> None:
    axes.imshow(image, cmap="gray" if image.ndim == 2 else None, vmin=0, vmax=255)
    axes.set_title(title, fontsize=10)
    axes.axis("off")


def _rows_of(
    ids: NDArray[np.int64], xy: NDArray[np.float64], board: Board
) -> list[NDArray[np.float64]]:
    """The corners of each row of the board: in a line if the lens is right."""
    row = ids // (board.columns - 1)
    return [xy[row == each] for each in np.unique(row)]


def _draw_errors(axes: Any, calibration: Calibration, board: Board) -> None:
    lens = calibration.lens
    for number, view in enumerate(calibration.views):
        off = errors_of(calibration, board, number) * _ARROW
        axes.quiver(
            *view.corners.xy.T, *off.T, angles="xy", scale_units="xy", scale=1, width=0.0015
        )
    axes.set(xlim=(0, lens.image_width_px), ylim=(lens.image_height_px, 0), aspect="equal")
    axes.set_title(
        f"all corners, errors {_ARROW} times as long; around {calibration.covered:.0%} of the "
        f"picture",
        fontsize=10,
    )


def _draw_views(axes: Any, calibration: Calibration) -> None:
    axes.scatter(calibration.tilt_deg, calibration.error_px, color="#0072b2", s=18)
    axes.set(xlabel="tilt of the board (deg)", ylabel="off by (px, root mean square)")
    axes.set(xlim=(0, None), ylim=(0, None))
    out = f"; left out: {', '.join(calibration.left_out)}" if calibration.left_out else ""
    axes.set_title(f"each view{out}", fontsize=10)
    axes.grid(visible=True, alpha=0.3)
