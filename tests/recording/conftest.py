import pytest

from tracker.testing.manual_clock import ManualClock


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "2026-01-31_mouse"


@pytest.fixture
def clock():
    return ManualClock(now_ns=5_000_000_000)
