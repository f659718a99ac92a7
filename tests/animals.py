"""Observations of animals whose way is written down: a row of three keypoints each, 40 px long."""

import math

import numpy as np

from tracker.tracking import Tracker, TrackingSettings
from tracker.types import Observation, Skeleton

MS = 1_000_000
SKELETON = Skeleton(("nose", "middle", "tail_base"), ((0, 1), (1, 2)))
LENGTH = 40.0
BLANK = np.full((3, 2), np.nan)


def animal(x, y, heading_deg=0.0, length=LENGTH):
    """Keypoints of an animal whose middle is at (x, y)."""
    ahead = np.array([math.cos(math.radians(heading_deg)), math.sin(math.radians(heading_deg))])
    return np.array([x, y]) + np.outer([0.5 * length, 0.0, -0.5 * length], ahead)


def seen(index, *animals, appearance=None, confidence=None, period_ms=20, **about):
    """What is seen in frame `index` of 50 frames/s; NaN is not found."""
    xy = np.array(animals, np.float32).reshape(len(animals), 3, 2)
    if confidence is None:
        confidence = np.isfinite(xy[..., 0]).astype(np.float32)
    looks = None if appearance is None else np.array(appearance, np.float32)
    at_ns = index * period_ms * MS
    return Observation(index, at_ns, xy, confidence, appearance=looks, **about)


def tracker(*names, skeleton=SKELETON, subject="mouse", **settings):
    settings = TrackingSettings(animals=names, **settings)
    return Tracker(settings.names(subject), skeleton, settings)


def places(observation):
    """Middle of each animal by name; None if it is not seen."""
    found = {}
    for name, xy in zip(observation.identities, observation.xy.tolist(), strict=True):
        found[name] = None if math.isnan(xy[1][0]) else tuple(xy[1])
    return found


def sure(observation):
    return dict(zip(observation.identities, observation.identity_confidence, strict=True))
