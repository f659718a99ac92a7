"""A folder of pictures that another program fills, as a camera."""

import re
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from tracker.cameras.opencv import quiet_opencv
from tracker.cameras.options import CameraOption, options_from
from tracker.clock import Clock
from tracker.errors import DeviceError, DeviceNotFound, EndOfStream
from tracker.settings import Settings
from tracker.types import CameraInfo, Fate, Frame, Gap

LOOK_S = 0.002
"""Pause between looks for the next picture (s): as late may a picture be noticed."""

SCAN_S = 0.25
"""Pause between looks at the whole folder (s), which take long once it is full."""

OLDEST_NS = 10_000_000_000
"""A file that says that it is older than this has another clock: its arrival counts."""

_NUMBER = re.compile(r"^(.*?)(\d+)(\D*)$")

_DEPTH = 65535


class ImagesSettings(Settings):
    """Pictures in a folder, one file a frame."""

    kind: Literal["images"] = "images"
    folder: Path
    pattern: str = Field("*.png", min_length=1, description="which files; all that OpenCV reads")
    counted: bool = Field(
        default=True,
        description="the last number in a name counts the frames: one left out is a lost frame; "
        "false: frames in the order of their names",
    )
    there: Literal["skip", "play"] = Field(
        "skip", description="what is done with pictures that are there before the session starts"
    )
    every: bool = Field(
        default=False, description="process every picture, however late; false: the newest first"
    )
    fps: float | None = Field(
        None, gt=0, le=100_000, description="times follow from it; null: from the files' own times"
    )
    colour: bool = Field(default=False, description="RGB images, otherwise grey")
    darkest: int = Field(0, ge=0, le=_DEPTH - 1, description="of 16 bits: count that becomes 0")
    brightest: int = Field(_DEPTH, ge=1, le=_DEPTH, description="count that becomes 255")
    whole_after_s: float = Field(
        0.05,
        ge=0,
        le=60,
        description="a picture that cannot be read is waited for this long: it may be half written",
    )
    end_after_s: float | None = Field(
        None, gt=0, description="no new picture for so long is the end; null: the session decides"
    )
    open_timeout_s: float = Field(
        10.0, ge=0, le=86_400, description="wait for a first picture, which says the size"
    )

    @model_validator(mode="after")
    def _levels_rise(self) -> "ImagesSettings":
        if self.brightest <= self.darkest:
            raise ValueError(
                f"brightest is {self.brightest} and darkest {self.darkest}: expected it above"
            )
        return self


class ImagesCamera:
    """Reads pictures as they appear; nothing is deleted or changed.

    captured_ns is when the file was written, by its own time stamp as far as that can be (10 s
    old at most), and otherwise when it was noticed. A picture that stays unreadable is a gap with
    the cause `INCOMPLETE`, a number that is left out one with `LOST_ON_LINK`: whoever wrote the
    files counted it, and it did not come.

    Args:
        settings: Which folder, and how.
        clock: The session clock.
    """

    def __init__(self, settings: ImagesSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._info: CameraInfo | None = None
        self._last_name = ""
        self._last_number: int | None = None
        self._n_read, self._last_ns = 0, -1
        self._found: deque[Path] = deque()
        self._scanned_ns: int | None = None
        self._since_ns: int | None = None
        self._start_ns: int | None = None
        self._heard_ns: int | None = None
        self._ready: deque[Frame | Gap] = deque()

    @property
    def info(self) -> CameraInfo:
        """The size of the first picture. Raises `DeviceError` when closed."""
        if self._info is None:
            raise DeviceError(f"the folder {self._settings.folder} is closed: call open() first")
        return self._info

    @property
    def options(self) -> tuple[CameraOption, ...]:
        """How the pictures are read; their size is what it is. Any thread."""
        return options_from(self._settings, ("every", "fps", "colour", "darkest", "brightest"))

    def open(self) -> None:
        """Wait for a picture, and take its size.

        Raises:
            DeviceNotFound: If there is no such folder, or no picture in time.
        """
        if self._info is not None:
            return
        settings = self._settings
        if not settings.folder.is_dir():
            raise DeviceNotFound(f"{settings.folder} is no folder: check rig.camera.folder")
        image, there = self._first_picture()
        self._last_name, self._last_number = "", None
        self._found.clear()
        if settings.there == "skip" and there:
            self._pass(max(there, key=self._order))
        self._n_read, self._last_ns = 0, -1
        self._scanned_ns = self._since_ns = self._start_ns = None
        self._ready.clear()
        self._heard_ns = None
        self._info = CameraInfo(
            name=f"images {settings.folder}",
            shape=image.shape,
            fps=settings.fps if settings.fps is not None else float("nan"),
            live=not settings.every,
            settings={"pattern": settings.pattern},
        )

    def read(self, timeout_s: float) -> Frame | Gap | None:
        """Return the next picture, None if none came.

        Raises:
            DeviceError: If the folder is closed, or a picture has another size.
            EndOfStream: If none came for `end_after_s`.
        """
        _ = self.info
        until_ns = self._clock.now_ns() + round(timeout_s * 1e9)
        while not self._ready:
            path = self._next_path()
            now_ns = self._clock.now_ns()
            if path is not None and self._take(path, now_ns):
                self._heard_ns = now_ns
                break
            self._end_if_over(now_ns)
            if now_ns >= until_ns:
                return None
            self._clock.wait_until(min(now_ns + round(LOOK_S * 1e9), until_ns), timeout_s)
        return self._ready.popleft()

    def close(self) -> None:
        """Forget the folder. Never raises."""
        self._info = None
        self._ready.clear()
        self._found.clear()

    def _first_picture(self) -> tuple[NDArray[np.uint8], list[Path]]:
        """A picture that can be read, and all that are there."""
        settings = self._settings
        until_ns = self._clock.now_ns() + round(settings.open_timeout_s * 1e9)
        before = {path.name for path in self._files()} if settings.there == "skip" else set()
        while True:
            for path in self._files():
                image = self._image(path)
                if image is not None:
                    return image, [each for each in self._files() if each.name in before]
            now_ns = self._clock.now_ns()
            if now_ns >= until_ns:
                raise DeviceNotFound(
                    f"no picture {settings.pattern} appeared in {settings.folder} within "
                    f"{settings.open_timeout_s:g} s: start the program that writes them, or check "
                    f"rig.camera.pattern"
                )
            self._clock.wait_until(now_ns + 20_000_000, 0.02)

    def _files(self) -> Iterator[Path]:
        return (path for path in self._settings.folder.glob(self._settings.pattern))

    def _order(self, path: Path) -> tuple[int, str]:
        number = self._number(path)
        return (-1 if number is None else number, path.name)

    def _number(self, path: Path) -> int | None:
        match = _NUMBER.match(path.stem) if self._settings.counted else None
        return int(match[2]) if match else None

    def _next_path(self) -> Path | None:
        """The next picture: the one after the last by its number, or what the folder has more."""
        follower = self._follower()
        if follower is not None and follower.exists():
            self._found.clear()
            return follower
        now_ns = self._clock.now_ns()
        if not self._found and (
            self._scanned_ns is None or now_ns - self._scanned_ns >= SCAN_S * 1e9
        ):
            self._scanned_ns = now_ns
            last = (-1 if self._last_number is None else self._last_number, self._last_name)
            later = (path for path in self._files() if self._order(path) > last)
            self._found.extend(sorted(later, key=self._order))
        return self._found[0] if self._found else None

    def _follower(self) -> Path | None:
        """Name of the picture after the last one, if names are numbered."""
        match = _NUMBER.match(Path(self._last_name).stem) if self._settings.counted else None
        if match is None:
            return None
        number = f"{int(match[2]) + 1:0{len(match[2])}d}"
        suffix = Path(self._last_name).suffix
        return self._settings.folder / f"{match[1]}{number}{match[3]}{suffix}"

    def _take(self, path: Path, now_ns: int) -> bool:
        """Make the picture ready, and what is missing before it; False if it has to wait.

        One that cannot be read may be half written, and one left out may still come.
        """
        image, n_left_out = self._image(path), self._left_out(path)
        if image is None or n_left_out:
            self._since_ns = self._since_ns if self._since_ns is not None else now_ns
            if now_ns - self._since_ns < self._settings.whole_after_s * 1e9:
                return False
        self._since_ns = None
        index = self._n_read + n_left_out
        if n_left_out:
            self._ready.append(Gap(self._n_read, index - 1, Fate.LOST_ON_LINK, now_ns))
        if image is None:
            self._ready.append(Gap(index, index, Fate.INCOMPLETE, now_ns))
        else:
            self._ready.append(self._frame(index, path, image))
        self._n_read = index + 1
        self._pass(path)
        return True

    def _left_out(self, path: Path) -> int:
        number = self._number(path)
        if number is None or self._last_number is None:
            return 0
        return number - self._last_number - 1

    def _pass(self, path: Path) -> None:
        self._last_name, self._last_number = path.name, self._number(path)
        if self._found and self._found[0] == path:
            self._found.popleft()

    def _frame(self, index: int, path: Path, image: NDArray[np.uint8]) -> Frame:
        if image.shape != self.info.shape:
            raise DeviceError(
                f"{path} has shape {image.shape}, the pictures before it {self.info.shape}: begin "
                f"another session for pictures of another size"
            )
        received_ns = self._clock.now_ns()
        if self._start_ns is None:
            self._start_ns = received_ns
        if self._settings.fps is None:
            captured_ns = self._written_ns(path, received_ns)
        else:
            captured_ns = self._start_ns + round(index * 1e9 / self._settings.fps)
        self._last_ns = max(captured_ns, self._last_ns + 1)
        return Frame(index, self._last_ns, received_ns, image)

    def _written_ns(self, path: Path, now_ns: int) -> int:
        """When the file was written, by its age: a computer's clock that is set does no harm."""
        age_ns = time.time_ns() - path.stat().st_mtime_ns
        return now_ns - age_ns if 0 <= age_ns <= OLDEST_NS else now_ns

    def _end_if_over(self, now_ns: int) -> None:
        limit_s = self._settings.end_after_s
        if self._heard_ns is None:  # the session has only now begun to look
            self._heard_ns = now_ns
        if limit_s is not None and now_ns - self._heard_ns > limit_s * 1e9:
            raise EndOfStream(f"no new picture in {self._settings.folder} for {limit_s:g} s")

    def _image(self, path: Path) -> NDArray[np.uint8] | None:
        """Grey or RGB; None if it cannot be read, or not yet."""
        try:
            data = np.frombuffer(path.read_bytes(), np.uint8)
        except OSError:
            return None
        if not _may_be_whole(path.suffix.lower(), data.tobytes()):
            return None
        with quiet_opencv():
            decoded = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
        return None if decoded is None else self._eight_bits(np.asarray(decoded))

    def _eight_bits(self, picture: NDArray[np.generic]) -> NDArray[np.uint8]:
        settings = self._settings
        if picture.dtype != np.uint8:
            scale = 255 / (settings.brightest - settings.darkest)
            counts = (picture.astype(np.float32) - settings.darkest) * scale
            picture = np.clip(np.rint(counts), 0, 255).astype(np.uint8)
        channels = 1 if picture.ndim == 2 else picture.shape[2]
        codes = {
            (1, True): cv2.COLOR_GRAY2RGB,
            (3, True): cv2.COLOR_BGR2RGB,
            (4, True): cv2.COLOR_BGRA2RGB,
            (3, False): cv2.COLOR_BGR2GRAY,
            (4, False): cv2.COLOR_BGRA2GRAY,
        }
        code = codes.get((channels, settings.colour))
        if code is None:
            return np.asarray(picture, np.uint8)
        return np.asarray(cv2.cvtColor(picture.view(np.uint8), code), np.uint8)


def _may_be_whole(suffix: str, data: bytes) -> bool:
    """Whether PNG and JPEG have their end; of other formats the decoder finds out."""
    if suffix == ".png":
        return data[-8:-4] == b"IEND"
    if suffix in {".jpg", ".jpeg"}:
        return data.rstrip(b"\0").endswith(b"\xff\xd9")
    return bool(data)
