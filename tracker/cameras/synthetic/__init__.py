"""A synthetic camera: mice in a box, drawn in time with the clock, with their truth."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tracker.cameras.synthetic.camera import Light, SyntheticCamera
from tracker.cameras.synthetic.script import MouseScript
from tracker.cameras.synthetic.settings import FloorRectangle, SyntheticCameraSettings
from tracker.cameras.synthetic.shape import KEYPOINTS
from tracker.cameras.synthetic.visitor import VisitorScript, truths_of
from tracker.types import Skeleton

__all__ = [
    "SyntheticCamera",
    "SyntheticCameraSettings",
    "MouseScript",
    "VisitorScript",
    "Light",
    "FloorRectangle",
    "SYNTHETIC_SKELETON",
    "positions_of",
    "truths_of",
]

SYNTHETIC_SKELETON = Skeleton(KEYPOINTS, ((0, 1), (1, 2)))
"""Keypoints of the truth."""


def positions_of(
    settings: SyntheticCameraSettings,
) -> Callable[[int], list[NDArray[np.float32]]]:
    """Return what tells where the mice are in a frame, if no light wakes them.

    Positions are float32, (keypoints, 2) of each mouse, sensor pixels.
    """
    truths = truths_of(settings)
    return lambda index: [truth(index).xy for truth in truths]
