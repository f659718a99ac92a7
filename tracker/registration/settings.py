"""How a camera that may be moved is watched."""

from enum import StrEnum
from pathlib import Path

from pydantic import Field

from tracker.registration.models import Model
from tracker.settings import Settings


class OnMove(StrEnum):
    """What a session does once its camera was moved. It is said and recorded either way."""

    WARN = "warn"
    """Nothing else: positions and zones are where they are in the picture."""

    FOLLOW = "follow"
    """Positions are taken back to the reference view before features are measured."""

    STOP = "stop"
    """The session fails: outputs are safe first."""


class RegistrationSettings(Settings):
    """Whether the camera still looks where it looked when the arena was set up."""

    reference: Path | None = Field(
        None, description="picture of the view for which zones were drawn; null: the first frame"
    )
    on_move: OnMove = OnMove.WARN
    model: Model = Field(Model.RIGID, description="how the camera may be moved")
    every_s: float = Field(
        2.0,
        ge=0.1,
        le=3600,
        description="s between looks; above 4 a bump is told later than 5 s",
    )
    tolerance_px: float = Field(
        3.0, gt=0, le=1000, description="px, of the corner that moves most: less is no motion"
    )
