"""A synthetic camera: a mouse in a box, drawn in time with the clock, with its truth."""

from tracker.cameras.synthetic.camera import Light, SyntheticCamera
from tracker.cameras.synthetic.script import MouseScript
from tracker.cameras.synthetic.settings import FloorRectangle, SyntheticCameraSettings

__all__ = ["SyntheticCamera", "SyntheticCameraSettings", "MouseScript", "Light", "FloorRectangle"]
