"""Any camera or stream that OpenCV can open: USB cameras, RTSP, image sequences."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tracker.cameras.options import CameraOption, options_from
from tracker.clock import Clock
from tracker.errors import DeviceError, DeviceLost, DeviceNotFound, EndOfStream
from tracker.settings import Settings
from tracker.types import CameraInfo, Frame, Gap


class OpenCVSettings(Settings):
    """A camera by its number, or a stream, file or image sequence by its address."""

    kind: Literal["opencv"] = "opencv"
    device: int | str = Field(description="0 for the first USB camera, or an address or path")
    width: int | None = Field(None, ge=1, le=16384, description="px; none: the camera's choice")
    height: int | None = Field(None, ge=1, le=16384, description="px; none: the camera's choice")
    fps: float | None = Field(
        None, gt=0, le=10000, description="frames per second; none: the camera's choice"
    )
    colour: bool = Field(default=False, description="RGB images, otherwise grey")
    open_timeout_s: float = Field(
        5.0, gt=0, le=600, description="s, for addresses; a USB camera decides for itself"
    )


class OpenCVCamera:
    """Reads a camera through OpenCV, which knows no capture times and counts no losses.

    captured_ns equals received_ns (there is no device time), and frames are numbered as they
    arrive: what the driver dropped leaves no trace. Take a driver of its own where losses
    must be known. A `read` on a USB camera waits as long as the driver does, whatever
    `timeout_s` says; on an address, `open_timeout_s` bounds the wait for data, too.

    Args:
        settings: Which device, and what is asked of it.
        clock: The session clock.
    """

    def __init__(self, settings: OpenCVSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._capture: cv2.VideoCapture | None = None
        self._info: CameraInfo | None = None
        self._next_index = 0
        self._last_ns = -1

    @property
    def info(self) -> CameraInfo:
        """What the driver says. Raises `DeviceError` when closed.

        A device whose frames are counted beforehand (a file, an image sequence) is not live.
        """
        if self._info is None:
            raise DeviceError(f"camera {self._settings.device} is closed: call open() first")
        return self._info

    @property
    def options(self) -> tuple[CameraOption, ...]:
        """What can be asked of it, as the driver says it is; of a file only its colour.

        OpenCV does not say between which values: the session refuses what the camera does not do.
        """
        settings, info = self._settings, self.info
        if not info.live:
            return options_from(settings, ("colour",))
        now = {"width": info.shape[1], "height": info.shape[0], "fps": info.fps}
        return options_from(settings, (*now, "colour"), now)

    def open(self) -> None:
        """Acquire the device and ask for size and rate.

        Raises:
            DeviceNotFound: If OpenCV cannot open it.
            DeviceError: If it does not do what was asked of it.
        """
        if self._info is not None:
            return
        device = self._settings.device
        with quiet_opencv():
            capture = self._connect()
            if not capture.isOpened():
                capture.release()
                raise DeviceNotFound(
                    f"OpenCV cannot open camera {device!r}: check that it is plugged in, that no "
                    f"other program uses it, and its number or address"
                )
            try:
                self._request(capture)
            except DeviceError:
                capture.release()
                raise
        self._capture = capture
        self._next_index, self._last_ns = 0, -1
        self._info = self._describe(capture)

    def read(self, timeout_s: float) -> Frame | Gap | None:
        """Return the next frame; see the class for how long it waits.

        Raises:
            DeviceError: If the camera is closed.
            DeviceLost: If no frame came, or one of another size.
            EndOfStream: After the last frame of a file or an image sequence.
        """
        del timeout_s
        info, index = self.info, self._next_index
        with quiet_opencv():
            good, picture = self._capture.read() if self._capture else (False, None)
        if not good or picture is None:
            if info.n_frames is not None and index >= info.n_frames:
                raise EndOfStream(f"all {index} frames of {self._settings.device} were read")
            raise DeviceLost(
                f"camera {self._settings.device!r} gave no frame {index}: check cable and power"
            )
        received_ns = max(self._clock.now_ns(), self._last_ns + 1)
        image = self._image(np.asarray(picture, np.uint8))
        if image.shape != info.shape:
            raise DeviceLost(
                f"camera {self._settings.device!r}: frame {index} has shape {image.shape}, but the "
                f"driver promised {info.shape}"
            )
        self._next_index, self._last_ns = index + 1, received_ns
        return Frame(index, received_ns, received_ns, image)

    def close(self) -> None:
        """Release the device. Never raises."""
        if self._capture is not None:
            self._capture.release()
        self._capture, self._info = None, None

    def _connect(self) -> cv2.VideoCapture:
        device = self._settings.device
        if isinstance(device, int):
            return cv2.VideoCapture(device)
        limit_ms = round(self._settings.open_timeout_s * 1000)
        limits = [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
            limit_ms,
            cv2.CAP_PROP_READ_TIMEOUT_MSEC,
            limit_ms,
        ]
        return cv2.VideoCapture(device, cv2.CAP_FFMPEG, limits)

    def _request(self, capture: cv2.VideoCapture) -> None:
        settings = self._settings
        wishes = (
            ("width", cv2.CAP_PROP_FRAME_WIDTH, settings.width, 0.0),
            ("height", cv2.CAP_PROP_FRAME_HEIGHT, settings.height, 0.0),
            ("fps", cv2.CAP_PROP_FPS, settings.fps, 0.01),
        )
        for _, prop, wish, _ in wishes:
            if wish is not None:
                capture.set(prop, wish)
        for name, prop, wish, slack in wishes:
            got = capture.get(prop)
            if wish is not None and abs(got - wish) > slack * wish:
                raise DeviceError(
                    f"camera {settings.device!r}: {name} {wish:g} was asked for, it does {got:g}: "
                    f"ask for that, or leave {name} out"
                )

    def _describe(self, capture: cv2.VideoCapture) -> CameraInfo:
        settings = self._settings
        size = (
            round(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
            round(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
        )
        fps = capture.get(cv2.CAP_PROP_FPS)
        count = round(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        return CameraInfo(
            name=f"opencv {settings.device}",
            shape=(*size, 3) if settings.colour else size,
            fps=fps if fps > 0 else float("nan"),
            live=count <= 0,
            n_frames=count if count > 0 else None,
            settings=_read_back(capture),
        )

    def _image(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Grey or RGB of what OpenCV gives: BGR, or grey from some cameras."""
        grey = picture.ndim == 2
        if self._settings.colour:
            code = cv2.COLOR_GRAY2RGB if grey else cv2.COLOR_BGR2RGB
            return np.asarray(cv2.cvtColor(picture, code), np.uint8)
        return picture if grey else np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)


def _read_back(capture: cv2.VideoCapture) -> dict[str, str | float]:
    """What the driver answers, in its own units; 0 or -1 mostly mean that it cannot say."""
    properties = {
        "width_px": cv2.CAP_PROP_FRAME_WIDTH,
        "height_px": cv2.CAP_PROP_FRAME_HEIGHT,
        "fps": cv2.CAP_PROP_FPS,
        "exposure": cv2.CAP_PROP_EXPOSURE,
        "auto_exposure": cv2.CAP_PROP_AUTO_EXPOSURE,
        "gain": cv2.CAP_PROP_GAIN,
    }
    fourcc = round(capture.get(cv2.CAP_PROP_FOURCC)) & 0xFFFFFFFF
    code = fourcc.to_bytes(4, "little").decode("latin-1").strip("\0 ")
    values: dict[str, str | float] = {
        "backend": capture.getBackendName(),
        "pixel_format": code if code.isprintable() else f"{fourcc:#010x}",
    }
    return values | {name: capture.get(number) for name, number in properties.items()}


@contextmanager
def quiet_opencv() -> Iterator[None]:
    """Keep OpenCV from writing to the terminal: what went wrong is in our own errors."""
    before = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(before)
