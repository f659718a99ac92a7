import tempfile
import threading
from pathlib import Path

import pytest
from filelock import ReadWriteLock
from firmware.simavr_box import build, what_is_missing

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


LOCK = pytest.StashKey[ReadWriteLock]()
FOLDER = pytest.StashKey[tempfile.TemporaryDirectory]()


def pytest_configure(config):
    if hasattr(config, "workerinput"):
        config.stash[LOCK] = ReadWriteLock(config.workerinput["lock"])
    else:
        config.stash[FOLDER] = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)


def pytest_unconfigure(config):
    if FOLDER in config.stash:
        config.stash[FOLDER].cleanup()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    node.workerinput["lock"] = str(Path(node.config.stash[FOLDER].name) / "lock.db")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item):
    """Where tests run in several processes, one that is marked `alone` runs beside no other."""
    lock = item.config.stash.get(LOCK, None)
    if lock is None:
        return (yield)
    alone = item.get_closest_marker("alone")
    with lock.write_lock() if alone else lock.read_lock():
        return (yield)


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
