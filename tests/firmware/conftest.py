import pytest
from firmware.host import Host


@pytest.fixture
def box(built_box):
    """A box that has just got power, and a host at its serial line."""
    with Host(built_box) as host:
        yield host


@pytest.fixture
def test_box(built_box):
    """The same with the commands that only tests need, and a clock that soon wraps."""
    with Host(built_box, built_box.test_firmware) as host:
        yield host
