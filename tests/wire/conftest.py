import pytest
from wire_ends import publishers

from tracker.keys import make_keys


@pytest.fixture
def make():
    with publishers() as make:
        yield make


@pytest.fixture
def publisher(make):
    publisher = make()
    publisher.bind()
    return publisher


@pytest.fixture
def keys(tmp_path):
    folder = tmp_path / "keys"
    make_keys(folder)
    return folder
