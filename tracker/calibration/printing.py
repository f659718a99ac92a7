"""Boards to print, true to size."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.calibration.boards import Board
from tracker.errors import CalibrationError

MM_PER_INCH = 25.4
MARGIN_MM = 10.0
"""White around the board, which the detection needs."""

LARGEST_SIDE_PX = 20_000


def print_board(path: Path, board: Board, dpi: int = 600) -> tuple[float, float]:
    """Write a board to print at 100 % (no fitting to the page); return its page's size (mm).

    A .pdf has edges without pixels; a .png notes its `dpi`. Below the board stands what it is,
    and a line of known length to check the printer with.

    Raises:
        CalibrationError: If the file is there already, has another ending, cannot be written, or
            would be too large.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    kind = path.suffix.lower().lstrip(".")
    if kind not in ("pdf", "png"):
        raise CalibrationError(f"{path}: expected a name that ends in .pdf or .png")
    if path.exists():
        raise CalibrationError(f"{path} is there already: choose another name")
    width_mm = board.columns * board.square_mm + 2 * MARGIN_MM
    height_mm = board.rows * board.square_mm + 3 * MARGIN_MM
    if kind == "png" and max(width_mm, height_mm) / MM_PER_INCH * dpi > LARGEST_SIDE_PX:
        raise CalibrationError(
            f"a picture of {width_mm:.0f}x{height_mm:.0f} mm at {dpi} dpi is too large: write a "
            f".pdf, or lower --dpi"
        )
    figure = Figure((width_mm / MM_PER_INCH, height_mm / MM_PER_INCH), facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width_mm), ylim=(height_mm, 0))
    axes.axis("off")
    _draw(axes, board)
    _draw_foot(axes, board, height_mm)
    try:
        figure.savefig(path, dpi=dpi)
    except OSError as error:
        raise CalibrationError(f"{path} cannot be written: {error.strerror}") from error
    return width_mm, height_mm


def _draw(axes: Any, board: Board) -> None:
    """All black cells, as rectangles without a line: a line would make them wider."""
    from matplotlib.collections import PolyCollection

    cells = [_cell(x, y, side) for x, y, side in _black_cells(board)]
    axes.add_collection(PolyCollection(cells, facecolor="black", linewidth=0, antialiased=False))


def _black_cells(board: Board) -> list[tuple[float, float, float]]:
    """Left, top and side of every black cell (mm on the page)."""
    cells = []
    number = 0
    for row in range(board.rows):
        for column in range(board.columns):
            x, y = MARGIN_MM + column * board.square_mm, MARGIN_MM + row * board.square_mm
            if (row + column) % 2 == 0:  # as in OpenCV's boards: the first square is black
                cells.append((x, y, board.square_mm))
            elif board.dictionary:
                cells += _marker_cells(board, number, x, y)
                number += 1
    return cells


def _marker_cells(
    board: Board, number: int, x: float, y: float
) -> list[tuple[float, float, float]]:
    import cv2

    bits = board.markers.markerSize + 2  # with its black border
    picture: NDArray[np.uint8] = np.asarray(
        cv2.aruco.generateImageMarker(board.markers, number, bits, borderBits=1)
    )
    side = board.marker_mm / bits
    margin = (board.square_mm - board.marker_mm) / 2
    rows, columns = np.nonzero(picture == 0)
    return [
        (x + margin + column * side, y + margin + row * side, side)
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
    ]


def _cell(x: float, y: float, side: float) -> list[tuple[float, float]]:
    return [(x, y), (x + side, y), (x + side, y + side), (x, y + side)]


def _draw_foot(axes: Any, board: Board, height_mm: float) -> None:
    """What it is, and a line to measure."""
    long_mm = 10.0 * max(1, int((board.columns * board.square_mm - 10) // 10))
    y = height_mm - 0.8 * MARGIN_MM
    axes.plot((MARGIN_MM, MARGIN_MM + long_mm), (y, y), color="black", linewidth=0.5)
    for x in (MARGIN_MM, MARGIN_MM + long_mm):
        axes.plot((x, x), (y - 1.5, y + 1.5), color="black", linewidth=0.5)
    text = f"--board {board.text}   print at 100 %: this line is {long_mm:g} mm long"
    axes.text(MARGIN_MM, y - 2.0, text, fontsize=7, va="bottom", family="monospace")
