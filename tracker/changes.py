"""Changes of thresholds while a session runs: asked for by people, done between two frames.

Each leaves one line in log.jsonl, so that a replay can do the same before the same frame.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

import msgspec

from tracker.errors import RecordingError, SessionError, TrackerError
from tracker.geometry import Matrix
from tracker.pipeline import Pipeline
from tracker.registration.lines import ViewRow

LEVEL = "change"
"""Level of the line in log.jsonl."""


@dataclass(frozen=True, slots=True)
class Change:
    """A threshold that was moved.

    Attributes:
        behaviour: Which one.
        place: Which of its terms, from 0.
        to: New threshold, in the feature's unit.
        by: Who asked for it.
        feature: What the term looks at; "" before it is done.
        before: Threshold until then.
        frame_index: First frame that was decided with the new one.
    """

    behaviour: str
    place: int
    to: float
    by: str
    feature: str = ""
    before: float = float("nan")
    frame_index: int = -1

    @property
    def text(self) -> str:
        """The same in words."""
        return (
            f"threshold of {self.feature} for {self.behaviour} from {self.before:g} to "
            f"{self.to:g}, from frame {self.frame_index} on"
        )

    @property
    def facts(self) -> dict[str, str | float]:
        """The same for log.jsonl; `change_in` reads it."""
        return {
            "behaviour": self.behaviour,
            "place": self.place,
            "feature": self.feature,
            "from": self.before,
            "to": self.to,
            "by": self.by,
            "frame_index": self.frame_index,
        }


@dataclass(frozen=True, slots=True, eq=False)
class ViewChange:
    """A camera that was moved, and whose positions are taken back to the reference.

    Attributes:
        row: What is written down of it.
        to_reference: From px of a frame to px of the reference; None: the camera is as it was.
    """

    row: ViewRow
    to_reference: Matrix | None

    @property
    def text(self) -> str:
        """The same in words."""
        return f"positions are taken back to the reference view from frame {self.row.applied_from}"


class Changes:
    """What was asked for and not done yet. `ask` by any thread, the rest by the pipeline's."""

    def __init__(self) -> None:
        self._asked: SimpleQueue[tuple[Change | ViewChange, Future[str]]] = SimpleQueue()
        self._is_over = False

    def ask(self, change: Change) -> "Future[str]":
        """Have it done before the next frame; the result says what was done."""
        done: Future[str] = Future()
        self._asked.put((change, done))
        if self._is_over:
            self.refuse()
        return done

    def follow_view(self, row: ViewRow, to_reference: Matrix | None) -> None:
        """Have positions taken back to the reference from the next frame on."""
        self._asked.put((ViewChange(row, to_reference), Future()))

    def __bool__(self) -> bool:
        return not self._asked.empty()

    def apply(self, pipeline: Pipeline, frame_index: int) -> list[Change | ViewChange]:
        """Do what was asked for; return what was done.

        Args:
            pipeline: Between two frames.
            frame_index: Of the frame that comes next.
        """
        done: list[Change | ViewChange] = []
        while (waiting := self._next()) is not None:
            change, future = waiting
            try:
                made = _made(change, pipeline, frame_index)
            except TrackerError as error:
                future.set_exception(error)
            else:
                done.append(made)
                future.set_result(made.text)
        return done

    def refuse(self) -> None:
        """There is no frame any more: answer those who still wait, and those to come."""
        self._is_over = True
        while (waiting := self._next()) is not None:
            waiting[1].set_exception(SessionError("not changed: the session has ended"))

    def _next(self) -> "tuple[Change | ViewChange, Future[str]] | None":
        try:
            return self._asked.get_nowait()
        except Empty:
            return None


def _made(change: Change | ViewChange, pipeline: Pipeline, frame_index: int) -> Change | ViewChange:
    if isinstance(change, Change):
        return carry_out(change, pipeline, frame_index)
    pipeline.see_from(change.to_reference)
    row = msgspec.structs.replace(change.row, applied_from=frame_index)
    return ViewChange(row, change.to_reference)


def carry_out(change: Change, pipeline: Pipeline, frame_index: int) -> Change:
    """Move a threshold, and return what was done.

    Raises:
        UnknownName: If there is no such behaviour.
        ConfigError: If it has no such threshold.
    """
    feature, before = pipeline.move_threshold(change.behaviour, change.place, change.to)
    return Change(
        change.behaviour, change.place, change.to, change.by, feature, before, frame_index
    )


def changes_in(lines: Iterable[tuple[str, Mapping[str, Any]]]) -> list[Change]:
    """Return the changes among lines of log.jsonl, level and facts of each, in their order.

    Raises:
        RecordingError: If a line is not as this module writes it.
    """
    found = []
    for level, facts in lines:
        if level != LEVEL:
            continue
        try:
            found.append(
                Change(
                    str(facts["behaviour"]),
                    int(facts["place"]),
                    float(facts["to"]),
                    str(facts["by"]),
                    str(facts["feature"]),
                    float(facts["from"]),
                    int(facts["frame_index"]),
                )
            )
        except (KeyError, TypeError, ValueError) as error:
            raise RecordingError(f"a change in log.jsonl cannot be read: {error!r}") from error
    return found
