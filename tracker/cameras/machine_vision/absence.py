"""A camera that is away: which frames would have come, until it is back."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from enum import StrEnum

from tracker.clock import Clock
from tracker.errors import DeviceError, DeviceLost
from tracker.types import CameraInfo, Fate, Frame, Gap

RETRY_S = 0.5
"""Pause between attempts to open it again (s)."""


UNKNOWN_PERIOD_NS = 1_000_000_000
"""From frame to frame of a camera that is away and whose rate nobody knows."""


class OnDisconnect(StrEnum):
    """What becomes of the session when the camera is unplugged."""

    END = "end"
    """The session fails, and says why."""

    WAIT = "wait"
    """The session goes on with a gap once the camera is back."""


class Presence:
    """Whether a camera is there; waits for one that is not, if that is wanted.

    Args:
        clock: The session clock.
        on_disconnect: What is wanted.
        at_most_s: How long it may be away.
    """

    def __init__(self, clock: Clock, on_disconnect: OnDisconnect, at_most_s: float) -> None:
        self._clock = clock
        self._on_disconnect = on_disconnect
        self._at_most_s = at_most_s
        self._absence: Absence | None = None
        self.n_returns = 0
        """How often it came back."""

    @property
    def is_away(self) -> bool:
        """From the moment it is gone to the first frame after it is back."""
        return self._absence is not None

    def gone(
        self, failure: DeviceLost, name: str, *, since_ns: int, period_ns: int, next_index: int
    ) -> None:
        """Begin to wait, or go on with it.

        Args:
            failure: How the driver said it.
            name: The camera's, for a person.
            since_ns: When its last frame came.
            period_ns: Time from frame to frame.
            next_index: Index of the first frame that is missing.

        Raises:
            DeviceLost: If it is not to be waited for.
        """
        if self._on_disconnect is OnDisconnect.END:
            raise DeviceLost(f"{name}: {failure}") from failure
        if self._absence is None:
            self._absence = Absence(since_ns, period_ns, next_index, self._at_most_s, str(failure))
        self._absence.tried(self._clock.now_ns())

    def try_again(
        self, timeout_s: float, before: CameraInfo, connect: Callable[[], CameraInfo]
    ) -> bool:
        """Open the camera if it is time for that, otherwise wait; whether it is open now.

        Raises:
            DeviceLost: If it is not there yet.
            DeviceError: If it came back with pictures of another size.
        """
        now_ns = self._clock.now_ns()
        if self._absence is None or not self._absence.may_try(now_ns):
            self._clock.wait_until(now_ns + round(timeout_s * 1e9), timeout_s)
            return False
        try:
            after = connect()
        except DeviceError as failure:
            raise DeviceLost(str(failure)) from failure
        if after.shape != before.shape:
            raise DeviceError(
                f"{before.name} came back with pictures of shape {after.shape}, before it was "
                f"{before.shape}"
            )
        return True

    def missing(self) -> Gap | None:
        """Return the frames that were due since the last call. Raises `DeviceLost`."""
        return None if self._absence is None else self._absence.missing(self._clock.now_ns())

    def back(self, next_index: int, now_ns: int) -> tuple[Gap | None, int]:
        """A frame has come after all: return what is missing before it, and its index.

        Args:
            next_index: The index that it would have if the camera had not been away.
            now_ns: When it came.

        Raises:
            DeviceLost: If it was away for too long.
        """
        absence = self._absence
        if absence is None:
            return None, next_index
        gap = absence.missing(now_ns, at_least_one=absence.next_index == next_index)
        self._absence = None
        self.n_returns += 1
        return gap, absence.next_index


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
        """Whether it is time to try to open the camera again."""
        return self._tried_ns is None or now_ns - self._tried_ns >= RETRY_S * 1e9

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


class AwaitedCamera(ABC):
    """A camera that may be waited for: it hands out in order what came and what is missing.

    Args:
        clock: The session clock.
        on_disconnect: What is wanted when it is unplugged.
        wait_at_most_s: How long it may be away.
    """

    def __init__(self, clock: Clock, on_disconnect: OnDisconnect, wait_at_most_s: float) -> None:
        self._clock = clock
        self._about_absence = on_disconnect, wait_at_most_s
        self._ready: deque[Frame | Gap] = deque()
        self._begin_anew()

    @property
    @abstractmethod
    def info(self) -> CameraInfo:
        """What the camera says of itself. Raises `DeviceError` when closed."""

    def read(self, timeout_s: float) -> Frame | Gap | None:
        """Return the next frame or gap, None if none came.

        Raises:
            DeviceError: If the camera is closed, does not start, or sends something else than
                it was asked for.
            DeviceLost: If it was unplugged, and `on_disconnect` is end or it stays away.
        """
        info = self.info
        if not self._ready:
            try:
                self._look(timeout_s, info)
            except DeviceLost as failure:
                self._go_away(failure)
            if not self._ready:
                self._tell(self._presence.missing())
        if not self._ready:
            return None
        entry = self._ready.popleft()
        self._n_read = 1 + (entry.last_index if isinstance(entry, Gap) else entry.index)
        return entry

    def _begin_anew(self) -> None:
        """Forget what was read and what is ready: the camera is opened."""
        self._presence = Presence(self._clock, *self._about_absence)
        self._ready.clear()
        self._n_read = 0

    def _tell(self, gap: Gap | None) -> None:
        if gap is not None:
            self._ready.append(gap)

    @abstractmethod
    def _look(self, timeout_s: float, info: CameraInfo) -> None:
        """Wait for what comes and make it ready, or try to connect again. Raises `DeviceLost`."""

    @abstractmethod
    def _go_away(self, failure: DeviceLost) -> None:
        """Begin to wait for the camera, or raise."""
