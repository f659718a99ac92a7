"""Formats of pixels: from a driver's buffer to grey or RGB, with no work where none is needed.

Names are those of GenICam's Pixel Format Naming Convention, and the older ones of GigE Vision.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.cameras.machine_vision.driver import Buffer
from tracker.errors import DeviceError

Image = NDArray[np.uint8]

_SENSOR = re.compile(r"^(Mono|BayerRG|BayerGR|BayerGB|BayerBG)(8|10|12|14|16)(p|Packed)?$")

_BAYER = {
    "BayerRG": (cv2.COLOR_BayerRGGB2GRAY, cv2.COLOR_BayerRGGB2RGB),
    "BayerGR": (cv2.COLOR_BayerGRBG2GRAY, cv2.COLOR_BayerGRBG2RGB),
    "BayerGB": (cv2.COLOR_BayerGBRG2GRAY, cv2.COLOR_BayerGBRG2RGB),
    "BayerBG": (cv2.COLOR_BayerBGGR2GRAY, cv2.COLOR_BayerBGGR2RGB),
}
"""OpenCV's conversion to grey and to RGB, by the first two pixels of the first row."""

_YUYV = (cv2.COLOR_YUV2GRAY_YUY2, cv2.COLOR_YUV2RGB_YUY2)
_UYVY = (cv2.COLOR_YUV2GRAY_UYVY, cv2.COLOR_YUV2RGB_UYVY)

_COLOUR: dict[str, tuple[int, tuple[int, int | None]]] = {
    "RGB8": (3, (cv2.COLOR_RGB2GRAY, None)),
    "RGB8Packed": (3, (cv2.COLOR_RGB2GRAY, None)),
    "BGR8": (3, (cv2.COLOR_BGR2GRAY, cv2.COLOR_BGR2RGB)),
    "BGR8Packed": (3, (cv2.COLOR_BGR2GRAY, cv2.COLOR_BGR2RGB)),
    "BGRA8": (4, (cv2.COLOR_BGRA2GRAY, cv2.COLOR_BGRA2RGB)),
    "BGRa8": (4, (cv2.COLOR_BGRA2GRAY, cv2.COLOR_BGRA2RGB)),
    "BGRA8Packed": (4, (cv2.COLOR_BGRA2GRAY, cv2.COLOR_BGRA2RGB)),
    "YUV422_8": (2, _YUYV),
    "YCbCr422_8": (2, _YUYV),
    "YUV422_YUYV_Packed": (2, _YUYV),
    "YUV422_8_UYVY": (2, _UYVY),
    "YUV422Packed": (2, _UYVY),
}
"""Bytes per pixel, and OpenCV's conversions to grey and to RGB; None: it is RGB already."""

_GREY_FIRST = ("Mono8", "BayerRG8", "BayerGR8", "BayerGB8", "BayerBG8", "YUV422_8", "YCbCr422_8")
_COLOUR_FIRST = (
    *("RGB8", "RGB8Packed", "BGR8", "BGR8Packed"),
    *("BayerRG8", "BayerGR8", "BayerGB8", "BayerBG8"),
    *("YUV422_8", "YCbCr422_8", "YUV422Packed", "YUV422_YUYV_Packed"),
)


def can_use(pixel_format: str, *, colour: bool) -> bool:
    """Whether pictures can be made of this format; colour never of a grey one."""
    sensor = _SENSOR.match(pixel_format)
    if sensor is None:
        return pixel_format in _COLOUR
    bits, packing = int(sensor[2]), sensor[3]
    if packing and bits not in (10, 12):
        return False
    return not (colour and sensor[1] == "Mono")


def cheapest(offered: Sequence[str], *, colour: bool) -> str | None:
    """Return the format that costs least to use of those offered; None if none can be used."""
    usable = [each for each in offered if can_use(each, colour=colour)]
    for name in _COLOUR_FIRST if colour else _GREY_FIRST:
        if name in usable:
            return name
    return usable[0] if usable else None


@dataclass(frozen=True, slots=True)
class Levels:
    """Counts of a format with more than 8 bits that become 0 and 255; in between it is linear.

    Attributes:
        darkest: Becomes 0, and what is below it too.
        brightest: Becomes 255, and what is above it too; None: the largest of the format.
    """

    darkest: int = 0
    brightest: int | None = None


class Converter:
    """Makes pictures of buffers of one format; used by one thread.

    Mono8, and RGB8 if colour is wanted, are handed on as they lie in the driver's memory. Any
    other format is converted into memory that the next call writes again.

    Args:
        pixel_format: Of every buffer.
        colour: RGB, otherwise grey.
        levels: For more than 8 bits.

    Raises:
        DeviceError: If the format cannot be used for this.
    """

    def __init__(self, pixel_format: str, *, colour: bool, levels: Levels) -> None:
        if not can_use(pixel_format, colour=colour):
            wanted = "colour" if colour else "grey"
            raise DeviceError(
                f"pixel_format {pixel_format} gives no {wanted} pictures: choose another "
                f"pixel_format" + (", or colour: false" if colour else "")
            )
        self._format = pixel_format
        self._make = self._choose(pixel_format, colour=colour, levels=levels)

    def __call__(self, buffer: Buffer) -> Image:
        """Return the picture, uint8, (height, width) or (height, width, 3).

        Raises:
            DeviceError: If the buffer is of another format, or too small for its picture.
        """
        if buffer.pixel_format != self._format:
            raise DeviceError(
                f"the camera sent {buffer.pixel_format}, it was set to {self._format}"
            )
        return self._make(buffer)

    def _choose(
        self, pixel_format: str, *, colour: bool, levels: Levels
    ) -> Callable[[Buffer], Image]:
        sensor = _SENSOR.match(pixel_format)
        if sensor is None:
            n_bytes, codes = _COLOUR[pixel_format]
            return _coded(lambda buffer: _rows(buffer, n_bytes), codes[colour])
        plane = _eight_bits(int(sensor[2]), sensor[3] or "", levels)
        if sensor[1] == "Mono":
            return plane
        return _coded(plane, _BAYER[sensor[1]][colour])


def _coded(plane: Callable[[Buffer], Image], code: int | None) -> Callable[[Buffer], Image]:
    if code is None:
        return plane
    out: Image | None = None

    def convert(buffer: Buffer) -> Image:
        nonlocal out
        out = np.asarray(cv2.cvtColor(plane(buffer), code, dst=out), np.uint8)
        return out

    return convert


def _rows(buffer: Buffer, n_bytes: int) -> Image:
    """The buffer's rows without their padding: (height, width), or (.., n_bytes) if more than 1."""
    bytes_per_row = buffer.width * n_bytes
    flat = _whole(buffer, (bytes_per_row + buffer.padding) * buffer.height - buffer.padding)
    stride = bytes_per_row + buffer.padding
    shape = (buffer.height, buffer.width, n_bytes)[: 2 + (n_bytes > 1)]
    strides = (stride, n_bytes, 1)[: 2 + (n_bytes > 1)]
    return np.ndarray(shape, np.uint8, flat, 0, strides)


def _whole(buffer: Buffer, n_bytes: int) -> Image:
    if buffer.data.size < n_bytes:
        raise DeviceError(
            f"the camera sent {buffer.data.size} bytes for {buffer.width}x{buffer.height} px of "
            f"{buffer.pixel_format}, expected {n_bytes}"
        )
    return buffer.data[:n_bytes]


def _eight_bits(bits: int, packing: str, levels: Levels) -> Callable[[Buffer], Image]:
    """What makes 8 bits of a sensor's counts."""
    if bits == 8:
        return lambda buffer: _rows(buffer, 1)
    unpack = {"": _words, "p": _unpacker_p(bits), "Packed": _unpacker_gige(bits)}[packing]
    brightest = levels.brightest if levels.brightest is not None else (1 << bits) - 1
    scale, out = 255 / (brightest - levels.darkest), None

    def scaled(buffer: Buffer) -> Image:
        nonlocal out
        counts = unpack(buffer)
        if levels.darkest:
            counts = np.maximum(counts, levels.darkest) - np.uint16(levels.darkest)
        out = np.asarray(cv2.convertScaleAbs(counts, dst=out, alpha=scale), np.uint8)
        return out

    return scaled


def _words(buffer: Buffer) -> NDArray[np.uint16]:
    """16 bits per pixel, little-endian."""
    rows = np.ascontiguousarray(_rows(buffer, 2))
    return rows.view("<u2").reshape(buffer.height, buffer.width)


def _unpacker_p(bits: int) -> Callable[[Buffer], NDArray[np.uint16]]:
    """GenICam's packing, e.g. Mono10p: the pixels' bits one after another, lowest first.

    10 bits: 4 pixels in 5 bytes; 12 bits: 2 pixels in 3 bytes (PFNC 2.4, chapter 7).
    """
    n_pixels, n_bytes = (4, 5) if bits == 10 else (2, 3)

    def unpack(buffer: Buffer) -> NDArray[np.uint16]:
        groups = _groups(buffer, n_pixels, n_bytes)
        out = np.empty((len(groups), n_pixels), np.uint16)
        for k in range(n_pixels):
            first, shift = divmod(k * bits, 8)
            low = groups[:, first].astype(np.uint16) >> shift
            high = groups[:, first + 1].astype(np.uint16) << (8 - shift)
            out[:, k] = (low | high) & ((1 << bits) - 1)
        return _as_image(out, buffer)

    return unpack


def _unpacker_gige(bits: int) -> Callable[[Buffer], NDArray[np.uint16]]:
    """GigE Vision's packing, e.g. Mono12Packed: 2 pixels in 3 bytes, low bits in the middle one.

    The first pixel's low bits are the middle byte's bits from 0, the second's those from 4
    (GigE Vision 2.0, pixel formats).
    """
    low_bits = bits - 8
    mask = (1 << low_bits) - 1

    def unpack(buffer: Buffer) -> NDArray[np.uint16]:
        groups = _groups(buffer, 2, 3).astype(np.uint16)
        out = np.empty((len(groups), 2), np.uint16)
        out[:, 0] = groups[:, 0] << low_bits | groups[:, 1] & mask
        out[:, 1] = groups[:, 2] << low_bits | groups[:, 1] >> 4 & mask
        return _as_image(out, buffer)

    return unpack


def _groups(buffer: Buffer, n_pixels: int, n_bytes: int) -> Image:
    """The bytes in groups of whole pixels, rows running on without padding."""
    total = buffer.width * buffer.height
    n_groups = -(-total // n_pixels)
    needed = -(-total * n_bytes // n_pixels)
    flat = _whole(buffer, needed)
    if needed < n_groups * n_bytes:
        flat = np.concatenate([flat, np.zeros(n_groups * n_bytes - needed, np.uint8)])
    return flat.reshape(n_groups, n_bytes)


def _as_image(pixels: NDArray[np.uint16], buffer: Buffer) -> NDArray[np.uint16]:
    n = buffer.width * buffer.height
    return pixels.reshape(-1)[:n].reshape(buffer.height, buffer.width)
