"""Which frames go into the video where only episodes are wanted at the full rate.

Nobody knows while a frame is taken whether an episode will begin right after it. So frames wait in
memory until either an episode has claimed them or none can any more.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.errors import RecordingError
from tracker.session_folder.settings import AroundEpisodesSettings
from tracker.types import CameraInfo, Episode, Fate, Frame, FrameResult, Onset

SLACK_S = 0.5
"""How much later than its `min_duration_s` an onset may be confirmed: the time between two frames
that the pipeline gets to see."""

SPARE_S = 2.0
"""Room for frames that wait for a pipeline or an encoder that is late."""


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """A frame of which it is known what becomes of it.

    Attributes:
        frame: Its image is valid until the next call of `AroundEpisodes`.
        turn: Its turn in the ring buffer.
        missed: Turns before it that never came.
        why_missed: Why not.
        left_out: Why it does not go into the video; None: it does.
    """

    frame: Frame
    turn: int
    missed: range
    why_missed: Fate
    left_out: Fate | None


@dataclass(slots=True)
class _Span:
    """What an episode wants, in capture times (ns); `until_ns` is None while it goes on."""

    from_ns: int
    until_ns: int | None = None


class AroundEpisodes:
    """Holds frames back until it is known whether an episode wants them. One thread.

    Args:
        settings: Which episodes, how much around them, and what is kept of the rest.
        camera: Tells the shape and the rate of the frames.
        confirm_s: Longest time from the onset of such an episode to its confirmation.

    Raises:
        RecordingError: If the frames of that time do not fit into `memory_mb`.
    """

    def __init__(
        self, settings: AroundEpisodesSettings, camera: CameraInfo, confirm_s: float
    ) -> None:
        self._behaviours = frozenset(settings.behaviours)
        self._before_ns = round(settings.before_s * 1e9)
        self._after_ns = round(settings.after_s * 1e9)
        hold_s = settings.before_s + confirm_s + SLACK_S
        self._hold_ns = round(hold_s * 1e9)
        fps = settings.otherwise_fps
        self._period_ns = round(1e9 / fps) if fps > 0 else None
        self._due_ns: int | None = None
        self._heard_ns: int | None = None
        self._spans: dict[str, _Span] = {}
        self._waiting: deque[tuple[Frame, int, range, Fate]] = deque()
        self._free = list(_pool(settings.memory_mb, camera, hold_s + SPARE_S))
        self._n_slots = len(self._free)
        self._lent: NDArray[np.uint8] | None = None
        self._over = False

    @property
    def capacity(self) -> int:
        """Frames that may wait."""
        return self._n_slots

    @property
    def n_waiting(self) -> int:
        """Frames that wait."""
        return len(self._waiting)

    @property
    def waits_for_pipeline(self) -> bool:
        """Whether there is no room until the pipeline has come as far as the newest frame here."""
        self._take_back()
        if self._free or not self._waiting:
            return False
        return self._heard_ns is None or self._heard_ns < self._waiting[-1][0].captured_ns

    def add(self, frame: Frame, turn: int, missed: range, why_missed: Fate) -> Settled | None:
        """Copy a frame; return the oldest one that waits if there was no room for both."""
        pushed_out = None
        self._take_back()
        if not self._free:
            pushed_out = Settled(*self._waiting.popleft(), Fate.RECORDER_FULL)
            self._free.append(pushed_out.frame.image)
        image = self._free.pop()
        np.copyto(image, frame.image)
        kept = Frame(frame.index, frame.captured_ns, frame.received_ns, image, frame.device_tick)
        self._waiting.append((kept, turn, missed, why_missed))
        return pushed_out

    def hear(self, result: FrameResult) -> None:
        """Take note of how far the pipeline has come, and of what it saw begin and end."""
        for event in result.events:
            self._follow(event)
        self._heard_ns = result.observation.captured_ns

    def end(self, episodes: Sequence[Episode]) -> None:
        """Nothing more will be heard; `episodes` are those that the session's end closed."""
        for episode in episodes:
            self._follow(episode)
        self._over = True

    def next(self) -> Settled | None:
        """Return the oldest frame that waits if it is settled."""
        self._take_back()
        if not self._waiting:
            return None
        frame = self._waiting[0][0]
        t_ns = frame.captured_ns
        wanted = self._is_wanted(t_ns)
        if not wanted and not self._over and not self._cannot_be_wanted(t_ns):
            return None
        self._lent = frame.image
        due = self._is_due(t_ns, wanted=wanted)
        return Settled(*self._waiting.popleft(), None if due else Fate.THINNED)

    def _follow(self, event: Onset | Episode) -> None:
        onset = event.onset if isinstance(event, Episode) else event
        if self._behaviours and onset.behaviour not in self._behaviours:
            return
        span = self._spans.setdefault(onset.episode_id, _Span(onset.onset_ns - self._before_ns))
        if isinstance(event, Episode):
            span.until_ns = event.end_ns + self._after_ns

    def _is_wanted(self, t_ns: int) -> bool:
        over = [
            name
            for name, span in self._spans.items()
            if span.until_ns is not None and span.until_ns < t_ns
        ]
        for name in over:
            del self._spans[name]  # frames come in order: nothing later wants it
        return any(span.from_ns <= t_ns for span in self._spans.values())

    def _cannot_be_wanted(self, t_ns: int) -> bool:
        """Whether an onset that is not confirmed yet would come too late for it."""
        return self._heard_ns is not None and t_ns < self._heard_ns - self._hold_ns

    def _is_due(self, t_ns: int, *, wanted: bool) -> bool:
        """Whether it goes into the video, also for being the next one of the low rate."""
        if self._period_ns is None:
            return wanted
        if not wanted and self._due_ns is not None and t_ns < self._due_ns:
            return False
        late = self._due_ns is None or wanted or t_ns - self._due_ns >= self._period_ns
        self._due_ns = (t_ns if late else self._due_ns or t_ns) + self._period_ns
        return True

    def _take_back(self) -> None:
        if self._lent is not None:
            self._free.append(self._lent)
            self._lent = None


def _pool(memory_mb: int, camera: CameraInfo, seconds: float) -> NDArray[np.uint8]:
    """Room for the frames of so many seconds; all that is allowed if the rate is not known."""
    n_bytes = math.prod(camera.shape)
    most = memory_mb * 1_000_000 // n_bytes
    needed = most if math.isnan(camera.fps) else math.ceil(seconds * camera.fps)
    if needed > most or most < 2:
        raise RecordingError(
            f"outputs.recording.around_episodes keeps {seconds:g} s of frames in memory: "
            f"{needed} of {n_bytes / 1e6:.2f} MB are {needed * n_bytes / 1e6:.0f} MB, and "
            f"memory_mb allows {memory_mb}: raise it, or lower before_s or the camera's rate"
        )
    images: NDArray[np.uint8] = np.ones((max(2, needed), *camera.shape), np.uint8)
    return images
