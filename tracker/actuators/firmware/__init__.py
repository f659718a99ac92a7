"""The stimulus box's own program: source in C, finished file, and the way onto a board."""

from tracker.actuators.firmware.flash import Flashed, flash

__all__ = ["Flashed", "flash"]
