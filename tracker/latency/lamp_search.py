"""Where in the picture an LED is, and how bright: found from pulses whose times are known."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tracker.errors import DeviceError
from tracker.observers.lamps import LampSettings, place_of
from tracker.recording import Recording
from tracker.stimuli import Edge

LEAST_CONTRAST = 10.0
"""Grey values by which the LED has to brighten the picture to be found."""

MARGIN_NS = 100_000_000
"""Exposures closer to an edge are left out: they may have seen part of it."""

MOST_FRAMES = 60
"""Frames that are looked at, of each kind."""


def where_it_brightens(
    recording: Recording, spans: Sequence[tuple[int, int]]
) -> tuple[LampSettings, float]:
    """Return the brightest spot of lit frames against dark ones, and the grey value in between.

    Args:
        recording: Of a session with video.
        spans: When the LED was lit (ns).

    Raises:
        DeviceError: If there are too few frames, or nothing brightens the picture.
    """
    on: list[NDArray[np.float32]] = []
    off: list[NDArray[np.float32]] = []
    for frame in recording.frames():
        grey = frame.image if frame.image.ndim == 2 else frame.image.mean(2)
        if any(start + MARGIN_NS < frame.captured_ns < end for start, end in spans):
            on.append(grey.astype(np.float32))
        elif all(
            not start - MARGIN_NS < frame.captured_ns < end + MARGIN_NS for start, end in spans
        ):
            off.append(grey.astype(np.float32))
        del on[:-MOST_FRAMES], off[:-MOST_FRAMES]
    if not on or not off:
        raise DeviceError("too few frames came while the LED was lit: is the camera running?")
    # Medians: an animal that walks by is in few of the frames.
    brighter = np.median(on, axis=0) - np.median(off, axis=0)
    row, column = np.unravel_index(int(brighter.argmax()), brighter.shape)
    peak = float(brighter[row, column])
    if peak < LEAST_CONTRAST:
        raise DeviceError(
            f"the LED brightens the picture by {peak:.0f} grey values at most, expected at least "
            f"{LEAST_CONTRAST:.0f}: is it in the camera's view, and bright enough?"
        )
    n_bright = int((brighter > peak / 2).sum())
    radius = float(np.clip(np.sqrt(n_bright) / 4, 0.5, 10))
    lamp = LampSettings(x_px=float(column), y_px=float(row), radius_px=radius)
    place = place_of(lamp)
    dark = float(np.median(off, axis=0)[place].mean())
    return lamp, dark + float(brighter[place].mean()) / 2


def lit(edges: Sequence[Edge]) -> list[tuple[int, int]]:
    """When a line was high: first and last moment (ns) of each time, from its edges in order."""
    spans, start = [], None
    for edge in edges:
        if edge.rising:
            start = edge.at_ns
        elif start is not None:
            spans.append((start, edge.at_ns))
            start = None
    return spans
