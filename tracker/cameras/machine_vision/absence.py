"""A camera that is away: which frames would have come, until it is back."""

from tracker.errors import DeviceLost
from tracker.types import Fate, Gap

RETRY_S = 0.5
"""Pause between attempts to open it again (s)."""


class Absence:
    """Counts on while no camera does, by the rate that it had.

    Rows for these frames keep the frames after them at their place in time.

    Args:
        since_ns: When the last frame came.
        period_ns: Time from frame to frame.
        next_index: Index of the first frame that is missing.
        at_most_s: How long it may be away.
        why: What the driver said when it went.
    """

    def __init__(
        self, since_ns: int, period_ns: int, next_index: int, at_most_s: float, why: str
    ) -> None:
        self._since_ns = since_ns
        self._period_ns = period_ns
        self._first_index = next_index
        self._next_index = next_index
        self._at_most_ns = round(at_most_s * 1e9)
        self._why = why
        self._tried_ns: int | None = None

    @property
    def next_index(self) -> int:
        """Index of the first frame after those told so far."""
        return self._next_index

    def may_try(self, now_ns: int) -> bool:
        """Whether it is time to try to open the camera again; notes the attempt."""
        if self._tried_ns is not None and now_ns - self._tried_ns < RETRY_S * 1e9:
            return False
        self._tried_ns = now_ns
        return True

    def tried(self, now_ns: int) -> None:
        """An attempt failed just now: the pause begins here."""
        self._tried_ns = now_ns

    def missing(self, now_ns: int, *, at_least_one: bool = False) -> Gap | None:
        """Return the frames that would have come since the last call.

        Those due within the last period are not told yet: a frame that comes now is one of them.

        Args:
            now_ns: The time.
            at_least_one: Tell one if none was told at all: the camera is back that soon.

        Raises:
            DeviceLost: If it has been away for too long.
        """
        away_ns = now_ns - self._since_ns
        if away_ns > self._at_most_ns:
            raise DeviceLost(
                f"the camera did not come back within {self._at_most_ns / 1e9:g} s "
                f"(wait_at_most_s); it went because: {self._why}"
            )
        n_due = max(away_ns // self._period_ns - 1, int(at_least_one))
        first, last = self._next_index, self._first_index + n_due - 1
        if last < first:
            return None
        self._next_index = last + 1
        return Gap(first, last, Fate.CAMERA_AWAY, now_ns)
