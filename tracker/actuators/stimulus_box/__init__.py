"""An Arduino between the program and what must never stay on; see docs/stimulus_box.md."""

from tracker.actuators.stimulus_box.box import StimulusBox, StimulusBoxSettings

__all__ = ["StimulusBox", "StimulusBoxSettings"]
