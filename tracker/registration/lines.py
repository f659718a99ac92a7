"""What is written down of each look at the camera's view."""

from dataclasses import dataclass
from enum import StrEnum

import msgspec
import numpy as np
from numpy.typing import NDArray

from tracker.geometry import Matrix
from tracker.registration.reference import Seen

SCHEMA = 1


class ViewState(StrEnum):
    """Where the camera looks."""

    STILL = "still"
    """As in the reference."""

    MOVING = "moving"
    """Elsewhere, and it is not certain yet that it stays there."""

    MOVED = "moved"
    """Elsewhere, and certain."""

    UNKNOWN = "unknown"
    """It cannot be said."""


Nine = tuple[float, float, float, float, float, float, float, float, float]
"""A homography, row after row."""


class ViewRow(msgspec.Struct, frozen=True, kw_only=True):
    """One look; docs/session_folder.md says what each field is.

    Attributes:
        index: Camera's count of the frame that was looked at.
        captured_ns: End of its exposure (ns).
        state: Where the camera looks.
        matrix: From px of the reference to px of the frame; None: it cannot be said.
        to_reference: From px of a frame to px of the reference, as it is applied to positions;
            None: nothing is applied anew.
        applied_from: First frame to which it is applied; None: nothing is applied anew.
        why: Why nothing can be said, or "".
    """

    index: int
    captured_ns: int
    state: ViewState
    matrix: Nine | None = None
    x_px: float | None = None
    y_px: float | None = None
    turned_deg: float | None = None
    scale: float | None = None
    largest_px: float | None = None
    method: str = ""
    likeness: float | None = None
    uncertainty_px: float | None = None
    noise: float | None = None
    took_ms: float | None = None
    to_reference: Nine | None = None
    applied_from: int | None = None
    why: str = ""

    @classmethod
    def of(
        cls, seen: Seen, index: int, captured_ns: int, state: ViewState, took_ms: float
    ) -> "ViewRow":
        """Return the row of a look."""
        motion = seen.motion
        return cls(
            index=index,
            captured_ns=captured_ns,
            state=state,
            matrix=None if seen.matrix is None else nine(seen.matrix),
            x_px=motion.x_px if motion else None,
            y_px=motion.y_px if motion else None,
            turned_deg=motion.turned_deg if motion else None,
            scale=motion.scale if motion else None,
            largest_px=motion.largest_px if motion else None,
            method=seen.method,
            likeness=_known(seen.likeness),
            uncertainty_px=_known(seen.uncertainty_px),
            noise=_known(seen.noise),
            took_ms=round(took_ms, 3),
            why=seen.why,
        )


@dataclass(frozen=True, slots=True, eq=False)
class ViewPicture:
    """The reference view, for the session folder.

    Attributes:
        image: uint8, grey.
    """

    image: NDArray[np.uint8]


def nine(matrix: Matrix) -> Nine:
    """Return a homography as nine numbers, row after row."""
    a, b, c, d, e, f, g, h, i = matrix.ravel().tolist()
    return a, b, c, d, e, f, g, h, i


def matrix_of(numbers: Nine) -> Matrix:
    """Return the homography of nine numbers; the same, bit for bit, that `nine` was given."""
    return np.array(numbers, np.float64).reshape(3, 3)


def _known(number: float) -> float | None:
    return number if np.isfinite(number) else None
