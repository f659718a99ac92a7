"""Looks after a running session a few times a second, on a thread of its own.

It waits for no disk, no encoder and no camera: when one of them stands still, it is this thread
that says so.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tracker.errors import RecordingError
from tracker.recorder import Recorder
from tracker.ring_buffer import Reader, RingBuffer
from tracker.session_parts import Parts
from tracker.types import Fate

LOOK_EVERY_S = 0.1
"""How often it looks."""

STANDS_STILL_S = 0.5
"""A write or an encoder that takes longer is worth a line in the log."""

QUIET_NS = 5_000_000_000
"""So long without a delay or a loss, and the recorder counts as having caught up."""

LOST = (Fate.RING_OVERRUN, Fate.ENCODER_TOO_SLOW, Fate.DISK_TOO_SLOW, Fate.RECORDER_FULL)
"""Frames that are not in the video because the recorder was late."""


class Tell(Protocol):
    """Adds a line to the log, and tells listeners."""

    def __call__(self, level: str, text: str, **facts: str | float | bool | None) -> None:
        """As `Session.note`."""


@dataclass(frozen=True, slots=True)
class RecorderState:
    """How the recorder is doing.

    Attributes:
        late: Whether it is late now, or was in the last seconds.
        waits_for: What it is late for: "encoder" or "disk"; "" if that cannot be said.
    """

    late: bool = False
    waits_for: str = ""


class RecorderWatch:
    """Notices within a second that encoder or disk are too slow, and says which.

    Args:
        recorder: Open; driven by another thread.
        ring: Where its frames come from.
        reader: Its place there; None: no video is wanted.
        parts: Of the session.
        tell: Called when it becomes late, and when it has caught up.
    """

    def __init__(
        self,
        recorder: Recorder,
        ring: RingBuffer,
        reader: Reader | None,
        parts: Parts,
        tell: Tell,
    ) -> None:
        self._recorder = recorder
        self._ring = ring
        self._reader = reader
        self._ledger = parts.ledger
        self._clock = parts.clock
        self._drop_frames = parts.drop_frames
        self._tell = tell
        self._n_lost = 0
        self._late_ns: int | None = None
        self._waits_for = ""
        self._before = recorder.work.so_far()

    @property
    def state(self) -> RecorderState:
        """How the recorder is doing. Any thread."""
        return RecorderState(self._late_ns is not None, self._waits_for)

    def look(self) -> None:
        """Look once.

        Raises:
            RecordingError: If frames are being lost that must not be missing from the video.
        """
        work, now_ns = self._recorder.work, self._clock.now_ns()
        busy, seconds = work.waits_for
        losing = self._is_losing()
        if losing or seconds >= STANDS_STILL_S:
            cause = busy if seconds >= STANDS_STILL_S else work.cause(self._before)
            self._waits_for = str(cause or self._waits_for)
            if self._late_ns is None:
                self._warn(seconds)
            self._late_ns = now_ns
            if losing and not self._drop_frames:
                raise RecordingError(
                    f"frames are missing from the video: {self._advice()}; or allow it with "
                    f"on_overload: drop"
                )
        elif self._late_ns is not None and now_ns - self._late_ns >= QUIET_NS:
            self._late_ns, self._waits_for = None, ""
            self._tell("info", "the recorder has caught up", frames_lost=self._n_lost)
        self._before = work.so_far()

    def _is_losing(self) -> bool:
        """Whether frames were lost since the last look, or are being overwritten now."""
        before = self._n_lost
        not_recorded = self._ledger.totals.not_recorded
        self._n_lost = sum(not_recorded.get(fate, 0) for fate in LOST)
        behind = self._ring.next_turn - self._reader.next_turn if self._reader else 0
        return self._n_lost > before or behind > self._ring.capacity

    def _warn(self, seconds: float) -> None:
        self._tell(
            "warning",
            f"the recorder is late: {self._advice()}",
            waits_for=self._waits_for,
            stands_still_s=round(seconds, 3),
            frames_lost=self._n_lost,
        )

    def _advice(self) -> str:
        if self._waits_for == "disk":
            return "the disk is too slow; record to another one, or with a smaller codec"
        if self._waits_for == "encoder":
            return (
                "the video encoder is too slow; give it threads (encoder_threads), lower the "
                "camera's rate, or choose another codec"
            )
        return "neither encoder nor disk took long: the processor is busy with something else"


class SessionWatch:
    """Looks at the recorder, and lets the reporting tell what is due.

    Args:
        recorder: Watched.
        tell: Called often; raises `TrackerError`.
    """

    def __init__(self, recorder: RecorderWatch, tell: Callable[[], None]) -> None:
        self.recorder = recorder
        self._tell = tell
        self.over = threading.Event()
        """Set to end it."""

    def step(self) -> bool:
        """Look once, then wait a little; False once it is over. Raises what the two raise."""
        self.recorder.look()
        self._tell()
        return not self.over.wait(LOOK_EVERY_S)
