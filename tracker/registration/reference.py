"""The view for which an arena was set up, and how another view of it lies to that one."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.errors import RegistrationError
from tracker.geometry import Matrix, Motion, motion_of
from tracker.pyramid import Pyramid
from tracker.registration.align import Aligned, Template
from tracker.registration.models import Floats, Model
from tracker.registration.start import Features, by_phase

LEAST_LIKENESS = 0.6
"""Below, it is another scene: of real ones the same has 0.9 to 1, another below 0.3."""

MOST_UNCERTAIN_PX = 0.5
"""Above, the picture has too few edges to say where a corner lies."""

USUAL_NOISE = 2.0
"""Grey values, of a camera: with it a reference must be able to say where it lies."""

FEWEST_POINTS = 100
"""A reference with fewer edges is refused."""

FLATTEST = 3.0
"""Grey values: a picture whose standard deviation is smaller shows nothing."""

LEAST_RESPONSE = 0.03
"""Of phase correlation; less is noise."""

LARGEST_SCALE = 1.5
"""A camera that is bumped does not zoom: larger, or smaller than its inverse, is not believed."""


@dataclass(frozen=True, slots=True)
class Seen:
    """How a view lies to the reference.

    Attributes:
        matrix: From px of the reference to px of the view; None: it cannot be said.
        motion: By how much the picture has moved; None if that cannot be said.
        why: Why it cannot be said, in words; "" if it can.
        method: What found it: near, phase or features; "" if nothing did.
        likeness: Of the edges where they fit (0 to 1); NaN if it was not measured.
        uncertainty_px: Standard deviation of the worst-known corner (px).
        noise: Of the grey values where they fit (robust standard deviation).
        share: Part of the pixels' weight that fits (0 to 1).
    """

    matrix: Matrix | None
    motion: Motion | None = None
    why: str = ""
    method: str = ""
    likeness: float = float("nan")
    uncertainty_px: float = float("nan")
    noise: float = float("nan")
    share: float = float("nan")


class Reference:
    """The reference view; used by one thread.

    Args:
        image: uint8, grey or RGB.
        model: How the camera may be moved.
        hidden: bool, (height, width): where the animal is in it; None: nowhere.

    Raises:
        RegistrationError: If too little can be seen in it.
    """

    def __init__(
        self, image: NDArray[np.uint8], model: Model, hidden: NDArray[np.bool_] | None = None
    ) -> None:
        self._pyramid = Pyramid(image)
        self._model = model
        self._hidden = hidden
        self._features: Features | None = None
        if is_blank(self._pyramid):
            raise RegistrationError(
                "the reference view is all dark or all the same: take it with the light on"
            )
        self._template = Template(self._pyramid, model, hidden)
        if self._template.n_points < FEWEST_POINTS:
            raise RegistrationError(
                f"the reference view has {self._template.n_points} places with an edge, expected "
                f"at least {FEWEST_POINTS}: let the camera see the arena's walls, or put a mark "
                f"into a corner of the picture"
            )
        if not self._template.uncertainty_px(USUAL_NOISE) <= MOST_UNCERTAIN_PX:
            raise RegistrationError(
                f"the edges of the reference view leave open how the camera lies (as {model}): let "
                f"it see more of the arena, or choose a simpler model"
            )

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self._pyramid.shape

    @property
    def image(self) -> NDArray[np.uint8]:
        """The view, grey."""
        return self._pyramid.level(0)

    def refuse_other(self, shape: tuple[int, ...]) -> None:
        """Refuse images of another size. Raises `RegistrationError`."""
        if tuple(shape[:2]) != self.shape:
            raise RegistrationError(
                f"the reference view is {self.shape[1]}x{self.shape[0]}, and the camera gives "
                f"{shape[1]}x{shape[0]}: take the reference with the camera as it is used"
            )

    def look(
        self, view: Pyramid, near: Matrix | None = None, animals: Floats | None = None
    ) -> Seen:
        """Return how a view lies to this one.

        Args:
            view: Of the same size.
            near: Where it was a moment ago: looked at first; None: as the reference.
            animals: (n, 3): x, y and radius (px of the view) of discs that hold animals.
        """
        self.refuse_other(view.shape)
        if is_blank(view):
            return Seen(None, why="the picture is all dark or all the same")
        starts = [np.eye(3)] if near is None else [near, np.eye(3)]
        best: Aligned | None = None
        for start in starts:
            found = self._template.align(view, start, animals)
            if self._is_right(found):
                return self._seen(found, "near")
            best = _better(best, found)
        shift, response = by_phase(self._pyramid, view)
        if response >= LEAST_RESPONSE:
            found = self._template.align(view, shift, animals)
            if self._is_right(found):
                return self._seen(found, "phase")
            best = _better(best, found)
        if self._features is None:
            self._features = Features(self._pyramid, self._hidden)
        matrix = self._features.motion_to(view, self._model, as_mask(animals, self.shape))
        if matrix is not None:
            found = self._template.align(view, matrix, animals)
            if self._is_right(found):
                return self._seen(found, "features")
            best = _better(best, found)
        return _unknown(best)

    def _is_right(self, found: Aligned | None) -> bool:
        if found is None or found.likeness < LEAST_LIKENESS:
            return False
        scale = motion_of(found.matrix, self.shape).scale
        is_mirror = float(np.linalg.det(found.matrix)) <= 0
        is_sure = found.uncertainty_px <= MOST_UNCERTAIN_PX
        return is_sure and not is_mirror and 1 / LARGEST_SCALE < scale < LARGEST_SCALE

    def _seen(self, found: Aligned | None, method: str) -> Seen:
        if found is None:
            raise AssertionError("only what was found is right")
        return Seen(
            found.matrix,
            motion_of(found.matrix, self.shape),
            "",
            method,
            found.likeness,
            found.uncertainty_px,
            found.noise,
            found.share,
        )


def is_blank(pyramid: Pyramid) -> bool:
    """Whether a picture shows nothing."""
    small = pyramid.level(min(2, pyramid.n_levels - 1))
    return float(small.std()) < FLATTEST


def as_mask(animals: Floats | None, shape: tuple[int, int]) -> NDArray[np.bool_] | None:
    """Return discs (n, 3: x, y, radius in px) as a mask; None if there are none."""
    if animals is None or not len(animals):
        return None
    mask = np.zeros(shape, np.uint8)
    for x, y, radius in np.round(animals).astype(int).tolist():
        cv2.circle(mask, (x, y), radius, 1, -1)
    return mask > 0


def read_view(path: Path) -> NDArray[np.uint8]:
    """Return a picture of a reference view, grey.

    Raises:
        RegistrationError: If it cannot be read.
    """
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise RegistrationError(
            f"the reference view {path} cannot be read ({error.strerror}); make one with: "
            f"tracker register SESSION --save-view FILE"
        ) from None
    image = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if len(data) else None
    if image is None:
        raise RegistrationError(f"the reference view {path} is not a picture that can be read")
    return np.asarray(image, np.uint8)


def _better(one: Aligned | None, other: Aligned | None) -> Aligned | None:
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda each: each.likeness)


def _unknown(best: Aligned | None) -> Seen:
    if best is None or best.likeness < LEAST_LIKENESS:
        like = float("nan") if best is None else best.likeness
        known = "" if best is None else f" (edges are alike to {like:.2f})"
        return Seen(None, why=f"the picture does not show the reference view{known}", likeness=like)
    return Seen(
        None,
        why=f"too few edges to say where the picture lies (give or take "
        f"{best.uncertainty_px:.1f} px): choose a simpler model, or put a mark beside the arena",
        likeness=best.likeness,
        uncertainty_px=best.uncertainty_px,
    )
