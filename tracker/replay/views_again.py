"""A camera that was moved while a session ran, seen through again from the same frames on."""

from collections import deque
from collections.abc import Callable

import numpy as np

from tracker.geometry import Matrix
from tracker.recording import Recording
from tracker.registration.lines import matrix_of


class ViewsAgain:
    """What was applied to positions live, frame by frame; runs once.

    Args:
        recording: A session.
    """

    def __init__(self, recording: Recording) -> None:
        applied = [
            (row.applied_from, matrix_of(row.to_reference))
            for row in recording.views
            if row.applied_from is not None and row.to_reference is not None
        ]
        self._waiting = deque(sorted(applied, key=lambda each: each[0]))

    def before(self, frame_index: int, see_from: Callable[[Matrix | None], None]) -> None:
        """Do what was done before this frame.

        Args:
            frame_index: Of the frame that comes next.
            see_from: As `Pipeline.see_from`.
        """
        while self._waiting and self._waiting[0][0] <= frame_index:
            matrix = self._waiting.popleft()[1]
            see_from(None if np.array_equal(matrix, np.eye(3)) else matrix)
