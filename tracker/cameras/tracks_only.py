"""Frames without pictures, for tracks whose video is not there any more."""

from typing import Literal

import numpy as np
from pydantic import Field

from tracker.clock import Clock
from tracker.errors import DeviceError, EndOfStream
from tracker.settings import Settings
from tracker.types import CameraInfo, Frame, Gap


class TracksOnlySettings(Settings):
    """How many frames there were, and when; all their pixels are 0."""

    kind: Literal["tracks_only"] = "tracks_only"
    n_frames: int = Field(ge=1, description="how many frames")
    fps: float = Field(
        gt=0, le=100_000, description="frames per second: their times follow from it"
    )
    width_px: int = Field(ge=1, le=16384, description="px, of the pictures that there were")
    height_px: int = Field(ge=1, le=16384, description="px")


class TracksOnlyCamera:
    """Counts frames at a stated rate, as fast as they are asked for; captured_ns begins at 0.

    Args:
        settings: How many, and how fast.
        clock: Stamps when they were received.
    """

    def __init__(self, settings: TracksOnlySettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._image = np.zeros((settings.height_px, settings.width_px), np.uint8)
        self._next: int | None = None

    @property
    def info(self) -> CameraInfo:
        """What the settings say. Raises `DeviceError` when closed."""
        self._is_open()
        settings = self._settings
        return CameraInfo(
            name="tracks without a video",
            shape=(settings.height_px, settings.width_px),
            fps=settings.fps,
            live=False,
            n_frames=settings.n_frames,
        )

    def open(self) -> None:
        """Begin to count; again at 0 after `close`."""
        if self._next is None:
            self._next = 0

    def read(self, timeout_s: float) -> Frame | Gap | None:  # noqa: ARG002 - nothing is waited for
        """Return the next frame, at once.

        Raises:
            DeviceError: If the camera is closed.
            EndOfStream: After the last frame.
        """
        index = self._is_open()
        if index >= self._settings.n_frames:
            raise EndOfStream(f"all {index} frames of the tracks were read")
        self._next = index + 1
        captured_ns = round(index * 1e9 / self._settings.fps)
        return Frame(index, captured_ns, self._clock.now_ns(), self._image)

    def close(self) -> None:
        """Stop counting. Never raises."""
        self._next = None

    def _is_open(self) -> int:
        if self._next is None:
            raise DeviceError("the camera of tracks without a video is closed: call open() first")
        return self._next
