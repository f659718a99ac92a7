"""Draws what was seen into a picture: keypoints coloured by confidence, skeleton, path, words.

Pictures are BGR, uint8, shape (height, width, 3), and are drawn into in place. Only what OpenCV 4
and 5 share is used; the font of words differs between them, so room is measured, never assumed.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.types import Skeleton

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]
"""Blue, green, red, each 0 to 255."""

WHITE, BLACK, GREY = (255, 255, 255), (0, 0, 0), (122, 122, 122)
ORANGE, SKY, GREEN, YELLOW = (0, 159, 230), (233, 180, 86), (115, 158, 0), (66, 228, 240)
BLUE, VERMILION, PURPLE = (178, 114, 0), (0, 94, 213), (167, 121, 204)
"""Okabe and Ito's colours, which the colour-blind can tell apart."""

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FINE = 4
"""Bits of sub-pixel that OpenCV is given: positions to a sixteenth of a pixel."""


@dataclass(frozen=True, slots=True)
class View:
    """Where a part of the sensor lies in a picture.

    Attributes:
        scale: Pixels of the picture per sensor pixel.
        x0: Sensor x of the left edge of the picture's first pixel, plus half a pixel.
        y0: Sensor y of its upper edge, plus half a pixel.
    """

    scale: float = 1.0
    x0: float = 0.0
    y0: float = 0.0

    def place(self, xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Sensor positions, any shape (..., 2), as positions in the picture; NaN kept."""
        moved = xy.astype(np.float64) - (self.x0, self.y0)
        return np.asarray((moved + 0.5) * self.scale - 0.5)


def confidence_colours() -> NDArray[np.uint8]:
    """Return the colours of confidence 0 (dark blue) to 1 (yellow), BGR, shape (256, 3).

    They are the map "cividis", which looks alike to people with and without colour vision
    deficiency: Nunez, Anderton and Renslow, PLoS ONE 13 (2018) e0199239.
    """
    ramp = np.arange(256, dtype=np.uint8)[:, None]
    return np.asarray(cv2.applyColorMap(ramp, cv2.COLORMAP_CIVIDIS), np.uint8)[:, 0]


_COLOURS = confidence_colours()


def colour_of(confidence: float) -> Colour:
    """Return the colour of a confidence (0 to 1); grey for NaN."""
    if not np.isfinite(confidence):
        return GREY
    blue, green, red = _COLOURS[round(255 * min(max(confidence, 0.0), 1.0))].tolist()
    return blue, green, red


def as_bgr(image: NDArray[np.uint8]) -> Picture:
    """Return a copy of a grey or RGB image as a picture."""
    way = cv2.COLOR_RGB2BGR if image.ndim == 3 else cv2.COLOR_GRAY2BGR
    return np.asarray(cv2.cvtColor(image, way), np.uint8)


def on_sensor(
    image: NDArray[np.uint8], origin: tuple[int, int], shape: tuple[int, int]
) -> NDArray[np.uint8]:
    """Return an image of the whole sensor; what a crop left out is grey.

    Args:
        image: Grey or RGB; given back as it is if it covers the sensor.
        origin: Sensor pixel (x, y) of its top-left pixel.
        shape: Height and width of the sensor (px).
    """
    if image.shape[:2] == shape:
        return image
    whole = np.full((*shape, *image.shape[2:]), 128, np.uint8)
    x, y = origin
    whole[y : y + image.shape[0], x : x + image.shape[1]] = image
    return whole


def draw_pose(
    picture: Picture,
    xy: NDArray[np.floating],
    confidence: NDArray[np.floating],
    skeleton: Skeleton,
    view: View,
    radius: float = 4.0,
) -> None:
    """Draw the skeleton and keypoints of every individual; what was not found is left out.

    Args:
        picture: Drawn into.
        xy: Shape (individuals, keypoints, 2), sensor pixels.
        confidence: Shape (individuals, keypoints), 0 to 1.
        skeleton: Which keypoints are joined.
        view: Where the sensor lies in the picture.
        radius: Of a keypoint (pixels of the picture).
    """
    thick = max(1, round(radius / 2.5))
    for points, sure in zip(view.place(xy), confidence, strict=True):
        seen = np.isfinite(points).all(axis=1)
        for a, b in skeleton.edges:
            if seen[a] and seen[b]:
                ends = _fixed(points[a]), _fixed(points[b])
                cv2.line(picture, *ends, BLACK, thick + 2, cv2.LINE_AA, _FINE)
                weaker = colour_of(min(float(sure[a]), float(sure[b])))
                cv2.line(picture, *ends, weaker, thick, cv2.LINE_AA, _FINE)
        for point, value in zip(points[seen], sure[seen], strict=True):
            middle = _fixed(point)
            cv2.circle(picture, middle, _size(radius + 1.3), BLACK, -1, cv2.LINE_AA, _FINE)
            cv2.circle(
                picture, middle, _size(radius), colour_of(float(value)), -1, cv2.LINE_AA, _FINE
            )


def draw_path(
    picture: Picture, xy: NDArray[np.floating], view: View, colour: Colour = SKY, thick: int = 1
) -> None:
    """Draw a way through positions of shape (points, 2), sensor pixels; it breaks at NaN."""
    points = view.place(xy)
    seen = np.isfinite(points).all(axis=1)
    edges = np.flatnonzero(np.diff(np.r_[False, seen, False]))
    parts = [
        np.rint(points[first:end] * (1 << _FINE)).astype(np.int32)
        for first, end in zip(edges[::2], edges[1::2], strict=True)
    ]
    cv2.polylines(
        picture,
        parts,
        isClosed=False,
        color=colour,
        thickness=thick,
        lineType=cv2.LINE_AA,
        shift=_FINE,
    )


def text_size(text: str, height: int) -> tuple[int, int]:
    """Return width and height (pixels) that words take, descenders included."""
    scale = _scale(height)
    (width, above), below = cv2.getTextSize(_plain(text), _FONT, scale, 1)
    return int(width), int(above + below)


def write(
    picture: Picture,
    text: str,
    left_top: tuple[int, int],
    height: int = 12,
    colour: Colour = WHITE,
    backing: Colour | None = None,
) -> int:
    """Write words and return the x at which they end.

    Args:
        picture: Drawn into.
        text: Letters that are not ASCII become "?": OpenCV 4 has no others.
        left_top: Upper left corner of the words (pixels).
        height: Of the letters above their baseline, at most (pixels).
        colour: Of the letters.
        backing: Colour of a box behind them; None: no box.
    """
    scale, (left, top) = _scale(height), left_top
    (width, above), below = cv2.getTextSize(_plain(text), _FONT, scale, 1)
    if backing is not None:
        corner = left + int(width) + 4, top + int(above + below) + 2
        cv2.rectangle(picture, (left - 4, top - 3), corner, backing, -1)
    cv2.putText(
        picture, _plain(text), (left, top + int(above)), _FONT, scale, colour, 1, cv2.LINE_AA
    )
    return left + int(width)


def centres(xy: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the mean of the keypoints that were found, NaN where there are none.

    Args:
        xy: Shape (..., keypoints, 2), sensor pixels; the answer has shape (..., 2).
    """
    seen = np.isfinite(xy).all(axis=-1, keepdims=True)
    n_seen = seen.sum(axis=-2)
    total = np.where(seen, xy, 0).sum(axis=-2, dtype=np.float64)
    return np.where(n_seen > 0, total / np.maximum(n_seen, 1), np.nan)


def _plain(text: str) -> str:
    return text.encode("ascii", "replace").decode()


def _scale(height: int) -> float:
    (_, above), _ = cv2.getTextSize("H", _FONT, 1.0, 1)
    return height / float(above)


def _fixed(point: NDArray[np.float64]) -> tuple[int, int]:
    x, y = np.rint(np.clip(point, -1e6, 1e6) * (1 << _FINE)).astype(int).tolist()
    return x, y


def _size(radius: float) -> int:
    return round(radius * (1 << _FINE))
