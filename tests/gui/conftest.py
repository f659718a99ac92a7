"""One Qt application for all tests of the view, without a window unless there is a display."""

import pytest


@pytest.fixture(scope="session")
def qapp():
    """The application; the tests that need it are skipped where Qt cannot be loaded."""
    pytest.importorskip("PySide6.QtWidgets", reason="Qt cannot be loaded", exc_type=ImportError)
    from tracker.gui.app import application

    return application(offscreen=True)
