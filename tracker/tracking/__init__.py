"""Who is who, from frame to frame: positions in, the same positions by animal out."""

from tracker.tracking.follow import Tracker, as_seen
from tracker.tracking.settings import AnimalName, TrackingSettings

__all__ = ["Tracker", "TrackingSettings", "AnimalName", "as_seen"]
