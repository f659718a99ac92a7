from pathlib import Path

import pytest


def pytest_collection_modifyitems(items):
    """Whole sessions keep time, and say so where they could not: nothing else runs meanwhile."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.alone)
