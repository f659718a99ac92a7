"""One row per frame that the camera counted: what became of it, in the pipeline and the video.

Each thread notes what it did to a frame, where and when it happened, and never waits: a
note is one append to a deque. The recorder's thread merges the notes into rows.

Nothing is counted by subtraction. A frame of which somebody should have said something
and nobody did gets the fate `unknown`, and the session says so.
"""

from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tracker.types import Fate, Frame, Gap, InVideo, LedgerRow, StageTimes


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the rows of a ledger.

    Attributes:
        captured: Frames that the camera counted.
        processed: Of these, frames that were observed.
        recorded: Of these, frames that are in the video.
        lost: Frames not processed, by cause.
        not_recorded: Frames not in the video, by cause.
        unexplained: Frames whose fate nobody knows, for pipeline or video.
    """

    captured: int = 0
    processed: int = 0
    recorded: int = 0
    lost: Mapping[Fate, int] = field(default_factory=dict)
    not_recorded: Mapping[Fate, int] = field(default_factory=dict)
    unexplained: int = 0

    def as_dict(self) -> dict[str, object]:
        """The sums as JSON-ready values."""
        return {
            "captured": self.captured,
            "processed": self.processed,
            "recorded": self.recorded,
            "lost": {str(fate): n for fate, n in self.lost.items()},
            "not_recorded": {str(fate): n for fate, n in self.not_recorded.items()},
            "unexplained": self.unexplained,
        }


@dataclass(slots=True)
class _Open:
    """A row that is not finished. A gap has no turn: it was never in the ring buffer."""

    index: int
    turn: int | None = None
    captured_ns: int | None = None
    received_ns: int | None = None
    stages: StageTimes | None = None
    published_ns: int | None = None
    fate: Fate | None = None
    recording: Fate | None = None
    video: InVideo | None = None
    device_tick: int | None = None


class Ledger:
    """Merges the notes of all threads, in the order of the camera's count.

    Args:
        video: Whether frames are recorded; if not, each has the recording fate `not_wanted`.
        publishing: Whether a processed frame's row waits for its publication time.
    """

    def __init__(self, *, video: bool, publishing: bool) -> None:
        self._video = video
        self._publishing = publishing
        self._notes: deque[Callable[[], None]] = deque()
        self._order: deque[_Open] = deque()
        self._by_turn: dict[int, _Open] = {}
        self._by_index: dict[int, _Open] = {}
        self._published_through = -1
        self._totals = Totals()
        self._fates: Counter[Fate] = Counter()
        self._recordings: Counter[Fate] = Counter()
        self._unexplained = 0

    def note_captured(self, turn: int, frame: Frame) -> None:
        """Camera thread, before the frame is written to the ring buffer as `turn`."""
        row = _Open(
            frame.index,
            turn,
            frame.captured_ns,
            frame.received_ns,
            device_tick=frame.device_tick,
        )
        self._notes.append(lambda: self._add(turn, row))

    def note_gap(self, gap: Gap) -> None:
        """Camera thread: these frames never arrived."""
        self._notes.append(lambda: self._add_gap(gap))

    def note_processed(
        self, turn: int, missed: range, stages: StageTimes, why_missed: Fate
    ) -> None:
        """Pipeline thread: `turn` was processed, `missed` just before it were not."""
        self._notes.append(lambda: self._set_processed(turn, missed, stages, why_missed))

    def note_recorded(
        self,
        turn: int,
        fate: Fate,
        video: InVideo | None = None,
        *,
        missed: range = range(0),
        why_missed: Fate = Fate.RING_OVERRUN,
    ) -> None:
        """Recorder thread: what became of `turn`, and where it is in the video.

        Turns in `missed` were overwritten before.
        """
        self._notes.append(lambda: self._set_recorded(turn, fate, video, missed, why_missed))

    def note_published(self, index: int, published_ns: int) -> None:
        """Publisher thread: the message of camera frame `index` was handed to ZeroMQ."""
        self._notes.append(lambda: self._set_published(index, published_ns))

    @property
    def totals(self) -> Totals:
        """Sums over the rows handed out so far. Any thread may ask."""
        return self._totals

    def settle(self) -> list[LedgerRow]:
        """Return the rows finished since the last call. Recorder thread alone."""
        self._merge_notes()
        rows = []
        while self._order and self._is_finished(self._order[0]):
            rows.append(self._finish(self._order.popleft()))
        self._count(rows)
        return rows

    def close(self) -> list[LedgerRow]:
        """Return all rows left, after every other thread has ended.

        Frames still in the ring buffer have the fate `session_ended`. A frame that some
        later one overtook without a word about it is `unknown`.
        """
        self._merge_notes()
        open_rows = list(self._order)
        self._order.clear()
        last_fate = _last(open_rows, lambda row: row.turn is not None and row.fate is not None)
        last_recording = _last(
            open_rows, lambda row: row.turn is not None and row.recording is not None
        )
        for place, row in enumerate(open_rows):
            row.fate = row.fate or (Fate.SESSION_ENDED if place > last_fate else Fate.UNKNOWN)
            row.recording = row.recording or (
                Fate.SESSION_ENDED if place > last_recording else Fate.UNKNOWN
            )
        rows = [self._finish(row) for row in open_rows]
        self._count(rows)
        return rows

    def _merge_notes(self) -> None:
        while self._notes:
            self._notes.popleft()()

    def _add(self, turn: int, row: _Open) -> None:
        if not self._video:
            row.recording = Fate.NOT_WANTED
        self._order.append(row)
        self._by_turn[turn] = row
        self._by_index[row.index] = row

    def _add_gap(self, gap: Gap) -> None:
        for index in range(gap.first_index, gap.last_index + 1):
            self._order.append(_Open(index, fate=gap.cause, recording=gap.cause))

    def _set_processed(
        self, turn: int, missed: range, stages: StageTimes, why_missed: Fate
    ) -> None:
        for skipped in missed:
            self._by_turn[skipped].fate = why_missed
        row = self._by_turn[turn]
        row.fate, row.stages = Fate.PROCESSED, stages

    def _set_recorded(
        self, turn: int, fate: Fate, video: InVideo | None, missed: range, why_missed: Fate
    ) -> None:
        for skipped in missed:
            self._by_turn[skipped].recording = why_missed
        row = self._by_turn[turn]
        row.recording, row.video = fate, video

    def _set_published(self, index: int, published_ns: int) -> None:
        self._by_index[index].published_ns = published_ns
        self._published_through = index

    def _is_finished(self, row: _Open) -> bool:
        waits_for_publisher = (
            self._publishing and row.fate is Fate.PROCESSED and self._published_through < row.index
        )
        return row.fate is not None and row.recording is not None and not waits_for_publisher

    def _finish(self, row: _Open) -> LedgerRow:
        if row.turn is not None:
            del self._by_turn[row.turn], self._by_index[row.index]
        seen = row.stages
        return LedgerRow(
            index=row.index,
            captured_ns=row.captured_ns,
            received_ns=row.received_ns,
            started_ns=seen.started_ns if seen else None,
            observed_ns=seen.observed_ns if seen else None,
            decided_ns=seen.decided_ns if seen else None,
            published_ns=row.published_ns,
            network_ns=seen.network_ns if seen else None,
            fate=row.fate or Fate.UNKNOWN,
            recording=row.recording or Fate.UNKNOWN,
            video=row.video,
            device_tick=row.device_tick,
        )

    def _count(self, rows: list[LedgerRow]) -> None:
        if not rows:
            return
        self._fates.update(row.fate for row in rows)
        self._recordings.update(row.recording for row in rows)
        self._unexplained += sum(Fate.UNKNOWN in (row.fate, row.recording) for row in rows)
        self._totals = Totals(
            captured=self._totals.captured + len(rows),
            processed=self._fates[Fate.PROCESSED],
            recorded=self._recordings[Fate.RECORDED],
            lost=_others(self._fates, Fate.PROCESSED),
            not_recorded=_others(self._recordings, Fate.RECORDED),
            unexplained=self._unexplained,
        )


def _last(rows: list[_Open], is_so: Callable[[_Open], bool]) -> int:
    """Place of the last row for which it is so; -1 if there is none."""
    return max((place for place, row in enumerate(rows) if is_so(row)), default=-1)


def _others(counts: Counter[Fate], good: Fate) -> dict[Fate, int]:
    return {fate: n for fate, n in counts.items() if fate is not good}
