"""A live camera that looks at the scene, triggered with the others."""

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.cameras.scene.settings import SceneCameraSettings
from tracker.cameras.scene.world import SIZE_PX, ball_cm, outline_px, scene_stand
from tracker.cameras.synthetic.chance import chance
from tracker.cameras.tick_clock import TickClock
from tracker.clock import Clock
from tracker.errors import DeviceError, EndOfStream
from tracker.types import CameraInfo, Fate, Frame, Gap

BALL, WALL = 25, 205
"""Grey values."""

N_WALLS = 8
"""Noise comes again after so many frames: to draw it anew takes longer than to look at it."""

TICK_HZ = 1e6
FINE_BITS = 6
"""The outline is drawn to 1/64 px."""

BUFFERED_FRAMES = 4
"""Frames that the camera holds for a reader who is late; older ones are lost."""

_LOSS_SALT, _DELAY_SALT = 61, 62


class SceneCamera:
    """Sees the ball from one place.

    All cameras of the scene that share a session clock are exposed together: at every whole
    multiple of the trigger's period. Each counts from 0 at the first trigger after its first
    `read`, has a clock of its own, which begins anywhere and drifts, and stamps the beginning of
    each exposure.

    Args:
        settings: Where it stands, and how good it is.
        clock: The session clock.
    """

    def __init__(self, settings: SceneCameraSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._standing = scene_stand().cameras[settings.place]
        self._period_ns = 1e9 / settings.fps
        self._is_open = False
        self._first: int | None = None
        self._next_index = 0
        self._walls: list[NDArray[np.uint8]] = []
        self.tick_clock: TickClock | None = None

    @property
    def info(self) -> CameraInfo:
        """Size, rate and length, as set. Raises `DeviceError` when closed."""
        self._refuse_closed()
        settings = self._settings
        return CameraInfo(
            name=f"scene from {settings.place}",
            shape=SIZE_PX[::-1],
            fps=settings.fps,
            live=True,
            n_frames=settings.n_frames,
            settings=settings.model_dump(mode="json", exclude={"kind"}),
        )

    def open(self) -> None:
        """Begin anew; never fails."""
        if not self._is_open:
            self._is_open, self._first, self._next_index = True, None, 0
            self._walls = self._empty_boxes()
            self.tick_clock = TickClock(TICK_HZ, bits=32)

    def close(self) -> None:
        """Stop. Never raises."""
        self._is_open = False

    def trigger(self, index: int) -> int:
        """Which trigger since the session clock's zero exposed frame `index`.

        Raises:
            DeviceError: If nothing was read yet.
        """
        if self._first is None:
            raise DeviceError("no frame was read yet")
        return self._first + index

    def read(self, timeout_s: float) -> Frame | Gap | None:
        """Return the next frame or gap.

        Raises:
            DeviceError: If the camera is closed.
            EndOfStream: After `n_frames`.
        """
        self._refuse_closed()
        settings, index = self._settings, self._next_index
        if settings.n_frames is not None and index >= settings.n_frames:
            raise EndOfStream(f"all {index} frames of the scene were read")
        if self._first is None:
            self._first = int(self._clock.now_ns() // self._period_ns) + 1
        delay_ns = settings.jitter_ms * 1e6 * chance(settings.seed, _DELAY_SALT, index)
        ended_ns = self._begun_ns(index) + round(settings.exposure_ms * 1e6)
        if not self._clock.wait_until(ended_ns + round(delay_ns), timeout_s):
            return None
        gap = self._lost(index)
        if gap is not None:
            self._next_index = gap.last_index + 1
            return gap
        return self._frame(index)

    def _frame(self, index: int) -> Frame:
        self._next_index = index + 1
        begun_ns = self._begun_ns(index)
        exposure_ns = round(self._settings.exposure_ms * 1e6)
        image = self._picture((begun_ns + exposure_ns / 2) / 1e9)
        own_ns = begun_ns * (1 + self._settings.drift_ppm * 1e-6) + 1e9 * (1 + self._settings.seed)
        tick = int(own_ns * TICK_HZ / 1e9) % (1 << 32)
        received_ns = self._clock.now_ns()
        clock = self.tick_clock
        if clock is None:
            raise DeviceError("the camera is closed: call open() first")
        captured_ns = clock.captured_ns(tick, received_ns, exposure_ns)
        return Frame(index, captured_ns, received_ns, image, tick)

    def _begun_ns(self, index: int) -> int:
        return round(self.trigger(index) * self._period_ns)

    def _lost(self, index: int) -> Gap | None:
        """Lost on the way by chance, or pushed out by newer ones while nobody read."""
        now_ns = self._clock.now_ns()
        settings = self._settings
        newest = int(now_ns // self._period_ns) - self.trigger(0)
        if settings.n_frames is not None:
            newest = min(newest, settings.n_frames - 1)
        last = newest - BUFFERED_FRAMES
        if last >= index:
            return Gap(index, last, Fate.LOST_ON_LINK, now_ns)
        if chance(settings.seed, _LOSS_SALT, index) < settings.lose_fraction:
            return Gap(index, index, Fate.LOST_ON_LINK, now_ns)
        return None

    def _picture(self, at_s: float) -> NDArray[np.uint8]:
        image = self._walls[self._next_index % N_WALLS].copy()
        outline = outline_px(self._standing, ball_cm(at_s))
        fine = np.rint(outline * (1 << FINE_BITS)).astype(np.int32)
        cv2.fillPoly(image, [fine], BALL, lineType=cv2.LINE_AA, shift=FINE_BITS)
        return image

    def _empty_boxes(self) -> list[NDArray[np.uint8]]:
        """Pictures without the ball, each with noise of its own."""
        width, height = SIZE_PX
        random = np.random.default_rng(self._settings.seed)
        noise = random.normal(WALL, self._settings.noise, (N_WALLS, height, width))
        return list(np.clip(np.rint(noise), 0, 255).astype(np.uint8))

    def _refuse_closed(self) -> None:
        if not self._is_open:
            raise DeviceError("the camera of the scene is closed: call open() first")
