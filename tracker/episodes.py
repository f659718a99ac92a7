"""Turn a score per frame into episodes with a beginning and an end.

Two thresholds and two durations: without them one noisy frame would fire a stimulus.
A frame is good if its score is at or above `leave`, bad if it is below, and blank if nothing is
known of it: the score is NaN, or the frame never came (lost, or superseded).

- A frame whose score reaches `enter` begins a candidate. Nobody is told.
- A candidate is confirmed, and becomes an episode, on the first good frame at least
  `min_duration_s` after its first. A bad frame ends a candidate at once, and so do blank frames
  for more than `max_gap_s`: an episode begins with a run in which nothing speaks against it.
- An episode is over once no frame has been good for more than `max_gap_s`, bad and blank alike.
  Its last frame is the last good one. So a dip of exactly `max_gap_s` is bridged. With
  `max_blank_s` what is not known is borne for longer: then only bad frames add up to `max_gap_s`,
  and no frame good for more than `max_blank_s` ends the episode all the same.
- No candidate begins less than `refractory_s` after the last frame of an episode.
- An episode of the kind `point` is its first frame alone. The next one begins after a bad frame.
- `lag_s` dates first and last frame back by as much: the score lags behind the animal by that.
"""

from collections import deque
from typing import Literal

from pydantic import Field, model_validator

from tracker.settings import Settings
from tracker.types import Episode, Onset

MOST_DATED_FRAMES = 4096
"""Frames that are kept to date back by `lag_s`; more come only with over 1600 of them a second."""


class EpisodeSettings(Settings):
    """When a behaviour counts as happening."""

    kind: Literal["state", "point"] = Field(
        "state", description="state: it lasts; point: it is its first frame alone"
    )
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
    max_blank_s: float | None = Field(
        None,
        ge=0,
        le=3600,
        description="s, longest stretch inside one in which nothing is known; null: max_gap_s",
    )
    refractory_s: float = Field(
        0, ge=0, le=86_400, description="s, shortest time from the end of one to the next"
    )
    lag_s: float = Field(
        0,
        ge=0,
        le=2.5,
        description="s that the score lags behind the animal: first and last frame are dated back",
    )

    @model_validator(mode="after")
    def _enter_is_not_below_leave(self) -> "EpisodeSettings":
        if self.enter < self.leave:
            raise ValueError(f"enter ({self.enter}) is below leave ({self.leave})")
        if self.max_blank_s is not None and self.max_blank_s < self.max_gap_s:
            raise ValueError(
                f"max_blank_s ({self.max_blank_s}) is below max_gap_s ({self.max_gap_s}): what "
                f"speaks against an episode cannot be borne longer than what says nothing"
            )
        return self


_At = tuple[int, int]
"""Index and capture time (ns) of a frame."""


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
        blank_s = settings.max_gap_s if settings.max_blank_s is None else settings.max_blank_s
        self._max_blank_ns = round(blank_s * 1e9)
        self._refractory_ns = round(settings.refractory_s * 1e9)
        self._is_point = settings.kind == "point"
        self._lag_ns = round(settings.lag_s * 1e9)
        self._recent: deque[_At] = deque(maxlen=MOST_DATED_FRAMES)
        self._n_declared = 0
        self._frame: _At | None = None
        self._period_ns: int | None = None
        self._first: _At | None = None
        self._first_dated: _At = (0, 0)
        self._last_good: _At = (0, 0)
        self._last_dated: _At = (0, 0)
        self._splits_blanks = settings.max_blank_s is not None
        self._bad_ns = 0
        self._ended: _At | None = None
        self._ended_dated: _At | None = None
        self._spent = False
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
            shows it is over (of a point: on the next frame), otherwise None. A frame that ends one
            episode may begin the next, which is then confirmed by a later frame at the earliest.

        Raises:
            ValueError: If the index or the capture time did not rise.
        """
        frame = (frame_index, captured_ns)
        period_ns = self._note_frame(frame)
        blank_until_ns = captured_ns - period_ns
        ended = self._close() if self._is_point and self._onset else None
        ended = ended or self._end_if_gap(blank_until_ns)
        if score >= self._leave:
            if self._first is None and score >= self._enter and self._may_begin(captured_ns):
                self._first, self._first_dated = frame, self._dated_back(frame)
            self._last_good = frame
            self._last_dated = (
                max(self._dated_back(frame), self._first_dated) if self._lag_ns else frame
            )
            self._bad_ns = 0
        elif score < self._leave:
            self._spent = False
            self._bad_ns += period_ns
            if self._onset is None:
                self._first = None
            else:
                ended = ended or self._end_if_gap(captured_ns)
        else:
            ended = ended or self._end_if_gap(captured_ns)
        return ended or self._confirm_if_long_enough(frame)

    def cut(self) -> Episode | None:
        """End what goes on, at its last good frame, since another behaviour has begun."""
        return self._close()

    def finish(self) -> Episode | None:
        """End the session: return the episode that is going on, up to its last good frame.

        A candidate that was not confirmed is dropped. Twice does no harm.
        """
        onset, self._onset, self._first = self._onset, None, None
        if onset is None:
            return None
        if self._is_point:
            return Episode(onset, onset.onset_index, onset.onset_ns)
        return Episode(onset, *self._last_dated, ended_by_session=True)

    def _note_frame(self, frame: _At) -> int:
        """Return how long this frame itself lasts (ns); the rest since the last one is blank."""
        if self._lag_ns:
            self._recent.append(frame)
            oldest_ns = frame[1] - self._lag_ns
            while len(self._recent) > 1 and self._recent[1][1] <= oldest_ns:
                self._recent.popleft()
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
        usual_ns = self._period_ns
        if usual_ns is not None:
            if period_ns > 2 * usual_ns:
                period_ns = 2 * usual_ns
            elif period_ns < usual_ns // 2:
                period_ns = usual_ns // 2
        self._period_ns = period_ns
        return period_ns

    def _dated_back(self, frame: _At) -> _At:
        """Return the frame that was taken `lag_s` before this one, or the first one there is.

        It comes after the last frame of the episode before, in any case.
        """
        if not self._lag_ns:
            return frame
        dated = self._recent[0]
        return frame if self._ended_dated and dated[0] <= self._ended_dated[0] else dated

    def _may_begin(self, now_ns: int) -> bool:
        if self._spent:
            return False
        return self._ended is None or now_ns - self._ended[1] >= self._refractory_ns

    def _end_if_gap(self, until_ns: int) -> Episode | None:
        """Close what is open if no frame was good for too long until `until_ns`."""
        if self._first is None:
            return None
        is_over = until_ns - self._last_good[1] > self._max_blank_ns or (
            self._splits_blanks and self._bad_ns > self._max_gap_ns
        )
        return self._close() if is_over else None

    def _close(self) -> Episode | None:
        onset, self._onset, self._first = self._onset, None, None
        if onset is None:
            return None
        self._ended, self._ended_dated = self._last_good, self._last_dated
        if self._is_point:
            self._spent = True
            self._ended = self._ended_dated = (onset.onset_index, onset.onset_ns)
            return Episode(onset, onset.onset_index, onset.onset_ns)
        return Episode(onset, *self._last_dated)

    def _confirm_if_long_enough(self, frame: _At) -> Onset | None:
        first = self._first
        if first is None or self._onset is not None or self._last_good != frame:
            return None
        if frame[1] - first[1] < self._min_duration_ns:
            return None
        self._n_declared += 1
        name = f"{self._behaviour}/{self._subject}/{self._n_declared}"
        self._onset = Onset(name, self._behaviour, self._subject, *self._first_dated, *frame)
        return self._onset
