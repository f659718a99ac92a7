"""Turn a score per frame into episodes with a beginning and an end.

Two thresholds and two durations: without them one noisy frame would fire a stimulus.
A frame is good if its score is at or above `leave`, bad if it is below, and blank if nothing is
known of it: the score is NaN, or the frame never came (lost, or superseded).

- A frame whose score reaches `enter` begins a candidate. Nobody is told.
- A candidate is confirmed, and becomes an episode, on the first good frame at least
  `min_duration_s` after its first. A bad frame ends a candidate at once, and so do blank frames
  for more than `max_gap_s`: an episode begins with a run in which nothing speaks against it.
- An episode is over once no frame has been good for more than `max_gap_s`, bad and blank alike.
  Its last frame is the last good one. So a dip of exactly `max_gap_s` is bridged.
"""

from pydantic import Field, model_validator

from tracker.settings import Settings
from tracker.types import Episode, Onset


class EpisodeSettings(Settings):
    """When a behaviour counts as happening."""

    enter: float = Field(0.7, gt=0, le=1, description="score (0 to 1) that may begin an episode")
    leave: float = Field(0.5, gt=0, le=1, description="score (0 to 1) that keeps it going")
    min_duration_s: float = Field(
        0.1, ge=0, le=3600, description="s, from its first frame to the one that confirms it"
    )
    max_gap_s: float = Field(
        0.1,
        ge=0,
        le=3600,
        description="s, longest dip inside one; choose more than the time between two frames "
        "that the network gets to see",
    )

    @model_validator(mode="after")
    def _enter_is_not_below_leave(self) -> "EpisodeSettings":
        if self.enter < self.leave:
            raise ValueError(f"enter ({self.enter}) is below leave ({self.leave})")
        return self


class EpisodeBuilder:
    """Follows one behaviour of one animal; used by one thread.

    Frames that never came are noticed by their index. A camera that stands still without
    counting is noticed by its capture times: the time per frame may double from one frame
    to the next, and what is longer counts as blank.

    Args:
        behaviour: Name from the ethogram.
        subject: Who does it.
        settings: Thresholds and durations.
    """

    def __init__(self, behaviour: str, subject: str, settings: EpisodeSettings) -> None:
        self._behaviour = behaviour
        self._subject = subject
        self._enter = settings.enter
        self._leave = settings.leave
        self._min_duration_ns = round(settings.min_duration_s * 1e9)
        self._max_gap_ns = round(settings.max_gap_s * 1e9)
        self._n_declared = 0
        self._frame: tuple[int, int] | None = None
        self._period_ns: int | None = None
        self._first: tuple[int, int] | None = None
        self._last_good = (0, 0)
        self._onset: Onset | None = None

    @property
    def going_on(self) -> bool:
        """Whether a confirmed episode is open. Any thread may ask."""
        return self._onset is not None

    def update(self, score: float, frame_index: int, captured_ns: int) -> Onset | Episode | None:
        """Take in one frame.

        Args:
            score: From 0 to 1; NaN if nothing is known.
            frame_index: Camera's count, above that of the frame before.
            captured_ns: Capture time of the frame (ns), later than that of the frame before.

        Returns:
            An `Onset` on the frame that confirms an episode, an `Episode` on the frame that
            shows it is over, otherwise None. A frame that ends one episode may begin the next,
            which is then confirmed by a later frame at the earliest.

        Raises:
            ValueError: If the index or the capture time did not rise.
        """
        frame = (frame_index, captured_ns)
        blank_until_ns = captured_ns - self._note_frame(frame)
        ended = self._end_if_gap(blank_until_ns)
        if score >= self._leave:
            if self._first is None and score >= self._enter:
                self._first = frame
            self._last_good = frame
        elif self._onset is None and score < self._leave:
            self._first = None
        else:
            ended = ended or self._end_if_gap(captured_ns)
        return ended or self._confirm_if_long_enough(frame)

    def finish(self) -> Episode | None:
        """End the session: return the episode that is going on, up to its last good frame.

        A candidate that was not confirmed is dropped. Twice does no harm.
        """
        onset, self._onset, self._first = self._onset, None, None
        if onset is None:
            return None
        return Episode(onset, *self._last_good, ended_by_session=True)

    def _note_frame(self, frame: tuple[int, int]) -> int:
        """Return how long this frame itself lasts (ns); the rest since the last one is blank."""
        before, self._frame = self._frame, frame
        if before is None:
            return 0
        n_frames, elapsed_ns = frame[0] - before[0], frame[1] - before[1]
        if n_frames <= 0 or elapsed_ns <= 0:
            raise ValueError(
                f"frame {frame[0]} at {frame[1]} ns came after frame {before[0]} at {before[1]} "
                f"ns: index and capture time must rise"
            )
        period_ns = elapsed_ns // n_frames
        if self._period_ns is not None:
            period_ns = min(max(period_ns, self._period_ns // 2), self._period_ns * 2)
        self._period_ns = period_ns
        return period_ns

    def _end_if_gap(self, until_ns: int) -> Episode | None:
        """Close what is open if no frame was good for too long until `until_ns`."""
        if self._first is None or until_ns - self._last_good[1] <= self._max_gap_ns:
            return None
        onset, self._onset, self._first = self._onset, None, None
        return None if onset is None else Episode(onset, *self._last_good)

    def _confirm_if_long_enough(self, frame: tuple[int, int]) -> Onset | None:
        first = self._first
        if first is None or self._onset is not None or self._last_good != frame:
            return None
        if frame[1] - first[1] < self._min_duration_ns:
            return None
        self._n_declared += 1
        name = f"{self._behaviour}/{self._subject}/{self._n_declared}"
        self._onset = Onset(name, self._behaviour, self._subject, *first, *frame)
        return self._onset
