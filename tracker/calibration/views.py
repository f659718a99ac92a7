"""Views of a board out of pictures, a film or a camera: as many as differ."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.calibration.boards import BoardFinder, Corners
from tracker.calibration.solve import View
from tracker.errors import CalibrationError

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
"""Endings of pictures; every other file is taken for a film."""

DIFFERENT = 0.03
"""Part of the picture's width by which a corner must lie elsewhere than in every view kept."""

Picture = tuple[str, NDArray[np.uint8]]
"""A picture and its name."""


class ViewCollector:
    """Keeps views of a board that differ, and the picture of the one with the most corners.

    Args:
        finder: Finds the board.
        most: Views that are enough.
    """

    def __init__(self, finder: BoardFinder, most: int = 60) -> None:
        self._finder = finder
        self._most = most
        self.views: list[View] = []
        self.pictures: list[NDArray[np.uint8]] = []
        self.shape: tuple[int, ...] | None = None
        self.n_seen = 0
        """Pictures looked at."""
        self.n_found = 0
        """Pictures with the board in them, also those much like another."""

    @property
    def is_full(self) -> bool:
        """Whether there are enough."""
        return len(self.views) >= self._most

    def take(self, name: str, image: NDArray[np.uint8]) -> Corners | None:
        """Look at one picture; return its corners if it was kept.

        Raises:
            CalibrationError: If it has another size than the ones before.
        """
        if self.shape is None:
            self.shape = image.shape[:2]
        if image.shape[:2] != self.shape:
            raise CalibrationError(
                f"{name} is {image.shape[1]}x{image.shape[0]}, the pictures before are "
                f"{self.shape[1]}x{self.shape[0]}: expected all from one camera as it is used"
            )
        self.n_seen += 1
        corners = self._finder.find(image)
        if corners is None:
            return None
        self.n_found += 1
        if not all(differ(corners, kept.corners, self.shape[1]) for kept in self.views):
            return None
        self.views.append(View(name, corners))
        self.pictures.append(image.copy())
        return corners

    def refuse_nothing(self) -> None:
        """Refuse pictures in which the board was never found. Raises `CalibrationError`."""
        if not self.n_seen:
            raise CalibrationError("there is no picture at all: name pictures or a film")
        if not self.n_found:
            raise CalibrationError(
                f"the board was found in none of {self.n_seen} pictures: check --board (squares, "
                f"not corners, are counted), the light, and that the board is sharp and whole"
            )


def differ(one: Corners, other: Corners, width: int) -> bool:
    """Whether a corner that two views both have lies elsewhere; `width` is the picture's (px)."""
    _, here, there = np.intersect1d(one.ids, other.ids, return_indices=True)
    if not len(here):
        return True
    away = np.hypot(*(one.xy[here] - other.xy[there]).T)
    return float(away.max()) > DIFFERENT * width


def pictures_in(paths: Iterable[Path]) -> Iterator[Picture]:
    """Give the pictures of files and folders, in the order of their names; grey, uint8.

    Raises:
        CalibrationError: If one cannot be read.
    """
    for path in paths:
        if path.is_dir():
            inside = sorted(each for each in path.iterdir() if each.suffix.lower() in PICTURES)
            if not inside:
                raise CalibrationError(f"{path} holds no picture ({', '.join(PICTURES)})")
            yield from pictures_in(inside)
            continue
        if not path.is_file():
            raise CalibrationError(f"{path} does not exist: expected a picture, a folder or a film")
        data = np.fromfile(path, np.uint8)  # cv2.imread cannot open every name on Windows
        image = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if len(data) else None
        if image is None:
            raise CalibrationError(f"{path} is not a picture that can be read")
        yield path.name, np.asarray(image, np.uint8)
