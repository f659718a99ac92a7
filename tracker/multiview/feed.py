"""Puts frames of several cameras into sets while they run, and points into 3-D: sets.arrow."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tracker.calibration.stand import Stand
from tracker.clock import Clock
from tracker.multiview.recorded import SETS
from tracker.multiview.sets import FrameSet, Incomplete, Member, SetMatcher
from tracker.multiview.settings import SetsSettings
from tracker.multiview.triangulate import Triangulated, Triangulator
from tracker.session_folder.files import SCHEMA_VERSION
from tracker.session_folder.tables import TableWriter
from tracker.types import Observation, Skeleton

PATIENCE_S = 0.1
FLUSH_NS = 400_000_000

MOST_TOLD = 4096
"""Observations that wait to be taken; more are counted and left out."""

Seen = NDArray[np.float32] | None
"""Keypoints of the one animal in a frame, (keypoints, 2); None if there was none, or several."""


class SetsFeed:
    """Takes what each camera's pipeline saw, in any order, and writes what belongs together.

    `tell` is called by any thread and waits for nothing. The rest is called by one thread; what is
    told after `close` is not taken.

    Args:
        folder: Of the session of several cameras.
        names: Of its cameras, the first one first.
        skeleton: Of every observation.
        settings: Which frames are one moment.
        fps: Of the first camera.
        stand: Where the cameras stand; None: sets are matched, and there are no points.
        clock: The session clock.
        session_id: Of the first camera's session.
    """

    def __init__(  # noqa: PLR0913 - one place states all that the table must contain
        self,
        folder: Path,
        names: Sequence[str],
        skeleton: Skeleton,
        settings: SetsSettings,
        *,
        fps: float,
        stand: Stand | None,
        clock: Clock,
        session_id: str,
    ) -> None:
        apart_ms = 400 / fps if settings.apart_ms is None else settings.apart_ms
        self._folder = folder
        self._names = tuple(names)
        self._skeleton = skeleton
        self._settings = settings
        self._clock = clock
        self._about = {
            "tracker.schema": str(SCHEMA_VERSION),
            "tracker.session": session_id,
            "tracker.keypoints": "\n".join(skeleton.keypoints),
            "tracker.views": "" if stand is None else stand.model_dump_json(),
        }
        self._triangulator = (
            None if stand is None else Triangulator(stand, names, settings.largest_residual_px)
        )
        self._matcher: SetMatcher[Seen] = SetMatcher(names, round(apart_ms * 1e6))
        self._told: SimpleQueue[tuple[str, Observation]] = SimpleQueue()
        self._table: TableWriter | None = None
        self._flushed_ns = 0
        self.publish: Callable[..., None] | None = None
        """Told the fields of a `PointsMessage` per set with points; None: nobody is."""
        self._untaken = dict.fromkeys(names, 0)  # each counted by its camera's own thread
        self.n_points = 0
        """Points whose place is known."""
        self.newest: tuple[FrameSet[Seen], Triangulated | None] | None = None
        """The last set, and its points."""

    def tell(self, name: str) -> Callable[[Observation], None]:
        """Return what takes the observations of a camera."""

        def take(seen: Observation) -> None:
            if self._told.qsize() < MOST_TOLD:
                self._told.put((name, seen))
            else:
                self._untaken[name] += 1

        return take

    def open(self, _note: Callable[..., None], /) -> None:
        """Begin the table. Raises `RecordingError`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._table = TableWriter(self._folder / SETS, self._schema(), self._about)
        self._flushed_ns = self._clock.now_ns()

    def step(self) -> bool:
        """Take one observation, or wait for it a little; always True. Raises `RecordingError`."""
        table = self._table
        if table is None:
            return True
        with suppress(Empty):
            self._take(*self._told.get(timeout=PATIENCE_S))
        if self._clock.now_ns() - self._flushed_ns > FLUSH_NS:
            table.flush()
            self._flushed_ns = self._clock.now_ns()
        return True

    def close(self) -> None:
        """Take what was told until now, and end the table; twice does no harm.

        A table without a row is taken away: the session has not begun.
        """
        if self._table is None:
            return
        while not self._told.empty():
            self._take(*self._told.get())
        for name in self._names:
            self._write(self._matcher.end(name))
        table, self._table = self._table, None
        table.close()
        if self.newest is None:
            with suppress(OSError):
                (self._folder / SETS).unlink()
                self._folder.rmdir()

    @property
    def facts(self) -> dict[str, object]:
        """What session.json says of the sets."""
        matcher = self._matcher
        return {
            "cameras": list(self._names),
            "complete": matcher.n_complete,
            "incomplete": matcher.n_incomplete,
            "resets": matcher.n_resets,
            "points": self.n_points,
            "untaken": sum(self._untaken.values()),
        }

    def _take(self, name: str, seen: Observation) -> None:
        one = seen.xy[0] if len(seen.xy) == 1 else None
        self._write(self._matcher.add(name, Member(seen.frame_index, seen.captured_ns, one)))

    def _write(self, sets: Sequence[FrameSet[Seen]]) -> None:
        for each in sets:
            points = self._points(each)
            self.newest = each, points
            if points is not None and self.publish is not None:
                self._publish(each, points, self.publish)
            if self._table is not None:
                self._table.append(self._row(each, points))

    def _publish(
        self, each: FrameSet[Seen], points: Triangulated, publish: Callable[..., None]
    ) -> None:
        publish(
            set_number=each.number,
            captured_ns=each.captured_ns,
            frames={name: member.index for name, member in each.members.items()},
            keypoints=list(self._skeleton.keypoints),
            xyz_cm=points.xyz_cm.tolist(),
            residual_px=points.residual_px.tolist(),
            n_views=points.n_views.tolist(),
        )

    def _points(self, each: FrameSet[Seen]) -> Triangulated | None:
        if self._triangulator is None:
            return None
        if not each.complete and self._settings.incomplete is Incomplete.DROP:
            return None
        nothing = np.full((len(self._skeleton.keypoints), 2), np.nan)
        xy: dict[str, NDArray[np.floating]] = {
            name: nothing if member.content is None else member.content
            for name, member in each.members.items()
        }
        points = self._triangulator.points(xy)
        self.n_points += int(np.isfinite(points.residual_px).sum())
        return points

    def _schema(self) -> pa.Schema:
        cameras = [(f"{name}/{what}", pa.int64()) for name in self._names for what in _OF_EACH]
        return pa.schema(
            [
                pa.field("set", pa.int64(), nullable=False),
                pa.field("captured_ns", pa.int64(), nullable=False),
                pa.field("complete", pa.bool_(), nullable=False),
                *cameras,
                ("xyz_cm", pa.list_(pa.float64())),
                ("residual_px", pa.list_(pa.float64())),
                ("n_views", pa.list_(pa.int32())),
            ]
        )

    def _row(self, each: FrameSet[Seen], points: Triangulated | None) -> tuple[Any, ...]:
        members = [each.members.get(name) for name in self._names]
        of_each = [
            None if member is None else getattr(member, what)
            for member in members
            for what in _OF_EACH
        ]
        found = (
            (None, None, None)
            if points is None
            else (points.xyz_cm.ravel(), points.residual_px, points.n_views)
        )
        return each.number, each.captured_ns, each.complete, *of_each, *found


_OF_EACH = ("index", "captured_ns")
