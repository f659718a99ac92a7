"""Ellipses with tails on a floor: animals whose middle, axes and area are known."""

import cv2
import numpy as np

from tracker.types import Frame

FLOOR, BODY = 180, 40  # grey values
SHAPE = (240, 320)
LONG, SHORT = 60, 30  # px, whole axes
SECOND = 1_000_000_000
SHIFT = 4  # fractional bits


def floor(shape=SHAPE, grey=FLOOR):
    return np.full(shape, grey, np.uint8)


def draw(image, x, y, angle_deg=0.0, *, grey=BODY, long=LONG, short=SHORT, tail=0):
    """Draw an ellipse at (x, y), its head at `angle_deg` (clockwise from right), tail in px."""
    way = np.array([np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))])
    turns = np.linspace(0, 2 * np.pi, 360, endpoint=False)
    across = np.array([-way[1], way[0]])
    points = (
        np.array([x, y])
        + long / 2 * np.cos(turns)[:, None] * way
        + short / 2 * np.sin(turns)[:, None] * across
    )
    fixed = np.rint(points * 2**SHIFT).astype(np.int32)[:, None]
    cv2.fillPoly(image, [fixed], grey, cv2.LINE_8, SHIFT)
    if tail:
        start, end = (np.array([x, y]) - distance * way for distance in (long / 2, long / 2 + tail))
        cv2.line(image, *(tuple(np.rint(p).astype(int).tolist()) for p in (start, end)), grey, 4)
    return image


def frame(image, index=0, fps=10):
    time_ns = index * SECOND // fps
    return Frame(index, time_ns, time_ns, image)


def walk(n, *, start=(60.0, 120.0), step=(2.0, 0.0), angle_deg=0.0, **drawn):
    """n frames of an animal that moves by `step` from frame to frame, and where it is in each."""
    for i in range(n):
        x, y = start[0] + i * step[0], start[1] + i * step[1]
        yield frame(draw(floor(), x, y, angle_deg, **drawn), i), (x, y)
