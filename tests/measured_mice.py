"""A mouse of three keypoints, at rest and in motion, and what is measured of it."""

import math

import numpy as np

from tracker.arena import Arena, ArenaSettings, Circle, Rectangle
from tracker.features import FeatureExtractor, FeatureSettings
from tracker.types import Observation, Skeleton

NAN = math.nan
FPS = 50
PX_PER_CM = 10.0
WINDOW_S = 0.2
MOUSE = Skeleton(("nose", "head", "tail_base"))
SHAPE = np.array([[80.0, 0.0], [50.0, 0.0], [0.0, 0.0]])
"""Nose, head and tail base of a mouse that looks to the right (px)."""

SPEEDS = ("speed_cm_s", "fastest_keypoint_cm_s", "angular_speed_deg_s")
NEST = Rectangle(x_px=0, y_px=0, width_px=100, height_px=100)
PLATE = Circle(x_px=300, y_px=0, radius_px=50)


def extractor(skeleton=MOUSE, zones=None, **settings):
    arena = Arena(ArenaSettings(px_per_cm=PX_PER_CM, zones=zones or {}))
    return FeatureExtractor(FeatureSettings(window_s=WINDOW_S, **settings), skeleton, arena)


def observation(xy, time_s=0.0, index=0):
    xy = np.asarray(xy, np.float32)
    return Observation(index, round(time_s * 1e9), xy[None], np.ones((1, len(xy)), np.float32))


def features_of(xy, **kwargs):
    """Features of a single frame."""
    return extractor(**kwargs).update(observation(xy))


def run(poses, times_s=None, measure=None):
    """Features of each pose; 50 frames per second unless told otherwise."""
    times_s = [i / FPS for i in range(len(poses))] if times_s is None else times_s
    measure = measure or extractor()
    return [
        measure.update(observation(xy, t, i))
        for i, (xy, t) in enumerate(zip(poses, times_s, strict=True))
    ]


def moving(velocity_px_s, times_s):
    return [SHAPE + np.multiply(velocity_px_s, t) for t in times_s]


def turned(xy, angle_deg):
    """Turned about the tail base, clockwise on the screen."""
    angle = math.radians(angle_deg)
    matrix = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return xy @ matrix.T


EVEN = [i / FPS for i in range(30)]
"""Capture times (s) of three windows."""
