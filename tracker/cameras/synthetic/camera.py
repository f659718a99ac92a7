"""A live camera that needs no hardware, and knows the truth about what it shows."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tracker.cameras.options import CameraOption, options_from
from tracker.cameras.synthetic.chance import chance
from tracker.cameras.synthetic.drawing import Painter
from tracker.cameras.synthetic.led import Led
from tracker.cameras.synthetic.motion import TICK_HZ, Body
from tracker.cameras.synthetic.script import MouseScript
from tracker.cameras.synthetic.settings import SyntheticCameraSettings
from tracker.cameras.synthetic.visitor import VisitorScript
from tracker.clock import Clock
from tracker.errors import DeviceError, EndOfStream
from tracker.types import CameraInfo, Fate, Frame, Gap, Truth

Light = Callable[[int, int], float]
"""Tells the highest level (0 to 1) that a light had from one time (ns) to another, both included.

Called on the thread that reads the camera, once per frame for the LED, and 60 times a second while
the mouse freezes. It is never asked about what is still to come, but about what is as long ago as
the mouse needs to react, 1.2 times `reaction_ms`, and longer if the reader is late.
"""

SEEN_LEVEL = 0.5
"""Above this level the mouse sees a light."""

BUFFERED_FRAMES = 4
"""Frames that the camera holds for a reader who is late; older ones are lost."""

DRAW_AHEAD_NS = 3_000_000
"""How long before its arrival a frame is drawn: not while the one before is looked at, since
a real camera needs no processor then either."""

_LOSS_SALT = 51
_DELAY_SALT = 52


class SyntheticCamera:
    """Draws a mouse in a box, in time with the clock.

    The first `read` after `open` starts the exposure of frame 0. A paced camera behaves like
    a live one: frame i is exposed i + 1 periods later, arrives up to `jitter_ms` after that,
    and is gone when more than four newer frames wait: a reader who stalls gets a `Gap` with
    cause `LOST_ON_LINK`. Not paced, every read returns at once, nothing is lost but what
    `lose_fraction` asks for, and captured_ns = index / fps on the source's own time line.

    With a light, a mouse that freezes and sees it ends its freeze after its reaction time and
    walks (`wakes`), whatever frames get lost; and an LED in a corner is as bright as the highest
    level during a frame's exposure, which is the whole period before its capture time (`led`).
    The light is asked in the time of `captured_ns`: on the session clock if the camera is paced,
    otherwise on the source's own time line. So an unpaced camera wants a light that knows that
    line, as a test does, and no light of a device, which knows the session clock alone.

    Args:
        settings: What to show and how fast.
        clock: The session clock.
        light: None: there is no light, and neither `wakes` nor `led` does anything.
    """

    def __init__(
        self, settings: SyntheticCameraSettings, clock: Clock, light: Light | None = None
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._light = light
        self._led: Led | None = None
        self._painter: Painter | None = None
        self._script = self._new_script()
        self._facts = MouseScript(settings)
        self._visitor, self._visitor_facts = (
            VisitorScript(settings) if settings.animals > 1 else None for _ in range(2)
        )
        self._truth_painter: Painter | None = None
        self._image = np.empty(0, np.uint8)
        self._next_index = 0
        self._painted_index = -1
        self._start_ns: int | None = None

    @property
    def info(self) -> CameraInfo:
        """Size, rate and length, as set. Raises `DeviceError` when closed."""
        self._open_painter()
        settings = self._settings
        return CameraInfo(
            name=f"synthetic mouse {settings.width}x{settings.height} seed {settings.seed}",
            shape=self._image.shape,
            fps=settings.fps,
            live=settings.paced,
            n_frames=settings.total_frames,
            settings=settings.model_dump(mode="json", exclude={"kind"}),
        )

    @property
    def options(self) -> tuple[CameraOption, ...]:
        """The settings of a real camera that this one has as well. Any thread."""
        return options_from(self._settings, ("width", "height", "fps", "colour"))

    def open(self) -> None:
        """Draw the empty box; never fails."""
        if self._painter is not None:
            return
        settings = self._settings
        size = (settings.height, settings.width)
        self._image = np.empty((*size, 3) if settings.colour else size, np.uint8)
        self._painter = Painter(settings)
        if self._light is not None:
            self._script = self._new_script()
            self._led = Led(settings) if settings.led else None
        self._next_index, self._painted_index, self._start_ns = 0, -1, None

    def close(self) -> None:
        """Forget the box. Never raises."""
        self._painter = None

    @property
    def wakes(self) -> tuple[int, ...]:
        """When the light woke the mouse since `open`: ticks, as `MouseScript` takes them.

        One per freeze at most. Any thread.
        """
        return self._script.wakes

    def truth(self, index: int, animal: int = 0) -> Truth:
        """What a mouse is and does in frame `index`; see `MouseScript.truth`, `VisitorScript`.

        Works open or closed, before or after the frame was read, from one thread besides the
        one that reads. Of frames not yet read it tells what happens if no more light comes.

        Args:
            index: Of the frame.
            animal: 0: the first mouse; 1: the second one. The first one also has `contact`.

        Raises:
            ValueError: If the index is below 0, or there is no such mouse.
        """
        visitor = self._visitor_facts
        if not 0 <= animal < self._settings.animals:
            raise ValueError(f"there is no mouse {animal}: there are {self._settings.animals}")
        self._facts.follow(self.wakes)
        if visitor is None:
            return self._facts.truth(index)
        visitor.follow(self.wakes)
        theirs, mine = visitor.truth(index), self._facts.truth(index)
        both = theirs.behaviours & {"contact"}
        return theirs if animal else replace(mine, behaviours=mine.behaviours | both)

    def mask(self, index: int, animal: int = 0) -> NDArray[np.uint8]:
        """255 where a mouse is in frame `index`, else 0: uint8 (height, width).

        Body, head, ears and tail; no shadow, no reflection. Arguments and thread as of `truth`.
        """
        if self._truth_painter is None:
            self._truth_painter = Painter(self._settings)
        script = self._visitor_facts if animal else self._facts
        if script is None:
            raise ValueError(f"there is no mouse {animal}: there is 1")
        script.follow(self.wakes)
        return self._truth_painter.mask(script.body(index))

    def read(self, timeout_s: float) -> Frame | Gap | None:
        """Return the next frame or gap; the image is the camera's own and drawn over later.

        Raises:
            DeviceError: If the camera is closed.
            EndOfStream: After `n_frames` or `duration_s`.
        """
        painter = self._open_painter()
        total = self._settings.total_frames
        if total is not None and self._next_index >= total:
            raise EndOfStream(f"all {total} frames of the synthetic camera were read")
        if self._start_ns is None:
            self._start_ns = self._clock.now_ns()
        gap = self._lost_on_the_way()
        if gap is None:
            index = self._next_that_comes(total)
            if not self._wait_for(index, timeout_s, ahead_ns=DRAW_AHEAD_NS):
                return None
            if not self._is_lost(index) and self._painted_index != index:
                painter.paint(self._bodies(index), index, self._image)
                self._painted_index = index
            if not self._wait_for(index, timeout_s):
                return None
            gap = self._lost_by_sensor(index)
        if gap is not None:
            self._next_index = gap.last_index + 1
            return gap
        self._draw_led(index)
        self._next_index = index + 1
        return Frame(index, self._captured_ns(index), self._clock.now_ns(), self._image)

    def _bodies(self, index: int) -> list[Body]:
        first = self._script.body(index)
        if self._visitor is None:
            return [first]
        self._visitor.follow(self._script.wakes)
        return [first, self._visitor.body(index)]

    def _new_script(self) -> MouseScript:
        awake = self._light is not None and self._settings.wakes
        return MouseScript(self._settings, sees=self._sees if awake else None)

    def _sees(self, tick: int) -> bool:
        """Whether the light was on between two ticks of the mouse's life; frame 0 shows tick 0."""
        if self._light is None:
            return False
        born_ns = self._captured_ns(0)
        from_ns, to_ns = (born_ns + round(each * 1e9 / TICK_HZ) for each in (tick - 1, tick))
        return self._light(from_ns, to_ns) > SEEN_LEVEL

    def _draw_led(self, index: int) -> None:
        """Only now, not ahead: nobody knows the light before the exposure has ended."""
        if self._led is None or self._light is None:
            return
        captured_ns = self._captured_ns(index)
        exposed_ns = captured_ns - round(1e9 / self._settings.fps)
        self._led.draw(self._image, self._light(exposed_ns, captured_ns))

    def _next_that_comes(self, total: int | None) -> int:
        """The next frame that the sensor does not lose, or the last one of all."""
        index = self._next_index
        while self._is_lost(index) and (total is None or index + 1 < total):
            index += 1
        return index

    def _open_painter(self) -> Painter:
        if self._painter is None:
            raise DeviceError("the synthetic camera is closed: call open() first")
        return self._painter

    def _captured_ns(self, index: int) -> int:
        """End of exposure of frame `index`."""
        if not self._settings.paced:
            return round(index * 1e9 / self._settings.fps)
        return (self._start_ns or 0) + round((index + 1) * 1e9 / self._settings.fps)

    def _wait_for(self, index: int, timeout_s: float, *, ahead_ns: int = 0) -> bool:
        """Wait for the arrival of frame `index`, or for a moment so long before it."""
        if not self._settings.paced:
            return True
        delay_ns = self._settings.jitter_ms * 1e6 * chance(self._settings.seed, _DELAY_SALT, index)
        arrives_ns = self._captured_ns(index) + round(delay_ns)
        return self._clock.wait_until(arrives_ns - ahead_ns, timeout_s)

    def _is_lost(self, index: int) -> bool:
        fraction = self._settings.lose_fraction
        return fraction > 0 and chance(self._settings.seed, _LOSS_SALT, index) < fraction

    def _lost_by_sensor(self, last: int) -> Gap | None:
        """The frames from the next one on that never left the sensor, if there are any."""
        first = self._next_index
        if not self._is_lost(first):
            return None
        if not self._is_lost(last):
            last -= 1
        return Gap(first, last, Fate.LOST_BY_SENSOR, self._clock.now_ns())

    def _lost_on_the_way(self) -> Gap | None:
        """The frames from the next one on that newer ones have pushed out, if there are any."""
        if not self._settings.paced:
            return None
        now_ns = self._clock.now_ns()
        exposed = int((now_ns - (self._start_ns or 0)) * self._settings.fps / 1e9)
        total = self._settings.total_frames
        if total is not None:
            exposed = min(exposed, total)
        first, last = self._next_index, exposed - BUFFERED_FRAMES - 1
        if last < first or self._is_lost(first):
            return None
        if self._settings.lose_fraction > 0:
            last = next((i - 1 for i in range(first, last + 1) if self._is_lost(i)), last)
        return Gap(first, last, Fate.LOST_ON_LINK, now_ns)
