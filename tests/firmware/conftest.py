import pytest
from firmware.host import Host
from firmware.simavr_box import build, what_is_missing


@pytest.fixture(scope="session")
def built_box(tmp_path_factory):
    """The simulator and the firmware, compiled once."""
    if missing := what_is_missing():
        pytest.skip(missing)
    return build(tmp_path_factory.mktemp("box"))


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
