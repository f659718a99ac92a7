from tracker.cameras.base import frames_of
from tracker.errors import EndOfStream
from tracker.types import Fate, Frame, Gap

ENTRIES = [Frame(0, 1, 2, None), None, Gap(1, 3, Fate.LOST_ON_LINK, 5), Frame(4, 7, 8, None)]


class Script:
    """A camera that gives these entries and is asked to wait so long for each."""

    def __init__(self, entries):
        self._entries = list(entries)
        self.waits = set()

    def read(self, timeout_s):
        self.waits.add(timeout_s)
        if not self._entries:
            raise EndOfStream("over")
        return self._entries.pop(0)


def test_frames_come_until_the_stream_ends_without_gaps_and_silence():
    camera = Script(ENTRIES)
    assert [frame.index for frame in frames_of(camera, 0.5)] == [0, 4]
    assert camera.waits == {0.5}
