import threading
from pathlib import Path

import pytest
from firmware.simavr_box import build, what_is_missing

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def no_thread_outlives_its_test():
    before = set(threading.enumerate())
    yield
    left = {thread for thread in set(threading.enumerate()) - before if not thread.daemon}
    assert not left, f"still running: {sorted(thread.name for thread in left)}"


@pytest.fixture(scope="session")
def shared_data():
    """The folder of real videos and labels that lies beside a full checkout."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real data here: {SHARED_DATA} is missing")
    return SHARED_DATA


@pytest.fixture(scope="session")
def built_box(tmp_path_factory):
    """The simulator of the stimulus box and its firmware, compiled once."""
    if missing := what_is_missing():
        pytest.skip(missing)
    return build(tmp_path_factory.mktemp("box"))
