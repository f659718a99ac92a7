import pytest
from exported import session

from tracker.export.session_view import view_of
from tracker.recording import Recording


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """One animal, with video."""
    return session(tmp_path_factory.mktemp("one") / "s_m12")


@pytest.fixture(scope="session")
def folder_of_two(tmp_path_factory):
    """Two animals with names, no video."""
    about = {"individuals": ["ada", "bob"]}
    return session(
        tmp_path_factory.mktemp("two") / "s_two", individuals=2, model=about, codec="none"
    )


@pytest.fixture
def view(folder):
    return view_of(Recording(folder))


@pytest.fixture
def view_of_two(folder_of_two):
    return view_of(Recording(folder_of_two))


@pytest.fixture
def write(tmp_path):
    """Write a view by one format's writer; return the folder."""

    def run(writer, view):
        writer(view, tmp_path, tmp_path, lambda _done, _of: None)
        return tmp_path

    return run
