"""Watches while a session runs whether its camera was moved; drives a thread of its own.

It looks at the newest frame now and then, at most for a fiftieth of the time. A motion counts
once two looks in a row agree, so that a hand before the lens is none.
"""

import time
from collections.abc import Callable
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from tracker.clock import Clock
from tracker.errors import CameraMoved, RegistrationError
from tracker.geometry import Matrix, Motion, apart
from tracker.pyramid import Pyramid
from tracker.registration.lines import ViewPicture, ViewRow, ViewState, nine
from tracker.registration.models import Floats
from tracker.registration.reference import Reference, Seen, as_mask, read_view
from tracker.registration.settings import OnMove, RegistrationSettings
from tracker.ring_buffer import Read
from tracker.session_status import ViewStatus
from tracker.types import Frame, FrameResult

PATIENCE_S = 0.1
"""Longest wait in one step."""

SHARE = 0.02
"""Of the time that looks may take."""

LATEST_S = 4.0
"""However long looks take, the next one is no later than this after one (or `every_s`)."""

AGAIN_S = 0.25
"""A motion is looked at again so soon."""

UNSAID_S = 5.0
"""A session that has to stop for a motion also stops if none could be told for so long at first."""

UNSAID_LOOKS = 2
"""That nothing can be said is told once so many looks in a row say nothing."""

AROUND = 1.5
"""An animal reaches so many times as far from its middle as its outermost keypoint."""

AROUND_PX = 10.0
"""And so much further."""

Put = Callable[[ViewRow | ViewPicture], None]
"""Hands something to the recorder; any thread."""

Apply = Callable[[ViewRow, Matrix | None], None]
"""Has positions taken back to the reference from the next frame on; None: they are left."""


class Newest(Protocol):
    """Gives the newest frame."""

    def read(self, timeout_s: float) -> Read | None:
        """As `ring_buffer.Reader.read`."""


class Judge:
    """Says from look to look where the camera looks; used by one thread.

    Args:
        tolerance_px: Less is no motion.
        shape: Height and width of the view.
    """

    def __init__(self, tolerance_px: float, shape: tuple[int, ...]) -> None:
        self._tolerance_px = tolerance_px
        self._shape = shape
        self._candidate: Matrix | None = None
        self.settled: Matrix = np.eye(3)
        """Where it looks as far as is certain: from px of the reference to px of the view."""

    def take(self, seen: Seen) -> tuple[ViewState, bool]:
        """Return where it looks, and whether it is certain since now that it was moved."""
        candidate, self._candidate = self._candidate, None
        if seen.matrix is None:
            return ViewState.UNKNOWN, False
        if self._are_near(seen.matrix, self.settled):
            return self._settled_state, False
        if candidate is None or not self._are_near(seen.matrix, candidate):
            self._candidate = seen.matrix
            return ViewState.MOVING, False
        is_back = self._are_near(seen.matrix, np.eye(3))
        self.settled = np.eye(3) if is_back else seen.matrix
        return self._settled_state, True

    @property
    def _settled_state(self) -> ViewState:
        return ViewState.MOVED if self.is_moved else ViewState.STILL

    @property
    def is_moved(self) -> bool:
        """Whether it looks elsewhere than the reference, as far as is certain."""
        return not self._are_near(self.settled, np.eye(3))

    def _are_near(self, one: Matrix, other: Matrix) -> bool:
        return apart(one, other, self._shape) <= self._tolerance_px


class CameraWatch:
    """Looks where the camera looks; a feed of the session.

    `refuse_images` and `attach` before its thread starts, `step` on it, `status` on any.

    Args:
        settings: What to do, and how often.
        clock: The session's.

    Raises:
        RegistrationError: If the picture of the reference cannot be used.
    """

    def __init__(self, settings: RegistrationSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._reference: Reference | None = None
        if settings.reference is not None:
            self._reference = Reference(read_view(settings.reference), settings.model)
        self._judge: Judge | None = None
        self._due_ns = 0
        self._began_ns: int | None = None
        self._was_known = False
        self._unsaid, self._is_unsaid = 0, False
        self._applied: tuple[float, ...] = ()
        self._status = ViewStatus(state="")

    @property
    def status(self) -> ViewStatus:
        """How the camera looks, for listeners. Any thread."""
        return self._status

    def open(self, note: Callable[..., None], /) -> None:
        """Remember whom to tell."""
        self._note = note

    def close(self) -> None:
        """Do nothing: nothing was opened."""

    def refuse_images(self, shape: tuple[int, ...]) -> None:
        """Refuse images of another size than the reference. Raises `RegistrationError`."""
        if self._reference is not None:
            self._reference.refuse_other(shape)

    def attach(
        self,
        frames: Newest | None,
        result: Callable[[], FrameResult | None],
        put: Put,
        apply: Apply,
    ) -> None:
        """Say where frames come from and where what is found goes.

        Args:
            frames: Read by this alone; None: `look_between` is called for every frame instead.
            result: Gives the newest result: where the animals are.
            put: Takes rows and the reference for the session folder.
            apply: Told of a motion that positions have to follow.
        """
        self._frames, self._result, self._put, self._apply = frames, result, put, apply
        if self._reference is not None:
            put(ViewPicture(self._reference.image))

    def step(self) -> bool:
        """Look if it is time, or wait for that a little; always True.

        Raises:
            CameraMoved: If it was moved, or that could not be told at first, and the settings say
                to stop then.
        """
        due_ns = self._due_ns if self._frames else self._clock.now_ns() + 10**18
        if not self._clock.wait_until(due_ns, PATIENCE_S) or self._frames is None:
            return True
        read = self._frames.read(PATIENCE_S)
        if read is not None:
            began_ns = time.thread_time_ns()
            again = self._look(read.frame, began_ns)
            self._plan(time.thread_time_ns() - began_ns, again=again)
        return True

    def look_between(self, frame: Frame) -> None:
        """Look at a frame that was just decided, if it is time by capture times.

        On the pipeline's thread, of a source that waits: the same film gives the same. Raises as
        `step`.
        """
        if frame.captured_ns < self._due_ns:
            return
        again = self._look(frame, time.thread_time_ns())
        wait_s = AGAIN_S if again else self._settings.every_s
        self._due_ns = frame.captured_ns + round(wait_s * 1e9)

    def _plan(self, took_ns: int, *, again: bool) -> None:
        """Set when to look next: not so soon that looks take more than their share."""
        enough_s = min(took_ns / 1e9 / SHARE, LATEST_S)
        wait_s = AGAIN_S if again else max(self._settings.every_s, enough_s)
        self._due_ns = self._clock.now_ns() + round(wait_s * 1e9)

    def _look(self, frame: Frame, began_ns: int) -> bool:
        """Look at one frame; True if the next look has to be soon."""
        if self._began_ns is None:
            self._began_ns = frame.captured_ns
        animals = discs_of(self._result())
        reference = self._reference
        if reference is None:
            seen = self._begin(frame, animals)
        else:
            near = self._judge.settled if self._judge else None
            seen = reference.look(Pyramid(frame.image), near, animals)
        if self._judge is None:
            self._judge = Judge(self._settings.tolerance_px, frame.image.shape)
        state, is_new = self._judge.take(seen)
        self._was_known = self._was_known or seen.matrix is not None
        took_ms = (time.thread_time_ns() - began_ns) / 1e6
        row = ViewRow.of(seen, frame.index, frame.captured_ns, state, took_ms)
        self._tell(row, seen, is_new=is_new)
        return state is ViewState.MOVING

    def _begin(self, frame: Frame, animals: Floats | None) -> Seen:
        """Take this frame for the reference, if it can be."""
        height, width = frame.image.shape[:2]
        try:
            hidden = as_mask(animals, (height, width))
            reference = Reference(frame.image.copy(), self._settings.model, hidden)
        except RegistrationError as error:
            return Seen(None, why=str(error))
        self._reference = reference
        self._put(ViewPicture(reference.image))
        return reference.look(Pyramid(frame.image), None, animals)

    def _tell(self, row: ViewRow, seen: Seen, *, is_new: bool) -> None:
        self._unsaid = self._unsaid + 1 if row.state is ViewState.UNKNOWN else 0
        self._status = status_of(row, self._applied)
        if is_new and seen.motion is not None:
            self._moved(row, seen.motion)
            return
        self._put(row)
        if self._unsaid == UNSAID_LOOKS:
            self._is_unsaid = True
            self._note("warning", f"whether the camera was moved cannot be said: {row.why}")
        elif self._is_unsaid and not self._unsaid:
            self._is_unsaid = False
            self._note("info", "it can be said again whether the camera was moved")
        waited_s = (row.captured_ns - (self._began_ns or 0)) / 1e9
        if self._settings.on_move is OnMove.STOP and not self._was_known and waited_s >= UNSAID_S:
            raise CameraMoved(
                f"whether the camera was moved cannot be said ({row.why}), and the session has to "
                f"stop if it was (rig.registration.on_move)"
            )

    def _moved(self, row: ViewRow, motion: Motion) -> None:
        """It is certain since now that it looks elsewhere than before."""
        judge = self._judge
        if judge is None:
            raise AssertionError("a motion was judged")
        said = in_words(motion) if judge.is_moved else "the camera looks again as at first"
        on_move = self._settings.on_move
        if on_move is OnMove.FOLLOW:
            back = np.linalg.inv(judge.settled)
            to_reference: Matrix | None = None
            if judge.is_moved:
                to_reference = np.asarray(back / back[2, 2], np.float64)
            self._note("warning", f"{said}; zones follow it", frame_index=row.index)
            numbers = nine(np.eye(3) if to_reference is None else to_reference)
            self._applied = () if to_reference is None else nine(judge.settled)
            self._status = status_of(row, self._applied)
            self._apply(_with(row, to_reference=numbers), to_reference)
            return
        self._put(row)
        if on_move is OnMove.STOP and judge.is_moved:
            raise CameraMoved(f"{said}: the session stops, as rig.registration.on_move says")
        self._note("warning", said, frame_index=row.index)


def in_words(motion: Motion) -> str:
    """Return what the camera did, as a sentence."""
    return (
        f"the camera was moved: the picture shifted by {motion.x_px:+.1f} px to the right and "
        f"{motion.y_px:+.1f} px down, turned by {motion.turned_deg:+.2f} deg, scale "
        f"{motion.scale:.3f}"
    )


def status_of(row: ViewRow, applied: tuple[float, ...] = ()) -> ViewStatus:
    """Return what listeners are told of a look, and of what zones follow."""
    nothing = float("nan")
    return ViewStatus(
        state=str(row.state),
        x_px=nothing if row.x_px is None else row.x_px,
        y_px=nothing if row.y_px is None else row.y_px,
        turned_deg=nothing if row.turned_deg is None else row.turned_deg,
        scale=nothing if row.scale is None else row.scale,
        largest_px=nothing if row.largest_px is None else row.largest_px,
        matrix=row.matrix or (),
        applied=applied,
        why=row.why,
    )


def discs_of(result: FrameResult | None) -> Floats | None:
    """Return discs that hold the animals, (n, 3): x, y, radius (px); None if none was seen."""
    if result is None:
        return None
    discs = [disc for xy in result.observation.xy if (disc := _disc(xy)) is not None]
    return np.array(discs) if discs else None


def _disc(xy: NDArray[np.floating]) -> tuple[float, float, float] | None:
    known = xy[np.isfinite(xy).all(axis=1)].astype(np.float64)
    if not len(known):
        return None
    x, y = known.mean(axis=0).tolist()
    reach = float(np.hypot(*(known - (x, y)).T).max())
    return x, y, AROUND * reach + AROUND_PX


def _with(row: ViewRow, **changes: object) -> ViewRow:
    return msgspec.structs.replace(row, **changes)
