"""Which frame a buffer is, by the camera's own count, and why those between are missing."""

from collections import deque

from tracker.cameras.machine_vision.driver import Backlog, Buffer
from tracker.errors import DeviceLost
from tracker.types import Fate, Gap


class Counting:
    """Turns the camera's counters into indices from 0, and what they leave out into gaps.

    A gap has the cause that the device's own figures give it. The link's count jumps over
    frames that were sent: they are `DRIVER_OVERRUN` if the driver counted that it had no empty
    buffer just there, otherwise `LOST_ON_LINK`. What the sensor's count of exposures jumps over
    beside them was never sent: `LOST_BY_SENSOR`. A buffer that is not whole is `INCOMPLETE`.

    Args:
        last_number: After which the link's count begins again at 1; None: it never does.
        first_index: Index of the first buffer.
    """

    def __init__(self, last_number: int | None, first_index: int = 0) -> None:
        self._last_number = last_number
        self._number: int | None = None
        self._exposures: tuple[int, int] | None = None
        self._next_index = first_index
        self._n_taken = 0
        self._n_overruns = 0
        self._overruns_from: deque[int] = deque()

    @property
    def next_index(self) -> int:
        """Index that the next frame has if none is missing before it."""
        return self._next_index

    def look(self, backlog: Backlog) -> None:
        """Notice what the driver counted, before each buffer is taken.

        Frames that it had no buffer for come after those that wait. One of these may have been
        given back and filled since, and so be after them.
        """
        if backlog.n_overruns > self._n_overruns:
            self._overruns_from.append(self._n_taken + max(backlog.n_waiting, 1))
        self._n_overruns = backlog.n_overruns

    def take(self, buffer: Buffer, now_ns: int) -> tuple[int, list[Gap]]:
        """Return the buffer's index, and the gaps before it; its own if it is not whole.

        Raises:
            DeviceLost: If the count stood still or went back.
        """
        self._n_taken += 1
        n_sent = self._sent_since(buffer.number)
        n_missing = n_sent
        if buffer.exposures is not None and self._exposures is not None:
            count, index = self._exposures
            n_missing = max(index + buffer.exposures - count - self._next_index, n_sent)
        gaps = self._gaps(n_missing - n_sent, n_sent, now_ns)
        index = self._next_index
        if buffer.exposures is not None:
            self._exposures = buffer.exposures, index
        self._next_index = index + 1
        if buffer.problem:
            gaps.append(Gap(index, index, Fate.INCOMPLETE, now_ns))
        return index, gaps

    def _gaps(self, n_unsent: int, n_sent: int, now_ns: int) -> list[Gap]:
        gaps = []
        causes = ((n_unsent, Fate.LOST_BY_SENSOR), (n_sent, self._cause(n_sent)))
        for n, cause in causes:
            if n:
                gaps.append(Gap(self._next_index, self._next_index + n - 1, cause, now_ns))
                self._next_index += n
        return gaps

    def _cause(self, n_sent: int) -> Fate:
        if not n_sent:
            return Fate.LOST_ON_LINK
        is_overrun = False
        while self._overruns_from and self._overruns_from[0] <= self._n_taken:
            self._overruns_from.popleft()
            is_overrun = True
        return Fate.DRIVER_OVERRUN if is_overrun else Fate.LOST_ON_LINK

    def _sent_since(self, number: int | None) -> int:
        """How many frames the link's count left out before this one.

        Buffers come in order, so one without a number is taken as the next frame.
        """
        last = self._number
        if number is None:
            self._number = None if last is None else last + 1
            return 0
        self._number = number
        if last is None:
            return 0
        if self._last_number is not None and number > self._last_number:
            self._last_number = None  # a camera with long numbers, which do not wrap
        wrap = self._last_number
        steps = number - last if wrap is None else (number - last) % wrap
        if steps <= 0 or (wrap is not None and steps > wrap // 2):
            raise DeviceLost(
                f"the camera's count of frames went from {last} to {number}, expected it to go up: "
                f"it has started anew; check its power supply"
            )
        return steps - 1
