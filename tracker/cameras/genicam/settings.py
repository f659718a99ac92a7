"""What a config says of a camera through Aravis."""

from typing import Literal

from pydantic import Field

from tracker.cameras.machine_vision import MachineVisionSettings


class GenicamSettings(MachineVisionSettings):
    """A camera that speaks GigE Vision or USB3 Vision, of any maker."""

    kind: Literal["genicam"] = "genicam"
    emulated: bool = Field(
        default=False, description="a camera that Aravis plays, for trying out; device stays null"
    )
    packet_size: int | None = Field(
        None,
        ge=220,
        le=16_384,
        description="bytes, GigE; null: the camera's, made smaller if it does not get through",
    )
    resend: bool = Field(default=True, description="GigE: ask for packets that were lost")
    give_up_after_ms: float = Field(
        50.0, ge=1, le=10_000, description="GigE: how long a frame may lack packets"
    )
