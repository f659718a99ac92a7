"""What the session needs of a camera, and nothing more."""

from collections.abc import Iterator
from typing import Protocol

from tracker.errors import EndOfStream
from tracker.types import CameraInfo, Frame, Gap


class Camera(Protocol):
    """A source of frames, used by one thread at a time.

    Made from its settings and the session clock: `XCamera(settings, clock)`; making one
    touches no device. `open` and `close` may be called twice without harm, and a closed
    camera can be opened again, counting from 0. `info` and `read` are only for an open
    camera and raise `DeviceError` on a closed one.
    """

    @property
    def info(self) -> CameraInfo:
        """What the open device says of itself; does not change while it is open."""

    def open(self) -> None:
        """Acquire the device. Raises `DeviceNotFound`."""

    def read(self, timeout_s: float) -> Frame | Gap | None:
        """Return the next frame, or None if none came within `timeout_s` seconds.

        Frames and gaps together leave no index out: after index i comes a frame i + 1, or
        a gap that starts at i + 1. Capture times strictly increase. The image belongs to
        the caller until the next call of `read` (it may be a view of a driver's buffer).

        Raises:
            DeviceLost: If the device stopped answering. No frame is invented for it.
            EndOfStream: If there will be no more frames.
        """

    def close(self) -> None:
        """Release the device, whatever state it is in. Never raises."""


def frames_of(camera: Camera, timeout_s: float = 1.0) -> Iterator[Frame]:
    """Yield the frames of an open camera until its stream ends, which leaves it open.

    Gaps are passed over: this is for work afterwards, not for a session, which accounts for them.
    An image is valid until the next frame is asked for. Raises as `Camera.read`.
    """
    while True:
        try:
            got = camera.read(timeout_s)
        except EndOfStream:
            return
        if isinstance(got, Frame):
            yield got
