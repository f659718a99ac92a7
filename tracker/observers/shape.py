"""See without a network: what is animal and what is not, and from that each individual."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.errors import ModelError
from tracker.observers.headings import Heading, Headings
from tracker.observers.silhouettes import (
    Contour,
    Pieces,
    Silhouette,
    SilhouetteSettings,
    Touching,
    pieces_of,
    place_mask,
)
from tracker.observers.watershed import Watershed
from tracker.types import Frame, Masks, Observation, Skeleton

SKELETON = Skeleton(("nose", "centre", "tail_base"), ((0, 1), (1, 2)))
"""What can be told of an animal from its outline."""

APPEARANCE = ("area_px2", "long_axis_px", "short_axis_px")
"""What each individual looks like: descriptors of its observation."""

CELL_PX = 4
"""Side of a cell of the masks (px)."""

TIP_PX = 3.0
"""The tip of an outline is the mean of its points within this of the farthest (px)."""

NOWHERE = math.nan, math.nan
"""Where what was not found is (px)."""

Grey = NDArray[np.uint8]
"""uint8, (height, width): a frame, or what is animal in it (255) and what is not (0)."""


class Method(Protocol):
    """Tells what is animal and what is not; used by one thread."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """For the session's provenance."""

    @property
    def knows_nobody(self) -> bool:
        """Whether a frame in which nothing was found has nobody in it, and not one unnoticed."""

    def start(self, place: Grey) -> None:
        """Forget all frames.

        Args:
            place: 255 where animals can be; of the shape of all frames to come.
        """

    def foreground(self, grey: Grey, captured_ns: int) -> Grey | None:
        """Return what is animal; None if that cannot be told in this frame. May be one's own."""

    def pictures(self, grey: Grey) -> Sequence[tuple[str, Grey]]:
        """Return what lies between a frame and its foreground, with titles; for people."""

    def learn(self, grey: Grey, captured_ns: int, animals: Sequence[Contour]) -> None:
        """Note a frame, and what in it may be animals. Called after `foreground`."""


class ShapeObserver:
    """Finds animals by what tells them from the floor; no network, no training.

    Of each individual the middle of its body, and its nose and the base of its tail where its
    shape shows an axis and its movement (or its tail) has said which end is the head; NaN
    otherwise. The confidence of the middle is how near its area is to its usual one (1: the same,
    0.5: half or twice of it); that of nose and tail base is this times how sure the head is (1:
    it has moved half a body length that way).

    What each looks like (`appearance`) is its area and the axes of its ellipse.

    More individuals than `max_animals` within the limits: the largest are kept, and the measure
    `n_animals` says how many there were. All of it follows from the frames since `warm_up` alone.

    Args:
        method: Tells what is animal.
        settings: Which pieces of that are individuals.
        name: Of the method, for the provenance.
    """

    def __init__(self, method: Method, settings: SilhouetteSettings, name: str) -> None:
        self.method = method
        """Tells what is animal."""
        self.settings = settings
        """Which pieces of that are individuals."""
        self._name = name
        self._place: Grey | None = None
        self._headings = Headings(settings.max_animals)
        self._watershed: Watershed | None = None
        self.seen: Sequence[Silhouette] = ()
        """The individuals of the last frame, in the order of the observation."""

    @property
    def place(self) -> Grey:
        """255 where animals can be; of no pixel before `warm_up`."""
        return np.zeros((0, 0), np.uint8) if self._place is None else self._place

    @property
    def skeleton(self) -> Skeleton:
        """Nose, centre, tail_base."""
        return SKELETON

    @property
    def facts(self) -> Mapping[str, Any]:
        """The method and its settings; there is no network file, and so no hash of one."""
        return {
            "observer": self._name,
            "network": self._name,
            "provider": "cpu",
            "sha256": None,
            "library": f"OpenCV {cv2.__version__}",
            "settings": self.settings.model_dump(mode="json"),
            **self.method.facts,
        }

    def warm_up(self, shape: tuple[int, ...]) -> None:
        """Make ready for images of this shape, and forget all frames.

        Raises:
            ConfigError: If the place where animals can be is not in such images.
            ModelError: If the shape is not that of a grey or RGB image.
        """
        self._start(shape)

    def observe(self, frame: Frame) -> Observation:
        """Return what is seen in the frame.

        Raises:
            ModelError: If the frame has another shape than the one it was warmed up for.
        """
        place = self._start(frame.image.shape) if self._place is None else self._place
        if frame.image.shape[:2] != place.shape:
            raise ModelError(
                f"frame {frame.index} has shape {frame.image.shape}, but the observer was warmed "
                f"up for {place.shape}"
            )
        grey = grey_of(frame.image)
        foreground = self.method.foreground(grey, frame.captured_ns)
        pieces = None
        if foreground is not None:
            inside = foreground
            if self.settings.within is not None:
                inside = np.asarray(cv2.bitwise_and(foreground, place), np.uint8)
            pieces = self._pieces(grey, inside)
        if pieces is None:
            self.seen = ()
            return self._nothing(frame, abstained=True)
        self.seen = pieces.found[: self.settings.max_animals]
        self.method.learn(grey, frame.captured_ns, pieces.animals)
        if self._watershed is not None:
            self._watershed.note(self.seen)
        headings = self._headings.update(frame.index, frame.captured_ns, self.seen)
        if not pieces.found:
            return self._nothing(frame, abstained=not self.method.knows_nobody)
        return _report(frame, self.seen, headings, len(pieces.found))

    def _start(self, shape: tuple[int, ...]) -> Grey:
        if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] != 3):
            raise ModelError(f"images have shape {shape}: expected grey or RGB")
        size = shape[0], shape[1]
        within = self.settings.within
        place = np.full(size, 255, np.uint8) if within is None else place_mask(within, size)
        self._place, self.seen = place, ()
        self._headings = Headings(self.settings.max_animals)
        if self.settings.touching is Touching.WATERSHED:
            self._watershed = Watershed(self.settings.min_area_px2)
        self.method.start(place)
        return place

    def _pieces(self, grey: Grey, foreground: Grey) -> Pieces | None:
        watershed = self._watershed
        if watershed is None:
            return pieces_of(foreground, self.settings)
        return pieces_of(foreground, self.settings, lambda *piece: watershed.part(grey, *piece))

    def _nothing(self, frame: Frame, *, abstained: bool) -> Observation:
        """An observation of nothing: of one animal a row without positions, of several no row."""
        n = 1 if self.settings.max_animals == 1 else 0
        keypoints = len(SKELETON.keypoints)
        return Observation(
            frame.index,
            frame.captured_ns,
            np.full((n, keypoints, 2), np.nan, np.float32),
            np.zeros((n, keypoints), np.float32),
            measures={} if abstained else {"n_animals": 0.0},
            masks=None if abstained else _masks((), frame.image.shape),
            abstained=abstained,
            appearance=np.full((n, len(APPEARANCE)), np.nan, np.float32),
        )


def tip_of(contour: Contour, way: tuple[float, float]) -> tuple[float, float]:
    """Return the end of an outline in a direction (px): the mean of its farthest points."""
    points = contour.reshape(-1, 2)
    along = points.dot(way)
    is_tip = along >= along.max() - TIP_PX
    n = int(np.count_nonzero(is_tip))
    across, down = is_tip.dot(points).tolist()  # sums of whole numbers: exact
    return across / n, down / n


def _report(
    frame: Frame, seen: Sequence[Silhouette], headings: Sequence[Heading], n_found: int
) -> Observation:
    xy, confidence = [], []
    for one, heading in zip(seen, headings, strict=True):
        nose = tail_base = NOWHERE
        if heading.is_known:
            x, y = heading.way
            nose, tail_base = tip_of(one.contour, (x, y)), tip_of(one.body_contour, (-x, -y))
        xy.append((nose, (one.x_px, one.y_px), tail_base))
        sure = heading.likeness * heading.confidence
        confidence.append((sure, heading.likeness, sure))
    measures = {"n_animals": float(n_found), "area_px2": sum(one.area_px2 for one in seen)}
    if len(seen) == 1:
        measures["long_axis_px"] = seen[0].long_axis_px
        measures["short_axis_px"] = seen[0].short_axis_px
    return Observation(
        frame.index,
        frame.captured_ns,
        np.array(xy, np.float32),
        np.array(confidence, np.float32),
        measures=measures,
        masks=_masks(seen, frame.image.shape),
        appearance=np.array(
            [(one.area_px2, one.long_axis_px, one.short_axis_px) for one in seen], np.float32
        ),
    )


def _masks(seen: Sequence[Silhouette], shape: tuple[int, ...]) -> Masks:
    """Return the masks of individuals, in cells; what of a cell is covered is exact."""
    rows, columns = -(-shape[0] // CELL_PX), -(-shape[1] // CELL_PX)
    coverage = np.zeros((len(seen), rows, columns), np.uint8)
    for of_one, one in zip(coverage, seen, strict=True):
        left, top = one.left_px // CELL_PX, one.top_px // CELL_PX
        before_x, before_y = one.left_px - CELL_PX * left, one.top_px - CELL_PX * top
        height, width = one.mask.shape
        n_rows, n_columns = -(-(before_y + height) // CELL_PX), -(-(before_x + width) // CELL_PX)
        whole = np.zeros((n_rows * CELL_PX, n_columns * CELL_PX), np.uint8)
        whole[before_y : before_y + height, before_x : before_x + width] = one.mask
        cells = cv2.resize(whole, (n_columns, n_rows), interpolation=cv2.INTER_AREA)
        of_one[top : top + n_rows, left : left + n_columns] = cells
    middle = (CELL_PX - 1) / 2
    names = tuple(f"individual {row}" for row in range(len(seen)))
    return Masks(names, coverage, middle, middle, CELL_PX, CELL_PX)


def grey_of(image: NDArray[np.uint8]) -> Grey:
    """Return the grey values of a grey or RGB image; a grey one is given back as it is."""
    return image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
