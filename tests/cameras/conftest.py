import pytest

from tracker.cameras.machine_vision import MachineVisionCamera, MachineVisionSettings
from tracker.testing.manual_clock import ManualClock


@pytest.fixture
def clock():
    return ManualClock(now_ns=5_000_000_000)


@pytest.fixture
def make(clock):
    made = []

    def one(device, **settings):
        device.clock = clock
        camera = MachineVisionCamera(
            MachineVisionSettings(**settings), clock, "played", device.connect
        )
        made.append((camera, device))
        return camera

    yield one
    for camera, device in made:
        camera.close()
        assert device.n_open == 0
