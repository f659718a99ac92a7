"""What cameras with a frame counter have in common, whoever wrote their driver.

`settings` is what a config says of any of them, `driver` what each driver must be able to do,
`camera` the rest: asking and reading back (`requests`), counting and causes of losses
(`counting`), formats of pixels (`pixels`), a camera that is away and comes back (`absence`).
"""

from tracker.cameras.machine_vision.camera import MachineVisionCamera
from tracker.cameras.machine_vision.settings import MachineVisionSettings

__all__ = ["MachineVisionCamera", "MachineVisionSettings"]
