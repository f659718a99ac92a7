"""What can be chosen about frames of several cameras that belong together."""

from pydantic import Field

from tracker.multiview.sets import Incomplete
from tracker.multiview.triangulate import LARGEST_RESIDUAL_PX
from tracker.settings import Settings


class SetsSettings(Settings):
    """Which frames are one moment, and what becomes of them."""

    apart_ms: float | None = Field(
        None,
        gt=0,
        le=10_000,
        description="ms, frames of a set are taken within this; null: 0.4 of the time between two "
        "frames of the first camera",
    )
    incomplete: Incomplete = Field(
        Incomplete.KEEP,
        description="keep: points come from the cameras that have a frame, two at least; drop: "
        "only complete sets give points",
    )
    largest_residual_px: float = Field(
        LARGEST_RESIDUAL_PX,
        gt=0,
        le=1000,
        description="px; a camera that saw a point further off than this is left out",
    )
