"""What is recorded, and what happens when it gets too much."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from tracker.session_folder.video_encoder import Codec, Encoder
from tracker.settings import Settings


class Overload(StrEnum):
    """What the session does when the recorder cannot keep up with the camera."""

    FAIL = "fail"
    """It ends: an experiment without a complete video is worth nothing."""

    DROP = "drop"
    """Frames are missing from the video, and from it alone; each has its row in the ledger."""


class RegionCrop(Settings):
    """Only a fixed part of each image goes into the video."""

    kind: Literal["region"] = "region"
    x_px: int = Field(ge=0, description="px, first column that is kept")
    y_px: int = Field(ge=0, description="px, first row that is kept")
    width_px: int = Field(ge=16, le=16384, description="px")
    height_px: int = Field(ge=16, le=16384, description="px")


class AnimalCrop(Settings):
    """Only the surroundings of the animal, where it was last seen, go into the video."""

    kind: Literal["animal"] = "animal"
    width_px: int = Field(ge=16, le=16384, description="px")
    height_px: int = Field(ge=16, le=16384, description="px")


CropSettings = Annotated[RegionCrop | AnimalCrop, Field(discriminator="kind")]


class AroundEpisodesSettings(Settings):
    """Every frame around episodes goes into the video, and few of the others."""

    behaviours: tuple[str, ...] = Field((), description="names; empty: every behaviour")
    before_s: float = Field(5.0, ge=0, le=600, description="s before the onset")
    after_s: float = Field(5.0, ge=0, le=3600, description="s after the last frame")
    otherwise_fps: float = Field(
        0.0, ge=0, le=1000, description="frames per second where nothing happens; 0: none"
    )
    memory_mb: int = Field(
        1000, ge=1, le=1_000_000, description="MB (10^6 bytes) for frames that wait"
    )


class RecorderSettings(Settings):
    """What is recorded, and what happens when it gets too much."""

    codec: Codec = Field(Codec.FFV1, description="ffv1: bit-exact; h264: small; none: no video")
    crf: int = Field(18, ge=0, le=51, description="h264 only: 0 is best, 51 is worst")
    encoder: Encoder = Field(
        Encoder.CPU, description="h264 only: cpu; nvenc: an NVIDIA GPU; auto: that, if it is there"
    )
    encoder_threads: int = Field(1, ge=1, le=16, description="threads of the encoder")
    segment_minutes: float | None = Field(
        None, gt=0, le=1440, description="min of captured time, then a new video file; null: one"
    )
    segment_mb: int | None = Field(
        None, ge=1, le=1_000_000, description="MB (10^6 bytes), then a new video file; null: one"
    )
    crop: CropSettings | None = Field(None, description="null: whole images go into the video")
    around_episodes: AroundEpisodesSettings | None = Field(
        None, description="null: every frame goes into the video"
    )
    by_hand: bool = Field(
        default=False, description="true: no video until a person starts it, a file each time"
    )
    on_overload: Overload = Field(
        Overload.DROP, description="fail: end the session; drop: leave frames out of the video"
    )
    sync_every_s: float = Field(
        1.0, ge=0.2, le=60, description="s between forcing all onto the disk: a power cut's loss"
    )
    min_free_mb: int = Field(
        2000, ge=0, le=10_000_000, description="MB (10^6 bytes) that must be free to begin"
    )

    @property
    def segmented(self) -> bool:
        """Whether the video is several files."""
        return self.segment_minutes is not None or self.segment_mb is not None or self.by_hand

    @model_validator(mode="after")
    def _something_to_start(self) -> "RecorderSettings":
        if self.by_hand and (self.codec is Codec.NONE or self.around_episodes is not None):
            raise ValueError(
                "by_hand lets a person start the video, so it needs a codec, and no around_episodes"
            )
        return self
