"""What can be chosen about the synthetic rig, and where its floor lies in the picture."""

from typing import Literal, NamedTuple, Self

from pydantic import Field, model_validator

from tracker.cameras.synthetic.chance import uniform
from tracker.settings import Settings

WALL_SHARE = 0.075
"""Share of the picture's shorter side that each wall takes."""

FLOOR_CM = 40.0
"""Shorter side of the floor (cm) when `px_per_cm` is not given."""

ZOOM_SALT = 11


class FloorRectangle(NamedTuple):
    """A rectangle on the floor: left, top, width, height (sensor pixels)."""

    x_px: float
    y_px: float
    width_px: float
    height_px: float

    def holds(self, x: float, y: float) -> bool:
        """Whether the point lies in it; all four edges belong to it."""
        return (
            self.x_px <= x <= self.x_px + self.width_px
            and self.y_px <= y <= self.y_px + self.height_px
        )


class SyntheticCameraSettings(Settings):
    """A dark mouse in a light box, seen from above."""

    kind: Literal["synthetic"] = "synthetic"
    width: int = Field(640, ge=32, le=8192, description="px")
    height: int = Field(480, ge=32, le=8192, description="px")
    fps: float = Field(60.0, gt=0, le=2000, description="frames per second")
    colour: bool = Field(default=False, description="RGB images, otherwise grey")
    seed: int = Field(0, ge=0, lt=2**32, description="same seed, same pixels")
    n_frames: int | None = Field(None, ge=1, description="frames until the end; none: endless")
    duration_s: float | None = Field(None, gt=0, description="s until the end; none: endless")
    px_per_cm: float | None = Field(
        None, gt=0, le=1000, description="none: the shorter side of the floor is 40 cm"
    )
    paced: bool = Field(
        default=True, description="frames come when they are due, otherwise when asked for"
    )
    lose_fraction: float = Field(
        0.0, ge=0, lt=1, description="share of frames that the sensor counts and loses"
    )
    jitter_ms: float = Field(
        0.0, ge=0, le=1000, description="ms, longest delay on the way; capture times stay"
    )
    vary_looks: bool = Field(
        default=False, description="light, mouse, zoom, blur and noise are drawn from the seed"
    )

    animals: int = Field(
        1, ge=1, le=2, description="2: a second mouse goes to see the first one now and then"
    )
    light: str | None = Field(
        None,
        min_length=1,
        description="output of the experiment that the mouse sees; none: there is no light",
    )
    wakes: bool = Field(
        default=True, description="if there is a light: it ends freezing, and the mouse walks"
    )
    reaction_ms: float = Field(
        250.0,
        ge=100,
        le=2000,
        description="ms from light to walk; each by up to 20 % shorter or longer, by the seed",
    )
    led: bool = Field(
        default=True, description="if there is a light: an LED in the top left corner shows it"
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.n_frames is not None and self.duration_s is not None:
            raise ValueError("n_frames and duration_s are both given: leave one out")
        short_cm = min(self.width, self.height) * (1 - 2 * WALL_SHARE) / self.scale_px_per_cm
        if short_cm < 20:
            raise ValueError(
                f"a picture of {self.width}x{self.height} at {self.scale_px_per_cm:g} px/cm has a "
                f"floor only {short_cm:.1f} cm wide, expected at least 20 cm: lower px_per_cm"
            )
        return self

    @property
    def scale_px_per_cm(self) -> float:
        """Pixels per centimetre on the floor: as given, or as chosen from the picture's size."""
        if self.px_per_cm is not None:
            return self.px_per_cm
        standard = min(self.width, self.height) * (1 - 2 * WALL_SHARE) / FLOOR_CM
        return standard * (uniform(self.seed, ZOOM_SALT, 0.75, 1.5) if self.vary_looks else 1.0)

    @property
    def total_frames(self) -> int | None:
        """Frames until the end; None if there is no end."""
        if self.duration_s is not None:
            return max(1, round(self.duration_s * self.fps))
        return self.n_frames

    @property
    def floor(self) -> FloorRectangle:
        """The floor of the box."""
        wall = WALL_SHARE * min(self.width, self.height)
        return FloorRectangle(wall, wall, self.width - 2 * wall, self.height - 2 * wall)

    @property
    def led_px(self) -> tuple[int, int]:
        """The pixel (x, y) in the middle of the LED, in the top left corner of the walls."""
        middle = max(1, round(self.floor.x_px / 2))
        return middle, middle

    @property
    def led_radius_px(self) -> float:
        """Radius of the LED's lens (px); its halo is wider, and ends before the floor."""
        return max(0.75, 0.2 * self.floor.x_px)

    @property
    def centre_zone(self) -> FloorRectangle:
        """The zone of the behaviour `in_centre`: half the floor's width by half its height."""
        x, y, width, height = self.floor
        return FloorRectangle(x + width / 4, y + height / 4, width / 2, height / 2)
