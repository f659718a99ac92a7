"""Boards of known size: chessboards, and ChArUco boards, which may be seen in part.

A ChArUco board is a chessboard with a marker in each white square (Garrido-Jurado et al., Pattern
Recognition 47 (2014) 2280); the markers say which corner is which.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.errors import CalibrationError

FEWEST_CORNERS = 6
"""A view with fewer corners says too little: four of them are used up by the board's own pose."""

_FORM = re.compile(
    r"(?P<kind>[a-z]+):(?P<columns>\d+)x(?P<rows>\d+):(?P<square>[\d.]+)"
    r"(:(?P<marker>[\d.]+)(:(?P<dictionary>\w+))?)?"
)

HOW = "charuco:COLUMNSxROWS:SQUARE_MM[:MARKER_MM[:DICTIONARY]] or chessboard:COLUMNSxROWS:SQUARE_MM"


class BoardKind(StrEnum):
    """Which pattern."""

    CHESSBOARD = "chessboard"
    CHARUCO = "charuco"


@dataclass(frozen=True, slots=True)
class Board:
    """A flat board.

    Attributes:
        kind: Which pattern.
        columns: Squares across (squares, not corners).
        rows: Squares down.
        square_mm: Side of a square.
        marker_mm: Side of a marker; 0 on a chessboard.
        dictionary: OpenCV's name of the markers; "" on a chessboard.
    """

    kind: BoardKind
    columns: int
    rows: int
    square_mm: float
    marker_mm: float = 0.0
    dictionary: str = ""

    @classmethod
    def read(cls, text: str) -> "Board":
        """Return the board that a text such as "charuco:7x5:30:22:DICT_5X5_100" describes.

        Without a marker's size it is three quarters of the square's; without a dictionary
        DICT_5X5_100.

        Raises:
            CalibrationError: If it describes none.
        """
        match = _FORM.fullmatch(text.strip())
        if match is None or match["kind"] not in [*BoardKind]:
            raise CalibrationError(f"{text!r} is no board: expected {HOW}")
        kind = BoardKind(match["kind"])
        columns, rows = int(match["columns"]), int(match["rows"])
        try:
            square_mm = float(match["square"])
            marker_mm = float(match["marker"] or 0.75 * square_mm)
        except ValueError:
            raise CalibrationError(f"{text!r} is no board: expected {HOW}") from None
        if kind is BoardKind.CHESSBOARD:
            if match["marker"]:
                raise CalibrationError(f"{text!r}: a chessboard has no markers; expected {HOW}")
            board = cls(kind, columns, rows, square_mm)
        else:
            dictionary = match["dictionary"] or "DICT_5X5_100"
            board = cls(kind, columns, rows, square_mm, marker_mm, dictionary)
        board.refuse_wrong()
        return board

    def refuse_wrong(self) -> None:
        """Refuse a board that cannot be. Raises `CalibrationError`."""
        if not (3 <= self.columns <= 50 and 3 <= self.rows <= 50):
            raise CalibrationError(
                f"a board of {self.columns}x{self.rows} squares: expected 3 to 50 along each side"
            )
        if not 0.1 <= self.square_mm <= 10_000:
            raise CalibrationError(
                f"squares of {self.square_mm:g} mm: expected 0.1 to 10,000 mm, measured on the "
                f"board itself"
            )
        if self.kind is BoardKind.CHESSBOARD:
            return
        if not 0 < self.marker_mm < self.square_mm:
            raise CalibrationError(
                f"markers of {self.marker_mm:g} mm in squares of {self.square_mm:g} mm: expected "
                f"them to be smaller"
            )
        there, needed = self.markers.bytesList.shape[0], self.columns * self.rows // 2
        if there < needed:
            raise CalibrationError(
                f"{self.dictionary} has {there} markers, and the board needs {needed}: choose a "
                f"larger dictionary, e.g. DICT_5X5_250"
            )

    @property
    def text(self) -> str:
        """As `read` takes it."""
        text = f"{self.kind}:{self.columns}x{self.rows}:{self.square_mm:g}"
        return f"{text}:{self.marker_mm:g}:{self.dictionary}" if self.dictionary else text

    @property
    def n_corners(self) -> int:
        """Corners inside the board, where four squares meet."""
        return (self.columns - 1) * (self.rows - 1)

    @property
    def markers(self) -> Any:
        """OpenCV's dictionary of the markers. Raises `CalibrationError` if there is none."""
        number = getattr(cv2.aruco, self.dictionary, None)
        if not self.dictionary.startswith("DICT_") or not isinstance(number, int):
            known = sorted(name for name in dir(cv2.aruco) if name.startswith("DICT_"))
            raise CalibrationError(
                f"there is no dictionary {self.dictionary!r}; there is {', '.join(known)}"
            )
        return cv2.aruco.getPredefinedDictionary(number)

    @property
    def points_mm(self) -> NDArray[np.float64]:
        """Where its corners are on it, (corners, 3), x along a row, z 0; row after row."""
        across, down = self.columns - 1, self.rows - 1
        grid = np.zeros((across * down, 3))
        grid[:, 0] = np.tile(np.arange(1, across + 1), down)
        grid[:, 1] = np.repeat(np.arange(1, down + 1), across)
        return grid * self.square_mm


@dataclass(frozen=True, slots=True, eq=False)
class Corners:
    """The corners of a board in one picture.

    Attributes:
        ids: int, (n,): which corners, as in `Board.points_mm`.
        xy: float64, (n, 2), sensor px.
    """

    ids: NDArray[np.int64]
    xy: NDArray[np.float64]


class BoardFinder:
    """Finds one board in pictures; used by one thread.

    Args:
        board: Which one.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self._charuco: Any = None
        if board.kind is BoardKind.CHARUCO:
            size, square, marker = (board.columns, board.rows), board.square_mm, board.marker_mm
            drawn = cv2.aruco.CharucoBoard(size, square, marker, board.markers)
            self._charuco = cv2.aruco.CharucoDetector(drawn)

    def find(self, image: NDArray[np.uint8]) -> Corners | None:
        """Return the corners of the board; None if it is not found.

        Of a ChArUco board a part is enough, of a chessboard all of it must be seen. A
        chessboard that looks the same upside down (columns and rows both odd or both even) may
        be taken for one that is turned by half: that does a lens no harm.

        Args:
            image: uint8, grey or RGB.
        """
        grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        found = self._chessboard(grey) if self._charuco is None else self._markers(grey)
        return found if found is not None and len(found.ids) >= FEWEST_CORNERS else None

    def _chessboard(self, grey: Any) -> Corners | None:
        across, down = self._board.columns - 1, self._board.rows - 1
        there, corners = cv2.findChessboardCornersSB(
            grey, (across, down), flags=cv2.CALIB_CB_NORMALIZE_IMAGE | cv2.CALIB_CB_ACCURACY
        )
        if not there:
            return None
        return Corners(np.arange(across * down), corners.reshape(-1, 2).astype(np.float64))

    def _markers(self, grey: Any) -> Corners | None:
        corners, ids, _, _ = self._charuco.detectBoard(grey)
        if ids is None or corners is None:
            return None
        return Corners(ids.ravel().astype(np.int64), corners.reshape(-1, 2).astype(np.float64))
