"""A stimulus box whose firmware runs in simavr, for tests that share one."""

import tempfile
from pathlib import Path

import pytest
from firmware.simavr_box import LiveBox, build, what_is_missing


class BoxInSimavr:
    """A box that is plugged in until it is closed; the test is skipped if it cannot be built.

    Attributes:
        port: Where it is.
    """

    def __init__(self):
        if missing := what_is_missing():
            pytest.skip(missing)
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        self._live = LiveBox(build(folder / "built"), folder / "box")
        self._live.start()
        self.port = str(self._live.port)

    def close(self):
        self._live.stop()
        self._folder.cleanup()
