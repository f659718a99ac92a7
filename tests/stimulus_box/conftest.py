import pytest
from stimulus_box_cable import MS, Cable, boxed

from tracker.testing.manual_clock import ManualClock


@pytest.fixture
def clock():
    return ManualClock(now_ns=3_000 * MS)


@pytest.fixture
def cable(clock):
    return Cable(clock)


@pytest.fixture
def closed(cable, clock):
    made = boxed(cable, clock)
    yield made
    made.close()


@pytest.fixture
def box(closed):
    closed.open()
    return closed
