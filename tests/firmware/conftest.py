import pytest
from firmware.simavr_box import build, what_is_missing


@pytest.fixture(scope="session")
def built_box(tmp_path_factory):
    """The simulator and the firmware, compiled once."""
    if missing := what_is_missing():
        pytest.skip(missing)
    return build(tmp_path_factory.mktemp("box"))
