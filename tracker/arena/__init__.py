"""The arena: what a pixel is worth, and which places in it have a name."""

from tracker.arena.arena import Arena, ArenaSettings, KnownLength
from tracker.arena.floor import Plane, PlanePoint
from tracker.arena.zones import Circle, CircleCm, Polygon, PolygonCm, Rectangle, Zone

__all__ = [
    "Arena",
    "ArenaSettings",
    "Circle",
    "CircleCm",
    "KnownLength",
    "Plane",
    "PlanePoint",
    "Polygon",
    "PolygonCm",
    "Rectangle",
    "Zone",
]
