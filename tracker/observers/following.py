"""Where to lay the crop, so that one animal stays in it at one size."""

import bisect
import itertools
import math
from collections import deque
from collections.abc import Sequence

from tracker.preprocess import InputGeometry
from tracker.runtimes.base import CropInput

MARGIN = 1 / 16
"""Share of the crop's side that must stay free between the animal and the crop's border."""

LARGEST = 0.75
"""Share of the crop's side that the animal's last extent may take up."""

REACH = 1 / 4
"""Share of the crop's side by which the crop moves ahead of the animal at most."""

N_EXTENTS = 61
"""Frames behind the running median of the extent: outlasts a turn, two seconds at 30 fps."""

GROWTH = 1.05
"""Largest factor between the scales of two crops that follow each other."""

MAX_ENLARGEMENT = 4.0
"""Input pixels per sensor pixel at most: more only blurs."""

Points = Sequence[tuple[float, float]]
"""Keypoints of one animal, x and y in sensor px; NaN, NaN where not found. As Python's numbers:
of so few, a loop is done before numpy has begun."""


class Follower:
    """Follows one animal from frame to frame by its keypoints; knows no image.

    The crop is centred on the middle of the animal's box, moved on by the displacement
    between the last two frames, per frame of their indices, but no further than `REACH`. It is
    scaled so that the running median of the extent (the longest distance between two
    keypoints) becomes `animal_px`. All of it follows from positions and indices alone.

    Args:
        crop: What the network wants to see.
        image_shape: Height and width of the frames (sensor px).
    """

    def __init__(self, crop: CropInput, image_shape: tuple[int, int]) -> None:
        self._crop = crop
        self._height, self._width = image_shape
        self._largest_px = 2.0 * max(image_shape)
        self._smallest_px = crop.side / MAX_ENLARGEMENT
        self.lose()

    @property
    def index(self) -> int | None:
        """Index of the last frame in which the animal was; None if it is not followed."""
        return self._index if self._last else None

    def lose(self) -> None:
        """Forget the animal."""
        self._last: Points = []
        self._index = 0
        self._step = (0.0, 0.0)
        self._size_px = 0.0
        self._newest: deque[float] = deque()
        self._sorted: list[float] = []

    def start(self, index: int, points: Points, crop: InputGeometry) -> None:
        """Follow the animal that was found in this frame; forget any other.

        Args:
            index: Of the frame.
            points: Its keypoints, at least one found.
            crop: In which it was found.
        """
        self.lose()
        self._note(index, points, crop)

    def go_on(self, index: int, points: Points, crop: InputGeometry) -> None:
        """Note where the followed animal is in a later frame; arguments as of `start`."""
        frames = index - self._index
        if frames > 0:
            steps = [
                (x - last_x, y - last_y)
                for (x, y), (last_x, last_y) in zip(points, self._last, strict=True)
                if math.isfinite(x) and math.isfinite(last_x)
            ]
            n = frames * len(steps) or 1
            self._step = sum(step[0] for step in steps) / n, sum(step[1] for step in steps) / n
        self._note(index, points, crop)

    def place(self, index: int) -> InputGeometry:
        """Return the crop for a frame, the animal being followed.

        Raises:
            ValueError: If it is not followed.
        """
        if not self._last:
            raise ValueError("no animal is followed: search for it first")
        x, y, longer_side = box_of(self._last)
        wanted = self._size_for(self._sorted[len(self._sorted) // 2] if self._sorted else 0.0)
        size = min(max(wanted, self._size_px / GROWTH), self._size_px * GROWTH)
        size = max(size, longer_side / LARGEST)
        frames = index - self._index
        ahead_x, ahead_y = self._step[0] * frames, self._step[1] * frames
        length, reach = math.hypot(ahead_x, ahead_y), REACH * size
        share = reach / length if length > reach else 1.0
        return self._lay(x + ahead_x * share, y + ahead_y * share, size)

    def place_on(self, points: Points) -> InputGeometry:
        """Return the crop for an animal that was just found, at least one keypoint of it."""
        x, y, longer_side = box_of(points)
        return self._lay(x, y, max(self._size_for(extent_of(points)), longer_side / LARGEST))

    def holds(self, points: Points, crop: InputGeometry) -> bool:
        """Whether the keypoints that were found lie in the crop, `MARGIN` from its border."""
        size = crop.covered[0]
        margin = MARGIN * size
        left, top = crop.left - 0.5 + margin, crop.top - 0.5 + margin
        right, bottom = left + size - 2 * margin, top + size - 2 * margin
        known = [(x, y) for x, y in points if math.isfinite(x)]
        return all(left <= x <= right and top <= y <= bottom for x, y in known)

    def _note(self, index: int, points: Points, crop: InputGeometry) -> None:
        self._last, self._index = points, index
        self._size_px = float(crop.covered[0])
        extent = extent_of(points)
        if extent > 0:
            self._newest.append(extent)
            bisect.insort(self._sorted, extent)
            if len(self._newest) > N_EXTENTS:
                oldest = self._newest.popleft()
                del self._sorted[bisect.bisect_left(self._sorted, oldest)]

    def _size_for(self, extent: float) -> float:
        """Side of the crop (sensor px) for this extent; as many pixels as the input if unknown."""
        side = self._crop.side
        return extent * side / self._crop.animal_px if extent > 0 else float(self._size_px or side)

    def _lay(self, x: float, y: float, size: float) -> InputGeometry:
        x = min(max(x, 0.0), self._width - 1.0)
        y = min(max(y, 0.0), self._height - 1.0)
        size = min(max(size, self._smallest_px), self._largest_px)
        corner_x, corner_y = x + 0.5 - size / 2, y + 0.5 - size / 2
        return InputGeometry.crop(corner_x, corner_y, size, self._crop.side)


def extent_of(points: Points) -> float:
    """Return the longest distance between two keypoints (px); 0 if fewer than two were found."""
    known = [point for point in points if math.isfinite(point[0])]
    return max((math.dist(a, b) for a, b in itertools.combinations(known, 2)), default=0.0)


def box_of(points: Points) -> tuple[float, float, float]:
    """Return the middle of the box around the found keypoints, x and y, and its longer side (px).

    Raises:
        ValueError: If none was found.
    """
    across = [x for x, _ in points if math.isfinite(x)]
    down = [y for _, y in points if math.isfinite(y)]
    left, right, top, bottom = min(across), max(across), min(down), max(down)
    return (left + right) / 2, (top + bottom) / 2, max(right - left, bottom - top)
