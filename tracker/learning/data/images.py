"""Image files and video frames into memory, and no more than fits there."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.cameras.video_file import VideoFileCamera, VideoFileSettings
from tracker.clock import SystemClock
from tracker.errors import EndOfStream, TrainingError
from tracker.types import Frame

MAX_BYTES = 4_000_000_000
"""Most that the images of a data set may take in memory."""

IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
"""How the names of image files end, in small letters."""


def read_image(path: Path, channels: int) -> NDArray[np.uint8] | None:
    """Grey (height, width) or RGB (height, width, 3); None if the file is no image."""
    data = np.frombuffer(path.read_bytes(), np.uint8)
    flag = cv2.IMREAD_GRAYSCALE if channels == 1 else cv2.IMREAD_COLOR
    # Labels belong to the pixels as they are stored, whatever a camera noted about turning.
    image = cv2.imdecode(data, flag | cv2.IMREAD_IGNORE_ORIENTATION) if data.size else None
    if image is None:
        return None
    if channels == 3:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return np.asarray(image, np.uint8)


def with_channels(image: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """The same picture, (height, width) or (height, width, 1 or 3), grey or RGB as asked for."""
    flat = image[..., 0] if image.ndim == 3 and image.shape[2] == 1 else image
    if channels == 1 and flat.ndim == 3:
        return np.asarray(cv2.cvtColor(flat, cv2.COLOR_RGB2GRAY), np.uint8)
    if channels == 3 and flat.ndim == 2:
        return np.asarray(cv2.cvtColor(flat, cv2.COLOR_GRAY2RGB), np.uint8)
    return np.ascontiguousarray(flat, np.uint8)


def read_frames(
    path: Path, wanted: Sequence[int], channels: int, n_images: int | None = None
) -> tuple[dict[int, NDArray[np.uint8]], int]:
    """Decode a video once and keep some of its frames, as the live loop would see them.

    Args:
        path: The video file.
        wanted: Numbers of frames from 0, in any order.
        channels: 1 for grey, 3 for RGB.
        n_images: Images that there will be in memory in all; None: as many as wanted.

    Returns:
        Image by number, without those beyond the end, and how many frames were decoded.

    Raises:
        DeviceError: If the file cannot be read as a video, or breaks off.
        TrainingError: If the frames would need more memory than is sensible.
    """
    left, found, n_decoded = set(wanted), dict[int, NDArray[np.uint8]](), 0
    settings = VideoFileSettings(path=path, fast=True, colour=channels == 3)
    camera = VideoFileCamera(settings, SystemClock())
    camera.open()
    try:
        check_memory(
            path.name, n_images or len(left), int(np.prod(camera.info.shape, dtype=np.int64))
        )
        while left:
            frame = camera.read(timeout_s=0.0)
            if isinstance(frame, Frame):
                n_decoded = frame.index + 1
                if frame.index in left:
                    left.remove(frame.index)
                    found[frame.index] = frame.image
    except EndOfStream:
        pass
    finally:
        camera.close()
    return found, n_decoded


def check_memory(what: str, n_images: int, bytes_each: float) -> None:
    """Refuse what does not fit.

    Raises:
        TrainingError: If the images need more than `MAX_BYTES`.
    """
    needed = n_images * bytes_each
    if needed > MAX_BYTES:
        raise TrainingError(
            f"{what}: {n_images} images need about {needed / 1e9:.1f} GB of memory and at most "
            f"{MAX_BYTES / 1e9:.0f} GB may be used: take fewer images (`every` of a sleap source) "
            f"or smaller ones"
        )
