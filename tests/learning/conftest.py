import sys

import pytest


@pytest.fixture(autouse=True)
def one_thread():
    """Small networks are fastest on one thread, and more than one would crowd a busy machine."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
