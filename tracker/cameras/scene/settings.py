"""What can be chosen about a camera that looks at the scene."""

from typing import Literal

from pydantic import Field

from tracker.settings import Settings

Place = Literal["front", "left", "back", "right"]


class SceneCameraSettings(Settings):
    """A dark ball that flies through a light box, seen from one of four places."""

    kind: Literal["scene"] = "scene"
    place: Place = Field("front", description="where the camera stands, 1 m from the middle")
    fps: float = Field(60.0, gt=0, le=2000, description="triggers per second, same for all cameras")
    n_frames: int | None = Field(None, ge=1, description="frames until the end; none: endless")
    exposure_ms: float = Field(1.0, gt=0, le=1000, description="ms; a trigger begins it")
    jitter_ms: float = Field(
        0.0, ge=0, le=1000, description="ms, longest delay of a frame on its way"
    )
    drift_ppm: float = Field(
        0.0, ge=-500, le=500, description="by how much the camera's own clock runs too fast"
    )
    lose_fraction: float = Field(
        0.0, ge=0, lt=1, description="share of frames that are lost on the way"
    )
    noise: float = Field(2.0, ge=0, le=50, description="grey values, standard deviation")
    seed: int = Field(0, ge=0, lt=2**32, description="of noise, delays and losses")
