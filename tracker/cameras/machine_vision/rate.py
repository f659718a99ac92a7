"""Whether a camera sends as often as it was asked to, by its own time stamps."""

import numpy as np

from tracker.errors import DeviceError

FRAMES = 100
"""Steps from frame to frame that are looked at, from the first one on."""

SLACK = 0.05
"""Part of the rate by which it may be off."""


class RateCheck:
    """Compares the rate of the first frames with the one that was asked for, once.

    A camera is too slow if three of four steps are too long, so that single late frames do not
    count, and too fast if they are too short on average.

    Args:
        fps: What was asked for.
        tick_hz: Rate of the camera's clock.
    """

    def __init__(self, fps: float, tick_hz: float) -> None:
        self._fps, self._tick_hz = fps, tick_hz
        self._last: tuple[int, int] | None = None
        self._steps_s: list[float] = []

    def note(self, index: int, tick: int) -> None:
        """Take a frame's number and time stamp.

        Raises:
            DeviceError: If the camera turns out to send at another rate; with both numbers.
        """
        if len(self._steps_s) >= FRAMES:
            return
        if self._last is not None:
            last_index, last_tick = self._last
            self._steps_s.append((tick - last_tick) / self._tick_hz / (index - last_index))
        self._last = index, tick
        if len(self._steps_s) == FRAMES:
            self._judge()

    def _judge(self) -> None:
        steps_s, asked_s = np.array(self._steps_s), 1 / self._fps
        too_slow = np.quantile(steps_s, 0.25) > asked_s * (1 + SLACK)
        too_fast = 0 < steps_s.mean() < asked_s * (1 - SLACK)
        if too_slow or too_fast:
            raise DeviceError(
                f"fps {self._fps:g} was asked for, and the camera said so, but it sends "
                f"{1 / np.median(steps_s):.4g} frames/s by its own time stamps: check its "
                f"exposure, its bandwidth limit, and what else is on its cable"
            )
