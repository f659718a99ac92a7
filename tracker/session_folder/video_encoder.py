"""Which encoder makes the video, tried before a session begins."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import Any

import av
from av.codec.codec import UnknownCodecError

from tracker.errors import RecordingError

TIME_BASE = Fraction(1, 1_000_000)

_FFV1 = {"level": "3", "slices": "4", "slicecrc": "1", "g": "10"}


class Codec(StrEnum):
    """How frames are stored."""

    FFV1 = "ffv1"
    """Every pixel as the camera gave it: a replay sees exactly what was seen live."""

    H264 = "h264"
    """A tenth of the size or less, with losses: a replay may differ."""

    NONE = "none"
    """No video at all."""


class Encoder(StrEnum):
    """What encodes H.264."""

    CPU = "cpu"
    """libx264, everywhere."""

    NVENC = "nvenc"
    """The encoder of an NVIDIA GPU; a session does not begin without it."""

    AUTO = "auto"
    """NVENC where it can be opened, otherwise the CPU; which one it is stands in session.json."""


@dataclass(frozen=True, slots=True)
class EncoderChoice:
    """An encoder that can store frames of one shape.

    Attributes:
        name: FFmpeg's name.
        pixel_format: What it is handed.
        options: FFmpeg's options.
        fell_back: Why it is not the one that was wanted first; "" if it is.
    """

    name: str
    pixel_format: str
    options: Mapping[str, str] = field(default_factory=dict)
    fell_back: str = ""

    @property
    def lossless(self) -> bool:
        """Whether every pixel is kept."""
        return self.name == "ffv1"


def choose_encoder(
    codec: Codec, encoder: Encoder, shape: tuple[int, ...], crf: int
) -> EncoderChoice:
    """Return the encoder for images of a shape; NVENC is opened once, to be sure.

    Args:
        codec: Any but `NONE`.
        encoder: Which one for h264.
        shape: Of every image: (height, width) grey, (height, width, 3) RGB.
        crf: For h264 alone: 0 (best) to 51 (worst).

    Raises:
        RecordingError: If it cannot store such images, or NVENC is demanded and not there.
    """
    colour = len(shape) == 3
    if codec is Codec.FFV1:
        return EncoderChoice("ffv1", "bgr0" if colour else "gray", _FFV1)
    refuse_shape(shape, codec)
    options = {"preset": "ultrafast", "tune": "zerolatency", "crf": str(crf), "g": "30"}
    on_cpu = EncoderChoice("libx264", "yuv420p" if colour else "gray", options)
    if encoder is Encoder.CPU:
        return on_cpu
    on_gpu = EncoderChoice("h264_nvenc", "yuv420p", _nvenc_options(crf))
    why_not = _why_not(on_gpu, shape)
    if not why_not:
        return on_gpu
    if encoder is Encoder.NVENC:
        raise RecordingError(
            f"outputs.recording.encoder is nvenc, which cannot be opened: {why_not}; choose auto "
            f"or cpu, or see that the driver of an NVIDIA GPU with an encoder is installed"
        )
    fell_back = f"H.264 is encoded on the CPU, since NVENC cannot be opened: {why_not}"
    return EncoderChoice(on_cpu.name, on_cpu.pixel_format, on_cpu.options, fell_back)


def refuse_shape(shape: tuple[int, ...], codec: Codec) -> None:
    """Raise `RecordingError` if the codec cannot store images of this shape."""
    if codec is Codec.H264 and len(shape) == 3 and (shape[0] % 2 or shape[1] % 2):
        raise RecordingError(
            f"h264 stores colour only in even sizes, and the camera gives {shape[1]}x{shape[0]}: "
            f"choose another size, or codec: ffv1"
        )


def _nvenc_options(crf: int) -> dict[str, str]:
    """Constant quality, every frame out at once, no frame that needs a later one."""
    return {
        "preset": "p4",
        "tune": "ull",
        "rc": "vbr",
        "cq": str(crf),
        "b": "0",
        "bf": "0",
        "g": "30",
        "zerolatency": "1",
        "delay": "0",
    }


def _why_not(choice: EncoderChoice, shape: tuple[int, ...]) -> str:
    """What is in the way of an encoder; "" if it opens."""
    if shape[0] % 2 or shape[1] % 2:
        return f"it stores only even sizes, and the images are {shape[1]}x{shape[0]}"
    level = av.logging.get_level()
    av.logging.set_level(av.logging.PANIC)  # what FFmpeg prints is in its error as well
    try:
        context: Any = av.CodecContext.create(choice.name, "w")
        context.height, context.width = shape[:2]
        context.pix_fmt = choice.pixel_format
        context.time_base = TIME_BASE
        context.options = dict(choice.options)
        context.open()
    except UnknownCodecError:
        return "this build of FFmpeg does not have it"
    except (av.FFmpegError, ValueError) as failure:
        log = getattr(failure, "log", None)
        return str(log[2]).strip() if log else str(failure)
    finally:
        av.logging.set_level(level)
    return ""
