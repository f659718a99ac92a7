"""All that is known of one rig: fed with what comes, asked by the panels. No Qt, no socket."""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.control.description import Facts
from tracker.gui.bouts import Bouts
from tracker.gui.judgement import Judgement, Lamp, Signs, judge
from tracker.gui.series import Series
from tracker.gui.stages import StageTimes
from tracker.messages import (
    EpisodeMessage,
    FrameMessage,
    LogMessage,
    Message,
    ObservationMessage,
    OverlayMessage,
    StatusMessage,
    StimulusMessage,
)

LOST_AFTER_S = 0.9
"""Silence after which the connection counts as lost; a status comes every half second."""

LATELY_S = 10.0
"""Span over which losses are judged (s)."""

ALARM_S = 30.0
"""How long an error that the session told keeps the lamp red (s)."""

N_STIMULI, N_LINES, N_RECENT = 2000, 500, 64
"""Stimuli, log lines, and observations for the overlay that are kept."""

TRAIL_FRAMES = 600

APART_NS = 250_000_000
"""How far picture and overlay may be apart and still be shown together."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the log, or of the view itself; time in s on the session clock."""

    time_s: float
    level: str
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded picture: uint8, (height, width) or (height, width, 3) in RGB order."""

    message: FrameMessage
    image: NDArray[np.uint8]


class Rig:
    """What is known of one rig. Used by one thread.

    Args:
        address: Of its control socket.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.session = ""
        self.facts: Facts | None = None
        self.offset_ns = 0
        """Session clock minus this computer's `time.perf_counter_ns`."""
        self.silent_s = 0.0
        self.heard = False
        self.loop_silent = False
        """The control socket answers, and the loop sends nothing."""
        self.problem = ""
        """Why there is no connection, in words."""
        self._forget()

    def _forget(self) -> None:
        self.status: StatusMessage | None = None
        self.goodbye: str | None = None
        self.bouts: dict[str, Bouts] = {}
        self.series = Series(())
        self.stages = StageTimes()
        self.stimuli: deque[StimulusMessage] = deque(maxlen=N_STIMULI)
        self.n_stimuli = 0
        self.lines: deque[Line] = deque(maxlen=N_LINES)
        self.recent: deque[ObservationMessage] = deque(maxlen=N_RECENT)
        self.trail: deque[tuple[float, float, float]] = deque(maxlen=TRAIL_FRAMES)
        self.picture: Picture | None = None
        self._overlay: OverlayMessage | None = None
        self.missed = 0
        self._next: dict[str, int] = {}
        self._statuses: deque[tuple[StatusMessage, int]] = deque()

    def begin(self, session: str, facts: Facts, offset_ns: int) -> bool:
        """A session was found; return whether it is another one than before."""
        self.facts, self.offset_ns, self.problem = facts, offset_ns, ""
        if session == self.session:
            return False
        self.session = session
        self._forget()
        self.bouts = {name: Bouts() for name in facts.behaviours}
        self.series = Series((*facts.features, *(f"score {name}" for name in facts.behaviours)))
        return True

    def feed(self, topic: str, message: Message) -> None:
        """Take a message; what is known already and what belongs to another session is ignored."""
        if message.session != self.session:
            return
        expected = self._next.get(topic)
        if expected is not None and message.seq < expected:
            return
        if expected is not None:
            self.missed += message.seq - expected
        self._next[topic] = message.seq + 1
        match message:
            case ObservationMessage():
                self._observe(message)
            case EpisodeMessage():
                self.bouts.setdefault(message.behaviour, Bouts()).feed(message)
            case StatusMessage():
                self._status(message)
            case StimulusMessage():
                self.stimuli.append(message)
                self.n_stimuli += 1
            case LogMessage():
                self.lines.append(Line(message.sent_ns / 1e9, message.level, message.text))

    def show(self, picture: Picture) -> None:
        """Take a picture, if it is of this session."""
        if picture.message.session == self.session:
            self.picture = picture

    def lay_over(self, overlay: OverlayMessage) -> None:
        """Take what belongs over a picture, if it is of this session."""
        if overlay.session == self.session:
            self._overlay = overlay

    def tell(self, level: str, text: str) -> None:
        """Add a line of the view itself."""
        self.lines.append(Line(self.now_s, level, text))

    @property
    def now_s(self) -> float:
        """The newest moment that anything is known of (s on the session clock)."""
        newest = self.series.last_s
        told = self.status.sent_ns / 1e9 if self.status else -math.inf
        latest = max(newest, told)
        return latest if math.isfinite(latest) else 0.0

    @property
    def elapsed_s(self) -> float:
        """How long the session runs."""
        return self.status.elapsed_s if self.status else 0.0

    @property
    def is_lost(self) -> bool:
        """Whether nothing has been heard for too long, of a session that has not ended."""
        return self.goodbye is None and (not self.heard or self.silent_s > LOST_AFTER_S)

    @property
    def armed_by(self) -> str | None:
        """Who has armed the outputs."""
        return self.status.armed_by if self.status and self.goodbye is None else None

    @property
    def observation(self) -> ObservationMessage | None:
        """That of the frame that the picture shows, or the last one before it."""
        if self.picture is None:
            return self.recent[-1] if self.recent else None
        index = self.picture.message.frame_index
        for message in reversed(self.recent):
            if message.frame_index <= index:
                return message
        return None

    @property
    def overlay(self) -> OverlayMessage | None:
        """Masks and crop of the frame that the picture shows, or of one very near to it."""
        overlay, picture = self._overlay, self.picture
        if overlay is None or picture is None:
            return None
        apart_ns = abs(overlay.captured_ns - picture.message.captured_ns)
        return overlay if apart_ns <= APART_NS else None

    @property
    def judgement(self) -> Judgement:
        """Colour of the lamp, and why."""
        if self.goodbye is None and (self.facts is None or self.is_lost):
            why = (self._why_lost(),)
            hint = () if self.heard else ("start one with: tracker demo",)
            return Judgement(Lamp.RED if self.heard else Lamp.AMBER, why + hint)
        lost, processed, not_recorded, missed = self._lately()
        spread = self.stages.spreads().get("all")
        return judge(
            Signs(
                status=self.status,
                silent_s=self.silent_s,
                fps=self.facts.fps if self.facts and self.facts.live else math.nan,
                p99_ms=spread.p99 if spread else math.nan,
                lost_lately=lost,
                processed_lately=processed,
                not_recorded_lately=not_recorded,
                missed_lately=missed,
                goodbye=self.goodbye,
                alarm=self._alarm(),
            )
        )

    def _why_lost(self) -> str:
        if not self.heard:
            return self.problem or f"looking for a session at {self.address}"
        ever = math.isfinite(self.silent_s)
        since = f"for {self.silent_s:.0f} s" if ever else "since the view was opened"
        if self.loop_silent:
            return f"the rig answers, but its loop has sent nothing {since}"
        return f"connection lost: nothing heard {since}; trying again"

    def _observe(self, message: ObservationMessage) -> None:
        time_s = message.captured_ns / 1e9
        scores = {f"score {name}": score for name, score in message.scores.items()}
        self.series.append(time_s, {**message.features, **scores}, message.frame_index)
        self.stages.feed(message)
        self.recent.append(message)
        self.trail.append((time_s, *_centre(message.xy)))

    def _status(self, message: StatusMessage) -> None:
        self.status, self.goodbye = message, message.goodbye
        self._statuses.append((message, self.missed))
        while message.sent_ns - self._statuses[0][0].sent_ns > LATELY_S * 1e9:
            self._statuses.popleft()
        if message.goodbye is not None:
            for bouts in self.bouts.values():
                bouts.close(message.sent_ns / 1e9)

    def _lately(self) -> tuple[dict[str, int], int, dict[str, int], int]:
        """Losses of the last seconds: not processed, processed, not recorded, missed here."""
        if self.status is None or not self._statuses:
            return {}, 0, {}, 0
        then, missed = self._statuses[0]
        now = self.status
        rose = {cause: n - then.counts.get(cause, 0) for cause, n in now.counts.items()}
        processed = rose.pop("processed", 0)
        rose.pop("captured", None)
        unwritten = {
            cause: n - then.not_recorded.get(cause, 0) for cause, n in now.not_recorded.items()
        }
        return _positive(rose), processed, _positive(unwritten), self.missed - missed

    def _alarm(self) -> str:
        for line in reversed(self.lines):
            if self.now_s - line.time_s > ALARM_S:
                return ""
            if line.level == "error":
                return line.text
        return ""


def _positive(counts: dict[str, int]) -> dict[str, int]:
    return {cause: n for cause, n in counts.items() if n > 0}


def _centre(xy: Iterable[list[tuple[float, float]]]) -> tuple[float, float]:
    """Mean of the keypoints of the first individual that were found (px)."""
    for points in xy:
        seen = [(x, y) for x, y in points if not (math.isnan(x) or math.isnan(y))]
        if seen:
            return sum(x for x, _ in seen) / len(seen), sum(y for _, y in seen) / len(seen)
        break
    return math.nan, math.nan
