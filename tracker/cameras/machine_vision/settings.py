"""What a config says of a camera with a driver of its own, whatever the driver."""

from collections.abc import Mapping

from pydantic import Field, model_validator

from tracker.cameras.machine_vision.absence import OnDisconnect
from tracker.settings import Settings


class Trigger(Settings):
    """What starts each exposure."""

    source: str = Field(
        "Software",
        pattern=r"^\w+$",
        description="Software: the session, at the camera's fps; otherwise an input, e.g. Line1",
    )
    activation: str = Field(
        "RisingEdge", pattern=r"^\w+$", description="which edge or level; not for Software"
    )
    selector: str = Field("FrameStart", pattern=r"^\w+$", description="what it starts")

    @property
    def by_software(self) -> bool:
        """Whether the session gives the pulses."""
        return self.source == "Software"


class MachineVisionSettings(Settings):
    """What is asked of the camera; it is read back, and another answer is an error."""

    device: str | None = Field(
        None,
        min_length=1,
        description="serial number, address or own name; null: the only camera there is",
    )
    width: int | None = Field(None, ge=1, le=65536, description="px; null: as the camera is set")
    height: int | None = Field(None, ge=1, le=65536, description="px; null: as the camera is set")
    offset_x: int | None = Field(None, ge=0, le=65536, description="px, of the region's left edge")
    offset_y: int | None = Field(None, ge=0, le=65536, description="px, of the region's top edge")
    pixel_format: str | None = Field(
        None, pattern=r"^\w+$", description="as the camera names it; null: the one cheapest to use"
    )
    colour: bool = Field(default=False, description="RGB images, otherwise grey")
    darkest: int = Field(
        0, ge=0, le=65535, description="camera's count that becomes 0; for more than 8 bits"
    )
    brightest: int | None = Field(
        None, ge=1, le=65535, description="count that becomes 255; null: the format's largest"
    )
    exposure_us: float | None = Field(
        None, gt=0, le=60e6, description="microseconds; null: as the camera is set"
    )
    gain: float | None = Field(
        None, ge=0, le=100_000, description="dB, or raw steps where it has no dB; null: as it is"
    )
    fps: float | None = Field(
        None, gt=0, le=100_000, description="frames per second; null: as the camera is set"
    )
    trigger: Trigger | None = Field(None, description="null: the camera runs by itself")
    features: Mapping[str, bool | int | float | str] = Field(
        default_factory=dict,
        description="more settings by the camera's own names, in this order, before all others",
    )
    device_time: bool = Field(
        default=True,
        description="take capture times from the camera's time stamps; false: from arrivals",
    )
    ptp: bool = Field(default=False, description="the camera's clock follows a PTP master")
    least_delay_us: float = Field(
        0.0, ge=0, le=1e6, description="end of exposure to quickest arrival, if it was measured"
    )
    buffers: int = Field(
        32, ge=2, le=4096, description="frames that the driver can hold for a late reader"
    )
    on_disconnect: OnDisconnect = OnDisconnect.END
    away_after_s: float = Field(
        2.0,
        gt=0.05,
        le=600,
        description="with on_disconnect wait, a camera that runs by itself and is silent for so "
        "long is taken as unplugged",
    )
    wait_at_most_s: float = Field(
        3600.0, gt=0, le=604_800, description="s that it may be away before the session fails"
    )

    @model_validator(mode="after")
    def _can_be_meant(self) -> "MachineVisionSettings":
        if self.trigger is not None and self.trigger.by_software and self.fps is None:
            raise ValueError("trigger.source Software needs fps: how often the session triggers")
        if self.brightest is not None and self.brightest <= self.darkest:
            raise ValueError(
                f"brightest is {self.brightest} and darkest {self.darkest}: expected it above"
            )
        if self.fps is not None and self.exposure_us is not None:
            longest_us = 1e6 / self.fps
            if self.exposure_us > longest_us:
                raise ValueError(
                    f"exposure_us is {self.exposure_us:g}, but at fps {self.fps:g} a frame lasts "
                    f"{longest_us:g} us: lower one of them"
                )
        if self.ptp and not self.device_time:
            raise ValueError("ptp is for the camera's time stamps, which device_time: false leaves")
        return self

    @property
    def runs_by_itself(self) -> bool:
        """Whether frames come without a trigger."""
        return self.trigger is None
