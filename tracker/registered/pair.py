"""How the view of one session lies to that of another, as a file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from tracker.errors import RegistrationError
from tracker.geometry import Matrix, mapped, motion_of
from tracker.pyramid import Pyramid
from tracker.registered.sources import ArenaView
from tracker.registration.lines import Nine, matrix_of, nine
from tracker.registration.models import Model
from tracker.registration.reference import Reference
from tracker.registration.start import Features


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """How view B lies to view A.

    Attributes:
        a: Whose coordinates are shared.
        b: Whose positions are brought there.
        model: How the camera was taken to have moved.
        b_to_a: Homography from px of B to px of A, row after row.
        x_px, y_px, turned_deg, scale, largest_px: What B's picture did against A's.
        likeness: Of the edges where they fit, 0 to 1.
        uncertainty_px: Standard deviation of where the worst-known corner lies.
        residual_px: Of points that look alike in both: median distance; null: too few.
        residual_p95_px: 95 in 100 are nearer.
        n_points: How many points that is.
        image_shape: Height and width of both.
    """

    schema: Literal[1] = 1
    a: str
    b: str
    model: str
    b_to_a: Nine
    x_px: float
    y_px: float
    turned_deg: float
    scale: float
    largest_px: float
    likeness: float
    uncertainty_px: float
    residual_px: float | None
    residual_p95_px: float | None
    n_points: int
    image_shape: tuple[int, int]

    def to_a(self, xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return where positions of B are in A, px, same shape (..., 2), NaN kept."""
        return mapped(matrix_of(self.b_to_a), xy)


@dataclass(frozen=True, slots=True, eq=False)
class Registered:
    """A pair, and its pictures.

    Attributes:
        pair: How B lies to A.
        overlay: uint8, (height, 2 x width, 3), BGR: A red and B cyan, before and after.
    """

    pair: Pair
    overlay: NDArray[np.uint8]


def register(a: ArenaView, b: ArenaView, model: Model) -> Registered:
    """Return how view B lies to view A.

    Raises:
        RegistrationError: If the two are of other sizes, do not show the same arena, or show too
            little of it.
    """
    reference = Reference(a.image, model)
    if b.image.shape != a.image.shape:
        raise RegistrationError(
            f"{a.name} is {a.image.shape[1]}x{a.image.shape[0]} and {b.name} "
            f"{b.image.shape[1]}x{b.image.shape[0]}: expected two of one camera as it is used"
        )
    seen = reference.look(Pyramid(b.image))
    if seen.matrix is None:
        raise RegistrationError(f"{b.name} cannot be brought to {a.name}: {seen.why}")
    back = np.linalg.inv(seen.matrix)
    b_to_a = np.asarray(back / back[2, 2], np.float64)
    away = _residuals(a.image, b.image, b_to_a)
    motion = motion_of(seen.matrix, reference.shape)
    pair = Pair(
        a=a.name,
        b=b.name,
        model=str(model),
        b_to_a=nine(b_to_a),
        x_px=motion.x_px,
        y_px=motion.y_px,
        turned_deg=motion.turned_deg,
        scale=motion.scale,
        largest_px=motion.largest_px,
        likeness=seen.likeness,
        uncertainty_px=seen.uncertainty_px,
        residual_px=float(np.median(away)) if len(away) else None,
        residual_p95_px=float(np.percentile(away, 95)) if len(away) else None,
        n_points=len(away),
        image_shape=reference.shape,
    )
    return Registered(pair, _overlay(a.image, b.image, b_to_a))


def write_pair(path: Path, pair: Pair) -> None:
    """Write it as JSON. Raises `RegistrationError` if the file is there, or cannot be written."""
    content = msgspec.json.format(msgspec.json.encode(pair), indent=2) + b"\n"
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        raise RegistrationError(
            f"{path} is there already: choose another name with --out"
        ) from None
    except OSError as error:
        raise RegistrationError(f"{path} cannot be written: {error.strerror}") from error


def read_pair(path: Path) -> Pair:
    """Return what `tracker register` wrote. Raises `RegistrationError` if it cannot be used."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Pair)
    except OSError as error:
        raise RegistrationError(f"{path} cannot be read: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise RegistrationError(f"{path} is not what tracker register writes: {error}") from None


def _residuals(a: Any, b: Any, b_to_a: Matrix) -> NDArray[np.float64]:
    """How far points that look alike are apart once B is brought to A (px)."""
    here, there = Features(Pyramid(b)).matches_with(Pyramid(a))
    away = np.hypot(*(mapped(b_to_a, here) - there).T) if len(here) else np.empty(0)
    return np.asarray(away[away < FARTHEST_PX], np.float64)


FARTHEST_PX = 5.0
"""Points that look alike and lie further apart are not the same ones."""


def _overlay(a: NDArray[np.uint8], b: NDArray[np.uint8], b_to_a: Matrix) -> NDArray[np.uint8]:
    brought = cv2.warpPerspective(b, b_to_a, a.shape[::-1], flags=cv2.INTER_LINEAR)
    before, after = (np.dstack((each, each, a)) for each in (b, np.asarray(brought, np.uint8)))
    return np.hstack((before, after))
